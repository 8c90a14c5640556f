"""The variety of French a text seems written in, guessed by a linear model over our own cases. Never learnt from rows.

A guess, with its measured quality: a column to compare groups by, never a judgement on a text or on who wrote it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import Pipeline, make_pipeline

from serving.bundle import Interval, prepare
from training.data.cases import OwnCases, Role
from training.data.instances import write_instances
from training.evaluation.bootstrap import intervals
from training.evaluation.metrics import Array

TITLES = {
    "standard": "Standard",
    "oral": "Oral",
    "sms": "Messages abrégés",
    "verlan": "Verlan, argot",
    "regional": "Régional",
    "africain": "Français d'Afrique",
    "emoji": "Émojis",
}


@dataclass(frozen=True)
class Varieties:
    """A fitted guess.

    Attributes:
        recall: mean over varieties of the share of our held-out cases whose variety is found.
        cases: held-out cases that say so.
    """

    model: Pipeline
    recall: Interval
    cases: int

    @classmethod
    def of(cls, cases: OwnCases, seed: int) -> Varieties:
        """Learnt from one instance of each training case, judged on the held-out ones."""
        texts, truth = _written(cases, Role.TRAIN, seed)
        model = make_pipeline(
            TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), min_df=2, sublinear_tf=True, dtype=np.float32),
            SGDClassifier(loss="log_loss", class_weight="balanced", random_state=seed),
        ).fit(texts, truth)
        asked, known = _written(cases, Role.HELD_OUT, seed)
        return cls(model, _recall(np.array(known), model.predict(asked), seed), len(asked))

    def named(self, texts: Sequence[str]) -> list[tuple[str, ...]]:
        """The variety of each text, as a cell of groups; none for a blank one."""
        found = self.model.predict([prepare(text) for text in texts]) if len(texts) else []
        return [(str(name),) if text.strip() else () for name, text in zip(found, texts, strict=True)]


def _written(cases: OwnCases, role: Role, seed: int) -> tuple[list[str], list[str]]:
    rows = [
        (prepare(instance.text), case.register.value)
        for case in cases.cases
        if case.role is role
        for instance in write_instances(case, cases.lexicon, 1, seed)
    ]
    return [text for text, _ in rows], [name for _, name in rows]


def _recall(known: Array, found: Array, seed: int) -> Interval:
    names = sorted(set(known))

    def statistics(weights: Array) -> dict[str, Array]:
        shares = [weights[:, known == name] @ (found[known == name] == name) for name in names]
        totals = [weights[:, known == name].sum(axis=1) for name in names]
        with np.errstate(invalid="ignore", divide="ignore"):
            return {"recall": np.nanmean(np.stack(shares) / np.stack(totals), axis=0)}

    return intervals(statistics, np.ones(len(known)), list(range(len(known))), seed=seed)["recall"]
