"""The figures that Vigie's model must reach, read from a measurement; and their mean over several runs.

A goal is one line of docs/evaluation.md's table. Nothing is measured here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from serving.bundle import FAMILIES, LEVELED, InputError, Interval

from .harmless import FLAG
from .judges import BASELINE, MODEL
from .measurement import Measurement
from .obfuscation import MIXED, OPERATORS, STACKED, TITLES
from .records import Figures, Harmless, LabelEvaluation

#: Labels that say a text is no harm.
_KIND = ("contexte_protege",)


@dataclass(frozen=True)
class Goal:
    """What a figure must be.

    Attributes:
        low, high: bounds, None where there is none.
        surely: the interval must lie within the bounds, not only the value.
    """

    low: float | None = None
    high: float | None = None
    surely: bool = False

    def holds(self, found: Interval) -> bool:
        """Whether ``found`` is within the bounds."""
        least, most = (found.low, found.high) if self.surely else (found.value, found.value)
        return (self.low is None or least >= self.low) and (self.high is None or most <= self.high)


@dataclass(frozen=True)
class Line:
    """One figure.

    Attributes:
        key: the same in every measurement.
        title: in French.
        goal: None for a figure that is only told.
        figures: judge -> figure; a judge that cannot answer is absent.
        note: what the figure is of, such as the worst label.
    """

    key: str
    title: str
    goal: Goal | None
    figures: Figures
    note: str = ""

    @property
    def reached(self) -> bool | None:
        """Whether the model reaches the goal; None without goal or figure."""
        found = self.figures.get(MODEL)
        return None if self.goal is None or found is None else self.goal.holds(found)


#: Published sources: source, label, figure, title, goal. A chat is one group, in splits and in resamples.
_SOURCES = (
    ("ftr", "haine", "auc", "FTR, racisme : AUC", 0.90),
    ("mlma", "haine", "auc", "MLMA, haineux contre normal : AUC", 0.76),
    ("jigsaw_fr", "haine", "auc", "Jigsaw-fr, identité : AUC", 0.90),
    ("jigsaw_fr", "harcelement.menace", "auc", "Jigsaw-fr, menace : AUC", 0.95),
    ("cyberagression", "harcelement", "auc", "CyberAgression, agression : AUC", 0.86),
    ("cyberagression", "harcelement.menace", "average_precision", "CyberAgression, menace : AP", 0.50),
)
#: Calibration at one positive in two.
_CALIBRATION = (
    ("slope", "pente", Goal(low=0.8, high=1.25)),
    ("brier_skill", "gain de Brier", Goal(low=0.0, surely=True)),
    ("ece", "ECE", Goal(high=0.08)),
)
_ON_CORPUS, _ON_GROUP, _GAP, _DROP, _INT8 = 0.005, 0.03, 0.03, 0.03, 0.003


def lines_of(found: Measurement) -> tuple[Line, ...]:
    """Every figure that ``found`` answers, in the order of the goals."""
    return tuple(
        line
        for part in (_own, _sources, _flagged, _neutral, _obfuscation, _calibration, _int8)
        for line in part(found)
        if line.figures
    )


def _own(found: Measurement) -> Iterator[Line]:
    for pair in found.evaluation.suites:
        results = {MODEL: pair.model} | ({BASELINE: pair.baseline} if pair.baseline else {})
        for name, title, goal in (
            ("macro_f1", "macro-F1", Goal(low=0.90)),
            ("harmless", "inoffensifs épargnés", Goal(low=0.88)),
            ("harmful", "nuisibles signalés", None),
        ):
            figures = {judge: value for judge, result in results.items() if (value := getattr(result, name))}
            yield Line(f"own.{pair.model.label}.{name}", f"Nos cas, {pair.model.label} : {title}", goal, figures)


def _sources(found: Measurement) -> Iterator[Line]:
    judged = {(item.source, item.key): item for item in found.evaluation.sources}
    for source, key, figure, title, least in _SOURCES:
        if item := judged.get((source, key)):
            figures = {j: f[figure] for j, f in ((MODEL, item.model), (BASELINE, item.baseline)) if figure in f}
            yield Line(f"{source}.{key}.{figure}", title, Goal(low=least), figures)


def _flagged(found: Measurement) -> Iterator[Line]:
    for suite, title in (("corpus", "Corpus"), ("test_rows", "Lignes inoffensives")):
        harmless = found.suite(suite)
        if harmless is None or harmless.overall is None:
            continue
        goal = Goal(high=_ON_CORPUS) if suite == "corpus" else None
        shares = harmless.overall.shares
        for family in FAMILIES:
            figures = {judge: labels[family][FLAG] for judge, labels in shares.items() if family in labels}
            yield Line(f"{suite}.{family}", f"{title}, {family} : signalés", goal, figures)
        yield _worst(
            f"{suite}.worst",
            f"{title}, pire étiquette : signalés",
            goal,
            {j: {k: labels[k][FLAG] for k in _harm(labels)} for j, labels in shares.items()},
        )


def _neutral(found: Measurement) -> Iterator[Line]:
    """What a queue would see, the families, has a goal; other labels have no level in a verdict and are only told."""
    for suite in ("neutral", "neutral_held_out", "honest"):
        harmless = found.suite(suite)
        if harmless is None or harmless.overall is None:
            continue
        for keys, part, of_group, of_gap in (
            (FAMILIES, "", Goal(high=_ON_GROUP), Goal(high=_GAP)),
            (_harm(harmless.overall.shares[MODEL]), "_label", None, None),
        ):
            title = f"{harmless.title}, {'étiquette et ' if part else ''}groupe le plus signalé"
            yield _worst(f"{suite}.worst{part}", title, of_group, _by_group(harmless, keys))
            gaps = {judge: {k: f for k, f in labels.items() if k in keys} for judge, labels in harmless.gap.items()}
            title = f"{harmless.title}, écart entre groupes{', pire étiquette' if part else ''}"
            yield _worst(f"{suite}.gap{part}", title, of_gap, gaps)


def _harm(keys: Iterable[str]) -> tuple[str, ...]:
    return tuple(key for key in keys if key not in _KIND)


def _by_group(harmless: Harmless, keys: Sequence[str]) -> dict[str, Figures]:
    judges = harmless.overall.shares if harmless.overall else {}
    return {
        judge: {
            f"{place.title}, {key}": levels[FLAG]
            for place in harmless.places
            for key, levels in place.shares[judge].items()
            if key in keys
        }
        for judge in judges
    }


def _worst(key: str, title: str, goal: Goal | None, named: dict[str, Figures]) -> Line:
    """The largest figure of each judge; the note names the model's."""
    worst = {judge: max(found, key=lambda name: found[name].value) for judge, found in named.items() if found}
    note = worst.get(MODEL, "") if MODEL in worst and named[MODEL][worst[MODEL]].value > 0 else ""
    return Line(key, title, goal, {judge: named[judge][name] for judge, name in worst.items()}, note)


def _obfuscation(found: Measurement) -> Iterator[Line]:
    by_key = {(item.key, item.disguise): item for item in found.robustness}
    for family in FAMILIES:
        for copy, goal in ((MIXED, Goal(high=_DROP)), (STACKED, None)):
            if item := by_key.get((family, copy)):
                yield Line(f"drop.{family}.{copy}", f"{TITLES[copy]}, {family} : AUC perdue", goal, item.drop)
        alone = {TITLES[copy]: item.drop for copy in OPERATORS if (item := by_key.get((family, copy)))}
        named = {j: {name: drop[j] for name, drop in alone.items() if j in drop} for j in (MODEL, BASELINE)}
        if alone:
            yield _worst(f"drop.{family}.worst", f"Pire procédé, {family} : AUC perdue", None, named)


def _calibration(found: Measurement) -> Iterator[Line]:
    for name, title, goal in _CALIBRATION:
        for label in found.evaluation.labels:
            if label.key in LEVELED:
                figures = _of(label, f"balanced.{name}")
                yield Line(f"calibration.{label.key}.{name}", f"À 50/50, {label.key} : {title}", goal, figures)
        yield _within(found.evaluation.labels, name, title, goal)


def _of(label: LabelEvaluation, name: str) -> Figures:
    models = {MODEL: label.model} | ({BASELINE: label.baseline} if label.baseline else {})
    return {judge: model.figures[name] for judge, model in models.items() if name in model.figures}


def _within(labels: Sequence[LabelEvaluation], name: str, title: str, goal: Goal) -> Line:
    """Share of all measurable labels whose figure is as it must be; told without interval."""
    figures, outside = {}, ""
    for judge in (MODEL, BASELINE):
        given = {label.key: found for label in labels if (found := _of(label, f"balanced.{name}").get(judge))}
        if given:
            share = float(np.mean([goal.holds(found) for found in given.values()]))
            figures[judge] = Interval(value=share, low=share, high=share)
        if judge == MODEL:
            outside = ", ".join(key for key, found in given.items() if not goal.holds(found))
    return Line(
        f"calibration.all.{name}",
        f"À 50/50, part des étiquettes dans les bornes : {title}",
        Goal(low=1.0),
        figures,
        outside,
    )


def _int8(found: Measurement) -> Iterator[Line]:
    if (loss := found.int8_auc_loss) is not None:
        figures = {MODEL: Interval(value=loss, low=loss, high=loss)}
        yield Line("int8.worst", "int8 contre fp32, pire étiquette : AUC perdue", Goal(high=_INT8), figures)


def mean_lines(found: Sequence[Measurement]) -> tuple[Line, ...]:
    """The lines that every measurement answers, each figure the mean over them (``mean_of``).

    Raises:
        InputError: there is none, or the same bundle is there twice.
    """
    bundles = [measurement.evaluation.bundle for measurement in found]
    if not found or len(set(bundles)) < len(bundles):
        raise InputError("compare needs the measurements of one or more different bundles, each once")
    runs = [{line.key: line for line in lines_of(measurement)} for measurement in found]
    shared = [line for key, line in runs[0].items() if all(key in run for run in runs)]
    return tuple(_mean_line(line, [run[line.key] for run in runs]) for line in shared)


def _mean_line(first: Line, lines: Sequence[Line]) -> Line:
    judges = [judge for judge in first.figures if all(judge in line.figures for line in lines)]
    notes = dict.fromkeys(line.note for line in lines if line.note)
    figures = {judge: mean_of([line.figures[judge] for line in lines]) for judge in judges}
    return replace(first, figures=figures, note=" / ".join(notes))


def mean_of(found: Sequence[Interval]) -> Interval:
    """Mean of the same figure of several runs on the same rows, with a 95 % interval.

    The runs share their test rows, so the chance of the rows does not shrink with more runs: the half-width of a side
    is the mean of theirs. The chance of training adds the standard error of the mean over runs, in quadrature.
    """
    values = np.array([interval.value for interval in found])
    mean = float(values.mean())
    training = 1.959964 * float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else 0.0

    def side(width: Callable[[Interval], float]) -> float:
        return math.hypot(float(np.mean([width(interval) for interval in found])), training)

    return Interval(
        value=mean, low=mean - side(lambda i: i.value - i.low), high=mean + side(lambda i: i.high - i.value)
    )
