"""``vigie report`` and ``vigie simulate``: documents about the queue."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from serving.bundle import InputError
from serving.settings import Settings

from .deployment import open_queue
from .terminal import progress, say


def report(
    kind: Annotated[str, typer.Argument(metavar="signalements|motifs|tco|bilan", help="What to write.")],
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day, included.")],
    output: Annotated[Path, typer.Option("--output", help="Folder to write into.")] = Path("rapports"),
) -> None:
    """Write the documents of a period: notices, statements of reasons, TCO feedback, figures."""
    from serving.reports.config import load_rules
    from serving.reports.written import Report, Span, write_report

    if kind not in [one.value for one in Report]:
        raise InputError(f"report {kind!r} is unknown; expected {', '.join(Report)}", code="unknown_report")
    span = Span(first.date(), last.date())
    queue = open_queue()
    rules = load_rules(Settings.from_env().configs / "reports.toml", queue.rules.taxonomy, queue.rules.policy)
    for line in write_report(Report(kind), queue, span, rules, output) or ["nothing of this kind in these days"]:
        say(line)


def simulate(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help='JSONL {"id", "text", "gold"} (default: our held-out cases).'),
    ] = None,
    output: Annotated[Path, typer.Option("--output", help="HTML report to write.")] = Path("simulation.html"),
    scenario: Annotated[Path | None, typer.Option(help="World to simulate (default: configs/simulation.toml).")] = None,
    in_sample: Annotated[bool, typer.Option("--in-sample", help="Our training cases, known to the model.")] = False,
    replicates: Annotated[int | None, typer.Option(min=2, help="Worlds per load (default: the scenario's).")] = None,
    readings: Annotated[Path | None, typer.Option(help="CSV to write: every notice under every order.")] = None,
    decisions: Annotated[Path | None, typer.Option(help="Parquet to write, as vigie queue export does.")] = None,
) -> None:
    """Compare the queue with other orders of reading on simulated days; writes an HTML report in French."""
    from serving.simulation.run import Request, simulate_to

    settings = Settings.from_env()
    wanted = Request(file, scenario or settings.configs / "simulation.toml", in_sample, replicates, readings, decisions)
    with progress(None) as advance:
        told = simulate_to(output, wanted, settings, advance)
    for line in told:
        say(line)
    say(f"report: {output}")
