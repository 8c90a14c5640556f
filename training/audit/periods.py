"""The calendar period of each row of a dated file: what its figures over time are compared by. Knows no figure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from serving.bundle import InputError

#: Calendar units, finest first, as pandas names them, and the most periods that a reader can compare.
_UNITS, _PERIODS = ("D", "W", "M", "Q", "Y"), 12


def periods(path: str, column: str, cells: Sequence[str]) -> list[tuple[str, ...]]:
    """The calendar period of each cell, in the finest unit that gives at most twelve; none for a blank cell.

    Raises:
        InputError: a cell is no date of ISO 8601; names the row, never the cell.
    """
    written = [cell.strip() for cell in cells]
    blank = np.array([not cell for cell in written])
    # ISO 8601 alone: 03/04/2026 is April in France and March elsewhere, and pandas would choose in silence.
    dates = pd.to_datetime(pd.Series(written), errors="coerce", utc=True, format="ISO8601").dt.tz_localize(None)
    if len(wrong := np.flatnonzero(dates.isna() & ~blank)):
        number = int(wrong[0]) + 1
        raise InputError(f"{path}: row {number}: {column} is no date; expected one like 2026-03-31, or a blank cell",
                         code="bad_row", pointer=f"/{number}/{column}")  # fmt: skip
    cut = [dates.dt.to_period(unit) for unit in _UNITS]
    kept = next((found for found in cut if found.nunique() <= _PERIODS), cut[-1])
    return [() if missing else (str(period),) for period, missing in zip(kept, blank, strict=True)]
