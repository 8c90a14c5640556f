"""``configs/audit.toml``: what an audit measures, and the bounds that a bundle must hold to be promoted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from serving.bundle.config import Frozen, load
from training.data.cards import OutputKey

Share = Annotated[float, Field(gt=0, lt=1)]


class AuditSection(Frozen):
    """How an audit is measured."""

    #: Outputs judged by group; one that the bundle or the rows lack is told and left out.
    labels: tuple[OutputKey, ...] = Field(min_length=1)
    #: Resamples behind each interval.
    replicates: int = Field(ge=20)
    seed: int = Field(ge=0)
    #: Units of each answer below which a group is small: shown, not tested, left out of gaps and of the gate.
    least_units: int = Field(ge=2)
    #: How p-values of one table are corrected: chance of one false finding, or share of false findings.
    multiplicity: Literal["holm", "benjamini_hochberg"]
    #: Corrected p-value below which a difference is told as one.
    significance: Share
    #: Level of the functional tests and of flips between counterfactuals.
    level: Literal["tres_probable", "probable", "possible"]
    #: Rows disguised, at most.
    disguised_rows: int = Field(ge=0)
    #: Rows listed among the gravest mistakes of each label.
    mistakes: int = Field(ge=0)
    #: Training rows shown beside each of them.
    neighbours: int = Field(ge=0)
    #: Training rows that teach the linear models with and without a source, at most; 0 skips them.
    taught_rows: int = Field(ge=0)


class Bound(Frozen):
    """One line of the gate."""

    #: A figure's name, as ``vigie-train audit`` prints it; ``*`` stands for any part of it.
    figure: Annotated[str, Field(min_length=1)]
    at_most: float | None = None
    at_least: float | None = None
    #: What must hold: the figure itself, or the kind end of its interval (broken only when chance is no excuse).
    judged: Literal["value", "interval"]
    #: Broken when the audit has no such figure, rather than passed over.
    required: bool
    #: Why this bound, for who must live with it.
    why: Annotated[str, Field(min_length=1)]

    @model_validator(mode="after")
    def _one_side(self) -> Self:
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError("give at_most or at_least, one of the two")
        return self


class AuditConfig(Frozen):
    """The whole of ``audit.toml``."""

    schema_version: Literal[1] = Field(alias="schema")
    audit: AuditSection
    bounds: tuple[Bound, ...] = Field(alias="gate", min_length=1)


def load_audit_config(path: Path) -> AuditConfig:
    """The configuration at ``path`` (ConfigError naming the key, the value and what was expected)."""
    return load(AuditConfig, path)
