"""The console of the people who read: server-rendered pages in French."""

from .app import create_console
from .desk import Desk
from .views import Words

__all__ = ["Desk", "Words", "create_console"]
