"""What a study leaves for others to read, beside its page: readings as CSV, decisions as the queue exports them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from serving.bundle.errors import InputError
from serving.review.training_rows import write_parquet

from .orders import Vigie
from .report import name_of
from .scenario import Scenario
from .study import VIGIE, Observed, Observer

#: Columns of the readings. ``labels`` are true, joined by ``;``; ``read``: dealt with within the days of the arrivals.
COLUMNS = ("order", "load", "world", "text_id", "text", "labels", "illegal", "waited_minutes", "read")


@contextmanager
def written(readings: Path | None, decisions: Path | None, scenario: Scenario) -> Iterator[Observer | None]:
    """An observer that writes the files asked for; None when none is.

    Raises:
        InputError: the file of readings cannot be written.
        ConfigError: that of decisions cannot.
    """
    if readings is None and decisions is None:
        yield None
        return
    sheet = _open(readings) if readings else None
    try:
        yield _observer(csv.writer(sheet) if sheet else None, decisions, scenario)
    finally:
        if sheet:
            sheet.close()


def _open(path: Path) -> TextIO:
    try:
        sheet = path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise InputError(f"--readings {path}: {error.strerror}; expected a writable place") from None
    csv.writer(sheet).writerow(COLUMNS)
    return sheet


def _observer(sheet: Any, decisions: Path | None, scenario: Scenario) -> Observer:
    worlds: dict[tuple[float, str], int] = {}

    def observe(seen: Observed) -> None:
        number = worlds[seen.load, seen.name] = worlds.get((seen.load, seen.name), 0) + 1
        if sheet:
            sheet.writerows(_lines(seen, number))
        first = (seen.load, seen.name, number) == (scenario.judged_load, VIGIE, 1)
        if decisions and first and isinstance(seen.order, Vigie):
            write_parquet(decisions, seen.order.training_rows(seen.world.end))

    return observe


def _lines(seen: Observed, number: int) -> Iterator[tuple[object, ...]]:
    for reading in seen.readings:
        notice = reading.notice
        yield (
            name_of(seen.name),
            f"{seen.load:g}",
            number,
            notice.gold.id,
            notice.gold.text,
            ";".join(sorted(notice.gold.labels)),
            int(notice.illegal),
            f"{reading.begun - notice.at:.2f}",
            int(reading.ended <= seen.world.end),
        )
