"""Known content: are copies of a decided text found again, and is what only resembles it kept apart?

python -m tests.bench known
On our held-out cases. Copies are disturbed as people and evaders do; minimal pairs say something else in nearly the
same words. Goal: no minimal pair is proposed as if nothing that matters differed.
"""

from __future__ import annotations

import argparse
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from random import Random

from rich.console import Console
from rich.table import Table

from serving.policy import load_policy
from serving.review.known import bands_of, fingerprint, nearness
from serving.settings import Settings
from training import noise
from training.data.cases import OwnCases, Role, load_cases
from training.data.instances import write_instances
from training.evaluation import obfuscation

Pair = tuple[str, str]
_SECRET = b"only for measuring"
_SEED = 13
_PER_CASE = 3
_VERBS = re.compile(
    r"\b(est|sont|es|suis|sommes|êtes|va|vont|faut|ont|avez|doit|doivent|peut|peuvent|mérite|méritent|veut|veulent|sait)\b"
)
_NEGATION = re.compile(r"\s+(?:pas|jamais|plus|aucun|aucune|rien)\b|\b(?:ne\s+|n['’])", re.IGNORECASE)
_NUMBERS = {
    "un": "deux",
    "une": "deux",
    "deux": "trois",
    "trois": "quatre",
    "dix": "cent",
    "cent": "mille",
    "tous": "peu",
}
_NUMBER = re.compile(r"\b(?:\d+|" + "|".join(_NUMBERS) + r")\b")


@dataclass(frozen=True)
class Found:
    """What becomes of pairs, as shares of them.

    Attributes:
        equal: closed with the decision.
        proposed: shown beside the decided text, equal ones included.
        alike: equal, or proposed with nothing that may change the meaning.
    """

    pairs: int
    equal: float
    proposed: float
    alike: float


def run(arguments: argparse.Namespace) -> None:
    """Print recall on disturbed copies, precision of proposals, and what becomes of minimal pairs."""
    settings = Settings.from_env()
    least = load_policy(settings.policy_path).known.similarity
    cases = load_cases(settings.datasets / "vigie")
    texts = list(dict.fromkeys(text for _, text in _instances(cases, 1)))
    console = Console()
    copies = {name: list(_disturbed(texts, change)) for name, change in COPIES.items()}
    console.print(_table("Copies of a decided text (wanted: found again)", copies, least))
    console.print(_table("Minimal pairs (wanted: never alike)", minimal_pairs(cases), least))
    right, alike_right, wrong, alike_wrong = precision(copies, texts, least)
    console.print(f"{len(texts)} held-out texts, seed {_SEED}, similarity {least}")
    console.print(f"proposals of a copy: {right / (right + wrong):.4f} are its original ({wrong} others)")
    console.print(f"alike: {alike_right / (alike_right + alike_wrong):.4f} are its original ({alike_wrong} others)")


def _table(title: str, groups: Mapping[str, Sequence[Pair]], least: float) -> Table:
    table = Table("what changed", "pairs", "equal", "proposed", "alike", title=title)
    for name, pairs in groups.items():
        found = measure(pairs, least)
        table.add_row(name, f"{found.pairs}", *(f"{part:.1%}" for part in (found.equal, found.proposed, found.alike)))
    return table


def measure(pairs: Sequence[Pair], least: float) -> Found:
    """What becomes of (decided text, new text); ``least``: similarity from which a text is proposed."""
    equal = [fingerprint(_SECRET, one) == fingerprint(_SECRET, other) for one, other in pairs]
    near = [_proposed(one, other, least) for one, other in pairs]
    alike = [_proposed(one, other, least) and not nearness(one, other).risky for one, other in pairs]
    count = max(len(pairs), 1)
    either = sum(map(max, equal, near)), sum(map(max, equal, alike))
    return Found(len(pairs), sum(equal) / count, either[0] / count, either[1] / count)


def _proposed(one: str, other: str, least: float) -> bool:
    shared = set(bands_of(_SECRET, one)) & set(bands_of(_SECRET, other))
    return bool(shared) and nearness(one, other).similarity >= least


def precision(copies: Mapping[str, Sequence[Pair]], texts: Sequence[str], least: float) -> tuple[int, int, int, int]:
    """Over all copies and all texts: proposals of the original, of them alike; of another text, of them alike."""
    index: defaultdict[int, set[int]] = defaultdict(set)
    for place, text in enumerate(texts):
        for band in bands_of(_SECRET, text):
            index[band].add(place)
    counts = [0, 0, 0, 0]
    for one, copy in (pair for pairs in copies.values() for pair in pairs):
        for place in set().union(*(index.get(band, set()) for band in bands_of(_SECRET, copy))):
            likeness = nearness(texts[place], copy)
            if likeness.similarity >= least:
                other = 2 * (texts[place] != one)
                counts[other] += 1
                counts[other + 1] += not likeness.risky
    return counts[0], counts[1], counts[2], counts[3]


def _instances(cases: OwnCases, most: int) -> Iterator[tuple[str, str]]:
    """(case, text) of the held-out cases."""
    for case in cases.cases:
        if case.role is Role.HELD_OUT:
            yield from ((case.id, instance.text) for instance in write_instances(case, cases.lexicon, most, _SEED))


def _disturbed(texts: Sequence[str], change: noise.Operator) -> Iterator[Pair]:
    for place, text in enumerate(texts):
        changed = change(text, Random(f"{_SEED}:{place}"))
        if changed != text:
            yield text, changed


def _truncated(text: str, draw: Random) -> str:
    """Without its last words, at most a sixth of them."""
    words = text.split()
    return " ".join(words[: len(words) - len(words) // 6])


def _in_two(first: noise.Operator, second: noise.Operator) -> noise.Operator:
    return lambda text, draw: second(first(text, draw), draw)


#: By what was done to the text.
COPIES: dict[str, noise.Operator] = {
    "capitals": noise.shout,
    "no capital": noise.lower,
    "no accent": noise.drop_accents,
    "punctuation": noise.punctuate,
    "invisible characters": obfuscation.OPERATORS["invisible"][0],
    "fancy alphabet": obfuscation.OPERATORS["fancy"][0],
    "held vowel": noise.stretch,
    "emoji or tag at the end": noise.add_emoji,
    "typing errors": noise.mistype,
    "typing errors, no accent": _in_two(noise.mistype, noise.drop_accents),
    "chat spelling": noise.chat,
    "apostrophes": noise.drop_apostrophes,
    "letters replaced by digits": noise.leet,
    "look-alike letters": noise.look_alike,
    "letters spaced out": noise.space_out,
    "starred letters": noise.star,
    "last words cut": _truncated,
    "“mdr” before, mention after": lambda text, draw: f"mdr {text} @user",
}


def minimal_pairs(cases: OwnCases) -> dict[str, list[Pair]]:
    """Pairs that say something else, by what differs."""
    texts = dict(_instances(cases, 1))
    contrasts = [(texts[c.id], texts[c.contrast]) for c in cases.cases if c.id in texts and c.contrast in texts]
    return {
        "negation taken away": _changed(texts.values(), lambda text: _NEGATION.sub("", text)),
        "negation added": _changed(texts.values(), lambda text: _VERBS.sub(r"\1 pas", text, count=1)),
        "number changed": _changed(texts.values(), lambda text: _NUMBER.sub(_other_number, text, count=1)),
        "other group, name or target": list(_other_targets(cases)),
        "quoted to denounce": [(text, f"Regardez ce qu’il m’a écrit : « {text} »") for text in texts.values()],
        "denied afterwards": [(text, f"{text} Personne ne devrait lire ça.") for text in texts.values()],
        "our own contrasts": contrasts,
    }


def _changed(texts: Iterable[str], change: Callable[[str], str]) -> list[Pair]:
    return [(text, changed) for text in texts if (changed := change(text)) != text]


def _other_number(found: re.Match[str]) -> str:
    word = found[0]
    return str(int(word) + 7) if word.isdigit() else _NUMBERS[word]


def _other_targets(cases: OwnCases) -> Iterator[Pair]:
    """Instances of one template: the same sentence about other people."""
    written: defaultdict[str, list[str]] = defaultdict(list)
    for case, text in _instances(cases, _PER_CASE):
        written[case].append(text)
    for found in written.values():
        yield from combinations(found, 2)
