"""Sentences of the pretraining corpus that hold a first name, the name drawn anew: a name is not a sign of harassment.

In our own cases a first name mostly stands before an insult or a threat. Here names of every origin of the lexicon meet
the same ordinary company, as often one as the other; which name a sentence held at first is forgotten.

Source: counterfactual data augmentation, as for groups (``training.data.mentions``).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random

from .examples import Example
from .lexicon import FirstName, Lexicon
from .mentions import MentionsSection, evenly, presumed_examples, replaced, short_sentences

_WORD = re.compile(r"\w+")
#: Names of books and debates that stand for a person, by gender.
_FOUND = {
    "m": _WORD.findall("""
    Alain Alexandre Alexis André Antoine Arthur Benoît Bernard Bruno Charles Christian Christophe Claude Daniel David
    Denis Édouard Émile Éric Étienne Eugène Félix Fernand François Frédéric Gabriel Georges Gérard Germain Gilles
    Grégoire Guillaume Gustave Guy Henri Hubert Jacques Jean Jérôme Joseph Jules Julien Laurent Léon Louis Luc Lucien
    Marcel Marius Mathieu Maurice Maxime Michel Nicolas Olivier Pascal Patrick Paul Philippe Pierre Raoul Raymond Rémi
    René Richard Robert Roger Samuel Simon Stéphane Sylvain Thierry Thomas Tom Victor Vincent Xavier Yves
    """),
    "f": _WORD.findall("""
    Adèle Agathe Agnès Alice Amélie Anna Anne Antoinette Blanche Brigitte Camille Caroline Catherine Cécile Céline
    Charlotte Christine Claire Clara Denise Élisabeth Élise Emma Esther Eugénie Fanny Françoise Geneviève Hélène
    Henriette Hortense Irène Isabelle Jeanne Julie Juliette Justine Laura Laure Léa Louise Lucie Madeleine Marguerite
    Maria Marianne Marie Marthe Martine Mathilde Monique Nathalie Pauline Rose Sarah Simone Sophie Suzanne Sylvie
    Thérèse Valérie Véronique Virginie
    """),
}
_GENDER = {name: gender for gender, names in _FOUND.items() for name in names}
#: Alone: neither half of « Jean-Pierre », nor before a family name, nor a saint's.
_NAMED = re.compile(
    rf"(?<![\w-])(?<!Saint )(?<!Sainte )(?<!saint )(?<!sainte )(?:{'|'.join(_GENDER)})(?![\w-])(?!\s+[A-ZÀ-Ý])"
)
#: After these words the first letter of a name decides whether they are elided.
_ELIDED = re.compile(r"(?:\b(?:de|que|jusque|lorsque|puisque|quoique|comme|si|ne|se|je|me|te)\s+|['’])$", re.IGNORECASE)
_VOWEL = re.compile(r"[aeiouyhâàéèêëîïôöûü]", re.IGNORECASE)


def name_examples(section: MentionsSection, folder: Path | None, lexicon: Lexicon, seed: int) -> list[Example]:
    """Sentences in the section's numbers, fewer where a register has no more; training rows.

    Raises:
        ConfigError: no folder is set, or it lacks a register.
    """
    given: Counter[str] = Counter()
    alike = dict.fromkeys((name.origin for name in lexicon.names), 1.0)

    def drawn(path: Path, wanted: int, draw: Random) -> Iterator[str]:
        return _drawn(path, wanted, lexicon, alike, given, draw)

    return presumed_examples("names", section, folder, drawn, seed)


def _drawn(
    path: Path, wanted: int, lexicon: Lexicon, shares: Mapping[str, float], given: Counter[str], draw: Random
) -> Iterator[str]:
    """A sample of a register's sentences, each kept with its first name replaced; counts the origins in ``given``."""
    found = [(sentence, match) for sentence in short_sentences(path) if (match := _NAMED.search(sentence))]
    for sentence, match in draw.sample(found, min(wanted, len(found))):
        name = evenly(_fitting(sentence, match, lexicon), lambda name: name.origin, given, draw, shares)
        yield replaced(sentence, match, name.text)


def _fitting(sentence: str, match: re.Match[str], lexicon: Lexicon) -> list[FirstName]:
    """The lexicon's names of the same gender, and with the same beginning where the word before them is elided."""
    alike = [name for name in lexicon.names if name.gender == _GENDER[match[0]]]
    if not _ELIDED.search(sentence, 0, match.start()):
        return alike
    vowel = bool(_VOWEL.match(match[0]))
    return [name for name in alike if bool(_VOWEL.match(name.text)) is vowel]
