"""Writes the documents of a period into a folder: reads the queue, asks the modules beside it, names what it wrote."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from io import StringIO
from pathlib import Path
from typing import Any

from serving.bundle.errors import InputError
from serving.review import Queue
from serving.review.reporting import Handled, handled, period

from .config import ReportRules
from .figures import bars
from .notices import notices, tco_forms
from .page import page
from .statements import batches, statements
from .summary import Summary, Table, summarise


class Report(StrEnum):
    """The documents that ``vigie report`` writes."""

    SIGNALEMENTS = "signalements"
    """Notices to hosts and transmissions to authorities (DSA art. 16(2))."""
    MOTIFS = "motifs"
    """Statements of reasons for the transparency database (DSA art. 17 and 24(5))."""
    TCO = "tco"
    """Feedback on removal orders (regulation (EU) 2021/784, Annexes II and III)."""
    BILAN = "bilan"
    """Figures of the period, with the table of DSA art. 22(3)."""


@dataclass(frozen=True)
class Span:
    """Days, both included, in the time zone of the policy."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise InputError(f"--to {self.last} lies before --from {self.first}; expected a later day", pointer="--to")

    def moments(self, queue: Queue) -> tuple[datetime, datetime]:
        """From the first midnight to the one after the last day."""
        zone = queue.rules.policy.zone
        ends = (self.first, self.last + timedelta(days=1))
        return datetime.combine(ends[0], time(), zone), datetime.combine(ends[1], time(), zone)


def write_report(kind: Report, queue: Queue, span: Span, rules: ReportRules, folder: Path) -> list[str]:
    """Write one report; answers with a line for each file: its name and what it holds.

    Raises:
        InputError: the folder cannot be written.
    """
    since, until = span.moments(queue)
    found = list(handled(queue, since, until))
    made = {
        Report.SIGNALEMENTS: _notices,
        Report.MOTIFS: _statements,
        Report.TCO: _tco,
        Report.BILAN: _bilan,
    }[kind](queue, span, rules, found)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, (content, _) in made.items():
            (folder / name).write_text(content, encoding="utf-8")
    except OSError as error:
        raise InputError(f"--output {folder}: {error.strerror}; expected a folder that can be written") from None
    return [f"{folder / name}: {told}" for name, (_, told) in made.items()]


_Files = dict[str, tuple[str, str]]


def _notices(queue: Queue, span: Span, rules: ReportRules, found: Sequence[Handled]) -> _Files:
    made = notices(found, rules, queue.rules.taxonomy, queue.rules.policy.zone)
    incomplete = sum(not notice["complete"] for notice in made)
    told = f"{len(made)} notices, {incomplete} incomplete"
    html = page("notices.html", notices=made, organisation=rules.organisation.name, **_days(span))
    return {"signalements.json": (_json(made), told), "signalements.html": (html, "the same, to print")}


def _statements(queue: Queue, span: Span, rules: ReportRules, found: Sequence[Handled]) -> _Files:
    made = statements(found, rules, queue.rules.taxonomy, queue.rules.policy.zone)
    bodies = batches(made)
    names = [f"motifs-{number:04}.json" for number in range(1, len(bodies) + 1)]
    return {
        name: (_json(body), f"{len(body['statements'])} statements") for name, body in zip(names, bodies, strict=True)
    }


def _tco(queue: Queue, span: Span, rules: ReportRules, found: Sequence[Handled]) -> _Files:
    forms = tco_forms(found, rules, queue.rules.policy, queue.rules.policy.zone)
    told = f"{len(forms['annexe_ii'])} on Annex II, {len(forms['annexe_iii'])} on Annex III"
    return {"tco.json": (_json(forms), told)}


def _bilan(queue: Queue, span: Span, rules: ReportRules, found: Sequence[Handled]) -> _Files:
    since, until = span.moments(queue)
    counts = period(queue, since, until)
    summary = summarise(since, until, found, counts, rules, queue.rules.taxonomy, queue.rules.policy)
    parts = [{"table": table, "figure": _figure(table)} for table in summary.tables]
    html = page("bilan.html", summary=summary, parts=parts, organisation=rules.organisation.name, **_days(span))
    files: _Files = {"bilan.html": (html, f"{summary.handled} decisions")}
    return files | _csv_files(summary)


def _figure(table: Table) -> Any:
    """Bars for the tables that are names and counts."""
    if table.name not in ("recus", "qualifications", "suites") or not table.rows:
        return None
    places = (0, len(table.header) - 1)
    rows = [(str(row[places[0]])[:34], [float(row[places[1]])]) for row in table.rows[:12]]
    return bars(table.title, ["nombre"], rows, 0)


def _csv_files(summary: Summary) -> _Files:
    return {f"{table.name}.csv": (_csv(table), f"{len(table.rows)} rows") for table in summary.tables}


def _csv(table: Table) -> str:
    """Comma-separated, one header; a cell never begins as a spreadsheet's formula."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.header)
    writer.writerows([_inert(value) for value in row] for row in table.rows)
    return out.getvalue()


def _inert(value: str | int | float) -> str | int | float:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def _days(span: Span) -> dict[str, str]:
    return {"since": f"{span.first:%d/%m/%Y}", "until": f"{span.last:%d/%m/%Y}"}
