"""The French words of the console: levels, severities, delays, counts. Pure; knows nothing of HTTP or the queue."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from serving.bundle import FAMILIES, LEVELS, at_least, family_of
from serving.priority import LEVEL_WORDS as LEVEL_WORDS

from .typography import NBSP, THIN

LANE_WORDS = {
    "authority": "Injonction d’une autorité",
    "trusted_flagger": "Signaleur de confiance",
    "ordinary": "File ordinaire",
}

STATE_WORDS = {
    "received": "reçu",
    "scored": "en attente",
    "claimed": "en cours de lecture",
    "decided": "décidé",
    "second_review": "en seconde lecture",
    "appealed": "contesté",
    "closed": "clos",
}

EVENT_WORDS = {
    "received": "Reçu",
    "scored": "Évalué par le modèle",
    "score_failed": "Non évalué par le modèle",
    "claimed": "Pris en charge",
    "released": "Remis dans la file",
    "lease_expired": "Remis dans la file, faute d’activité",
    "decided": "Décidé",
    "escalated": "Transmis en seconde lecture",
    "appealed": "Contesté",
    "reach_changed": "Diffusion mise à jour",
    "skipped": "Passé à quelqu’un d’autre",
    "reassigned": "Réattribué",
    "undone": "Décision annulée par son auteur",
    "noted": "Note ajoutée",
    "known": "Texte déjà connu : même décision",
    "erased": "Texte effacé au terme de sa conservation",
}

#: Levels one searches from.
SEARCHED_LEVELS = ("possible", "probable", "tres_probable")

SKIP_WORDS = {
    "topic": "Je préfère ne pas lire ce sujet",
    "language": "Je ne lis pas cette langue",
    "conflict_of_interest": "Je connais quelqu’un de concerné",
    "fatigue": "J’ai besoin d’autre chose",
    "other": "Autre raison",
}

ROLE_WORDS = {
    "analyst": "analyste",
    "senior": "analyste référent",
    "supervisor": "superviseur",
    "researcher": "chercheur",
    "admin": "administrateur",
}

_DAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
_MONTHS = (
    *("janvier", "février", "mars", "avril", "mai", "juin"),
    *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
)

#: Floors of severity (taxonomy, 0 to 10) and their words, gravest first.
SEVERITIES = ((9.0, "extrême"), (7.0, "très élevée"), (5.0, "élevée"), (3.0, "moyenne"), (0.0, "faible"))


def severity_words(severity: float) -> str:
    """The words of a severity from 0 to 10."""
    return next(word for floor, word in SEVERITIES if severity >= floor)


def severity_rank(severity: float) -> int:
    """1 (lowest) to 5, for the drawing of the scale."""
    return len(SEVERITIES) - next(i for i, (floor, _) in enumerate(SEVERITIES) if severity >= floor)


def suspected(levels: dict[str, str | None]) -> list[tuple[str, str]]:
    """Families that are at least ``possible``, themselves or by one of their kinds, with that level; surest first."""
    found = [(family, level) for family in FAMILIES if (level := _surest(levels, family))]
    return sorted(found, key=lambda pair: LEVELS.index(pair[1]))


def _surest(levels: dict[str, str | None], family: str) -> str | None:
    of_family = [level for key, level in levels.items() if family_of(key) == family and at_least(level, "possible")]
    return min((level for level in of_family if level), key=LEVELS.index, default=None)


def number(value: int) -> str:
    """A whole number with thin spaces between thousands."""
    return f"{value:,}".replace(",", THIN)


def decimal(value: float) -> str:
    """A number with two decimals, the comma and the minus sign of French."""
    return f"{value:.2f}".replace(".", ",").replace("-", "−")


def percent(share: float) -> str:
    """A share as a whole percentage; never rounded up to certainty."""
    return f"{min(round(share * 100), 99)}{NBSP}%" if share < 1 else f"100{NBSP}%"


def span_words(span: timedelta) -> str:
    """A length of time in its two largest units, one when the second is nought."""
    minutes = max(int(span.total_seconds() // 60), 0)
    if minutes < 1:
        return "moins d’une minute"
    if minutes < 60:
        return f"{minutes}{NBSP}min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}{NBSP}h{NBSP}{minutes:02}" if minutes else f"{hours}{NBSP}h"
    days, hours = divmod(hours, 24)
    return f"{days}{NBSP}j{NBSP}{hours}{NBSP}h" if hours and days < 7 else f"{days}{NBSP}j"


def day_words(day: date) -> str:
    """A day of the year, such as "lundi 2 mars"."""
    number_ = "1er" if day.day == 1 else str(day.day)
    return f"{_DAYS[day.weekday()]} {number_}{NBSP}{_MONTHS[day.month - 1]}"


def age_words(since: datetime, now: datetime) -> str:
    """How long ago, in words."""
    age = now - since
    return f"il y a {span_words(age)}" if age >= timedelta(minutes=1) else "à l’instant"


def countdown_words(due: datetime, now: datetime) -> str:
    """What is left before a deadline, or by how much it is past."""
    return f"dans {span_words(due - now)}" if due > now else f"dépassée de {span_words(now - due)}"


def plural(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun; French counts nought in the singular."""
    return f"{number(count)}{NBSP}{noun(count, one, many)}"


def noun(count: int, one: str, many: str | None = None) -> str:
    """The noun of a count that stands apart from it."""
    return one if count < 2 else many or f"{one}s"
