"""Why one case goes before another: lane, clocks, harm, minutes, rank, each said in French words.

Pure: facts, a verdict and the policy in, a ``Priority`` out. Knows nothing of databases, HTTP or models.

    harm    = max_k severity_k p_k x (1 - a p(contexte_protege)) x (1 + log10(1 + reach)) x reporter_weight
    minutes = opening + words of text and thread / reading speed
    rank    = ln(max(harm, 1e-6) / minutes) - created_at / tau        (descending)

The age term is absolute, so that one index on rank stays true while time passes: nothing is ever re-sorted.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from serving.bundle.manifest import Manifest
from serving.bundle.operating import LEVELS
from serving.bundle.taxonomy import FAMILIES, Taxonomy
from serving.bundle.text import words
from serving.bundle.verdict import Verdict, at_least, level_of

from .policy import OrderKind, Policy, load_policy

__all__ = ["Facts", "Lane", "OrderFacts", "Policy", "Priority", "Standing", "all_levels", "load_policy", "prioritise"]

#: A case below this level in every family is below the queue threshold: only the audit draw looks there on purpose.
QUEUE_LEVEL = "possible"

_LEAST_HARM = 1e-6
#: A context that lowers the harm by less than one per cent is not worth a sentence.
_TOLD_CONTEXT = 0.99


class Lane(StrEnum):
    """Who reported, by the class of the key."""

    AUTHORITY = "authority"
    """A public authority: before the others."""
    TRUSTED_FLAGGER = "trusted_flagger"
    """A trusted flagger (DSA art. 22): before the ordinary ones."""
    ORDINARY = "ordinary"
    """Everybody else; keeps at least the policy's ordinary share of the claims."""


_LANE_WORDS = {
    Lane.AUTHORITY: "File des autorités",
    Lane.TRUSTED_FLAGGER: "File des signaleurs de confiance (DSA, art. 22)",
    Lane.ORDINARY: "File ordinaire",
}

LEVEL_WORDS = {
    "tres_probable": "très probable",
    "probable": "probable",
    "possible": "possible",
    "peu_probable": "peu probable",
}


@dataclass(frozen=True)
class OrderFacts:
    """What the clock needs to know of an authority's order."""

    reference: str
    received_at: datetime
    kind: str | None = None
    due_at: datetime | None = None


@dataclass(frozen=True)
class Standing:
    """What became of earlier reports of the same reporter, and whether this one belongs to a campaign.

    Attributes:
        confirmed, refuted: decided reports; fractions are allowed.
        campaign: reports of the window, when they are many and mostly refuted; else None.
    """

    confirmed: float = 0.0
    refuted: float = 0.0
    campaign: int | None = None


@dataclass(frozen=True)
class Facts:
    """What is known of a case besides its verdict.

    Attributes:
        reporter_kind: platform, authority or trusted_flagger: the class of the API key.
        reach: people who have seen the text, if known.
        escalated_vital: an analyst has said that a life is in danger.
        thread: the posts shown around the text, which are read with it.
    """

    text: str
    created_at: datetime
    reporter_kind: str
    reach: int | None = None
    category: str | None = None
    order: OrderFacts | None = None
    escalated_vital: bool = False
    standing: Standing | None = None
    thread: tuple[str, ...] = ()

    @property
    def words(self) -> int:
        """Words that a reader has before them."""
        return words(self.text) + sum(words(post) for post in self.thread)


@dataclass(frozen=True)
class Priority:
    """The place of a case.

    Attributes:
        due_at: legal deadline, only from an order.
        target_at: internal target for suspected terrorist content without an order.
        minutes: expected reading time.
        rank: order inside the lane, descending.
        topic: the families at least ``possible``, joined by ``+``; empty for none. ``level``: the surest of them.
        grave: hard to read, by the policy's ``[wellbeing]``.
        below_threshold: judged, and below ``possible`` in every family: the audit draw's population.
        reasons: the terms in French, one sentence each.
    """

    lane: Lane
    vital: bool
    due_at: datetime | None
    target_at: datetime | None
    harm: float
    minutes: float
    rank: float
    topic: str
    level: str | None
    grave: bool
    below_threshold: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class _Harm:
    """The factors of the harm, for the sum and for the words."""

    title: str | None
    level: str | None
    probability: float
    severity: float
    context: float
    reach: float
    reporter: float

    @property
    def value(self) -> float:
        return self.severity * self.probability * self.context * self.reach * self.reporter


def all_levels(manifest: Manifest, verdict: Verdict) -> dict[str, str | None]:
    """Levels of every output of the bundle, where a verdict announces those of the families only."""
    levels = dict(verdict.levels)
    for label in manifest.labels:
        score = verdict.scores[label.key]
        if score is not None:
            levels[label.key] = level_of(label, score)
    return levels


def prioritise(
    facts: Facts,
    verdict: Verdict | None,
    policy: Policy,
    taxonomy: Taxonomy,
    levels: Mapping[str, str | None] | None = None,
) -> Priority:
    """Place a case; ``verdict`` is None while, or because, the model has not scored it.

    Args:
        levels: of all outputs (``all_levels``); those of the verdict when absent.

    Raises:
        InputError: the order names a kind that the policy does not have.
    """
    levels = levels if levels is not None else (verdict.levels if verdict else {})
    harm = _harm(facts, verdict, levels, policy, taxonomy)
    minutes = policy.rank.opening_minutes + facts.words / policy.rank.words_per_minute
    age = facts.created_at.timestamp() / policy.rank.tau_seconds
    danger = _danger(facts, levels, policy, taxonomy)
    kind, due_at = _clock(facts.order, policy)
    target_at = None if facts.order else _target(facts, levels, policy)
    suspected = tuple(family for family in FAMILIES if at_least(levels.get(family), QUEUE_LEVEL))
    return Priority(
        lane=_lane(facts.reporter_kind),
        vital=danger is not None,
        due_at=due_at,
        target_at=target_at,
        harm=harm.value,
        minutes=minutes,
        rank=math.log(max(harm.value, _LEAST_HARM) / minutes) - age,
        topic="+".join(suspected),
        level=_surest(levels),
        grave=_grave(levels, policy, taxonomy),
        below_threshold=verdict is not None and not suspected,
        reasons=tuple(
            typeset(reason)
            for reason in (
                *([danger] if danger else []),
                *_clock_words(kind, due_at, facts.order, target_at, policy),
                _LANE_WORDS[_lane(facts.reporter_kind)],
                *_harm_words(harm, facts, verdict),
                _minutes_words(minutes, facts),
                _age_words(facts.created_at, policy),
            )
        ),
    )


def _surest(levels: Mapping[str, str | None]) -> str | None:
    """The highest level among the families."""
    known = [level for family in FAMILIES if (level := levels.get(family))]
    return min(known, key=LEVELS.index) if known else None


def _grave(levels: Mapping[str, str | None], policy: Policy, taxonomy: Taxonomy) -> bool:
    limits = policy.wellbeing
    return any(
        at_least(levels.get(output.key), limits.grave_level)
        for output in taxonomy.outputs
        if output.severity is not None and output.severity >= limits.grave_severity
    )


def _lane(kind: str) -> Lane:
    return Lane(kind) if kind in (Lane.AUTHORITY, Lane.TRUSTED_FLAGGER) else Lane.ORDINARY


def _harm(
    facts: Facts, verdict: Verdict | None, levels: Mapping[str, str | None], policy: Policy, taxonomy: Taxonomy
) -> _Harm:
    """The worst of the outputs with a severity in the running taxonomy, and what changes it."""
    scores = verdict.scores if verdict else {}
    known = [
        (output, score)
        for output in taxonomy.outputs
        if output.severity is not None and (score := scores.get(output.key)) is not None
    ]
    context = 1 - policy.rank.protected_context * (scores.get("contexte_protege") or 0.0)
    reach = 1 + math.log10(1 + (facts.reach or 0))
    reporter = _reporter_weight(facts, policy)
    if not known:
        return _Harm(None, None, 1.0, policy.rank.unscored_harm, 1.0, reach, reporter)
    output, score = max(known, key=lambda pair: (pair[0].severity or 0.0) * pair[1])
    return _Harm(output.title, levels.get(output.key), score, output.severity or 0.0, context, reach, reporter)


def _reporter_weight(facts: Facts, policy: Policy) -> float:
    """The class of the key times what the reporter's past says, within 0.5 and 2; a campaign's is its own."""
    standing = facts.standing or Standing()
    if standing.campaign:
        return policy.reliability.mass_weight
    learned = policy.reliability.weight(standing.confirmed, standing.refuted)
    return min(max(policy.reporters.of(facts.reporter_kind) * learned, 0.5), 2.0)


def _reporter_words(facts: Facts) -> str:
    standing = facts.standing or Standing()
    if standing.campaign:
        return f" (signalement de masse : {_thousands(standing.campaign)} récents, très peu confirmés)"
    decided = round(standing.confirmed + standing.refuted)
    if not decided:
        return ""
    return f" (signaleur connu : {_thousands(round(standing.confirmed))} confirmés sur {_thousands(decided)})"


def _danger(facts: Facts, levels: Mapping[str, str | None], policy: Policy, taxonomy: Taxonomy) -> str | None:
    """Why a life may be in danger, in words; None when nothing says so."""
    vital = policy.vital
    if facts.escalated_vital:
        return "Danger pour la vie : signalé par un analyste"
    if facts.category in vital.categories:
        return "Danger pour la vie : signalé par l'auteur du signalement"
    threat = next((label for label in vital.labels if at_least(levels.get(label), vital.level)), None)
    if threat is None or not vital.imminent(facts.text):
        return None
    threatening = f"« {taxonomy.output(threat).title} » {LEVEL_WORDS[levels[threat] or LEVELS[-1]]}"
    return f"Danger pour la vie : {threatening}, et le texte évoque un passage à l'acte proche"


def _clock(order: OrderFacts | None, policy: Policy) -> tuple[OrderKind | None, datetime | None]:
    """The kind of the order and its deadline: the law's, or the one stated when that is sooner or alone."""
    if order is None:
        return None, None
    kind = policy.order_kind(order.reference, order.kind)
    lawful = order.received_at + timedelta(minutes=kind.minutes) if kind.minutes else None
    return kind, min((moment for moment in (lawful, order.due_at) if moment), default=None)


def _target(facts: Facts, levels: Mapping[str, str | None], policy: Policy) -> datetime | None:
    target = policy.target
    suspected = any(at_least(levels.get(family), target.level) for family in target.families)
    return facts.created_at + timedelta(minutes=target.minutes) if suspected else None


def _clock_words(
    kind: OrderKind | None,
    due_at: datetime | None,
    order: OrderFacts | None,
    target_at: datetime | None,
    policy: Policy,
) -> Iterator[str]:
    if kind and due_at:
        yield f"{kind.title} ({kind.text}) : échéance {_moment(due_at, policy)}"
    elif kind:
        yield f"{kind.title} ({kind.text}) : sans délai énoncé"
    if kind and order and order.kind is None and not kind.claims(order.reference):
        yield "Type d'injonction non précisé : la plus courte des horloges s'applique"
    if target_at:
        yield f"Contenu terroriste présumé : objectif interne {_moment(target_at, policy)} (sans échéance légale)"


def _harm_words(harm: _Harm, facts: Facts, verdict: Verdict | None) -> Iterator[str]:
    if harm.title is None:
        why = "sans score pour ce texte" if verdict is None else "sans sortie pondérée"
        yield f"Gravité : {why}, traité comme un cas moyen ({_number(harm.severity)})"
    else:
        level = f" {LEVEL_WORDS[harm.level]}" if harm.level else ""
        product = _number(harm.probability * harm.severity)
        factors = f"probabilité {_number(harm.probability)} × sévérité {_number(harm.severity, 1)}"
        yield f"Gravité : « {harm.title} »{level}, {factors} = {product}"
    if harm.context <= _TOLD_CONTEXT:
        yield f"Contexte protégé : priorité abaissée de {_number(100 * (1 - harm.context), 0)} %"
    if facts.reach:
        yield f"Portée : {_thousands(facts.reach)} {'vues' if facts.reach > 1 else 'vue'}, × {_number(harm.reach)}"
    yield f"Poids du signalement : × {_number(harm.reporter)}{_reporter_words(facts)}"
    yield f"Préjudice estimé : {_number(harm.value)}"


def _minutes_words(minutes: float, facts: Facts) -> str:
    plural = "s" if facts.words > 1 else ""
    unit = "minutes" if minutes >= 2 else "minute"
    thread = ", fil compris" if facts.thread else ""
    return f"Lecture estimée : {_number(minutes, 1)} {unit} ({_thousands(facts.words)} mot{plural}{thread})"


def _age_words(created_at: datetime, policy: Policy) -> str:
    hours = _number(policy.rank.tau_seconds * math.log(2) / 3600, 1)
    return f"Arrivée {_moment(created_at, policy)} : le poids double toutes les {hours} heures d'attente"


def _moment(moment: datetime, policy: Policy) -> str:
    return moment.astimezone(policy.zone).strftime("le %d/%m/%Y à %H\u00a0h\u00a0%M")


def _number(value: float, digits: int = 2) -> str:
    return f"{value:.{digits}f}".replace(".", ",")


def _thousands(value: int) -> str:
    return f"{value:,}".replace(",", "\u202f")


def typeset(sentence: str) -> str:
    """French typography: curved apostrophes, and no line break before a colon or a per cent nor inside quotes."""
    return re.sub(r" (?=[:»%])|(?<=«) ", "\u00a0", sentence.replace("'", "\u2019"))
