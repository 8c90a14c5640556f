"""How far the annotations can be trusted: agreement of two readings, and labels that a model doubts. Changes no label.

vigie-train labels configs/train/petit.toml
"""
