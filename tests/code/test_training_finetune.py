"""Masked, weighted, soft multi-label loss; the labels that are trained; same seed, same model; resume."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from datasets import Dataset
from torch.nn import functional as F
from training_rows import recipe_table, tables

from serving.bundle import OUTPUT_KEYS, ConfigError, NotFound
from training.finetune import (
    CHECKPOINTS,
    FIGURE,
    SHARES,
    Disturbance,
    MaskedLoss,
    collate,
    finetune,
    load_trained,
    mean_average_precision,
    predict,
)
from training.recipe import parse_recipe
from training.targets import Targets, positive_weights, targets_of, trainable_labels


@pytest.fixture(scope="module")
def recipe(root):
    return parse_recipe(recipe_table(root), "x")


@pytest.fixture(scope="module")
def rows():
    return tables()


@pytest.fixture(scope="module")
def run(recipe, rows, tmp_path_factory):
    torch.set_num_threads(1)  # a model this small only waits for a second thread
    folder = tmp_path_factory.mktemp("run")
    return folder, finetune(recipe, rows, folder)


def row(target: dict[str, float], mask: dict[str, float], weight: float = 1.0) -> dict:
    return {
        "target": [target.get(key, 0.0) for key in OUTPUT_KEYS],
        "mask": [mask.get(key, 0.0) for key in OUTPUT_KEYS],
        "weight": weight,
    }


def test_a_known_positive_child_makes_its_family_positive():
    known = row({"haine.religion": 0.9}, {"haine.religion": 1.0, "haine": 1.0})
    unknown_family = row({"terrorisme.menace": 1.0}, {"terrorisme.menace": 1.0}, weight=0.5)
    masked_child = row({"harcelement.injure": 1.0}, {"harcelement": 1.0})
    found = targets_of(Dataset.from_list([known, unknown_family, masked_child]))
    haine, terrorisme, harcelement = (OUTPUT_KEYS.index(key) for key in ("haine", "terrorisme", "harcelement"))
    assert found.values[0, haine] == pytest.approx(0.9)
    assert (found.values[1, terrorisme], found.weights[1, terrorisme]) == (1.0, 0.5)
    assert found.values[2, harcelement] == 0.0, "an unknown child says nothing"


def test_labels_without_a_positive_row_are_not_trained(rows):
    found = trainable_labels(targets_of(rows["train"]))
    assert found == ("haine", "haine.origine", "harcelement", "harcelement.injure", "contexte_protege")


def test_positive_weights_are_bounded():
    values = np.zeros((100, 2), dtype=np.float32)
    values[:10, 0], values[:90, 1] = 1, 1
    found = positive_weights(Targets(("a", "b"), values, np.ones_like(values)), 4.0)
    assert found.tolist() == [4.0, 1.0]
    assert positive_weights(Targets(("a", "b"), values, np.ones_like(values)), 50.0)[0] == pytest.approx(9.0)


def test_loss_is_masked_weighted_and_soft():
    logits = torch.tensor([[0.3, -1.2], [2.0, 0.1]], requires_grad=True)
    values = torch.tensor([[0.7, 1.0], [0.0, 1.0]])
    weights = torch.tensor([[1.0, 0.0], [0.5, 0.2]])
    loss = MaskedLoss(np.array([3.0, 1.0], dtype=np.float32), weight_per_row=0.8)
    found = loss({"logits": logits}, torch.stack([values, weights], dim=1))
    cells = F.binary_cross_entropy_with_logits(logits, values, reduction="none", pos_weight=torch.tensor([3.0, 1.0]))
    assert found.item() == pytest.approx((cells * weights).sum().item() / (0.8 * 2))
    found.backward()
    assert logits.grad[0, 1] == 0, "unknown is not negative"


def test_light_rows_stay_light():
    """A batch of light rows pulls less than a batch of full ones."""
    loss = MaskedLoss(np.ones(1, dtype=np.float32), weight_per_row=1.0)
    logits, values = torch.zeros(4, 1), torch.ones(4, 1)
    full, light = (
        loss({"logits": logits}, torch.stack([values, torch.full((4, 1), weight)], dim=1)) for weight in (1.0, 0.1)
    )
    assert light.item() == pytest.approx(full.item() / 10)


def test_collate_pads_with_the_mask_off():
    batch = collate([{"input_ids": [1, 5, 2]}, {"input_ids": [1, 2]}], pad_id=9)
    assert batch["input_ids"].tolist() == [[1, 5, 2], [1, 2, 9]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]


def test_figure_skips_labels_with_few_positives():
    values = np.array([[1, 1], [1, 0], [0, 0], [0, 0]], dtype=np.float32)
    logits = np.array([[2, -2], [1, 0], [0, 1], [-1, 2]], dtype=np.float32)
    known = Targets(("a", "b"), values, np.ones_like(values))
    assert mean_average_precision(logits, known, min_positives=2) == 1.0
    assert mean_average_precision(logits, known, min_positives=1) == pytest.approx((1.0 + 0.25) / 2)
    assert mean_average_precision(logits, known, min_positives=3) == 0.0


def test_it_learns_the_markers(run, rows, recipe):
    _, trained = run
    logits = predict(trained, rows["test"]["text"], recipe.training.max_tokens)
    figure = mean_average_precision(logits, targets_of(rows["test"]).columns(trained.labels), 5)
    assert figure > 0.9
    # Few weighted cells: this figure moves by some points with the seed.
    assert max(record[f"eval_{FIGURE}"] for record in trained.history if f"eval_{FIGURE}" in record) > 0.8


def test_read_again_it_answers_the_same(run, rows, recipe):
    folder, trained = run
    texts = rows["test"]["text"][:20]
    again = load_trained(folder)
    assert again.labels == trained.labels
    assert again.random_start
    np.testing.assert_allclose(predict(again, texts, 24), predict(trained, texts, 24), atol=1e-6)
    checkpoint = max((folder / CHECKPOINTS).iterdir())
    assert load_trained(checkpoint).labels == trained.labels


def test_same_seed_same_model(recipe, rows, root, tmp_path):
    short = parse_recipe(recipe_table(root) | {"training": recipe_table(root)["training"] | {"epochs": 1.0}}, "x")
    logits = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        trained = finetune(short, rows, tmp_path / name)
        logits.append(predict(trained, rows["test"]["text"][:10], 24))
    np.testing.assert_array_equal(logits[0], logits[1])


def test_resume_continues_from_the_last_checkpoint(recipe, rows, root, tmp_path):
    table = recipe_table(root)
    table["training"] |= {"epochs": 2.0, "schedule": "constant_with_warmup", "warmup": 0.0}
    first = finetune(parse_recipe(table, "x"), rows, tmp_path)
    table["training"]["epochs"] = 3.0
    second = finetune(parse_recipe(table, "x"), rows, tmp_path, resume=True)
    epochs = [record["epoch"] for record in second.history if "loss" in record]
    assert epochs == [1.0, 2.0, 3.0]
    kept = [record["loss"] for record in first.history if "loss" in record]
    assert [record["loss"] for record in second.history if "loss" in record][:2] == kept


def test_nothing_to_resume_or_to_learn_is_said(recipe, rows, tmp_path):
    with pytest.raises(NotFound, match="no checkpoint"):
        finetune(recipe, rows, tmp_path, resume=True)
    blank = rows["train"].map(lambda row: {"target": [0.0] * len(OUTPUT_KEYS)})
    with pytest.raises(ConfigError, match="no label has a positive"):
        finetune(recipe, type(rows)({**rows, "train": blank}), tmp_path)
    with pytest.raises(NotFound, match="run folder"):
        load_trained(tmp_path / "nowhere")


def test_the_encoders_share_is_chosen_and_kept(run):
    folder, trained = run
    assert trained.model.encoder_share in SHARES
    assert load_trained(folder).model.encoder_share == trained.model.encoder_share


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_only_the_declared_share_of_training_rows_is_disturbed(run, recipe, noise):
    _, trained = run
    section = recipe.training.model_copy(update={"noise": noise})
    texts = ["Je ne sais pas encore si nous viendrons demain soir."] * 40
    ids = trained.tokenizer(texts[0])["input_ids"]
    collator = Disturbance(texts, trained.tokenizer, section, seed=1)

    def changed(rows):
        batch = collator(rows)
        kept = [batch["input_ids"][i][batch["attention_mask"][i] > 0].tolist() for i in range(len(rows))]
        return sum(row != ids[:24] and row != ids for row in kept)

    assert changed([{"input_ids": ids, "place": n} for n in range(40)]) >= 30 * noise
    assert changed([{"input_ids": ids}] * 40) == 0, "validation rows have no place: they stay as they are"
