"""The queue against other orders of reading on the same simulated days. Never touches a deployment's data.

``run.simulate_to`` is the one call of the command line; ``study`` runs every load, world and order; ``report`` writes
the page. Randomness is drawn in ``world`` and, for the queue's own chances, in ``orders``, from the scenario's seed.
"""
