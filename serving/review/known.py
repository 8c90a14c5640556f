"""Texts seen before: equal ones share a decision, near ones are only proposed, with the words that differ.

Equality is between keyed hashes of the normalised text. Near-duplicates are found by MinHash bands (Broder, 1997;
Leskovec et al., Mining of Massive Datasets, 3.4), compared again on their texts. A near text is ``risky`` unless every
difference is a variant of spelling or a word that changes nothing: "les tuer" and "ne pas les tuer" are near, too.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from itertools import islice, takewhile

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from .database import is_postgresql
from .keyed import keyed
from .places import Rules
from .records import State
from .tables import StoredRow, bands, cases, decisions

_PERMUTATIONS, _BANDS = 64, 16
_SHINGLE = 4
_CANDIDATES = 200
#: A decision older than this has met the cases that equal it when they came.
_LATELY = timedelta(hours=1)
#: Below this ratio of common letters two words are different words, not spellings of one.
_VARIANT = 0.75
_SHORT_WORD = 4

#: Longer texts are compared by their beginning, and always read apart: nobody's page waits for a text made to be slow.
_COMPARED = 10_000
#: Beyond so many pairs of words, what stands between the common ends is one change: aligning takes time by the square.
_ALIGNED = 250_000
#: Differing words told; a reader who needs more reads the text.
_TOLD = 60

#: A word written letter by letter: "d é g a g e", "d.é.g.a.g.e".
_SPELT_OUT = re.compile(r"(?<!\w)\w(?:[ ._-]\w){2,}(?!\w)")
_WORD = re.compile(r"@?[\w]+(?:['\u2019](?=\w))?|[^\w\s]", re.UNICODE)


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


_NEGATIONS = _listed(
    """
        ne n' pas plus jamais rien aucun aucune sans ni non personne point guere nul nulle sauf pourtant mais faux
        contre anti arretez arrete stop
    """
)
_NUMBERS = _listed(
    """
        un une deux trois quatre cinq six sept huit neuf dix onze douze quinze vingt trente quarante cinquante soixante
        cent cents mille million millions milliard premier premiere dernier moitie tous toutes tout
    """
)
_PREFIXES = ("i", "in", "im", "il", "ir", "de", "des", "anti", "non", "mal", "pro")
#: Words that may come or go without changing what is said.
_IDLE = _listed(
    """
        lol mdr ptdr svp stp ah oh eh hein bon ben bah euh wesh frere mec gros franchement serieux voila la le les l' de
        d' des du et que qu' tres trop si vraiment bien http https www
    """
)


@dataclass(frozen=True)
class Nearness:
    """How two texts differ.

    Attributes:
        similarity: Jaccard index of character shingles, from 0 to 1.
        differing_words: words of either text that are not in the other, as written; the first ``_TOLD``.
        risky: a difference may change the meaning: negation, number, name, or any other word.
    """

    similarity: float
    differing_words: tuple[str, ...]
    risky: bool


def normalised(text: str) -> str:
    """NFKC, case folded, invisible characters removed, white space made one; accents kept: they tell words apart."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    visible = "".join(char for char in folded if unicodedata.category(char) != "Cf")
    return " ".join(visible.replace("\u2019", "'").split())


def fingerprint(secret: bytes, text: str) -> str:
    """The keyed hash by which equal texts are known again."""
    return keyed(secret, "fingerprint", normalised(text))


def bands_of(secret: bytes, text: str) -> list[int]:
    """Keyed hashes of the bands of the text's MinHash: texts 0.5 alike share one with probability 0.64."""
    from datasketch import MinHash

    sketch = MinHash(num_perm=_PERMUTATIONS, seed=1)
    sketch.update_batch([shingle.encode() for shingle in _shingles(text)])
    rows = _PERMUTATIONS // _BANDS
    parts = sketch.hashvalues.reshape(_BANDS, rows).tolist()
    return [int(keyed(secret, "band", f"{place}:{part}")[:15], 16) for place, part in enumerate(parts)]


def _shingles(text: str) -> set[str]:
    beginning = normalised(text[:_COMPARED])
    joined = _SPELT_OUT.sub(lambda found: re.sub(r"[ ._-]", "", found[0]), beginning)
    padded = f" {joined} "
    return {padded[start : start + _SHINGLE] for start in range(max(len(padded) - _SHINGLE + 1, 1))}


def nearness(one: str, other: str) -> Nearness:
    """How ``other`` differs from ``one``."""
    here, there = _WORD.findall(one[:_COMPARED]), _WORD.findall(other[:_COMPARED])
    differing: list[str] = []
    risky = max(len(one), len(other)) > _COMPARED
    for old, new in _changes(here, there):
        differing += [*old, *new]
        risky = risky or not _harmless(old, new)
    return Nearness(similarity(one, other), tuple(islice(filter(_said, differing), _TOLD)), risky)


def similarity(one: str, other: str) -> float:
    """Jaccard index of character shingles, from 0 to 1."""
    return similarities(one, [other])[0]


def similarities(one: str, others: Iterable[str]) -> list[float]:
    """``similarity`` to each of the others."""
    first = _shingles(one)
    return [len(first & second) / len(first | second) for second in map(_shingles, others)]


def _changes(here: Sequence[str], there: Sequence[str]) -> Iterator[tuple[Sequence[str], Sequence[str]]]:
    first, second = [_plain(word) for word in here], [_plain(word) for word in there]
    if len(first) * len(second) > _ALIGNED:
        start = _shared(first, second)
        end = _shared(first[start:][::-1], second[start:][::-1])
        between = here[start : len(here) - end], there[start : len(there) - end]
        yield from [between] if len(between[0]) * len(between[1]) > _ALIGNED else _changes(*between)
        return
    matcher = SequenceMatcher(None, first, second, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind != "equal":
            yield here[a:b], there[c:d]


def _shared(first: Sequence[str], second: Sequence[str]) -> int:
    """How many words both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False)))


def _plain(word: str) -> str:
    """Without accents, case and repeated letters: "Tuééé" is "tue"."""
    bare = "".join(char for char in unicodedata.normalize("NFKD", word.casefold()) if not unicodedata.combining(char))
    return re.sub(r"([^\W\d_])\1+", r"\1", bare.replace("\u2019", "'"))


def _harmless(old: Sequence[str], new: Sequence[str]) -> bool:
    """Whether one run of words says what the other says."""
    here, there = [word for word in old if _said(word)], [word for word in new if _said(word)]
    if _squeezed(old) == _squeezed(new):
        return not any(map(str.isdigit, _squeezed(old)))
    if len(here) != len(there):
        return all(_idle(_plain(word)) for word in (*here, *there))
    return all(_same_word(a, b) for a, b in zip(here, there, strict=True))


def _same_word(one: str, other: str) -> bool:
    """Two spellings of one word; a capital on either may be a name, and names that differ are other people."""
    plain = _plain(one), _plain(other)
    named = one[:1].isupper() or other[:1].isupper()
    return plain[0] == plain[1] or (not named and _variants(*plain))


def _said(word: str) -> bool:
    return any(map(str.isalnum, word))


def _squeezed(words: Sequence[str]) -> str:
    """The letters alone: "n i q u e" and "n.i.q.u.e" are "nique"."""
    return "".join(char for char in _plain("".join(words)) if char.isalnum())


def _idle(word: str) -> bool:
    return word in _IDLE and not _weighty(word)


def _weighty(word: str) -> bool:
    return word in _NEGATIONS or word in _NUMBERS or word.startswith("@") or any(map(str.isdigit, word))


def _variants(one: str, other: str) -> bool:
    """Two spellings of one word; never a negation, a number, a name or a word made its contrary by a prefix."""
    if one == other or (_idle(one) and _idle(other)):
        return True
    if _weighty(one) or _weighty(other) or min(len(one), len(other)) < _SHORT_WORD:
        return False
    longer, shorter = sorted((one, other), key=len, reverse=True)
    if longer.endswith(shorter) and longer[: -len(shorter)] in _PREFIXES:
        return False
    return SequenceMatcher(None, one, other, autojunk=False).ratio() >= _VARIANT


# --- In the database ------------------------------------------------------------------------------------


def remember(connection: Connection, case_id: str, found: Sequence[int]) -> None:
    """Keep the bands of a case; those kept already stay."""
    insert_or_skip = postgresql.insert if is_postgresql(connection) else sqlite.insert
    rows = [{"band": band, "case_id": case_id} for band in set(found)]
    connection.execute(insert_or_skip(bands).on_conflict_do_nothing(), rows)


def forget(connection: Connection, case_id: str) -> None:
    """Remove the bands of a case whose text is erased."""
    connection.execute(delete(bands).where(bands.c.case_id == case_id))


def candidates(connection: Connection, case_id: str) -> list[StoredRow]:
    """Cases that share a band with this one, most shared first, with their texts."""
    mine = select(bands.c.band).where(bands.c.case_id == case_id)
    return _sharing(connection, mine, case_id)


def candidates_of_text(connection: Connection, secret: bytes, text: str) -> list[StoredRow]:
    """Cases that share a band with a text that is no case."""
    return _sharing(connection, bands_of(secret, text), "")


def _sharing(connection: Connection, wanted: object, but: str) -> list[StoredRow]:
    shared = (
        select(bands.c.case_id, func.count().label("shared"))
        .where(bands.c.band.in_(wanted), bands.c.case_id != but)  # type: ignore[arg-type] # a query or a list
        .group_by(bands.c.case_id)
        .order_by(func.count().desc(), bands.c.case_id.desc())
        .limit(_CANDIDATES)
        .subquery()
    )
    query = select(cases).join(shared, shared.c.case_id == cases.c.id)
    found = query.where(cases.c.text.is_not(None), cases.c.golden.is_(None)).order_by(shared.c.shared.desc())
    return list(connection.execute(found))


def source_of(connection: Connection, rules: Rules, case: StoredRow, now: datetime) -> StoredRow | None:
    """The decision that an equal text has got from a person and that this case may share; None when there is none.

    Not for a short text, an order or a danger to life, nor when thread or target differ: there the context decides.
    """
    bound = case.vital or case.due_at is not None or case.order_notice is not None or case.golden is not None
    if bound or case.fingerprint is None or len(normalised(case.text or "").split()) < rules.policy.known.least_words:
        return None
    query = (
        select(decisions, cases.c.thread.label("thread"), cases.c.target.label("target"))
        .join(cases, cases.c.id == decisions.c.case_id)
        .where(cases.c.fingerprint == case.fingerprint, cases.c.id != case.id, cases.c.golden.is_(None))
        .where(cases.c.state.in_([State.DECIDED.value, State.CLOSED.value]), decisions.c.copied_from.is_(None))
        .order_by(decisions.c.id.desc())
        .limit(1)
    )
    found = connection.execute(query).first()
    if found is None or found.at > now - rules.policy.claims.undo:
        return None
    same_thread = _said_in(found.thread) == _said_in(case.thread)
    return found if same_thread and found.target == case.target else None


def _said_in(thread: list[dict[str, str]] | None) -> list[str]:
    return [normalised(post["text"]) for post in thread or ()]


def equals_of_fresh(connection: Connection, rules: Rules, now: datetime, limit: int) -> list[str]:
    """Waiting cases that equal one decided lately, beyond the time of an undo."""
    settled = now - rules.policy.claims.undo
    twin = cases.alias()
    query = (
        select(twin.c.id)
        .join(cases, cases.c.fingerprint == twin.c.fingerprint)
        .join(decisions, decisions.c.case_id == cases.c.id)
        .where(decisions.c.at.between(settled - _LATELY, settled), decisions.c.copied_from.is_(None))
        .where(twin.c.waiting == 1, twin.c.state.in_([State.RECEIVED.value, State.SCORED.value]))
        .limit(limit)
    )
    return list(dict.fromkeys(connection.scalars(query)))
