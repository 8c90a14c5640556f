"""What a reproduction found, as frozen records that travel as JSON. No text of any row is in them."""

from __future__ import annotations

from enum import StrEnum

from serving.bundle.config import Frozen


class Step(StrEnum):
    """What can be made again; the origin (recipe, code, versions) is always compared."""

    #: Sources and rows, prepared from the recipe.
    DATA = "data"
    #: The model, fine-tuned, exported and calibrated from these rows, judged on the same test rows.
    TRAINING = "training"
    #: The served scores and the figures of the sealed bundle.
    EVALUATION = "evaluation"


class Standing(StrEnum):
    """How what was found here compares with what the bundle says."""

    #: Equal, to the bit or to the last printed digit of a float.
    SAME = "identique"
    #: Not equal, and within the tolerance asked.
    CLOSE = "proche"
    #: Beyond the tolerance, or another digest.
    DIFFERENT = "différent"
    #: The bundle, or this machine, does not say.
    UNKNOWN = "inconnu"


class Check(Frozen):
    """One thing compared."""

    #: A step, or ``origin``.
    step: str
    what: str
    #: As the bundle says, and as found here; French words and figures.
    expected: str
    found: str
    standing: Standing
    #: False for what explains a difference (versions, commit, bits of the weights) and refutes nothing by itself.
    decisive: bool = True


class Reproduction(Frozen):
    """Everything that was compared for one bundle."""

    created_at: str
    bundle: str
    bundle_name: str
    recipe: str
    seed: int
    steps: tuple[Step, ...]
    tolerance: float
    checks: tuple[Check, ...]
    seconds: float

    @property
    def reproduced(self) -> bool:
        """Nothing decisive differs."""
        return not any(check.decisive and check.standing is Standing.DIFFERENT for check in self.checks)
