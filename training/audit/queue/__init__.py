"""Whom the queue serves less well: waiting, share read, decisions overturned, by group named and by variety.

It reads files (``vigie queue export``, ``vigie simulate --readings``), never the queue itself.
"""
