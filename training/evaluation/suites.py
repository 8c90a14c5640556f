"""Functional tests of a label: cases of one kind each, where the right answer is known by construction.

``run_hatecheck`` reads any file of Multilingual HateCheck's schema (Röttger et al., 2021 and 2022); ``run_cases`` takes
our own. Harmful and harmless cases are always counted apart: a model that always flags passes every harmful one.
Results hold counts and names of functionalities, never a case's text.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.bundle import LEVELS, InputError, Interval, Verdict
from serving.bundle.errors import nearest

from . import metrics as m
from .bootstrap import intervals, wilson
from .measure import Rows, flag_threshold, flagged
from .metrics import Array
from .records import Functionality, SuiteResult, Target

HATECHECK_COLUMNS = ("functionality", "test_case", "label_gold", "target_ident")
_GOLD = {"hateful": True, "non-hateful": False}

#: Multilingual HateCheck's functionalities, in words.
HATECHECK_TITLES = {
    "derog_neg_emote_h": "Émotion négative exprimée",
    "derog_neg_attrib_h": "Attributs négatifs",
    "derog_dehum_h": "Déshumanisation",
    "derog_impl_h": "Dénigrement implicite",
    "threat_dir_h": "Menace directe",
    "threat_norm_h": "Menace sous forme de norme",
    "slur_h": "Insulte haineuse",
    "slur_homonym_nh": "Homonyme d'une insulte",
    "slur_reclaimed_nh": "Insulte réappropriée",
    "profanity_h": "Haine avec grossièreté",
    "profanity_nh": "Grossièreté sans haine",
    "ref_subs_clause_h": "Référence dans une proposition suivante",
    "ref_subs_sent_h": "Référence dans une phrase suivante",
    "negate_pos_h": "Énoncé positif nié (haineux)",
    "negate_neg_nh": "Énoncé haineux nié",
    "phrase_question_h": "Formulé en question",
    "phrase_opinion_h": "Formulé en opinion",
    "ident_neutral_nh": "Mention neutre d'un groupe",
    "ident_pos_nh": "Mention positive d'un groupe",
    "counter_quote_nh": "Contre-discours citant la haine",
    "counter_ref_nh": "Contre-discours y faisant référence",
    "target_obj_nh": "Hostilité envers un objet",
    "target_indiv_nh": "Hostilité envers une personne",
    "target_group_nh": "Hostilité envers un groupe non protégé",
    "spell_char_swap_h": "Lettres interverties",
    "spell_char_del_h": "Lettres manquantes",
    "spell_space_del_h": "Espaces supprimées",
    "spell_space_add_h": "Espaces ajoutées",
    "spell_leet_h": "Chiffres pour des lettres",
}


@dataclass(frozen=True)
class Case:
    """One functional case.

    Attributes:
        text: what is scored.
        functionality: key of its kind.
        harmful: whether the label is true of it.
        target: group of people it names, or an empty string.
        group: its template, the independent unit; by default the case itself.
        weight: instances of one template sum to one.
    """

    text: str
    functionality: str
    harmful: bool
    target: str = ""
    group: str = ""
    weight: float = 1.0


def run_hatecheck(classifier: Any, file: Path, *, label: str = "haine", level: str = "probable") -> SuiteResult:
    """Score a file of Multilingual HateCheck's schema.

    Args:
        classifier: anything with ``score``, ``manifest`` and ``bundle_id`` (serving.classifier.Classifier).
        file: CSV with the columns ``HATECHECK_COLUMNS``; others are ignored.
        label: output judged.
        level: a case is flagged when it is at least at this level.

    Raises:
        InputError: the file is not such a CSV (names file, column, row and expectation), or the bundle has no
            ``label``.
    """
    cases = read_hatecheck(file)
    return run_cases(
        classifier, cases, suite="hatecheck", label=label, level=level, titles=HATECHECK_TITLES, file=Path(file)
    )


def read_hatecheck(file: Path) -> list[Case]:
    """The cases of a CSV of Multilingual HateCheck's schema.

    Raises:
        InputError: as ``run_hatecheck``.
    """
    file = Path(file)
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            _check_columns(file, reader.fieldnames or ())
            cases = [_case(file, number, row) for number, row in enumerate(reader, start=1)]
    except OSError as error:
        raise InputError(f"{file}: not readable: {error.strerror}; give a CSV of HateCheck's schema") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file}: not a UTF-8 CSV: {type(error).__name__}; expected HateCheck's schema") from None
    if not cases:
        raise InputError(f"{file}: no case below the header; expected at least one row")
    return cases


def _check_columns(file: Path, found: Sequence[str]) -> None:
    for column in HATECHECK_COLUMNS:
        if column not in found:
            raise InputError(
                f"{file}: column {column!r} is missing{nearest(column, found)}; "
                f"expected {', '.join(HATECHECK_COLUMNS)}, found {', '.join(found) or 'no header'}",
                code="missing_column",
                pointer=column,
            )


def _case(file: Path, number: int, row: dict[str, str | None]) -> Case:
    gold = (row["label_gold"] or "").strip()
    if gold not in _GOLD or not row["functionality"] or row["test_case"] is None:
        column = "label_gold" if gold not in _GOLD else "functionality" if not row["functionality"] else "test_case"
        shown = repr(gold[:40]) if column == "label_gold" else "empty"
        raise InputError(
            f"{file}: row {number}: {column} is {shown}; expected 'hateful' or 'non-hateful' in label_gold and a value "
            "in functionality and test_case",
            code="bad_row",
            pointer=f"/{number}/{column}",
        )
    return Case(row["test_case"], row["functionality"], _GOLD[gold], target=(row["target_ident"] or "").strip())


def run_cases(
    classifier: Any,
    cases: Sequence[Case],
    *,
    suite: str,
    label: str,
    level: str = "probable",
    titles: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> SuiteResult:
    """Score ``cases`` with the classifier that serves, and tally them.

    Raises:
        InputError: the bundle has no ``label``, or ``level`` is not one that flags.
    """
    threshold = _threshold(classifier, label, level)
    scores = np.array([_score(verdict, label) for verdict in classifier.score([case.text for case in cases])])
    return tally(
        cases,
        scores,
        suite=suite,
        bundle=classifier.bundle_id,
        label=label,
        level=level,
        threshold=threshold,
        titles=titles or {},
        file=file,
    )


def _threshold(classifier: Any, label: str, level: str) -> float | None:
    if level not in LEVELS[:-1]:
        raise InputError(f"level {level!r} flags nothing or everything; expected one of {', '.join(LEVELS[:-1])}")
    found = classifier.manifest.label(label)
    if found is None:
        raise InputError(
            f"the bundle does not score {label!r}{nearest(label, classifier.manifest.keys)}; "
            f"it scores {', '.join(classifier.manifest.keys)}",
            code="unknown_label",
        )
    return flag_threshold(found, level)


def _score(answer: Verdict | Exception, label: str) -> float:
    score = answer.scores[label] if isinstance(answer, Verdict) else None
    return float("nan") if score is None else score


def tally(
    cases: Sequence[Case],
    scores: Array,
    *,
    suite: str,
    bundle: str,
    label: str,
    level: str,
    threshold: float | None,
    titles: Mapping[str, str],
    file: Path | None = None,
    replicates: int = 500,
) -> SuiteResult:
    """Count passes: per functionality, harmful and harmless apart, and per target.

    Args:
        cases: n functional cases.
        scores: (n,) their scores of ``label``; NaN where none could be given.
        suite, bundle, label, level, titles, file: copied into the result.
        threshold: score from which a case is flagged; None flags nothing.
        replicates: resamples behind the intervals of macro-F1 and AUC.
    """
    kept = np.flatnonzero(np.isfinite(scores))
    scored = [cases[index] for index in kept.tolist()]
    board = _Board.of(scored, scores[kept], threshold)
    return SuiteResult(
        suite=suite,
        file=file.name if file else "",
        file_sha256=hashlib.sha256(file.read_bytes()).hexdigest() if file else "",
        bundle=bundle,
        label=label,
        level=level,
        threshold=threshold,
        cases=len(cases),
        unscored=len(cases) - len(scored),
        functionalities=_functionalities(scored, board, titles),
        harmful=board.share(board.harmful),
        harmless=board.share(~board.harmful),
        accuracy=board.share(np.ones(len(scored), dtype=bool)),
        targets=_targets(scored, board),
        **_overall(board, replicates),
    )


@dataclass(frozen=True)
class _Board:
    """Outcomes of n scored cases: everything the tables are counted from; each array has shape (n,)."""

    rows: Rows
    scores: Array
    flagged: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, cases: Sequence[Case], scores: Array, threshold: float | None) -> _Board:
        rows = Rows(
            labels=np.array([float(case.harmful) for case in cases]),
            weights=np.array([case.weight for case in cases]),
            groups=[case.group or str(number) for number, case in enumerate(cases)],
        )
        return cls(rows, scores, flagged(scores, threshold))

    @property
    def harmful(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.rows.labels > 0.5)

    @property
    def passed(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.flagged == self.harmful)

    def share(self, chosen: npt.NDArray[np.bool_]) -> Interval | None:
        """Share of the weight of ``chosen`` that passes, with as many trials as templates; None when there is none."""
        weights = self.rows.weights[chosen]
        if not weights.sum() > 0:
            return None
        units = self.units(chosen)
        return wilson(units * min(1.0, float(weights @ self.passed[chosen] / weights.sum())), units)

    def units(self, chosen: npt.NDArray[np.bool_]) -> int:
        """Distinct templates among ``chosen``."""
        return len({self.rows.groups[row] for row in np.flatnonzero(chosen).tolist()})


def _functionalities(cases: Sequence[Case], board: _Board, titles: Mapping[str, str]) -> tuple[Functionality, ...]:
    """Harmful first, each in order of appearance; a functionality with both answers gives two lines."""
    members: dict[tuple[str, bool], list[int]] = {}
    for index, case in enumerate(cases):
        members.setdefault((case.functionality, case.harmful), []).append(index)
    found = []
    for (key, harmful), indices in sorted(members.items(), key=lambda item: not item[0][1]):
        chosen = np.isin(np.arange(len(cases)), indices)
        passed = board.share(chosen)
        if passed is not None:
            units = board.units(chosen)
            title = titles.get(key, key)
            found.append(
                Functionality(key=key, title=title, harmful=harmful, cases=len(indices), units=units, passed=passed)
            )
    return tuple(found)


def _targets(cases: Sequence[Case], board: _Board) -> tuple[Target, ...]:
    names = np.array([case.target for case in cases])
    return tuple(_target(name, names == name, board) for name in sorted(set(names.tolist())) if name)


def _target(name: str, chosen: npt.NDArray[np.bool_], board: _Board) -> Target:
    auc = m.roc_auc(board.rows.labels[chosen], board.scores[chosen], board.rows.weights[None, chosen])[0]
    return Target(
        key=name,
        cases=int(chosen.sum()),
        harmful=board.share(chosen & board.harmful),
        harmless=board.share(chosen & ~board.harmful),
        auc=float(auc) if np.isfinite(auc) else None,
    )


def _overall(board: _Board, replicates: int) -> dict[str, Interval | None]:
    """macro_f1 and auc with intervals; None when one of the two answers is missing."""
    if board.harmful.all() or not board.harmful.any():
        return {"macro_f1": None, "auc": None}
    labels = board.rows.labels

    def statistics(weights: Array) -> dict[str, Array]:
        return {
            "macro_f1": m.macro_f1(labels, board.flagged, weights),
            "auc": m.roc_auc(labels, board.scores, weights),
        }

    found = intervals(statistics, board.rows.weights, board.rows.groups, replicates=replicates)
    return {"macro_f1": found.get("macro_f1"), "auc": found.get("auc")}
