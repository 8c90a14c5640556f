"""The ways people write French online, as operators on a clean text: what a model must read through.

Pure functions of a text and a random generator; nothing here knows of labels or models. The operators that measure
robustness live in evaluation and are other ones, so that no model is tested on what it was trained with.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from random import Random

Operator = Callable[[str, Random], str]

#: Spellings of chat, longest first; written by us from common usage.
_CHAT = {
    "aujourd'hui": "ajd",
    "qu'est-ce que": "keske",
    "est-ce que": "esk",
    "je ne sais pas": "jsp",
    "s'il te plaît": "stp",
    "s'il vous plaît": "svp",
    "parce que": "pcq",
    "peut-être": "ptetre",
    "tout le monde": "tlm",
    "c'est-à-dire": "cad",
    "quelqu'un": "kelkun",
    "quelque": "qq",
    "beaucoup": "bcp",
    "toujours": "tjrs",
    "maintenant": "mtn",
    "pourquoi": "pk",
    "longtemps": "lgtps",
    "rendez-vous": "rdv",
    "je suis": "chui",
    "j'ai": "g",
    "c'est": "c",
    "il y a": "ya",
    "tu es": "t",
    "tu as": "ta",
    "salut": "slt",
    "bonjour": "bjr",
    "merci": "mci",
    "quand": "qd",
    "comme": "com",
    "avec": "avc",
    "pour": "pr",
    "dans": "ds",
    "vous": "vs",
    "nous": "ns",
    "tout": "tt",
    "quoi": "koi",
    "que": "ke",
    "qui": "ki",
    "trop": "tro",
    "pas": "pa",
}
_CHAT_PATTERN = re.compile(r"\b(" + "|".join(re.escape(word) for word in _CHAT) + r")\b", re.IGNORECASE)
_NEGATION = re.compile(r"\b(?:ne |n['’])", re.IGNORECASE)
_VOWELS_BEFORE_END = re.compile(r"([aeiouyé])(?=[^\w]*$)", re.IGNORECASE)
_EMOJI = ("😂", "🤣", "😭", "😡", "🙄", "❤️", "🔥", "👏", "🤡", "💀", "😊", "🙏", "👍", "😱", "🤔", "✨", "😅", "🤬")
_TAGS = ("mdr", "ptdr", "lol", "wsh", "jpp", "frr", "oklm", "xd", "mdrr", "sah", "tkt", "askip")
_LEET = {"a": "4@", "e": "3€", "i": "1!", "o": "0", "s": "5$", "t": "7", "b": "8"}
_LOOKALIKES = {"a": "а", "e": "е", "o": "о", "p": "р", "c": "с", "x": "х", "i": "і"}
_KEYBOARD = ("azertyuiop", "qsdfghjklm", "wxcvbn")


def lower(text: str, draw: Random) -> str:
    """No capital."""
    return text.lower()


def shout(text: str, draw: Random) -> str:
    """Capitals only."""
    return text.upper()


def drop_accents(text: str, draw: Random) -> str:
    """No diacritic."""
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


def drop_apostrophes(text: str, draw: Random) -> str:
    """``j'ai`` as ``jai`` or ``j ai``."""
    return re.sub(r"['’]", draw.choice(("", " ")), text)


def drop_ne(text: str, draw: Random) -> str:
    """Spoken negation: ``je ne sais pas`` as ``je sais pas``."""
    return _NEGATION.sub("", text)


def chat(text: str, draw: Random) -> str:
    """Chat spellings, each with even odds."""

    def spell(found: re.Match[str]) -> str:
        word: str = found[0]
        # The pattern ignores case as Unicode does, where a long s is an s; the table does not know it.
        return _CHAT.get(word.lower(), word) if draw.random() < 0.5 else word

    return _CHAT_PATTERN.sub(spell, text)


def punctuate(text: str, draw: Random) -> str:
    """Punctuation dropped or piled up at the end."""
    if draw.random() < 0.5:
        return re.sub(r"\s*[.,;:!?…]+", "", text)
    return re.sub(r"[\s.!?…]*$", draw.choice(("!!!", "...", "??", " !!!!", "?!")), text, count=1)


def stretch(text: str, draw: Random) -> str:
    """A last vowel held: ``non`` stays, ``ouiiii``."""
    return _VOWELS_BEFORE_END.sub(lambda found: found[0] * draw.randint(3, 6), text, count=1)


def add_emoji(text: str, draw: Random) -> str:
    """One to three emoji, or a chat tag, at the end."""
    tail = draw.choice(_EMOJI) * draw.randint(1, 3) if draw.random() < 0.7 else draw.choice(_TAGS)
    return f"{text} {tail}"


def mistype(text: str, draw: Random) -> str:
    """One letter in about forty is dropped, doubled, swapped with the next or with its neighbour on the keyboard."""
    letters = list(text)
    for at in range(len(letters) - 1):
        if letters[at].isalpha() and draw.random() < 0.025:
            _mistype_at(letters, at, draw)
    return "".join(letters)


def _mistype_at(letters: list[str], at: int, draw: Random) -> None:
    kind = draw.randrange(4)
    if kind == 0:
        letters[at] = ""
    elif kind == 1:
        letters[at] *= 2
    elif kind == 2:
        letters[at], letters[at + 1] = letters[at + 1], letters[at]
    else:
        row = next((row for row in _KEYBOARD if letters[at].lower() in row), None)
        if row:
            near = row.index(letters[at].lower()) + draw.choice((-1, 1))
            letters[at] = row[near % len(row)]


def leet(text: str, draw: Random) -> str:
    """Digits and signs for letters, in some words."""
    return _some_words(text, draw, lambda word: "".join(_substituted(c, _LEET, draw, 0.6) for c in word))


def look_alike(text: str, draw: Random) -> str:
    """Cyrillic letters of the same shape, in some words."""
    return _some_words(text, draw, lambda word: "".join(_substituted(c, _LOOKALIKES, draw, 0.5) for c in word))


def space_out(text: str, draw: Random) -> str:
    """``m o t`` or ``m.o.t``, in some words."""
    sign = draw.choice((" ", ".", "-", "_"))
    return _some_words(text, draw, lambda word: sign.join(word))


def star(text: str, draw: Random) -> str:
    """An inner letter hidden by an asterisk, in some words."""

    def hide(word: str) -> str:
        at = draw.randrange(1, len(word) - 1)
        return f"{word[:at]}*{word[at + 1 :]}"

    return _some_words(text, draw, hide)


def _substituted(letter: str, table: dict[str, str], draw: Random, odds: float) -> str:
    choices = table.get(letter.lower())
    return draw.choice(choices) if choices and draw.random() < odds else letter


def _some_words(text: str, draw: Random, change: Callable[[str], str]) -> str:
    """``change`` applied to about one word in four of at least four letters."""
    return re.sub(r"[^\W\d_]{4,}", lambda found: change(found[0]) if draw.random() < 0.25 else found[0], text)


#: Everyday writing, and writing meant to escape a filter.
CASUAL: tuple[Operator, ...] = (
    lower,
    drop_accents,
    drop_apostrophes,
    drop_ne,
    chat,
    punctuate,
    stretch,
    add_emoji,
    mistype,
    shout,
)
EVASIVE: tuple[Operator, ...] = (leet, look_alike, space_out, star)

#: Odds that one of several operators is of the second kind.
_EVASIVE_ODDS = 0.12


def disturb(text: str, draw: Random) -> str:
    """``text`` through one to four operators, mostly everyday ones."""
    for operator in draw.sample(CASUAL, draw.randint(1, 4)):
        text = operator(text, draw)
    return draw.choice(EVASIVE)(text, draw) if draw.random() < _EVASIVE_ODDS else text
