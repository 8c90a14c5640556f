"""Our own held-out cases as a functional suite, written anew from their templates. Reads ``datasets/vigie`` only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from serving.bundle import FAMILIES, InputError, prepare
from training.data.cases import OwnCases, Role, load_cases
from training.data.instances import Instance, write_instances

from .records import SuiteResult
from .suites import Case, run_cases

#: Instances of one template: enough for every group to come up.
INSTANCES = 20


def titles(folder: Path) -> dict[str, str]:
    """French title of every functionality of ``folder`` (``settings.datasets / "vigie"``), by key.

    Raises:
        ConfigError: a file of cases is wrong.
    """
    return _titles(load_cases(folder))


def run_own(
    classifier: Any,
    folder: Path,
    *,
    families: Sequence[str] = FAMILIES,
    level: str = "probable",
    most: int = INSTANCES,
    seed: int = 0,
) -> tuple[SuiteResult, ...]:
    """One suite per family that the bundle scores.

    Args:
        classifier: as in ``run_cases``.
        folder: of the cases.
        families: judged, each on the held-out cases of its own files.
        level: a case is flagged when it is at least at this level.
        most: instances of one template; together they weigh one.
        seed: of the words drawn.

    Raises:
        ConfigError: a file of cases is wrong.
        InputError: ``level`` is not one that flags, or no family has a held-out case.
    """
    cases = load_cases(folder)
    named = _titles(cases)
    wanted = {family: held_out(cases, family, most, seed) for family in families if family in classifier.manifest.keys}
    found = tuple(
        run_cases(classifier, written, suite="vigie", label=family, level=level, titles=named)
        for family, written in wanted.items()
        if written
    )
    if not found:
        raise InputError(f'{folder}: no held-out case (role = "held_out") of a family that the bundle scores')
    return found


def held_out(cases: OwnCases, family: str, most: int, seed: int) -> list[Case]:
    """Instances of the held-out cases of ``family``; those whose family label is unknown are left out."""
    instances = [
        instance
        for case in cases.cases
        if case.role is Role.HELD_OUT and case.family == family and family not in case.unknown
        for instance in write_instances(case, cases.lexicon, most, seed)
    ]
    siblings = Counter(instance.case.id for instance in instances)
    return [_case(instance, family, siblings[instance.case.id]) for instance in instances]


def _case(instance: Instance, family: str, siblings: int) -> Case:
    return Case(
        text=prepare(instance.text),
        functionality=instance.case.functionality.key,
        harmful=family in instance.labels,
        target=instance.group,
        group=instance.case.id,
        weight=1 / siblings,
    )


def _titles(cases: OwnCases) -> dict[str, str]:
    return {case.functionality.key: case.functionality.title for case in cases.cases}
