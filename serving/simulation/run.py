"""One call for the command line: reads, scores, simulates, writes the page, and says the essential in a few lines."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from serving.bundle import open_bundle
from serving.bundle.errors import InputError
from serving.bundle.taxonomy import load_taxonomy
from serving.classifier import Classifier
from serving.policy import load_policy
from serving.settings import Settings

from .outputs import written
from .report import goals, rows, write_page
from .scenario import Scenario, load_scenario
from .study import Study, study
from .texts import Row, everyday_sentences, in_posts, judged, own_texts, read_texts


@dataclass(frozen=True)
class Request:
    """What to simulate.

    Attributes:
        file: None for our own cases, those held out unless ``in_sample``.
        readings: CSV to write, one line for each notice, order and load.
        decisions: Parquet to write: what ``vigie queue export`` gives of the first days of the judged load.
    """

    file: Path | None
    scenario: Path
    in_sample: bool = False
    replicates: int | None = None
    readings: Path | None = None
    decisions: Path | None = None


def simulate_to(output: Path, request: Request, settings: Settings, advance: Callable[[], None]) -> list[str]:
    """Run the study, write its page to ``output``, and say its figures in lines.

    Raises:
        InputError: the texts cannot be read or are too few, or ``output`` cannot be written.
    """
    scenario = load_scenario(request.scenario)
    if request.replicates:
        scenario = scenario.model_copy(update={"replicates": request.replicates})
    taxonomy, policy = load_taxonomy(settings.taxonomy_path), load_policy(settings.policy_path)
    given, source = _texts(request, settings, scenario)
    classifier = Classifier(open_bundle(settings.bundle), settings.sessions)
    try:
        texts = judged(given, classifier, taxonomy)
    finally:
        classifier.close()
    with written(request.readings, request.decisions, scenario) as observe:
        found = study(
            scenario,
            texts,
            policy,
            taxonomy,
            manifest=classifier.manifest,
            bundle_id=classifier.bundle_id,
            advance=advance,
            observe=observe,
        )
    _write(output, write_page(found, taxonomy, source))
    return list(_lines(found))


def _texts(request: Request, settings: Settings, scenario: Scenario) -> tuple[list[Row], str]:
    """The texts, and where they come from in French. A file's texts are taken as they are; ours stand in posts."""
    if request.file is not None:
        return list(read_texts(request.file)), f"fichier {request.file.name}"
    folder = settings.datasets / "vigie"
    rows = list(own_texts(folder, "train" if request.in_sample else "held_out"))
    most = scenario.arrivals.days * scenario.arrivals.per_day
    rows = random.Random(scenario.seed).sample(rows, min(len(rows), most))
    posts = in_posts(rows, everyday_sentences(folder), scenario.posts, scenario.seed)
    if request.in_sample:
        return posts, "nos cas d’entraînement, que le modèle a appris : chiffres flatteurs"
    return posts, "nos cas tenus à l’écart, qu’aucun modèle n’a lus, dans des messages de longueur variée"


def _write(output: Path, content: str) -> None:
    try:
        output.write_text(content, encoding="utf-8")
    except OSError as error:
        raise InputError(f"--output {output}: {error.strerror}; expected a writable place") from None


def _lines(found: Study) -> Iterator[str]:
    for load in found.scenario.loads:
        yield f"load {load:g}: {found.notices} notices a world, {found.scenario.replicates} worlds"
        for row in rows(found, load):
            yield (
                f"  {row.name:32} harm averted {100 * row.share:5.1f} %, {row.per_minute.value:6.2f} a minute; "
                f"views averted {100 * row.views:5.1f} %; "
                f"deadlines missed {row.missed}/{row.deadlines}; action {row.median:.0f} min (p90 {row.late:.0f}); "
                f"95 % of grave after {100 * row.grave:.0f} %"
            )
    for goal in goals(found):
        yield f"{'met' if goal.met else 'NOT MET'}: {goal.words}: {goal.measured}"
