"""What the articles of ``notebooks/`` share: the rows they read, how they show them, and the page they make.

What an article says is computed by the other packages, so that it holds no second implementation of them.
"""

from .reading import opened, picture, rows, table

__all__ = ["opened", "picture", "rows", "table"]
