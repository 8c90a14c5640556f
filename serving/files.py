"""Scores files: CSV, JSONL, Parquet or lines in, one JSON row per input row out. Streams; a bad row gets its error.

Reading yields rows or their errors; scoring fills them; writing is one JSON document a line. Knows nothing of queues.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

from .bundle import LEVELED, OUTPUT_KEYS, InputError, MissingExtra, Verdict, text_sha256
from .bundle.errors import nearest
from .bundle.faults import kind_of
from .classifier import Classifier

FORMATS = ("csv", "jsonl", "parquet", "lines")
_BY_SUFFIX = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
_DELIMITERS = (",", ";", "\t", "|")
BATCH = 256
#: Columns named when one is missing, and characters from which a name is taken for a text.
_COLUMNS_SHOWN = 20
_LONGEST_COLUMN = 40


@dataclass(frozen=True)
class Row:
    """One row of the input.

    Attributes:
        number: from 0.
        id: the id column's value, else the row number.
        text: the text, or why there is none.
        fields: the other columns, as read.
    """

    number: int
    id: str
    text: str | InputError
    fields: dict[str, Any]


@dataclass(frozen=True)
class Columns:
    """Which columns hold what."""

    text: str = "text"
    id: str | None = None


def format_of(path: Path | None, given: str | None) -> str:
    """``given``, else by extension, else ``lines`` (standard input is ``path`` None).

    Raises:
        InputError: code ``unknown_format``.
    """
    if given is not None and given not in FORMATS:
        raise InputError(
            f"--format {given!r}{nearest(given, FORMATS)}: expected one of {', '.join(FORMATS)}", code="unknown_format"
        )
    return given or (_BY_SUFFIX.get(path.suffix.lower(), "lines") if path else "lines")


def read_rows(path: Path | None, kind: str, columns: Columns) -> Iterator[Row]:
    """Rows of the file (standard input when ``path`` is None), streaming.

    Raises:
        InputError: the file itself cannot be read as ``kind``, or lacks a column; before the first row.
    """
    if kind == "parquet":
        return _parquet_rows(path, columns)
    try:
        file: IO[bytes] = sys.stdin.buffer if path is None else path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; expected a readable file", code="unreadable_file") from None
    return {"csv": _csv_rows, "jsonl": _jsonl_rows, "lines": _line_rows}[kind](file, columns)


def count_rows(path: Path | None, kind: str) -> int | None:
    """Number of rows when it is known without reading the file (Parquet), else None."""
    if kind != "parquet" or path is None:
        return None
    return int(_parquet_file(path).metadata.num_rows)


def score_rows(
    rows: Iterable[Row], classifier: Classifier, batch: int = BATCH
) -> Iterator[tuple[Row, Verdict | InputError]]:
    """Each row with its verdict or its error, in order, ``batch`` rows at a time."""
    stream = iter(rows)
    while part := list(islice(stream, batch)):
        texts = [row.text for row in part if isinstance(row.text, str)]
        verdicts = iter(classifier.score(texts))
        for row in part:
            yield row, row.text if isinstance(row.text, InputError) else next(verdicts)


def output_row(row: Row, found: Verdict | InputError, bundle_id: str) -> dict[str, Any]:
    """The JSON row of DESIGN: every key always present."""
    verdict = found if isinstance(found, Verdict) else None
    error = found if isinstance(found, InputError) else None
    return {
        "row": row.number,
        "id": row.id,
        "text_sha256": text_sha256(row.text) if isinstance(row.text, str) else None,
        "bundle": bundle_id,
        "labels": verdict.scores if verdict else dict.fromkeys(OUTPUT_KEYS),
        "levels": verdict.levels if verdict else dict.fromkeys(LEVELED),
        "flags": verdict.flags if verdict else None,
        "error": {"code": error.code, "detail": error.detail, "pointer": error.pointer} if error else None,
    }


def _line_rows(file: IO[bytes], columns: Columns) -> Iterator[Row]:
    for number, line in enumerate(file):
        try:
            text: str | InputError = line.rstrip(b"\r\n").decode("utf-8-sig" if number == 0 else "utf-8")
        except UnicodeDecodeError as error:
            text = _not_utf8(error)
        yield Row(number, str(number), _or_blank(text), {})


def _jsonl_rows(file: IO[bytes], columns: Columns) -> Iterator[Row]:
    for number, line in enumerate(file):
        try:
            record = (
                json.loads(line.decode("utf-8-sig" if number == 0 else "utf-8")) if line.strip() else {columns.text: ""}
            )
        except UnicodeDecodeError as error:
            yield Row(number, str(number), _not_utf8(error), {})
        except (ValueError, RecursionError):
            fault = InputError("row is not JSON; expected one JSON object a line", code="invalid_json", pointer="")
            yield Row(number, str(number), fault, {})
        else:
            yield _row(number, record, columns)


def _csv_rows(file: IO[bytes], columns: Columns) -> Iterator[Row]:
    csv.field_size_limit(64 * 1024 * 1024)
    # Undecodable bytes become lone surrogates that no CSV otherwise holds: one bad row does not end the run.
    decoded = (line.decode("utf-8", "surrogateescape") for line in file)
    first = next(decoded, "").removeprefix("\ufeff")
    if not _is_utf8(first) or "\0" in first:
        raise InputError("the first line is not text in UTF-8; expected the header of a CSV", code="unreadable_file")
    delimiter = _delimiter(first, columns)
    header = next(csv.reader([first], delimiter=delimiter), [])
    _require(header, columns)
    # Strict: else a quote that is never closed swallows the rest of the file without a word.
    return _csv_body(csv.reader(decoded, delimiter=delimiter, strict=True), header, columns)


def _csv_body(reader: Any, header: list[str], columns: Columns) -> Iterator[Row]:
    number = 0
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(number, str(number), InputError(f"row is not CSV: {error}", code="invalid_csv"), {})
            number += 1
            continue
        if len(cells) > len(header):
            detail = f"row has {len(cells)} cells; expected {len(header)} (is a quote or delimiter missing?)"
            yield Row(number, str(number), InputError(detail, code="invalid_csv"), {})
        else:
            yield _row(number, dict(zip(header, cells, strict=False)) if cells else {columns.text: ""}, columns)
        number += 1


def _delimiter(header: str, columns: Columns) -> str:
    """The delimiter under which the header holds the text column; a comma when none does."""
    for delimiter in _DELIMITERS:
        if columns.text in next(csv.reader([header], delimiter=delimiter), []):
            return delimiter
    return ","


def _parquet_rows(path: Path | None, columns: Columns) -> Iterator[Row]:
    parquet = _parquet_file(path)
    _require(parquet.schema_arrow.names, columns)
    return _parquet_body(parquet, columns, str(path))


def _parquet_body(parquet: Any, columns: Columns, name: str) -> Iterator[Row]:
    batches, number = parquet.iter_batches(batch_size=BATCH), 0
    while True:
        try:
            records = next(batches).to_pylist()
        except StopIteration:
            return
        except (OSError, ValueError):  # pyarrow's own errors are both; a page cannot be passed over
            detail = f"{name}: damaged from row {number} on; the rows before it were read, copy the file again"
            raise InputError(detail, code="unreadable_file") from None
        for record in records:
            yield _row(number, record, columns)
            number += 1


def _parquet_file(path: Path | None) -> Any:
    if path is None:
        raise InputError("Parquet cannot be read from standard input; give a file", code="unreadable_file")
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtra.of("serving", "pyarrow") from None
    try:
        return pyarrow.parquet.ParquetFile(path)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or 'not a Parquet file'}", code="unreadable_file") from None
    except pyarrow.ArrowInvalid:
        raise InputError(f"{path}: not a Parquet file, or a damaged one", code="unreadable_file") from None


def _require(header: Iterable[str], columns: Columns) -> None:
    names = list(header)
    for option, name in (("--text-column", columns.text), ("--id-column", columns.id)):
        if name is not None and name not in names:
            has = ", ".join(_shown_column(column) for column in names[:_COLUMNS_SHOWN]) or "no line at all"
            raise InputError(
                f"{option} {name!r}: no such column{nearest(name, names)}; the file has {has}", code="missing_column"
            )


def _shown_column(name: str) -> str:
    """A column's name; what looks like no name may be a text, of a file without a header."""
    short = len(name) <= _LONGEST_COLUMN and name.isprintable()
    return repr(name) if short else f"a column of {len(name)} characters"


def _row(number: int, record: Any, columns: Columns) -> Row:
    if not isinstance(record, dict):
        fault = InputError(f"row: expected an object, got {kind_of(record)}", code="wrong_type", pointer="")
        return Row(number, str(number), fault, {})
    identifier = record.get(columns.id) if columns.id else None
    text = _text(record, columns.text)
    fields = {key: value for key, value in record.items() if key not in (columns.text, columns.id)}
    return Row(number, str(number) if identifier is None else str(identifier), _or_blank(text), fields)


def _text(record: dict[str, Any], column: str) -> str | InputError:
    pointer = f"/{column}"
    if column not in record:
        return InputError(f"row has no {column!r}; expected a text", code="missing_field", pointer=pointer)
    value = record[column]
    if not isinstance(value, str):
        detail = f"{column!r}: expected a string, got {kind_of(value)}"
        return InputError(detail, code="wrong_type", pointer=pointer)
    if any("\udc80" <= character <= "\udcff" for character in value) and not _is_utf8(value):
        return InputError(f"{column!r} is not UTF-8; save the file as UTF-8", code="invalid_utf8", pointer=pointer)
    return value


def _is_utf8(value: str) -> bool:
    """Whether ``value`` holds no byte that the CSV reader could not decode."""
    try:
        value.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeError:
        return False
    return True


def _or_blank(text: str | InputError) -> str | InputError:
    if isinstance(text, str) and not text.strip():
        return InputError("row is blank; expected a text", code="empty_text")
    return text


def _not_utf8(error: UnicodeDecodeError) -> InputError:
    detail = f"row is not UTF-8 (byte 0x{error.object[error.start]:02x} at {error.start}); save the file as UTF-8"
    return InputError(detail, code="invalid_utf8", pointer="")
