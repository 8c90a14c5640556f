"""``vigie score`` and ``vigie bundle``: files of texts through a bundle, and what a bundle is worth."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from serving.bundle import ConfigError, Verdict, VigieError, open_bundle
from serving.settings import Settings

from .terminal import Format, IdColumn, SourceFile, TextColumn_, err, out, progress, say, sink

bundle_verbs = typer.Typer(help="Bundles: the folders that hold a model.", no_args_is_help=True)
_LEVELS_ON = ("tres_probable", "probable", "possible")


def score(
    file: SourceFile,
    output: Annotated[Path | None, typer.Option("--output", help="JSONL to write (default: standard output).")] = None,
    text_column: TextColumn_ = "text",
    id_column: IdColumn = None,
    format: Format = None,
    bundle: Annotated[Path | None, typer.Option("--bundle", help="Bundle folder (default: VIGIE_BUNDLE).")] = None,
) -> None:
    """Score every row of a file. A bad row gets its error and the run goes on; exit 0 when read to the end."""
    from serving.classifier import Classifier
    from serving.files import Columns, count_rows, format_of, output_row, read_rows, score_rows

    settings = Settings.from_env()
    path = None if file == "-" else Path(file)
    kind = format_of(path, format)
    rows = read_rows(path, kind, Columns(text_column, id_column))
    classifier = Classifier(open_bundle(bundle or settings.bundle), settings.sessions)
    failed = done = 0
    with sink(output) as lines, progress(count_rows(path, kind)) as advance:
        for row, found in score_rows(rows, classifier):
            lines.write(json.dumps(output_row(row, found, classifier.bundle_id), ensure_ascii=False) + "\n")
            failed += not isinstance(found, Verdict)
            done += 1
            advance()
    classifier.close()
    err.print(f"{done} rows read, {done - failed} scored, {failed} with an error", highlight=False)


@bundle_verbs.command("check")
def bundle_check(path: Annotated[Path, typer.Argument(help="Bundle folder.")]) -> None:
    """Verify a bundle: schema, files, digests, and that the model loads and answers."""
    from serving.classifier import Classifier

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
    say(f"sound: {bundle.id}")


@bundle_verbs.command("use")
def bundle_use(path: Annotated[Path, typer.Argument(help="Folder of the bundle that shall score.")]) -> None:
    """Check a bundle, then move the link VIGIE_BUNDLE to it; running workers take it up within seconds."""
    from serving.swap import use

    if "VIGIE_BUNDLE" not in os.environ:
        raise ConfigError("VIGIE_BUNDLE is not set; expected the link that `vigie serve` was started with")
    bundle = use(Settings.from_env().bundle, path)
    say(f"in use: {bundle.id}")
