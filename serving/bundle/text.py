"""What is done to a text before any model sees it, the same in training and in serving."""

from __future__ import annotations

import hashlib
import re
import unicodedata

#: Longest text accepted, in code points.
MAX_CODE_POINTS = 100_000

_URL = re.compile(r"(?:https?://|www\.)[^\s<>\"]+", re.IGNORECASE)
_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_NAME = re.compile(r"(?<![\w@])@\w{1,64}")
_SPACE = re.compile(r"\s+")
# Controls but tab and line ends, and what UTF-8 cannot carry (lone surrogates).
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def prepare(text: str) -> str:
    """Mask personal traces and normalise: the text a tokenizer receives.

    URLs become ``<url>``, e-mail addresses ``<mail>``, @names ``@user``; Unicode NFC; control characters and lone
    surrogates become a space; runs of white space become one. Idempotent. Never raises; may return an empty string.
    """
    text = unicodedata.normalize("NFC", _UNPRINTABLE.sub(" ", text))
    text = _NAME.sub("@user", _MAIL.sub("<mail>", _URL.sub("<url>", text)))
    return _SPACE.sub(" ", text).strip()


def text_sha256(text: str) -> str:
    """Hexadecimal SHA-256 of the raw UTF-8 of ``text`` (lone surrogates kept as they are)."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def words(text: str) -> int:
    """Number of white-space separated words."""
    return len(text.split())
