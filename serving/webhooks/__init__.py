"""Tells others what became of cases: signed, at least once, never a text. Knows HTTP; no rule of the queue."""

from .addresses import Allowed, check_reachable
from .courier import Courier, Terms, try_once
from .message import body_of, signed

__all__ = ["Allowed", "Courier", "Terms", "body_of", "check_reachable", "signed", "try_once"]
