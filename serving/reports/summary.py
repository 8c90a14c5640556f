"""The bilan of a period: what came, what people found, how fast, under which orders; and the table of DSA art. 22(3).

Pure counting of records; a table is a header and rows, written alike as CSV and HTML. Counts only: nobody is in them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median, quantiles
from urllib.parse import urlsplit

from serving.bundle.taxonomy import Taxonomy
from serving.policy import Policy
from serving.review.reporting import Handled, Period

from .config import ReportRules
from .notices import is_late

_KINDS = {"platform": "Clés ordinaires", "authority": "Autorités", "trusted_flagger": "Signaleurs de confiance"}
_FAMILIES = {"haine": "Haine", "terrorisme": "Terrorisme", "harcelement": "Harcèlement", "": "Autre qualification"}
NO_GROUND = "Aucune qualification"


@dataclass(frozen=True)
class Table:
    """Rows under a header; ``name`` is the CSV file's stem."""

    name: str
    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str | int | float, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Summary:
    """Everything the bilan shows."""

    since: datetime
    until: datetime
    handled: int
    illegal: int
    tables: tuple[Table, ...]

    def table(self, name: str) -> Table:
        """The table named ``name``."""
        return next(table for table in self.tables if table.name == name)


def summarise(
    since: datetime,
    until: datetime,
    found: Sequence[Handled],
    counts: Period,
    rules: ReportRules,
    taxonomy: Taxonomy,
    policy: Policy,
) -> Summary:
    """Count a period."""
    tables = (
        _received(counts),
        _categories(counts),
        _grounds(found, taxonomy),
        _actions(found, policy),
        _delays(found, taxonomy),
        _orders(found, policy),
        _appeals(found, counts),
        _article_22(found, rules, taxonomy),
    )
    return Summary(since, until, len(found), sum(case.illegal for case in found), tables)


def _received(counts: Period) -> Table:
    rows = [(title, counts.received.get(kind, 0)) for kind, title in _KINDS.items()]
    rows += [("Danger pour la vie (DSA, art. 18)", counts.vital), ("En attente à ce jour", counts.waiting)]
    return Table("recus", "Signalements reçus", ("origine", "nombre"), tuple(rows))


def _categories(counts: Period) -> Table:
    rows = sorted(((name or "Sans catégorie", count) for name, count in counts.categories.items()), key=_most)
    title = "Catégories données par les auteurs des signalements"
    return Table("categories", title, ("catégorie", "nombre"), tuple(rows))


def _grounds(found: Sequence[Handled], taxonomy: Taxonomy) -> Table:
    counted = Counter((case.illegal, case.ground or "") for case in found)
    rows = [
        (_ground(key, taxonomy), "illicite" if illegal else "non illicite", count)
        for (illegal, key), count in sorted(counted.items(), key=_most)
    ]
    return Table("qualifications", "Qualifications retenues", ("qualification", "constat", "nombre"), tuple(rows))


def _actions(found: Sequence[Handled], policy: Policy) -> Table:
    titles = {action.key: action.title for action in policy.actions}
    counted = Counter(titles.get(case.action, case.action) for case in found)
    rows = tuple(sorted(counted.items(), key=_most))
    return Table("suites", "Suites données", ("suite", "nombre"), rows)


def _delays(found: Sequence[Handled], taxonomy: Taxonomy) -> Table:
    """Hours from receipt to first decision, by family of the ground."""
    hours: dict[str, list[float]] = {}
    for case in found:
        key = _family(case, taxonomy) if case.illegal else None
        name = "Non illicite" if key is None else _FAMILIES[key]
        hours.setdefault(name, []).append((case.first_decided_at - case.created_at).total_seconds() / 3600)
    rows = [(name, len(values), round(median(values), 2), _ninth(values)) for name, values in sorted(hours.items())]
    header = ("constat", "nombre", "médiane (heures)", "neuvième décile (heures)")
    return Table("delais", "Délais de traitement", header, tuple(rows))


def _ninth(values: list[float]) -> float:
    """The ninth decile, between the values seen."""
    return round(quantiles(values, n=10, method="inclusive")[8] if len(values) > 1 else values[0], 2)


def _orders(found: Sequence[Handled], policy: Policy) -> Table:
    counted: Counter[str] = Counter()
    late: Counter[str] = Counter()
    for case in found:
        if case.order:
            kind = policy.order_kind(case.order["reference"], case.order.get("kind")).title
            counted[kind] += 1
            late[kind] += is_late(case, policy)
    rows = tuple((kind, count, count - late[kind], late[kind]) for kind, count in sorted(counted.items()))
    header = ("injonction", "nombre", "dans le délai", "hors délai")
    return Table("injonctions", "Injonctions des autorités", header, rows)


def _appeals(found: Sequence[Handled], counts: Period) -> Table:
    decided = [case for case in found if case.on_appeal]
    rows = (
        ("Décisions contestées", counts.appeals),
        ("Réclamations tranchées", len(decided)),
        ("Décisions renversées", sum(case.overturned for case in decided)),
        ("Textes égaux à un texte déjà décidé", sum(case.copied for case in found)),
    )
    return Table("reclamations", "Réclamations et contenus déjà connus", ("mesure", "nombre"), rows)


def _article_22(found: Sequence[Handled], rules: ReportRules, taxonomy: Taxonomy) -> Table:
    """Notices to hosts by host and kind of content. The host's action is not told to Vigie."""
    host_actions = {key for key, to in rules.notices.items() if to == "hébergeur"}
    counted = Counter(
        (_host(case.url), _ground(case.ground or "", taxonomy)) for case in found if case.action in host_actions
    )
    rows = [(host, ground, count, "non communiquée") for (host, ground), count in sorted(counted.items())]
    return Table(
        "article_22",
        "Notifications aux hébergeurs (DSA, art. 22, par. 3)",
        ("hébergeur", "type de contenu", "notifications", "mesure prise par l’hébergeur"),
        tuple(rows),
        "La mesure prise par l’hébergeur est à compléter. Les adresses sont effacées avec les textes : établissez ce "
        "tableau avant la fin de leur conservation, puis additionnez.",
    )


def _host(url: str | None) -> str:
    try:
        return (urlsplit(url or "").hostname or "").removeprefix("www.") or "inconnu"
    except ValueError:
        return "inconnu"


def _family(case: Handled, taxonomy: Taxonomy) -> str:
    ground = taxonomy.ground(case.ground) if case.ground else None
    return ground.family if ground else ""


def _ground(key: str, taxonomy: Taxonomy) -> str:
    ground = taxonomy.ground(key) if key else None
    return ground.title if ground else key or NO_GROUND


def _most(row: tuple[object, int]) -> tuple[int, str]:
    return -row[1], str(row[0])
