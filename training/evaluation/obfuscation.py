"""Ways to disguise French from a filter, as operators on a text: a reader still reads it, does the model?

None of them, and no table or seed, is one of ``training.noise``: a model is never tested on what it was trained with.
What the two share is the idea of a family (look-alikes, digits for letters), written here with other signs. Never
import this module from training: a test holds it. Pure functions of a text and a random generator.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from random import Random

from serving.bundle import prepare

Operator = Callable[[str, Random], str]

#: Words of at least four letters, masks such as @user and <url> left alone.
_WORD = re.compile(r"(?<![@<\w])[^\W\d_]{4,}(?![\w>])")
#: Odds that a word is disguised; the longest one always is, so that no copy is the original.
_ODDS = 0.5

# Greek, Armenian, Latin small capitals and phonetic letters; training uses Cyrillic ones.
_LOOKALIKES = {"a": "ɑ", "c": "ϲ", "e": "℮", "h": "հ", "i": "ι", "k": "κ", "n": "ո", "o": "ο", "p": "ρ", "r": "ʀ"}
_LOOKALIKES |= {"s": "ꜱ", "t": "τ", "u": "υ", "v": "ν", "x": "χ", "y": "γ"}
# Signs and digits that training does not put for these letters.
_SIGNS = {
    "a": "^",
    "c": "(",
    "d": "|)",
    "e": "&",
    "g": "9",
    "i": "|",
    "l": "1",
    "o": "()",
    "s": "§",
    "t": "+",
    "u": "µ",
}
_INSIDE = "'·/~,|"
_INVISIBLE = ("\u200b", "\u200c", "\u200d", "\u2060", "\u00ad")
_STROKES = ("\u0336", "\u0332", "\u0337")
_EMOJI = ("⭐", "🌸", "🐍", "⚡", "🍉", "🎈", "🧊", "🦊")
#: By sound, in order; ``q`` where training writes ``k``.
_SOUNDS = (
    ("eau", "o"),
    ("au", "o"),
    ("ph", "f"),
    ("gn", "ni"),
    ("qu", "q"),
    ("tion", "sion"),
    ("ss", "ç"),
    ("ai", "é"),
    ("ei", "é"),
    ("ch", "sh"),
    ("ou", "oo"),
    ("y", "i"),
)
_FANCY = (0x1D5EE, 0x1D622, 0x1D68A, 0xFF41)


def look_alike(text: str, draw: Random) -> str:
    """Letters of other alphabets with the same shape."""
    return _some_words(text, draw, lambda word: _substituted(word, _LOOKALIKES, draw, 0.6))


def signs(text: str, draw: Random) -> str:
    """Signs and digits for letters: ``v()is1n``."""
    return _some_words(text, draw, lambda word: _substituted(word, _SIGNS, draw, 0.6))


def interrupt(text: str, draw: Random) -> str:
    """One sign inside the word: ``voi/sin``."""
    return _some_words(text, draw, lambda word: _inserted(word, draw, draw.choice(_INSIDE)))


def split(text: str, draw: Random) -> str:
    """One space inside the word: ``voi sin``."""
    return _some_words(text, draw, lambda word: _inserted(word, draw, " "))


def repeat(text: str, draw: Random) -> str:
    """An inner letter, vowel or consonant, held: ``voissssin``."""

    def held(word: str) -> str:
        at = draw.randrange(1, len(word) - 1)
        return word[:at] + word[at] * draw.randint(3, 5) + word[at + 1 :]

    return _some_words(text, draw, held)


def scramble(text: str, draw: Random) -> str:
    """Inner letters in another order, the first and the last in place: ``viosin``."""

    def shuffled(word: str) -> str:
        inner = list(word[1:-1])
        draw.shuffle(inner)
        return word[0] + "".join(inner) + word[-1]

    return _some_words(text, draw, shuffled)


def by_sound(text: str, draw: Random) -> str:
    """Respelt by sound: ``bato``, ``qelqe shose``."""

    def respelt(word: str) -> str:
        for written, heard in _SOUNDS:
            word = re.sub(written, heard, word, flags=re.IGNORECASE)
        return word

    return _WORD.sub(lambda found: respelt(found[0]), text)


def join(text: str, draw: Random) -> str:
    """Spaces left out between words: ``levoisin``."""
    return re.sub(r"(?<=[^\W\d_]) (?=[^\W\d_])", lambda found: "" if draw.random() < _ODDS else found[0], text)


def alternate(text: str, draw: Random) -> str:
    """Every other letter a capital: ``vOiSiN``."""
    return _some_words(text, draw, lambda word: "".join(c.upper() if n % 2 else c.lower() for n, c in enumerate(word)))


def fancy(text: str, draw: Random) -> str:
    """A bold, italic, typewriter or full-width alphabet of Unicode; accents stay behind."""
    first = draw.choice(_FANCY)
    return _some_words(
        text, draw, lambda word: "".join(chr(first + ord(c) - 97) if "a" <= c <= "z" else c for c in word.lower())
    )


def invisible(text: str, draw: Random) -> str:
    """Characters without width between the letters."""
    return _some_words(text, draw, lambda word: draw.choice(_INVISIBLE).join(word))


def strike(text: str, draw: Random) -> str:
    """A stroke through every letter, as a combining mark."""
    mark = draw.choice(_STROKES)
    return _some_words(text, draw, lambda word: "".join(c + mark for c in word))


def emoji_inside(text: str, draw: Random) -> str:
    """An emoji in the middle of the word."""
    return _some_words(text, draw, lambda word: _inserted(word, draw, draw.choice(_EMOJI)))


#: By name, with what a reader of the report is told.
OPERATORS: dict[str, tuple[Operator, str]] = {
    "look_alike": (look_alike, "Lettres d'autres alphabets"),
    "signs": (signs, "Signes à la place de lettres"),
    "interrupt": (interrupt, "Signe à l'intérieur du mot"),
    "split": (split, "Espace à l'intérieur du mot"),
    "repeat": (repeat, "Lettre répétée"),
    "scramble": (scramble, "Lettres mêlées"),
    "by_sound": (by_sound, "Écriture phonétique"),
    "join": (join, "Mots collés"),
    "alternate": (alternate, "Capitales alternées"),
    "fancy": (fancy, "Alphabets décoratifs"),
    "invisible": (invisible, "Caractères invisibles"),
    "strike": (strike, "Lettres barrées"),
    "emoji_inside": (emoji_inside, "Emoji à l'intérieur du mot"),
}

#: Copies where each text goes through one operator drawn by chance, and through two of them.
MIXED, STACKED = "mixed", "stacked"
TITLES = {name: title for name, (_, title) in OPERATORS.items()}
TITLES |= {MIXED: "Un procédé tiré au hasard", STACKED: "Deux procédés à la fois"}


def obfuscated(texts: Sequence[str], name: str, seed: int) -> list[str]:
    """A prepared copy of each text through the operator ``name``, or ``MIXED``, or ``STACKED``."""
    return [prepare(_disguised(text, name, Random(f"evaluation:{name}:{seed}:{n}"))) for n, text in enumerate(texts)]


def _disguised(text: str, name: str, draw: Random) -> str:
    chosen = [name] if name in OPERATORS else draw.sample(sorted(OPERATORS), 1 if name == MIXED else 2)
    for one in chosen:
        text = OPERATORS[one][0](text, draw)
    return text


def _some_words(text: str, draw: Random, change: Callable[[str], str]) -> str:
    """``change`` applied to the longest word and to about half of the others."""
    longest = max((found[0] for found in _WORD.finditer(text)), key=len, default="")
    return _WORD.sub(lambda found: change(found[0]) if found[0] == longest or draw.random() < _ODDS else found[0], text)


def _substituted(word: str, table: Mapping[str, str], draw: Random, odds: float) -> str:
    return "".join(table[c.lower()] if c.lower() in table and draw.random() < odds else c for c in word)


def _inserted(word: str, draw: Random, sign: str) -> str:
    at = draw.randrange(2, len(word) - 1)
    return word[:at] + sign + word[at:]
