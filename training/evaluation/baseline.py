"""The yardstick: words and character n-grams with one logistic regression per label, on the encoder's own rows.

It sees exactly the rows, masks, weights and bounded class weights that the encoder's loss sees, so that what the
encoder adds is the only difference. It knows nothing of bundles; its logits are calibrated as the encoder's are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from serving.bundle import OUTPUT_KEYS

from .metrics import Array
from .split import Split

#: Largest vocabulary of each of the two vectorisers, most frequent first.
MAX_FEATURES = 150_000


@dataclass(frozen=True)
class Baseline:
    """A trained baseline.

    Attributes:
        words: of 1 and 2 words.
        characters: of 2 to 5 characters inside words.
        models: one per label that the training rows teach.
    """

    words: TfidfVectorizer
    characters: TfidfVectorizer
    models: dict[str, LogisticRegression]

    @property
    def keys(self) -> tuple[str, ...]:
        """Labels it answers, in the order of ``OUTPUT_KEYS``."""
        return tuple(self.models)

    def logits(self, texts: Sequence[str]) -> Array:
        """Log-odds of each prepared text, shape (n, number of ``keys``)."""
        features = self._features(texts)
        return np.stack([model.decision_function(features) for model in self.models.values()], axis=1)

    def _features(self, texts: Sequence[str]) -> Any:
        return sparse.hstack([self.words.transform(texts), self.characters.transform(texts)], format="csr")


def train_baseline(
    train: Split,
    *,
    keys: Sequence[str] = OUTPUT_KEYS,
    pos_weight_max: float = 10.0,
    strength: float = 1.0,
    seed: int = 0,
) -> Baseline:
    """Fit on ``train``; a label of ``keys`` without both positives and negatives is left out.

    Args:
        train: rows, masks and weights, as the encoder saw them.
        keys: labels wanted.
        pos_weight_max: bound on what one positive may weigh against one negative, as in the recipe.
        strength: inverse of the L2 penalty (scikit-learn's ``C``).
        seed: of the solver.
    """
    words = _vectoriser(analyzer="word", ngram_range=(1, 2))
    characters = _vectoriser(analyzer="char_wb", ngram_range=(2, 5))
    features = sparse.hstack([words.fit_transform(train.texts), characters.fit_transform(train.texts)], format="csr")
    models = {
        key: model
        for key in OUTPUT_KEYS
        if key in keys and (model := _fit(features, train, key, pos_weight_max, strength, seed))
    }
    return Baseline(words, characters, models)


def _vectoriser(analyzer: str, ngram_range: tuple[int, int]) -> TfidfVectorizer:
    return TfidfVectorizer(
        analyzer=analyzer,
        ngram_range=ngram_range,
        sublinear_tf=True,
        min_df=2,
        max_features=MAX_FEATURES,
        dtype=np.float32,
    )


def _fit(
    features: Any, train: Split, key: str, pos_weight_max: float, strength: float, seed: int
) -> LogisticRegression | None:
    column = OUTPUT_KEYS.index(key)
    weights = train.weight * train.mask[:, column]
    known = weights > 0
    labels, weights = (train.target[known, column] > 0.5).astype(int), weights[known]
    positives, negatives = float(weights @ labels), float(weights @ (1 - labels))
    if not positives or not negatives:
        return None
    weights = weights * np.where(labels, np.clip(negatives / positives, 1, pos_weight_max), 1)
    model = LogisticRegression(C=strength, solver="liblinear", max_iter=200, random_state=seed)
    return model.fit(features[known], labels, sample_weight=weights)
