"""Says when a text is not French: a flag for the reader, never a refusal. Knows nothing of models or verdicts.

French words decide at once for most texts; the others are asked of py3langid (140 languages, n-grams of bytes, naive
Bayes: Lui and Baldwin, 2012). Messages, verlan and African French must not be flagged, so doubt is French
(docs/decisions/not-french.md has the figures).
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

#: Code points that are looked at: the beginning decides, so that a long text costs no more than a paragraph.
_LOOKED_AT = 400

#: Fewest letters on which a language can be told, in bytes of UTF-8: a Chinese sign says as much as three letters.
_FEWEST_LETTERS = 8

#: Below this confidence in another language, a text passes for French.
_SURE = 0.5

_MASK = re.compile(r"@user|<url>|<mail>")
_WORD = re.compile(r"[^\W\d_]+")

#: Common words of French that its neighbours do not have, as written and as typed in a hurry.
_FRENCH = frozenset(
    _WORD.findall("""
    je tu il elle on nous vous ils elles ça cest jai tes une les des du aux dans avec pour par sur chez est sont était
    suis es avez ont fait faut veux peux pas jamais rien plus très trop qui que quoi quand comment pourquoi où mais
    donc alors aussi encore toujours même tout tous toute mon mes ton ses notre votre leur leurs cette ces celui moi
    toi lui eux ici oui merci bonjour salut jsuis chui pk pcq mdr ptdr tkt wesh meuf gars
    """)
)
#: Distinct French words that settle it.
_ENOUGH = 2


def not_french(prepared: str) -> bool:
    """Whether ``prepared`` (see ``serving.bundle.text.prepare``) is surely in another language than French."""
    text = _MASK.sub(" ", prepared[:_LOOKED_AT])
    words = _WORD.findall(text.lower())
    if len("".join(words).encode()) < _FEWEST_LETTERS or len(_FRENCH.intersection(words)) >= _ENOUGH:
        return False
    language, confidence = identifier().classify(text)
    return bool(language not in ("fr", "zxx") and confidence >= _SURE)


@cache
def identifier() -> LanguageIdentifier:
    """The identifier, loaded once in half a second; 75 MiB."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
