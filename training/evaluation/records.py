"""What an evaluation says, as frozen records that travel as JSON. No text of any row is in them."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import Field, ValidationError

from serving.bundle import OUTPUT_KEYS, DatasetRecord, InputError, Interval
from serving.bundle.config import Frozen

Record = TypeVar("Record", bound=Frozen)

#: Name -> figure with interval. Names: auc, average_precision, brier, brier_skill, ece, slope, the last four again at
#: one positive in two as "balanced.<metric>", and "<level>.<metric>" for precision, recall, f1, fpr and review_rate.
Figures = dict[str, Interval]


class Bin(Frozen):
    """One equal-mass bin of a reliability diagram."""

    predicted: float
    observed: Interval


class Curves(Frozen):
    """Points to draw for one label and one model; rates are at the label's population rate."""

    fpr: tuple[float, ...]
    tpr: tuple[float, ...]
    recall: tuple[float, ...]
    precision: tuple[float, ...]
    reliability: tuple[Bin, ...]
    #: Share of the positive and of the negative rows in each twentieth of [0, 1].
    positive_scores: tuple[float, ...]
    negative_scores: tuple[float, ...]


class Measured(Frozen):
    """One model on one set of rows."""

    figures: Figures
    #: Score from which a row is at least at each level; None where none is on.
    thresholds: dict[str, float | None]
    curves: Curves | None = None


class LabelEvaluation(Frozen):
    """One label on the test rows that annotate it."""

    key: str
    title: str
    #: Annotated rows, positives among them, and resampled groups.
    rows: int
    positives: int
    groups: int
    #: Share of positives among the annotated rows, by weight.
    rate: float
    #: Rate to which probabilities, precision and share flagged are weighted.
    population_rate: float
    #: Sources of the annotated rows, most rows first.
    sources: tuple[str, ...]
    model: Measured
    baseline: Measured | None
    #: Model minus baseline, on the same resamples.
    difference: Figures
    #: Share flagged (at least ``probable``) among rows presumed, not annotated, negative.
    presumed_rows: int = 0
    presumed_flagged: Interval | None = None


class SourceEvaluation(Frozen):
    """One label on the test rows of one source."""

    source: str
    key: str
    title: str
    rows: int
    positives: int
    model: Figures
    baseline: Figures
    difference: Figures


class Functionality(Frozen):
    """Functional cases of one kind: what the model must do on them is one thing."""

    key: str
    title: str
    harmful: bool
    cases: int
    #: Templates, the independent units; equals ``cases`` where each case stands for itself.
    units: int
    passed: Interval


class Target(Frozen):
    """Functional cases that name one group of people."""

    key: str
    cases: int
    harmful: Interval | None
    harmless: Interval | None
    auc: float | None


class SuiteResult(Frozen):
    """Functional tests of one label: a harmful case passes when it is flagged, a harmless one when it is not."""

    suite: str
    #: Base name and digest of the file; empty for cases that are not one file.
    file: str = ""
    file_sha256: str = ""
    bundle: str
    label: str
    level: str
    #: Score from which a case is flagged; None where every level is off: then nothing is ever flagged.
    threshold: float | None
    cases: int
    #: Cases that no score could be given to; they are not counted below.
    unscored: int
    functionalities: tuple[Functionality, ...]
    harmful: Interval | None
    harmless: Interval | None
    accuracy: Interval | None
    macro_f1: Interval | None
    auc: Interval | None
    targets: tuple[Target, ...] = ()


class SuitePair(Frozen):
    """The same functional tests for the model and for the baseline."""

    model: SuiteResult
    baseline: SuiteResult | None


class Obfuscated(Frozen):
    """One label on disguised copies of its test rows; figures by judge."""

    #: Name of the operator, or ``mixed`` or ``stacked``.
    disguise: str
    title: str
    key: str
    rows: int
    #: AUC as written, AUC of the copies, and the first minus the second on the same resamples.
    clean: Figures
    disguised: Figures
    drop: Figures


#: Judge -> label key -> level -> share of texts at least at that level.
Shares = dict[str, dict[str, dict[str, Interval]]]


class Flagged(Frozen):
    """Harmless texts of one place, and how many of them are flagged."""

    place: str
    title: str
    texts: int
    #: Independent units among them: templates, or the texts themselves.
    units: int
    shares: Shares


class Harmless(Frozen):
    """Texts that harm nobody, of one kind."""

    suite: str
    title: str
    #: Why nothing was measured; empty when it was.
    skipped: str = ""
    overall: Flagged | None = None
    #: Registers, sources or groups of people.
    places: tuple[Flagged, ...] = ()
    #: Judge -> label key -> largest minus smallest share flagged at ``probable`` over the places.
    gap: dict[str, Figures] = Field(default_factory=dict)


class Histogram(Frozen):
    """Counts between consecutive edges."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


class Evaluation(Frozen):
    """Everything a report shows of one bundle on the test split."""

    created_at: str
    bundle: str
    bundle_name: str
    model_sha256: str
    recipe: str
    git_commit: str
    seed: int
    replicates: int
    datasets: tuple[DatasetRecord, ...]
    #: Rows of each split, and of the test split by source.
    splits: dict[str, int]
    test_sources: dict[str, int]
    #: Test texts that could not be scored.
    unscored: int
    #: Keys of every output that the bundle gives, measurable here or not.
    outputs: tuple[str, ...]
    labels: tuple[LabelEvaluation, ...]
    sources: tuple[SourceEvaluation, ...]
    suites: tuple[SuitePair, ...]
    #: Words per test text.
    lengths: Histogram

    def label(self, key: str) -> LabelEvaluation | None:
        """The label named ``key``, None when the test rows cannot measure it."""
        return next((label for label in self.labels if label.key == key), None)

    def unmeasured(self) -> tuple[str, ...]:
        """Keys that the bundle gives and the test rows cannot measure."""
        return tuple(key for key in self.outputs if self.label(key) is None)

    def not_given(self) -> tuple[str, ...]:
        """Keys that the bundle was not trained on."""
        return tuple(key for key in OUTPUT_KEYS if key not in self.outputs)

    def metrics(self) -> dict[str, Figures]:
        """Figures of the model per label key, as a manifest's labels carry them."""
        return {label.key: label.model.figures for label in self.labels}

    def flat(self) -> dict[str, float]:
        """``<key>/<metric>`` -> value, and ``.../baseline``: what an experiment tracker logs."""
        found: dict[str, float] = {}
        for label in self.labels:
            found |= {f"{label.key}/{name}": value.value for name, value in label.model.figures.items()}
            if label.baseline:
                found |= {f"{label.key}/{n}/baseline": v.value for n, v in label.baseline.figures.items()}
        return found


def write_json(record: Frozen, path: Path) -> Path:
    """Write ``record`` as indented JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return path


def read_json(kind: type[Record], path: Path, expected: str) -> Record:
    """A record of this kind, as ``write_json`` wrote it; ``expected`` says which file to give.

    Raises:
        InputError: the file is missing or is not one.
    """
    try:
        return kind.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: not readable: {error.strerror}; give {expected}") from None
    except (ValidationError, UnicodeDecodeError):
        raise InputError(f"{path}: not {expected}") from None
