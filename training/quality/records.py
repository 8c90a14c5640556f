"""What a reading of the labels says, as frozen records that travel as JSON. No text unless it was asked for."""

from __future__ import annotations

from pydantic import Field

from serving.bundle import Interval
from serving.bundle.config import Frozen


class Agreement(Frozen):
    """One label of one source, on the rows where both the source and our second reader decided."""

    label: str
    title: str
    rows: int
    both: int
    published_only: int
    reader_only: int
    neither: int
    #: Cohen's kappa (1960) and Krippendorff's alpha (nominal, 2011): 0 is chance, 1 full agreement; None when one of
    #: the two readers always says the same.
    kappa: Interval | None
    alpha: Interval | None


class Suspect(Frozen):
    """A row whose published label the model does not believe, most doubtful first."""

    row_id: str
    #: What was published, and how likely the model finds the label (out of fold).
    given: bool
    believed: float
    #: What our second reader says; None where it did not read or decide.
    reread: bool | None
    #: Letters hidden unless ``--show-text`` was given.
    text: str


class Confirmed(Frozen):
    """Share that the second reader contradicts, among rows doubted and among the others: does doubt find anything?"""

    doubted_rows: int
    other_rows: int
    doubted: Interval
    others: Interval


class Noise(Frozen):
    """One label of one source as a model that has not seen its rows believes it (confident learning)."""

    label: str
    title: str
    positive: int
    negative: int
    #: AUC of the out-of-fold predictions against the published labels: a judge near 0.5 doubts at random.
    auc: float
    #: Estimated shares: of truly negative rows published as positive, of truly positive rows published as negative,
    #: and of all rows published wrong.
    false_positive: float
    false_negative: float
    wrong: float
    doubted_positive: int
    doubted_negative: int
    #: None where too few of the rows were reread.
    confirmed: Confirmed | None
    suspects: tuple[Suspect, ...]


class SourceQuality(Frozen):
    """The labels of one card."""

    name: str
    title: str
    licence: str
    rows: int
    reread: int
    agreements: tuple[Agreement, ...]
    noise: tuple[Noise, ...]


class LabelQuality(Frozen):
    """Everything that the report shows."""

    created_at: str
    recipe: str
    seed: int
    folds: int
    #: Rows that teach the judge, our own cases included.
    rows: int
    show_text: bool
    sources: tuple[SourceQuality, ...] = Field(min_length=1)
    seconds: float
