"""What became of the cases of a queue, read from a file: an export of decisions, or the readings of a simulation."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import pandas as pd

from serving.bundle import InputError, prepare
from training.audit.rows import SEPARATOR, unshifted
from training.evaluation.metrics import Array


class Kind(StrEnum):
    """Where the rows come from."""

    #: ``vigie queue export``: real cases, each once.
    EXPORT = "export"
    #: ``vigie simulate --readings``: the same texts read in several orders.
    SIMULATION = "simulation"


#: Columns that each kind must have.
_COLUMNS: Mapping[Kind, tuple[str, ...]] = {
    Kind.SIMULATION: ("order", "load", "text_id", "text", "labels", "illegal", "waited_minutes", "read"),
    Kind.EXPORT: ("row_id", "text", "illegal", "ground", "readings", "received_at", "decided_at"),
}


@dataclass(frozen=True)
class QueueRows:
    """n cases under one order of reading: arrays (n,), NaN where unknown.

    Attributes:
        order: of reading and its load; empty for a real queue.
        waited: minutes from receipt to the first reading; NaN for a case that nobody read.
        read: 1 where somebody read it in time to count, 0 where not; all NaN where only read cases are in the file.
        overturned: 1 where a later reader decided otherwise, 0 where alike; NaN where nobody read again.
        illegal: 1, 0, or NaN where nobody decided.
        grounds: cells of legal grounds, or of true labels.
    """

    order: str
    texts: list[str]
    units: list[str]
    waited: Array
    read: Array
    overturned: Array
    illegal: Array
    grounds: list[tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True)
class QueueFile:
    """A file of a queue."""

    name: str
    sha256: str
    kind: Kind
    orders: tuple[QueueRows, ...]


def read_queue(path: Path) -> QueueFile:
    """The rows of ``path``.

    Raises:
        InputError: it is not readable, is neither of the two kinds, or a cell is no number or date where one must be;
            names the file and the columns.
    """
    table = _table(path)
    kind = next((kind for kind, names in _COLUMNS.items() if set(names) <= set(table.columns)), None)
    if kind is None:
        expected = "; or ".join(f"{name}: {', '.join(names)}" for name, names in _COLUMNS.items())
        raise InputError(
            f"{path}: not a file of the queue; expected the columns of an {expected}", code="missing_column"
        )
    if not len(table):
        raise InputError(f"{path}: no row; expected at least one")
    read = _exported if kind is Kind.EXPORT else _simulated
    try:
        orders = read(table)
    except (TypeError, ValueError):
        raise InputError(
            f"{path}: a cell is not what its column holds in an {kind}; give the file as it was written, with numbers "
            "and dates of ISO 8601",
            code="bad_row",
        ) from None
    return QueueFile(path.name, hashlib.sha256(path.read_bytes()).hexdigest(), kind, orders)


def _table(path: Path) -> pd.DataFrame:
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        table = pd.read_csv(
            path, keep_default_na=False, dtype={"text": str, "text_id": str, "labels": str, "order": str}
        )
    except OSError as error:
        raise InputError(f"{path}: not readable: {error.strerror or error}; give a file of the queue") from None
    except (ValueError, pd.errors.ParserError) as error:
        raise InputError(f"{path}: not a UTF-8 CSV or Parquet file ({type(error).__name__})") from None
    return unshifted(path, table)


def _exported(table: pd.DataFrame) -> tuple[QueueRows, ...]:
    first = table["first_decided_at"] if "first_decided_at" in table else table["decided_at"]
    first, received = (pd.to_datetime(moments, utc=True, format="ISO8601") for moments in (first, table["received_at"]))
    waited = (first - received).dt.total_seconds() / 60
    read = np.asarray(table["readings"] > 0, dtype=np.float64)
    overturned = table["overturned"] if "overturned" in table else pd.Series(np.nan, index=table.index)
    rows = QueueRows(
        order="",
        texts=[prepare(text) for text in table["text"]],
        units=[str(name) for name in table["row_id"]],
        waited=waited.to_numpy(dtype=float),
        read=read if (read == 0).any() else np.full(len(read), np.nan),
        overturned=overturned.astype("Float64").to_numpy(dtype=float, na_value=np.nan),
        illegal=(table["illegal"].astype("Float64") > 0.5).astype("Float64").to_numpy(dtype=float, na_value=np.nan),
        grounds=[(str(ground),) if ground else () for ground in table["ground"]],
    )
    return (rows,)


def _simulated(table: pd.DataFrame) -> tuple[QueueRows, ...]:
    return tuple(
        QueueRows(
            order=f"{order}, charge {load}",
            texts=[prepare(text) for text in part["text"]],
            units=[name.partition("/")[0] for name in part["text_id"]],  # one case in several posts
            waited=part["waited_minutes"].to_numpy(dtype=float),
            read=part["read"].to_numpy(dtype=float),
            overturned=np.full(len(part), np.nan),
            illegal=part["illegal"].to_numpy(dtype=float),
            grounds=[tuple(name for name in cell.split(SEPARATOR) if name) for cell in part["labels"]],
        )
        for (order, load), part in table.groupby(["order", "load"], sort=False)
    )
