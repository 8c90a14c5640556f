"""Documents in the AI Act's form, from the manifest, the audit, MLflow, the cards and the policy; nothing by hand.

A fact comes with its source; what only a person can say is marked, never guessed.
"""
