"""From public sources and our own cases to rows a model can learn from.

Knows nothing of models: cards, fetched files, readers, cases, duplicates, splits and the report on them.
"""
