"""``vigie queue``, ``vigie log`` and ``vigie db``: cases in and out, the chain of their events, the tables."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.bundle import VigieError
from serving.settings import Settings

from .deployment import open_queue, queue_and_accounts
from .terminal import Format, SourceFile, TextColumn_, err, progress, say

if TYPE_CHECKING:  # the base install, without SQLAlchemy, shows every verb's help
    from serving.review import BadEvent

queue_verbs = typer.Typer(help="The review queue.", no_args_is_help=True)
log_verbs = typer.Typer(help="The event log.", no_args_is_help=True)
db_verbs = typer.Typer(help="The database.", no_args_is_help=True)


@queue_verbs.command("import")
def queue_import(
    file: SourceFile,
    key: Annotated[str, typer.Option(help="Id of the API key in whose name the cases come.")],
    text_column: TextColumn_ = "text",
    id_column: Annotated[str, typer.Option("--id-column", help="Column or key of the external id.")] = "external_id",
    format: Format = None,
) -> None:
    """Receive every row of a file as a case; columns are those of POST /v1/cases. Safe to run again."""
    from serving.files import Columns, count_rows, format_of, read_rows
    from serving.intake import import_rows, source_of

    path = None if file == "-" else Path(file)
    kind = format_of(path, format)
    rows = read_rows(path, kind, Columns(text_column, id_column))
    queue, accounts = queue_and_accounts()
    source = source_of(accounts, key)
    created = known = failed = 0
    with progress(count_rows(path, kind)) as advance:
        for row, found in import_rows(rows, queue, source):
            if isinstance(found, VigieError):
                failed += 1
                err.print(f"row {row.number}: {found.detail}", highlight=False, markup=False, soft_wrap=True)
            else:
                created += found.created
                known += not found.created
            advance()
    err.print(f"{created} cases received, {known} already there, {failed} rows with an error", highlight=False)


@queue_verbs.command("export")
def queue_export(
    output: Annotated[Path, typer.Argument(help="Parquet file to write.")],
    waiting: Annotated[
        bool, typer.Option("--waiting", help="Cases nobody has decided too, for vigie-train audit --queue.")
    ] = False,
) -> None:
    """Write decided cases as training rows (docs/queue.md tells the columns). The file holds texts: keep it safe."""
    from serving.review.training_rows import export, write_parquet

    queue = open_queue()
    count = write_parquet(output, export(queue.engine, queue.rules, datetime.now(UTC), waiting=waiting))
    say(f"{count} {'rows' if waiting else 'training rows'} written")


@queue_verbs.command("erased")
def queue_erased() -> None:
    """List exported rows whose text is erased since: delete them from the training files that hold them."""
    queue = open_queue()
    for row_id, export_id in queue.erased_rows():
        say(f"{row_id}  {export_id}")


@queue_verbs.command("rerank")
def queue_rerank() -> None:
    """Place every open case again, by the policy as it is now; noted in the event log."""
    queue = open_queue()
    change = queue.rerank("cli")
    say(f"{change.cases} open cases placed by policy {change.policy[:12]} (change {change.number})")


@log_verbs.command("verify")
def log_verify(
    expect: Annotated[
        str | None, typer.Option(metavar="ANCHOR", help="An anchor printed earlier: the log must still hold all of it.")
    ] = None,
) -> None:
    """Verify events, decisions and policy changes; prints an anchor to be kept where nobody can write the database."""
    from serving.review import parse_anchor

    expected = None if expect is None else parse_anchor(expect)
    report = open_queue().verify_chain(expected=expected)
    if bad := report.first_bad:
        hint = "restore the database from a backup, or give VIGIE_SECRET_FILE the secret it was written with"
        raise VigieError(f"the event log does not hold: {_place(bad)}: {bad.reason}; {hint}", code="log_altered")
    say(f"sound: {report.events} events of {report.cases} cases, {report.unsealed} unsealed")
    say(f"anchor: {report.anchor}")


def _place(bad: BadEvent) -> str:
    from serving.review.rerank import CHAIN

    if not bad.case_id:
        return f"position {bad.number}"
    return f"policy change {bad.number}" if bad.case_id == CHAIN else f"event {bad.number} of case {bad.case_id}"


@db_verbs.command("upgrade")
def db_upgrade() -> None:
    """Create the database, or bring it to this version's schema."""
    from serving.review import open_database

    open_database(Settings.from_env().database_url)
    say("database up to date")
