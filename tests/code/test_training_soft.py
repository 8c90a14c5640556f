"""A teacher's answers beside the annotations: who has a say in which cell, and how much."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from datasets import Dataset
from torch.nn import functional as F

from serving.bundle import OUTPUT_KEYS
from training.finetune import MaskedLoss
from training.recipe import DistillationSection
from training.soft import DistilledLoss, distilled, with_soft


def loss(share: float = 0.5, temperature: float = 2.0) -> DistilledLoss:
    hard = MaskedLoss(np.array([3.0, 1.0], dtype=np.float32), weight_per_row=0.7)
    return DistilledLoss(hard, share=share, temperature=temperature, weight_per_row=1.3)


def test_each_cell_follows_who_knows_it():
    logits = torch.tensor([[0.4, -1.0], [1.5, 0.2]])
    values, weights = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[1.0, 0.8], [0.0, 0.0]])
    soft, soft_weights = torch.tensor([[0.9, 0.5], [0.2, 0.6]]), torch.tensor([[1.0, 0.0], [0.5, 0.0]])
    found = loss(share=0.25)({"logits": logits}, torch.stack([values, weights, soft, soft_weights], 1))
    hard = F.binary_cross_entropy_with_logits(logits, values, reduction="none", pos_weight=torch.tensor([3.0, 1.0]))
    teacher = F.binary_cross_entropy_with_logits(logits / 2, soft, reduction="none") * 4
    # Both know; only the annotation; only the teacher; nobody.
    expected = 0.75 * hard[0, 0] + 0.25 * teacher[0, 0] + 0.8 * hard[0, 1] + 0.25 * 0.5 * teacher[1, 0]
    assert found.item() == pytest.approx(expected.item() / (1.3 * 2))


def test_the_teacher_is_where_it_pulls_to():
    """With the whole share and no annotation, the logit that costs least gives the teacher's probability."""
    logit = torch.zeros(1, 1, requires_grad=True)
    hard = MaskedLoss(np.ones(1, dtype=np.float32), weight_per_row=1.0)
    teaching = DistilledLoss(hard, share=1.0, temperature=2.0, weight_per_row=1.0)
    descent = torch.optim.SGD([logit], lr=0.5)
    for _ in range(200):
        descent.zero_grad()
        teaching({"logits": logit}, torch.tensor([[[0.0], [0.0], [0.8], [1.0]]])).backward()
        descent.step()
    assert torch.sigmoid(logit / 2).item() == pytest.approx(0.8, abs=1e-3)


def test_validation_rows_keep_the_annotations_loss():
    labels = torch.stack([torch.tensor([[1.0, 0.0]]), torch.ones(1, 2)], 1)
    outputs = {"logits": torch.tensor([[0.3, 0.3]])}
    assert loss()(outputs, labels).item() == pytest.approx(loss().hard(outputs, labels).item())


def encoded(rows: int) -> Dataset:
    return Dataset.from_dict({"input_ids": [[1]] * rows, "labels": [[[1.0, 0.0], [0.5, 0.5]]] * rows})


def test_columns_become_labels_in_the_order_of_the_keys():
    soft, weight = ([float(n) for n in range(first, first + len(OUTPUT_KEYS))] for first in (0, 100))
    rows = Dataset.from_dict({"soft": [soft] * 2, "soft_weight": [weight] * 2})
    found = with_soft(encoded(2), rows, (OUTPUT_KEYS[1], OUTPUT_KEYS[8]))
    assert found["labels"][1] == [[1.0, 0.0], [0.5, 0.5], [1.0, 8.0], [101.0, 108.0]]


def test_without_a_teacher_nothing_changes():
    rows = encoded(1)
    assert with_soft(rows, Dataset.from_dict({"text": ["x"]}), OUTPUT_KEYS[:2]) is rows
    hard = loss().hard
    section = DistillationSection(temperature=2.0, share=0.5, max_tokens=32, batch_size=4)
    assert distilled(None, hard, rows) is hard
    assert distilled(section, hard, rows) is hard


def test_the_divisor_is_the_mean_weight_of_a_row():
    rows = Dataset.from_dict({"labels": [[[1.0], [1.0], [0.5], [2.0]], [[1.0], [1.0], [0.5], [0.0]]]})
    section = DistillationSection(temperature=2.0, share=0.25, max_tokens=32, batch_size=4)
    found = distilled(section, loss().hard, rows)
    assert found.weight_per_row == pytest.approx(((0.75 + 0.25 * 2) + 1.0) / 2)
