"""``vigie-train``: the command line of the heavy wing. Each verb parses, makes one call and prints.

vigie-train run configs/train/petit.toml
vigie-train run configs/train/petit.toml --limit 200 --out runs/essai
vigie-train distill configs/train/distillation.toml --teacher runs/vigie-camembert-s13
vigie-train evaluate serving/embedded --suite hatecheck FILE.csv
vigie-train measure serving/embedded --corpus ../shared/corpus
vigie-train compare runs/measure/*.json
vigie-train map-threshold journal.csv --at 0.7
vigie-train attributes serving/embedded
vigie-train audit serving/embedded
vigie-train labels configs/train/petit.toml
vigie-train reproduce serving/embedded
vigie-train document serving/embedded --audit audit.json --output documents
vigie-train promote vigie-petit challenger
"""

from __future__ import annotations

import importlib.util
import logging
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.logging import RichHandler

from serving.bundle import InputError, MissingExtra, VigieError
from serving.settings import Settings
from training.audit.cli import audit
from training.data.cli import app as data_app
from training.documents.cli import document
from training.quality.cli import labels
from training.reproduction.cli import reproduce

app = typer.Typer(
    help="Prepares data, trains encoders, and makes, judges and promotes bundles.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(data_app, name="data")
app.command()(audit)
app.command()(labels)
app.command()(document)
app.command()(reproduce)
out = Console()
err = Console(stderr=True)

#: What the extra brings that a bare install lacks; looked for, not imported, so that help stays instant.
_NEEDED = ("torch", "transformers", "datasets", "sklearn", "mlflow", "onnx", "onnxruntime", "accelerate")

RecipeFile = Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe, such as configs/train/petit.toml.")]
OutFolder = Annotated[Path | None, typer.Option("--out", help="Folder to write into.")]


def main() -> None:
    """Entry point: an error people can act on, never a traceback."""
    try:
        app()
    except VigieError as error:
        _refuse(error)
    except ModuleNotFoundError as error:
        _refuse(MissingExtra.of("training", error.name or "?"))


def _refuse(error: VigieError) -> None:
    err.print(f"vigie-train: {error.detail}", style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(2)


@app.callback()
def _prepare(quiet: Annotated[bool, typer.Option("--quiet", help="Warnings only.")] = False) -> None:
    missing = next((name for name in _NEEDED if importlib.util.find_spec(name) is None), None)
    if missing:
        raise MissingExtra.of("training", missing)
    handler = RichHandler(console=err, show_path=False, markup=False)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", datefmt="[%X]", handlers=[handler])
    logging.getLogger("training").setLevel(logging.WARNING if quiet else logging.INFO)


@app.command()
def run(
    recipe: RecipeFile,
    out_dir: OutFolder = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the last checkpoint.")] = False,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="In place of the recipe's.")] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=20, help="Rows of each split: a smoke run, named as such.")
    ] = None,
) -> None:
    """Make a bundle: prepare, fine-tune, export, calibrate, evaluate, track, register as challenger."""
    _run(recipe, out=out_dir, resume=resume, seed=seed, limit=limit)


@app.command()
def distill(
    recipe: Annotated[
        Path, typer.Argument(metavar="RECIPE", help="With a table [distillation]: configs/train/distillation.toml.")
    ],
    teacher: Annotated[
        list[str],
        typer.Option("--teacher", metavar="RUN|HUB_ID", help="Folder of a run, or any classifier; repeat to average."),
    ],
    out_dir: OutFolder = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the last checkpoint.")] = False,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="In place of the recipe's.")] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=20, help="Rows of each split: a smoke run, named as such.")
    ] = None,
) -> None:
    """As run, a teacher's answers beside the annotations; unlabelled text comes from VIGIE_CORPUS."""
    _run(recipe, out=out_dir, resume=resume, seed=seed, limit=limit, teachers=teacher)


def _run(recipe: Path, **asked: Any) -> None:
    from training.recipe import load_recipe

    load_recipe(recipe)  # a misspelt key is told before torch loads
    from training.evaluation.tables import show_evaluation
    from training.runs import run as run_recipe

    done = run_recipe(recipe, Settings.from_env(), **asked)
    show_evaluation(done.evaluation, out)
    out.print(f"bundle {done.bundle.path}  {done.bundle.id}", highlight=False, soft_wrap=True)
    out.print(f"report {done.folder / 'evaluation' / 'evaluation.html'}", highlight=False, soft_wrap=True)
    out.print(f"registered as version {done.version} of {done.model}, alias challenger", highlight=False)


@app.command()
def pretrain(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="Such as configs/pretrain/petit.toml.")],
    corpus: Annotated[Path, typer.Option("--corpus", help="Folder of NAME.txt.xz, one a register.")],
    out_dir: Annotated[Path, typer.Option("--out", help="Folder to write into.")] = Path("runs/pretrain"),
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the last checkpoint.")] = False,
    minutes: Annotated[float | None, typer.Option("--minutes", help="In place of the recipe's budget.")] = None,
) -> None:
    """Pretrain the compact encoder on plain French text; uses a GPU when there is one."""
    from training.runs import pretrain_encoder

    done = pretrain_encoder(recipe, Settings.from_env(), corpus, out_dir, resume=resume, minutes=minutes)
    figures = ", ".join(f"{name} {value:.3f}" for name, value in sorted(done.figures.items()))
    out.print(f"{done.folder}: {done.tokens:,} tokens in {done.minutes:.1f} minutes; {figures}", highlight=False)


@app.command()
def export(
    path: Annotated[Path, typer.Argument(metavar="RUN|CHECKPOINT", help="Folder of a run, or a checkpoint in it.")],
    out_dir: OutFolder = None,
) -> None:
    """Make the bundle of a run, or of one of its checkpoints, again."""
    from training.evaluation.tables import show_evaluation
    from training.runs import export as export_run

    bundle, evaluation = export_run(path, Settings.from_env(), out=out_dir)
    show_evaluation(evaluation, out)
    out.print(f"bundle {bundle.path}  {bundle.id}", highlight=False, soft_wrap=True)


@app.command()
def evaluate(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Bundle folder.")],
    suite: Annotated[
        tuple[str, Path] | None,
        typer.Option("--suite", metavar="NAME FILE", help="hatecheck FILE, a functional suite."),
    ] = None,
    level: Annotated[str, typer.Option("--level", help="Level that flags a case of the suite.")] = "probable",
    recipe: Annotated[Path | None, typer.Option("--recipe", help="The recipe that made the bundle.")] = None,
    out_dir: Annotated[Path, typer.Option("--out", help="Folder of the report.")] = Path("runs/evaluation"),
) -> None:
    """Judge a bundle: on a functional suite, or on the test rows of its recipe."""
    if suite is not None:
        _suite(bundle, *suite, level)
        return
    from serving.bundle import open_bundle
    from training.evaluation.tables import show_evaluation
    from training.runs import evaluate as evaluate_run

    file = recipe or Path(open_bundle(bundle).manifest.provenance.recipe)
    show_evaluation(evaluate_run(bundle, Settings.from_env(), recipe_file=file, out=out_dir), out)
    out.print(f"report {out_dir / 'evaluation.html'}", highlight=False, soft_wrap=True)


def _suite(path: Path, name: str, file: Path, level: str) -> None:
    if name != "hatecheck":
        raise InputError(f"--suite {name!r}: unknown suite; expected hatecheck")
    from contextlib import closing

    from serving.bundle import open_bundle
    from serving.classifier import Classifier
    from training.evaluation.suites import run_hatecheck
    from training.evaluation.tables import show_suite

    with closing(Classifier(open_bundle(path), Settings.from_env().sessions)) as classifier:
        show_suite(run_hatecheck(classifier, file, level=level), out)


@app.command()
def measure(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Bundle folder.")],
    recipe: Annotated[Path | None, typer.Option("--recipe", help="The recipe that made the bundle.")] = None,
    corpus: Annotated[
        Path | None, typer.Option("--corpus", help="Folder of NAME.txt.xz, or VIGIE_CORPUS: how much is flagged.")
    ] = None,
    passages: Annotated[int, typer.Option("--passages", min=10, help="Excerpts of the corpus.")] = 20_000,
    honest: Annotated[
        Path | None, typer.Option("--honest", help="HONEST's fr_template.tsv; the mirrored one by default.")
    ] = None,
    robustness: Annotated[bool, typer.Option(help="Disguised copies of the test rows.")] = True,
    replicates: Annotated[int, typer.Option("--replicates", min=20, help="Resamples behind each interval.")] = 1000,
    any_recipe: Annotated[
        bool, typer.Option("--any-recipe", help="The rows of a recipe that did not make the bundle.")
    ] = False,
    file: Annotated[Path | None, typer.Option("--out", help="JSON to write (default: runs/measure/ID.json).")] = None,
) -> None:
    """Measure all that a bundle must reach, the baseline beside it on the same rows, in one JSON file."""
    from serving.bundle import open_bundle

    sealed, settings = open_bundle(bundle), Settings.from_env()  # a wrong folder is told before anything heavy loads
    from training.evaluation.goals import lines_of
    from training.evaluation.measurement import Wanted
    from training.evaluation.scoreboard import show_lines, show_skipped
    from training.runs import measure as measure_run

    wanted = Wanted(
        corpus=corpus or settings.corpus,
        passages=passages,
        honest=honest,
        robustness=robustness,
        replicates=replicates,
        any_recipe=any_recipe,
    )
    target = file or Path("runs/measure") / f"{sealed.id.rpartition(':')[2][:12]}.json"
    origin = recipe or Path(sealed.manifest.provenance.recipe)
    found = measure_run(bundle, settings, recipe_file=origin, wanted=wanted, out=target)
    show_lines(lines_of(found), out, f"{found.evaluation.bundle_name}, graine {found.evaluation.seed}")
    show_skipped(found, out)
    out.print(f"measurement {target}", highlight=False, soft_wrap=True)


@app.command()
def compare(
    files: Annotated[list[Path], typer.Argument(metavar="JSON...", help="Files of vigie-train measure.")],
) -> None:
    """Mean of several measurements, such as three seeds of one recipe, against the figures to reach."""
    from training.evaluation.goals import mean_lines
    from training.evaluation.measurement import read_measurement
    from training.evaluation.scoreboard import show_lines

    found = [read_measurement(file) for file in files]
    seeds = ", ".join(str(item.evaluation.seed) for item in found)
    show_lines(mean_lines(found), out, f"Moyenne de {len(found)} mesures, graines {seeds}")


@app.command("map-threshold")
def map_threshold(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV: texts, and a column an attribute: TOXICITY...")],
    bundle: Annotated[Path | None, typer.Option("--bundle", help="Bundle folder (default: what serves).")] = None,
    at: Annotated[list[float] | None, typer.Option("--at", help="A threshold of yours; repeat.")] = None,
    method: Annotated[str, typer.Option("--method", help="quantile: same load; isotonic: same meaning.")] = "quantile",
    text_column: Annotated[str, typer.Option("--text-column", help="Column of the texts.")] = "text",
    table: Annotated[Path, typer.Option("--out", help="CSV to write.")] = Path("thresholds.csv"),
) -> None:
    """Translate thresholds on Perspective's logged scores into thresholds on ours."""
    from contextlib import closing

    from serving.bundle import open_bundle
    from serving.classifier import Classifier
    from serving.facades import load_facades
    from training.thresholds import USUAL, map_thresholds, show_table, write_table

    settings = Settings.from_env()
    rules = load_facades(settings.facades_path).perspective
    with closing(Classifier(open_bundle(bundle or settings.bundle), settings.sessions)) as classifier:
        lines = map_thresholds(file, classifier, rules, at=at or USUAL, method=method, text_column=text_column)
    write_table(table, lines)
    show_table(lines, out)
    out.print(f"thresholds {table}", highlight=False, soft_wrap=True)


@app.command()
def attributes(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Bundle folder.")],
    replicates: Annotated[int, typer.Option("--replicates", min=20, help="Resamples behind each interval.")] = 1000,
) -> None:
    """Figures of Perspective's attributes on Jigsaw's test comments in French, as the table of the docs."""
    from contextlib import closing

    from serving.bundle import open_bundle
    from serving.classifier import Classifier
    from serving.facades import load_facades
    from training.data.cards import load_cards, pick
    from training.evaluation.attributes import as_markdown, measure_attributes, read_comments

    settings = Settings.from_env()
    comments = read_comments(pick(load_cards(settings.datasets), "jigsaw_fr"), settings)
    rules = load_facades(settings.facades_path).perspective
    with closing(Classifier(open_bundle(bundle), settings.sessions)) as classifier:
        lines = measure_attributes(classifier, rules, comments, replicates=replicates)
        out.print(f"{classifier.manifest.name} {classifier.bundle_id}", highlight=False, soft_wrap=True)
    out.print(as_markdown(lines), markup=False, highlight=False, soft_wrap=True)


@app.command()
def promote(
    model: Annotated[str, typer.Argument(metavar="NAME", help="Registered model.")],
    version: Annotated[str, typer.Argument(metavar="VERSION|ALIAS", help="A number, or challenger.")],
    audit: Annotated[
        Path | None,
        typer.Option("--audit", metavar="FILE", help="audit.json (default: the newest filed of its own rows)."),
    ] = None,
) -> None:
    """Make a registered bundle the champion; refused when its check fails or its audit breaks the gate."""
    from training.audit.run import gate_of
    from training.tracking import promote as promote_version

    number = promote_version(model, version, gate_of(Settings.from_env(), audit))
    out.print(f"{model} version {number} is the champion", highlight=False)


if __name__ == "__main__":
    main()
