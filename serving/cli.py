"""``vigie``: the command line of the light wing. Each verb parses, makes one call and prints.

vigie score comments.csv --text-column text --output scores.jsonl
echo "un texte" | vigie score -
vigie serve --demo
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import IO, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from .bundle import ConfigError, InputError, MissingExtra, Unavailable, Verdict, VigieError, load_taxonomy, open_bundle
from .settings import Settings

app = typer.Typer(
    help="Scores French text for hate, terrorism and harassment, and orders review queues.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
bundle_app = typer.Typer(help="Bundles: the folders that hold a model.", no_args_is_help=True)
key_app = typer.Typer(help="API keys.", no_args_is_help=True)
user_app = typer.Typer(help="People of the console.", no_args_is_help=True)
queue_app = typer.Typer(help="The review queue.", no_args_is_help=True)
log_app = typer.Typer(help="The event log.", no_args_is_help=True)
db_app = typer.Typer(help="The database.", no_args_is_help=True)
for name, sub in (
    ("queue", queue_app),
    ("bundle", bundle_app),
    ("key", key_app),
    ("user", user_app),
    ("log", log_app),
    ("db", db_app),
):
    app.add_typer(sub, name=name)

out = Console()
err = Console(stderr=True)

SourceFile = Annotated[str, typer.Argument(metavar="FILE|-", help="CSV, JSONL, Parquet or lines; - is standard input.")]
TextColumn_ = Annotated[str, typer.Option("--text-column", help="Column or key that holds the text.")]
IdColumn = Annotated[str | None, typer.Option("--id-column", help="Column or key of the row's id (default: number).")]
_LIMIT_HELP = "(0: no limit; default: the deployment's, docs/settings.md)."
RequestsPerMinute = Annotated[int | None, typer.Option("--requests", min=0, help=f"Requests a minute {_LIMIT_HELP}")]
TextsPerMinute = Annotated[int | None, typer.Option("--texts", min=0, help=f"Texts a minute {_LIMIT_HELP}")]
Concurrency = Annotated[int | None, typer.Option("--concurrency", min=0, help=f"Requests at once {_LIMIT_HELP}")]
Format = Annotated[str | None, typer.Option("--format", help="csv, jsonl, parquet or lines (default: by extension).")]


def main() -> None:
    """Entry point: an error people can act on, never a traceback."""
    try:
        app()
    except VigieError as error:
        err.print(f"vigie: {error.detail}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(2)
    except ModuleNotFoundError as error:
        err.print(f"vigie: {MissingExtra.of('serving', error.name or '?').detail}", markup=False, soft_wrap=True)
        sys.exit(2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


@app.command()
def score(
    file: SourceFile,
    output: Annotated[Path | None, typer.Option("--output", help="JSONL to write (default: standard output).")] = None,
    text_column: TextColumn_ = "text",
    id_column: IdColumn = None,
    format: Format = None,
    bundle: Annotated[Path | None, typer.Option("--bundle", help="Bundle folder (default: VIGIE_BUNDLE).")] = None,
) -> None:
    """Score every row of a file. A bad row gets its error and the run goes on; exit 0 when read to the end."""
    from .classifier import Classifier
    from .files import Columns, count_rows, format_of, output_row, read_rows, score_rows

    settings = Settings.from_env()
    path = None if file == "-" else Path(file)
    kind = format_of(path, format)
    rows = read_rows(path, kind, Columns(text_column, id_column))
    classifier = Classifier(open_bundle(bundle or settings.bundle), settings.sessions)
    failed = done = 0
    with _sink(output) as sink, _progress(count_rows(path, kind)) as advance:
        for row, found in score_rows(rows, classifier):
            sink.write(json.dumps(output_row(row, found, classifier.bundle_id), ensure_ascii=False) + "\n")
            failed += not isinstance(found, Verdict)
            done += 1
            advance()
    classifier.close()
    err.print(f"{done} rows read, {done - failed} scored, {failed} with an error", highlight=False)


@app.command()
def serve(
    demo: Annotated[bool, typer.Option("--demo", help="Fill a demo queue; print a password and a key.")] = False,
    host: Annotated[str | None, typer.Option(help="Address to listen on (default: VIGIE_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (default: VIGIE_PORT).")] = None,
) -> None:
    """Serve the API and the console (BentoML)."""
    settings = _overridden(Settings.from_env(), host, port)
    open_bundle(settings.bundle)
    _refuse_taken_port(settings)
    if demo:
        from .demo import prepare_demo

        _announce(prepare_demo(settings), settings)
    environment = os.environ | {
        "BENTOML_DO_NOT_TRACK": "true",
        "VIGIE_HOST": settings.host,
        "VIGIE_PORT": str(settings.port),
        "VIGIE_DATABASE_URL": settings.database_url,
    }
    command = ["-m", "bentoml", "serve", "serving.service:VigieService"]
    address = ["--host", settings.host, "--port", str(settings.port)]
    os.execve(sys.executable, [sys.executable, *command, *address], environment)  # noqa: S606 (our own program)


@app.command()
def simulate(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help='JSONL {"id", "text", "gold"} (default: our held-out cases).'),
    ] = None,
    output: Annotated[Path, typer.Option("--output", help="HTML report to write.")] = Path("simulation.html"),
    scenario: Annotated[Path | None, typer.Option(help="World to simulate (default: configs/simulation.toml).")] = None,
    in_sample: Annotated[bool, typer.Option("--in-sample", help="Our training cases, known to the model.")] = False,
    replicates: Annotated[int | None, typer.Option(min=2, help="Worlds per load (default: the scenario's).")] = None,
) -> None:
    """Compare the queue with other orders of reading on simulated days; writes an HTML report in French."""
    from .simulation.run import Request, simulate_to

    settings = Settings.from_env()
    wanted = Request(file, scenario or settings.configs / "simulation.toml", in_sample, replicates)
    with _progress(None) as advance:
        told = simulate_to(output, wanted, settings, advance)
    for line in told:
        out.print(line, highlight=False, markup=False, soft_wrap=True)
    out.print(f"report: {output}", highlight=False, markup=False, soft_wrap=True)


@app.command()
def report(
    kind: Annotated[str, typer.Argument(metavar="signalements|motifs|tco|bilan", help="What to write.")],
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day, included.")],
    output: Annotated[Path, typer.Option("--output", help="Folder to write into.")] = Path("rapports"),
) -> None:
    """Write the documents of a period: notices, statements of reasons, TCO feedback, figures."""
    from .reports.config import load_rules
    from .reports.written import Report, Span, write_report

    if kind not in [one.value for one in Report]:
        raise InputError(f"report {kind!r} is unknown; expected {', '.join(Report)}", code="unknown_report")
    span = Span(first.date(), last.date())
    queue, _ = _queue_and_accounts()
    rules = load_rules(Settings.from_env().configs / "reports.toml", queue.rules.taxonomy, queue.rules.policy)
    for line in write_report(Report(kind), queue, span, rules, output) or ["nothing of this kind in these days"]:
        out.print(line, highlight=False, markup=False, soft_wrap=True)


@bundle_app.command("check")
def bundle_check(path: Annotated[Path, typer.Argument(help="Bundle folder.")]) -> None:
    """Verify a bundle: schema, files, digests, and that the model loads and answers."""
    from .classifier import Classifier

    bundle = open_bundle(path)
    classifier = Classifier(bundle, 1)
    if not isinstance(classifier.score(["Bonjour."])[0], Verdict):
        raise VigieError(f"{path}: the model does not score a plain text; remake the bundle", code="invalid_bundle")
    classifier.close()
    table = Table("label", "population rate", "tres_probable", "probable", "possible", title=f"{bundle.manifest.name}")
    for label in bundle.manifest.labels:
        points = {point.level: point.threshold for point in label.operating_points}
        shown = ("off" if points.get(level) is None else f"{points[level]:.3f}" for level in _LEVELS_ON)
        table.add_row(label.key, f"{label.calibration.population_rate:.2f}", *shown)
    out.print(table)
    out.print(f"sound: {bundle.id}", highlight=False, soft_wrap=True)


@bundle_app.command("use")
def bundle_use(path: Annotated[Path, typer.Argument(help="Folder of the bundle that shall score.")]) -> None:
    """Check a bundle, then move the link VIGIE_BUNDLE to it; running workers take it up within seconds."""
    from .swap import use

    if "VIGIE_BUNDLE" not in os.environ:
        raise ConfigError("VIGIE_BUNDLE is not set; expected the link that `vigie serve` was started with")
    bundle = use(Settings.from_env().bundle, path)
    out.print(f"in use: {bundle.id}", highlight=False, soft_wrap=True)


_LEVELS_ON = ("tres_probable", "probable", "possible")


@key_app.command("create")
def key_create(
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    kind: Annotated[str, typer.Option(help="platform, authority or trusted_flagger.")] = "platform",
    requests: RequestsPerMinute = None,
    texts: TextsPerMinute = None,
    concurrency: Concurrency = None,
) -> None:
    """Make an API key; it is shown once."""
    key, plain = _accounts().create_key(name, kind, _quota(requests, texts, concurrency))
    out.print(f"{key.id}  {key.kind}  {key.name}", highlight=False, markup=False)
    out.print(plain, highlight=False, markup=False, soft_wrap=True)


@key_app.command("list")
def key_list() -> None:
    """List API keys; the keys themselves are not stored."""
    table = Table("id", "kind", "name", "created", "revoked", "requests/min", "texts/min", "at once")
    for key in _accounts().list_keys():
        quota = (key.quota.requests_per_minute, key.quota.texts_per_minute, key.quota.concurrency)
        shown = ("default" if value is None else "no limit" if value == 0 else str(value) for value in quota)
        table.add_row(key.id, key.kind, key.name, _day(key.created_at), _day(key.revoked_at), *shown)
    out.print(table)


@key_app.command("quota")
def key_quota(
    key_id: Annotated[str, typer.Argument(help="Id, as listed.")],
    requests: RequestsPerMinute = None,
    texts: TextsPerMinute = None,
    concurrency: Concurrency = None,
) -> None:
    """Replace what a key may use; what is left out goes back to the default."""
    key = _accounts().set_quota(key_id, _quota(requests, texts, concurrency))
    out.print(f"{key.id} replaced", highlight=False)


@key_app.command("revoke")
def key_revoke(key_id: Annotated[str, typer.Argument(help="Id, as listed.")]) -> None:
    """Revoke an API key at once."""
    _accounts().revoke_key(key_id)
    out.print(f"{key_id} revoked", highlight=False)


@user_app.command("create")
def user_create(
    name: Annotated[str, typer.Argument(help="Sign-in name.")],
    role: Annotated[str, typer.Option(help="analyst, senior, supervisor, researcher or admin.")] = "analyst",
) -> None:
    """Make an account; its one-time password is shown once."""
    account, password = _accounts().create_user(name, role)
    out.print(f"{account.name}  {account.role}", highlight=False, markup=False)
    out.print(password, highlight=False, markup=False)


@user_app.command("list")
def user_list() -> None:
    """List accounts."""
    table = Table("id", "name", "role")
    for account in _accounts().list_users():
        table.add_row(account.id, account.name, account.role)
    out.print(table)


@queue_app.command("import")
def queue_import(
    file: SourceFile,
    key: Annotated[str, typer.Option(help="Id of the API key in whose name the cases come.")],
    text_column: TextColumn_ = "text",
    id_column: Annotated[str, typer.Option("--id-column", help="Column or key of the external id.")] = "external_id",
    format: Format = None,
) -> None:
    """Receive every row of a file as a case; columns are those of POST /v1/cases. Safe to run again."""
    from .files import Columns, count_rows, format_of, read_rows
    from .intake import import_rows, source_of

    path = None if file == "-" else Path(file)
    kind = format_of(path, format)
    rows = read_rows(path, kind, Columns(text_column, id_column))
    queue, accounts = _queue_and_accounts()
    source = source_of(accounts, key)
    created = known = failed = 0
    with _progress(count_rows(path, kind)) as advance:
        for row, found in import_rows(rows, queue, source):
            if isinstance(found, VigieError):
                failed += 1
                err.print(f"row {row.number}: {found.detail}", highlight=False, markup=False, soft_wrap=True)
            else:
                created += found.created
                known += not found.created
            advance()
    err.print(f"{created} cases received, {known} already there, {failed} rows with an error", highlight=False)


@queue_app.command("export")
def queue_export(output: Annotated[Path, typer.Argument(help="Parquet file to write.")]) -> None:
    """Write decided cases as training rows (docs/queue.md tells the columns). The file holds texts: keep it safe."""
    from .review.training_rows import write_parquet

    queue, _ = _queue_and_accounts()
    count = write_parquet(output, queue.training_rows())
    out.print(f"{count} training rows written", highlight=False)


@queue_app.command("erased")
def queue_erased() -> None:
    """List exported rows whose text is erased since: delete them from the training files that hold them."""
    queue, _ = _queue_and_accounts()
    for row_id, export_id in queue.erased_rows():
        out.print(f"{row_id}  {export_id}", highlight=False)


@queue_app.command("rerank")
def queue_rerank() -> None:
    """Place every open case again, by the policy as it is now; noted in the event log."""
    queue, _ = _queue_and_accounts()
    change = queue.rerank("cli")
    out.print(
        f"{change.cases} open cases placed by policy {change.policy[:12]} (change {change.number})", highlight=False
    )


@log_app.command("verify")
def log_verify() -> None:
    """Verify the chain of every case's events."""
    queue, _ = _queue_and_accounts()
    report = queue.verify_chain()
    if bad := report.first_bad:
        where = f"event {bad.number} of case {bad.case_id}" if bad.case_id else f"position {bad.number}"
        hint = "restore the database from a backup, or give VIGIE_SECRET_FILE the secret it was written with"
        raise VigieError(f"the event log does not hold: {where}: {bad.reason}; {hint}", code="log_altered")
    out.print(f"sound: {report.events} events of {report.cases} cases, {report.unsealed} unsealed", highlight=False)


@db_app.command("upgrade")
def db_upgrade() -> None:
    """Create the database, or bring it to this version's schema."""
    from .review import open_database

    open_database(Settings.from_env().database_url)
    out.print("database up to date", highlight=False)


def _queue_and_accounts() -> tuple[Any, Any]:
    from .policy import load_policy
    from .review import Accounts, Queue, open_database

    settings = Settings.from_env()
    policy, taxonomy = load_policy(settings.policy_path), load_taxonomy(settings.taxonomy_path)
    engine = open_database(settings.database_url)
    secret = settings.secret()
    return Queue(engine, policy, taxonomy, secret), Accounts(engine, secret, policy.sign_in)


def _quota(requests: int | None, texts: int | None, concurrency: int | None) -> Any:
    from .review import Quota

    return Quota(requests, texts, concurrency)


def _accounts() -> Any:
    return _queue_and_accounts()[1]


def _overridden(settings: Settings, host: str | None, port: int | None) -> Settings:
    if port is not None and not 1 <= port <= 65535:
        raise ConfigError(f"--port {port}: expected a whole number from 1 to 65535", pointer="--port")
    return replace(settings, host=host or settings.host, port=port or settings.port)


def _refuse_taken_port(settings: Settings) -> None:
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise Unavailable(
                f"VIGIE_HOST {settings.host}, VIGIE_PORT {settings.port}: {error.strerror}; choose another with --port",
                pointer="VIGIE_PORT",
            ) from None


def _announce(demo: Any, settings: Settings) -> None:
    """Print what a newcomer needs to try the demo."""
    table = Table(show_header=False, box=None, padding=(0, 2))
    table.add_row("console", f"http://{settings.host}:{settings.port}/console")
    table.add_row("user", demo.user)
    table.add_row("one-time password", demo.password)
    table.add_row("API key", demo.key)
    table.add_row("queue", f"{demo.cases} cases from {demo.source}")
    out.print(table, soft_wrap=True)


@contextmanager
def _sink(output: Path | None) -> Iterator[IO[str]]:
    """Standard output, or a file that takes its name only once it is whole."""
    if output is None:
        yield sys.stdout
        return
    part = output.with_name(output.name + ".part")
    try:
        file = part.open("w", encoding="utf-8")
    except OSError as error:
        raise InputError(f"--output {output}: {error.strerror}; expected a writable place") from None
    with file:
        yield file
    part.replace(output)


@contextmanager
def _progress(total: int | None) -> Iterator[Any]:
    """A progress bar on standard error, when somebody watches."""
    columns = (SpinnerColumn(), TextColumn("rows"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal, transient=True) as progress:
        task = progress.add_task("rows", total=total)
        yield lambda: progress.advance(task)


def _day(moment: Any) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d}"


if __name__ == "__main__":
    main()
