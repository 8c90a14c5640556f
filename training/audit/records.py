"""What an audit says, as frozen records that travel as JSON. No text of any row is in them unless it was asked for."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from serving.bundle import Interval
from serving.bundle.config import Frozen
from training.evaluation.records import Figures, Harmless, Obfuscated, SuiteResult, read_json


class GroupFigures(Frozen):
    """One label on the rows of one group, or of one intersection."""

    group: str
    title: str
    rows: int
    positives: int
    #: Independent units that hold a positive, and that hold a negative.
    positive_units: int
    negative_units: int
    #: Too few units of one answer: figures stand with wide intervals, untested.
    small: bool
    #: subgroup_auc, bpsn_auc, bnsp_auc, bias, ``<level>.tpr|fpr|selection``; ece of a group that is not small.
    figures: Figures
    #: Figure of the group minus that of all other rows.
    difference: Figures = Field(default_factory=dict)
    #: p-value of each difference, corrected over the table.
    adjusted: dict[str, float] = Field(default_factory=dict)


class Gap(Frozen):
    """Distance between the groups of one column at one operating point (Fairlearn's ``MetricFrame``)."""

    level: str
    #: tpr, fpr, selection or equalized_odds.
    metric: str
    difference: Interval
    #: Smallest over largest; None when the largest is zero.
    ratio: float | None
    highest: str
    lowest: str
    #: Groups compared: those that are not small.
    groups: int


class Table(Frozen):
    """One label by the groups of one column, or by the intersections of two."""

    key: str
    title: str
    column: str
    column_title: str
    crossed: bool
    rows: int
    groups: tuple[GroupFigures, ...]
    gaps: tuple[Gap, ...] = ()
    #: Differences tested, and how many are told as such after correction.
    tested: int = 0
    found: int = 0


class ValueFigures(Frozen):
    """One value of a counterfactual set: a group, an origin, a register, a form."""

    value: str
    title: str
    texts: int
    units: int
    mean: Interval
    flagged: Interval
    #: Mean score minus that of the other values in the same sentences.
    difference: Interval
    adjusted: float | None


class Counterfactual(Frozen):
    """One label on sentences that differ by one word, or by how they are written."""

    suite: str
    title: str
    #: What the right answer is: the same for all, and flagged or not.
    harmful: bool
    key: str
    label_title: str
    units: int
    #: Mean absolute difference of score between two values of one sentence (Garg et al., 2019).
    shift: Interval
    #: Share of sentences flagged for some values and not for others; None when the level is off.
    flips: Interval | None
    values: tuple[ValueFigures, ...]


class Cell(Frozen):
    """Functional cases of one functionality that name one group."""

    functionality: str
    group: str
    units: int
    passed: Interval


class Functional(Frozen):
    """A functional suite with its heat map."""

    result: SuiteResult
    groups: dict[str, str]
    cells: tuple[Cell, ...]


class Neighbour(Frozen):
    """A training row near an error."""

    id: str
    source: str
    #: Cosine of the character n-grams of the two texts, from 0 to 1.
    alike: float
    #: What the row taught of the label; None where nobody annotated it.
    harmful: bool | None
    text: str


class Mistake(Frozen):
    """A row on which the bundle is gravely wrong."""

    key: str
    #: Place among the rows audited, from 0: names (``--id-column``) may repeat.
    row: int
    id: str
    groups: tuple[str, ...]
    harmful: bool
    score: float
    words: int
    #: Letters hidden unless ``--show-text`` was given.
    text: str
    masked: bool
    #: Training rows most like it, when they are at hand.
    neighbours: tuple[Neighbour, ...] = ()


class Slice(Frozen):
    """Rows that can be said in a few words and on which a label errs more; figures of the half not searched."""

    key: str
    title: str
    #: Harmful rows not flagged; else harmless rows flagged.
    missed: bool
    #: In French; all hold.
    conditions: tuple[str, ...]
    rows: int
    units: int
    errors: int
    #: Share of errors inside, among the other rows that could be wrong so, and the first minus the second.
    rate: Interval
    rest: Interval
    difference: Interval
    #: p-value corrected over all slices of the audit.
    adjusted: float


class SourceShift(Frozen):
    """One label on the test rows of one source: what a model that never saw the source makes of them (AUC)."""

    key: str
    title: str
    source: str
    rows: int
    positives: int
    #: As served.
    bundle: Interval
    #: TF-IDF taught on a sample of the training rows, on that sample without the source, the first minus the second.
    taught: Interval
    untaught: Interval
    cost: Interval


class QueueGroup(Frozen):
    """The cases of a queue that name one group, seem written in one variety, or were decided on one ground."""

    group: str
    title: str
    rows: int
    #: Distinct texts.
    units: int
    small: bool
    #: waited, waited_illegal (median minutes); read, read_illegal, overturned (shares).
    figures: Figures
    #: Figure of the group minus that of all other rows, and its p-value corrected over the table.
    difference: Figures
    adjusted: dict[str, float]


class QueueTable(Frozen):
    """One order of reading by the groups of one column."""

    #: Empty for a real queue.
    order: str
    column: str
    column_title: str
    rows: int
    tested: int
    groups: tuple[QueueGroup, ...]


class QueueAudit(Frozen):
    """What a queue did with its cases, by group."""

    data: str
    data_sha256: str
    #: export or simulation.
    kind: str
    rows: int
    #: Mean recall of the guessed varieties on our held-out cases, and how many these are.
    variety_recall: Interval
    variety_cases: int
    tables: tuple[QueueTable, ...]


class BoundOutcome(Frozen):
    """One figure against one line of the gate."""

    figure: str
    #: None when the audit has no such figure.
    value: Interval | None
    bound: str
    held: bool
    why: str


class Request(Frozen):
    """What an audit was asked for, so that it can be asked again: the options of ``vigie-train audit``.

    Files are named as they were given, by their base name where that was an absolute path.
    """

    text_column: str = "text"
    label_columns: dict[str, str] = Field(default_factory=dict)
    group_columns: tuple[str, ...] = ()
    unit_column: str | None = None
    id_column: str | None = None
    time_column: str | None = None
    data: str | None = None
    recipe: str | None = None
    any_recipe: bool = False
    suites: tuple[str, ...] = ()
    honest: str | None = None
    queue: str | None = None


class Audit(Frozen):
    """Everything a report shows of one bundle on one set of rows."""

    created_at: str
    bundle: str
    bundle_name: str
    model_sha256: str
    request: Request
    #: Base name and digest of the file; a set of ours has no digest.
    data: str
    data_sha256: str
    rows: int
    unscored: int
    replicates: int
    seed: int
    least_units: int
    multiplicity: str
    significance: float
    level: str
    #: Label -> level -> score from which a row is at that level.
    thresholds: dict[str, dict[str, float | None]]
    #: Labels asked for and not judged, with the reason.
    left_out: dict[str, str]
    tables: tuple[Table, ...]
    counterfactuals: tuple[Counterfactual, ...]
    functional: tuple[Functional, ...]
    harmless: tuple[Harmless, ...]
    robustness: tuple[Obfuscated, ...]
    mistakes: tuple[Mistake, ...]
    #: None: not searched, or not at hand (training rows, queue).
    slices: tuple[Slice, ...] = ()
    shifts: tuple[SourceShift, ...] = ()
    queue: QueueAudit | None = None
    seconds: float

    @property
    def own_rows(self) -> bool:
        """Whether its rows are the test rows of the recipe that made the bundle."""
        return not self.data_sha256 and not self.request.any_recipe

    def figures(self) -> Figures:
        """Every figure that a gate may name, and that an experiment tracker logs."""
        from .summary import headline

        return headline(self)


def read_audit(path: Path) -> Audit:
    """An audit written by ``vigie-train audit``.

    Raises:
        InputError: the file is missing or is not one.
    """
    return read_json(Audit, path, "an audit.json of vigie-train audit")
