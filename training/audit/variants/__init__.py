"""Counterfactual sentences: one word or the way of writing changes, the right answer does not. Knows no row."""
