"""The native HTTP interface. Doors only: each route parses, makes one call and words the answer."""

from .app import create_app, guarded

__all__ = ["create_app", "guarded"]
