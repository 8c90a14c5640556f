"""The command that makes an audit again, from what it remembers of the request. Runs nothing."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from training.audit.records import Audit, Request


def again(audit: Audit) -> str:
    """``vigie-train audit BUNDLE`` with every option that its figures depend on, quoted for a shell."""
    request = audit.request
    options = [*(_rows(request) if request.data else ()), *_materials(request), ("--replicates", str(audit.replicates))]
    words = [word for name, value in options for word in (name, value) if word]
    return shlex.join(["vigie-train", "audit", "BUNDLE", *words])


def _rows(request: Request) -> Iterator[tuple[str, str]]:
    labels = (key if key == column else f"{key}={column}" for key, column in request.label_columns.items())
    found = {
        "--data": request.data,
        "--text-column": request.text_column,
        "--label-columns": ",".join(labels),
        "--group-columns": ",".join(request.group_columns),
        "--unit-column": request.unit_column,
        "--id-column": request.id_column,
        "--time-column": request.time_column,
    }
    return ((name, value) for name, value in found.items() if value)


def _materials(request: Request) -> Iterator[tuple[str, str]]:
    if request.recipe:
        yield "--recipe", request.recipe
    if request.any_recipe:
        yield "--any-recipe", ""
    yield from (("--suite", suite) for suite in request.suites)
    if request.honest:
        yield "--honest", request.honest
    if request.queue:
        yield "--queue", request.queue
