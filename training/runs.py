"""One run of a recipe, from rows to a registered bundle, in one folder. The wiring of training; decides nothing itself.

runs/vigie-petit-s13/
    recipe.toml, run.json           what was asked
    architecture/, checkpoints/, model.safetensors, model.json     training.finetune
    bundle/                         training.bundling
    evaluation/                     training.evaluation
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from datasets import DatasetDict

from serving.bundle import Bundle, ConfigError, Conflict, Interval, NotFound, load_taxonomy, open_bundle
from serving.settings import Settings
from training.bundling import Origin, make_bundle
from training.corpus import registers
from training.data.examples import OWN
from training.data.prepare import Prepared, prepare
from training.distill import lesson_records, teach
from training.evaluation.evaluate import evaluate_bundle, write_evaluation
from training.evaluation.measurement import Measurement, Wanted, measure_bundle
from training.evaluation.own import titles
from training.evaluation.records import Evaluation, write_json
from training.finetune import CHECKPOINTS, TrainedModel, finetune, load_trained
from training.pretrain import CHECKPOINT, Pretrained, pretrain
from training.pretrain_recipe import load_pretrain_recipe
from training.recipe import Recipe, load_recipe
from training.tracking import RUNS, fingerprint, tracked

RECIPE, ASKED = "recipe.toml", "run.json"


@dataclass(frozen=True)
class Asked:
    """What a run was asked, kept in its folder so that it can be resumed and exported again.

    Attributes:
        recipe_file: as given, relative where possible: the card's command names it.
        seed: the recipe's, or the command line's.
        limit: rows kept of each split in a smoke run.
        recipe_sha256: of the recipe with that seed.
        mlflow_run: id of the tracked run.
        teachers: as given to `vigie-train distill`; none for an ordinary run.
    """

    recipe_file: str
    seed: int
    limit: int | None
    recipe_sha256: str
    mlflow_run: str | None = None
    teachers: list[str] = dataclasses.field(default_factory=list)

    def write(self, folder: Path) -> None:
        """Keep the record in the run's folder."""
        text = json.dumps(dataclasses.asdict(self), ensure_ascii=False, indent=1)
        (folder / ASKED).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Asked:
        """The record of a run's folder.

        Raises:
            NotFound: the folder holds no run.
        """
        try:
            return cls(**json.loads((folder / ASKED).read_text(encoding="utf-8")))
        except OSError:
            raise NotFound(
                f"{folder}: no {ASKED}; expected the folder of a run, as `vigie-train run` makes it"
            ) from None


@dataclass(frozen=True)
class Outcome:
    """What a run gave."""

    folder: Path
    bundle: Bundle
    evaluation: Evaluation
    model: str
    version: str


def run(
    recipe_file: Path,
    settings: Settings,
    *,
    out: Path | None = None,
    resume: bool = False,
    seed: int | None = None,
    limit: int | None = None,
    teachers: Sequence[str] = (),
) -> Outcome:
    """Prepare, fine-tune, bundle, evaluate, track and register as challenger; with `teachers`, they teach beside.

    Raises:
        VigieError: of the stage that failed; Conflict when the folder holds another run, or one and no `resume`.
        ConfigError: teachers for a recipe without `[distillation]`, or none for a recipe with it.
    """
    recipe = seeded(load_recipe(recipe_file), seed)
    _check_teachers(recipe, teachers)
    shown = [_shown(Path(name)) if Path(name).is_dir() else name for name in teachers]
    asked = Asked(_shown(recipe_file), recipe.seed, limit, recipe.digest, teachers=shown)
    folder = out or RUNS / (f"{recipe.name}-s{recipe.seed}" + (f"-limit{limit}" if limit else ""))
    _open_folder(folder, asked, recipe_file, resume=resume)
    prepared = prepared_rows(recipe, settings, limit)
    tables = prepared.tables
    if teachers:
        lesson = teach(recipe, tables, teachers, settings.corpus)
        lesson.keep(folder)
        tables, prepared = lesson.tables, _with_lesson(prepared, folder)
    parameters = recipe.model_dump(mode="json") | {"recipe_sha256": recipe.digest}
    with tracked(recipe.tracking.experiment, parameters, name=folder.name) as tracking:
        asked = dataclasses.replace(asked, mlflow_run=tracking.run_id)
        asked.write(folder)
        tracking.data(prepared.tables, prepared.records)
        trained = finetune(recipe, tables, folder, resume=resume)
        tracking.history(trained.history)
        bundle, evaluation = bundle_of(recipe, trained, prepared, settings, folder, asked)
        tracking.metrics(evaluation.flat())
        tracking.files(folder / "evaluation", "evaluation")
        version = tracking.register(recipe.tracking.registered_model, bundle)
    return Outcome(folder, bundle, evaluation, recipe.tracking.registered_model, version)


def export(path: Path, settings: Settings, *, out: Path | None = None) -> tuple[Bundle, Evaluation]:
    """Make the bundle of a finished run, or of one of its checkpoints, again.

    Raises:
        NotFound: `path` is neither.
    """
    folder = path.parent.parent if path.parent.name == CHECKPOINTS else path
    asked = Asked.read(folder)
    recipe = seeded(load_recipe(folder / RECIPE), asked.seed)
    trained = load_trained(path)
    prepared = _with_lesson(prepared_rows(recipe, settings, asked.limit), folder)
    return bundle_of(recipe, trained, prepared, settings, folder, asked, out=out)


def pretrain_encoder(
    recipe_file: Path, settings: Settings, corpus: Path, out: Path, *, resume: bool, minutes: float | None
) -> Pretrained:
    """Pretrain the compact encoder on a corpus and on the text of the training splits, tracked.

    Raises:
        VigieError: of the stage that failed; Conflict when the folder holds a run and `resume` is not asked.
    """
    recipe = load_pretrain_recipe(recipe_file)
    if minutes is not None:
        recipe = recipe.model_copy(update={"budget": recipe.budget.model_copy(update={"minutes": minutes})})
    if (out / CHECKPOINT).exists() and not resume:
        raise Conflict(f"{out}: already holds a run; add --resume to continue it, or --out for another folder")
    registers(corpus, recipe.corpus.shares, "corpus.shares")  # told before anything is prepared
    texts = prepared_rows(load_recipe(Path(recipe.training_recipe)), settings, None).tables["train"]["text"]
    with tracked(f"{recipe.name}-pretrain", recipe.model_dump(mode="json"), name=out.name) as tracking:
        return pretrain(
            recipe,
            corpus,
            list(texts),
            out,
            resume=resume,
            report=lambda step, figures: tracking.metrics(figures, step),
        )


def prepared_rows(recipe: Recipe, settings: Settings, limit: int | None) -> Prepared:
    """The recipe's rows; at most `limit` of each split, drawn with the recipe's seed."""
    prepared = prepare(recipe.data, settings, licence_classes=recipe.licence_classes, seed=recipe.seed)
    if limit is None:
        return prepared
    tables = {
        split: table.shuffle(seed=recipe.seed).select(range(min(limit, len(table))))
        for split, table in prepared.tables.items()
    }
    return dataclasses.replace(prepared, tables=DatasetDict(tables))


def bundle_of(
    recipe: Recipe,
    trained: TrainedModel,
    prepared: Prepared,
    settings: Settings,
    folder: Path,
    asked: Asked,
    *,
    out: Path | None = None,
) -> tuple[Bundle, Evaluation]:
    """Bundle a trained model and evaluate it; the figures on the test rows go into the manifest and the card."""
    found: list[Evaluation] = []
    cases = settings.datasets / OWN

    def measure(bundle: Bundle) -> Mapping[str, Mapping[str, Interval]]:
        found.append(evaluate_bundle(bundle.path, recipe, prepared, folder / "evaluation", titles=titles(cases)))
        return found[0].metrics()

    origin = Origin(
        asked.recipe_file,
        tuple(prepared.records),
        asked.mlflow_run,
        asked.limit,
        teachers=tuple(asked.teachers),
        rows_sha256={split: fingerprint(table) for split, table in prepared.tables.items()},
    )
    taxonomy = load_taxonomy(settings.taxonomy_path)
    bundle = make_bundle(recipe, trained, prepared.tables, taxonomy, out or folder / "bundle", origin, measure)
    # The figures were measured before they were sealed into the manifest: the report carries the final id.
    write_evaluation(found[0], folder / "evaluation", sealed_as=bundle.id)
    return bundle, found[0]


def remake(
    recipe: Recipe, prepared: Prepared, settings: Settings, folder: Path, *, recipe_file: Path, limit: int | None
) -> tuple[Bundle, Evaluation]:
    """A bundle made again in `folder` from prepared rows, neither tracked nor registered.

    Raises:
        ConfigError: the recipe wants a teacher.
        Conflict: the folder holds a run.
    """
    _check_teachers(recipe, ())
    asked = Asked(_shown(recipe_file), recipe.seed, limit, recipe.digest)
    _open_folder(folder, asked, recipe_file, resume=False)
    return bundle_of(recipe, finetune(recipe, prepared.tables, folder), prepared, settings, folder, asked)


def evaluate(path: Path, settings: Settings, *, recipe_file: Path, out: Path) -> Evaluation:
    """Evaluate a sealed bundle again, on the rows of its recipe.

    Raises:
        Conflict: the recipe is not the one that the bundle names.
    """
    recipe = recipe_of(open_bundle(path), recipe_file)
    prepared = prepared_rows(recipe, settings, None)
    return evaluate_bundle(path, recipe, prepared, out, titles=titles(settings.datasets / OWN))


def _check_teachers(recipe: Recipe, teachers: Sequence[str]) -> None:
    if teachers and recipe.distillation is None:
        raise ConfigError(
            f"recipe {recipe.name!r} has no table [distillation]; start from configs/train/distillation.toml, or train "
            "it without a teacher: vigie-train run"
        )
    if recipe.distillation and not teachers:
        raise ConfigError(f"recipe {recipe.name!r} wants a teacher: vigie-train distill RECIPE --teacher RUN|HUB_ID")


def _with_lesson(prepared: Prepared, folder: Path) -> Prepared:
    """The same rows, whose records also name the teachers of the run in `folder`, if it has any."""
    return dataclasses.replace(prepared, records=[*prepared.records, *lesson_records(folder)])


def measure(path: Path, settings: Settings, *, recipe_file: Path, wanted: Wanted, out: Path) -> Measurement:
    """Measure every figure that a sealed bundle must reach, and write them to the file `out`.

    Raises:
        Conflict: the recipe is not the one that the bundle names, and `wanted` does not allow another.
        ConfigError: the corpus folder holds no register.
    """
    bundle = open_bundle(path)
    if wanted.any_recipe:
        recipe = seeded(load_recipe(recipe_file), bundle.manifest.provenance.seed)
    else:
        recipe = recipe_of(bundle, recipe_file)
    found = measure_bundle(bundle, recipe, prepared_rows(recipe, settings, None), settings, wanted)
    write_json(found, out)
    return found


def recipe_of(bundle: Bundle, recipe_file: Path) -> Recipe:
    """The recipe in `recipe_file` with the bundle's seed.

    Raises:
        Conflict: it is not the one that the bundle names.
    """
    origin = bundle.manifest.provenance
    recipe = seeded(load_recipe(recipe_file), origin.seed)
    if recipe.digest != origin.recipe_sha256:
        raise Conflict(
            f"{recipe_file}: recipe {recipe.digest[:12]}… is not the bundle's, {origin.recipe_sha256[:12]}…; "
            f"give the file that made it ({origin.recipe}) at commit {origin.git_commit[:12]}"
        )
    return recipe


def seeded(recipe: Recipe, seed: int | None) -> Recipe:
    """The recipe with another seed, when one is given."""
    return recipe if seed is None else recipe.model_copy(update={"seed": seed})


def _shown(recipe_file: Path) -> str:
    """The path as a card may show it: relative to where the command runs, else its name alone."""
    path, here = recipe_file.resolve(), Path.cwd()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else path.name


def _open_folder(folder: Path, asked: Asked, recipe_file: Path, *, resume: bool) -> None:
    if resume:
        _check_same(folder, Asked.read(folder), asked)
    elif (folder / ASKED).exists():
        raise Conflict(f"{folder}: already holds a run; add --resume to continue it, or --out for another folder")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RECIPE).write_bytes(recipe_file.read_bytes())
    asked.write(folder)


def _check_same(folder: Path, before: Asked, asked: Asked) -> None:
    for field in ("recipe_sha256", "limit", "teachers"):
        found, expected = getattr(asked, field), getattr(before, field)
        if found != expected:
            raise Conflict(f"--resume {folder}: {field} is {found}; the run was started with {expected}")
