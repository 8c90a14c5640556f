"""Teachers: what their labels are worth to us, and which of them are refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import tomli_w
import torch
from training_rows import recipe_table, tables
from transformers import BertConfig, BertForSequenceClassification, BertModel

from serving.bundle import ConfigError, Unavailable
from training.encoder import compact_tokenizer
from training.finetune import finetune
from training.recipe import CompactArchitecture, Recipe, parse_recipe
from training.teachers import against_the_others, open_teacher

LABELS = ("benign", "insult", "hate")


@pytest.fixture(scope="module")
def rows():
    return tables(train=60, validation=40, test=20)


@pytest.fixture(scope="module")
def checkpoint(rows, tmp_path_factory) -> Path:
    """A classifier of hidden size 16 as anyone would save it."""
    folder = tmp_path_factory.mktemp("teacher") / "tiny-classifier"
    architecture = CompactArchitecture(
        vocab_size=300, lowercase=True, layers=1, heads=2, hidden_size=16, intermediate_size=16, dropout=0.0
    )
    tokenizer = compact_tokenizer(architecture, rows["train"]["text"])
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        pad_token_id=tokenizer.pad_token_id, id2label=dict(enumerate(LABELS)), initializer_range=0.5,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def run_folder(root, rows, tmp_path_factory) -> Path:
    """A run of ours of hidden size 16, trained for half an epoch."""
    folder = tmp_path_factory.mktemp("runs") / "essai"
    folder.mkdir()
    table = recipe_table(root)
    table["encoder"]["compact"] |= {"hidden_size": 16}
    table["training"]["epochs"] = 0.5
    (folder / "recipe.toml").write_text(tomli_w.dumps(table), encoding="utf-8")
    finetune(parse_recipe(table, "x"), rows, folder)
    return folder


def recipe(root: Path, *, classes: tuple[str, ...] = ("open",), **checkpoint: object) -> Recipe:
    table = recipe_table(root) | {"licence_classes": list(classes)}
    table["distillation"] = {"temperature": 2.0, "share": 0.5, "max_tokens": 24, "batch_size": 4}
    if checkpoint:
        given = {"revision": "main", "activation": "sigmoid", "licence": "MIT", "licence_class": "open"}
        table["distillation"]["checkpoint"] = given | checkpoint
    return parse_recipe(table, "x.toml")


def test_a_classifier_answers_the_outputs_it_is_mapped_to(root, checkpoint):
    given = recipe(root, labels={"toxicite": "insult", "haine": "hate", "harcelement.injure": "insult"})
    teacher = open_teacher(str(checkpoint), given)
    assert teacher.keys == ("haine", "harcelement.injure", "toxicite")
    ids, mask = torch.tensor([[1, 40, 41, 2], [1, 42, 2, 0]]), torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])
    model = BertForSequenceClassification.from_pretrained(checkpoint).to(teacher.device).eval()
    with torch.inference_mode():
        expected = model(ids.to(teacher.device), attention_mask=mask.to(teacher.device)).logits
        found = teacher.read(ids.to(teacher.device), mask.to(teacher.device))
    torch.testing.assert_close(found, expected[:, [2, 1, 1]])
    record = teacher.record(12)
    assert (record.name, record.licence, record.licence_class, record.rows) == (
        "professeur tiny-classifier", "MIT", "open", 12,
    )  # fmt: skip
    assert record.sha256 == open_teacher(str(checkpoint), given).sha256


def test_labels_that_exclude_each_other_give_log_odds():
    logits = torch.tensor([[0.3, -1.0, 2.0], [50.0, -50.0, 0.0]], dtype=torch.float64)
    p = logits.softmax(1)
    torch.testing.assert_close(against_the_others(logits)[0], (p / (1 - p)).log()[0])
    assert torch.isfinite(against_the_others(logits)).all(), "sure is not infinitely sure"


def test_softmax_is_read_as_declared(root, checkpoint):
    ids, mask = torch.tensor([[1, 40, 41, 2]]), torch.ones(1, 4, dtype=torch.int64)
    read = {}
    for activation in ("sigmoid", "softmax"):
        given = recipe(root, activation=activation, labels={"haine": "hate", "toxicite": "insult"})
        teacher = open_teacher(str(checkpoint), given)
        with torch.inference_mode():
            read[activation] = teacher.read(ids.to(teacher.device), mask.to(teacher.device))
    assert not torch.allclose(read["sigmoid"], read["softmax"])


def test_a_run_of_ours_needs_no_mapping(root, run_folder, rows):
    teacher = open_teacher(str(run_folder), recipe(root))
    assert teacher.keys == ("haine", "haine.origine", "harcelement", "harcelement.injure", "contexte_protege")
    assert (teacher.name, teacher.licence_class) == ("essai", "open")


def test_what_a_teacher_learnt_from_binds_its_student(root, run_folder, checkpoint, tmp_path):
    copy = shutil.copytree(run_folder, tmp_path / "essai")
    table = recipe_table(root) | {"licence_classes": ["open", "research"]}
    (copy / "recipe.toml").write_text(tomli_w.dumps(table), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"'research'; the recipe allows licence_classes = \['open'\]"):
        open_teacher(str(copy), recipe(root))
    assert open_teacher(str(copy), recipe(root, classes=("open", "research"))).licence_class == "research"
    with pytest.raises(ConfigError, match="licence_classes"):
        open_teacher(str(checkpoint), recipe(root, licence_class="research", labels={"haine": "hate"}))


def test_an_encoder_without_a_head_is_refused(root, checkpoint, tmp_path):
    model = BertForSequenceClassification.from_pretrained(checkpoint)
    assert isinstance(model.bert, BertModel)
    model.bert.save_pretrained(tmp_path / "encoder")
    for file in checkpoint.glob("tokenizer*"):
        shutil.copy(file, tmp_path / "encoder")
    with pytest.raises(ConfigError, match="no weights for its head"):
        open_teacher(str(tmp_path / "encoder"), recipe(root, labels={"haine": "LABEL_0"}))


def test_a_mapping_that_does_not_fit_is_told(root, checkpoint, tmp_path):
    with pytest.raises(ConfigError, match=r"labels\.haine = 'hates'.*did you mean 'hate'.*benign, insult, hate"):
        open_teacher(str(checkpoint), recipe(root, labels={"haine": "hates"}))
    with pytest.raises(ConfigError, match=r"did you mean 'haine\.religion'"):
        recipe(root, labels={"haine.religon": "hate"})
    with pytest.raises(ConfigError, match=r"\[distillation\.checkpoint\]"):
        open_teacher(str(checkpoint), recipe(root))
    with pytest.raises(Unavailable, match="cannot be opened"):
        open_teacher("nobody/nothing", recipe(root, labels={"haine": "hate"}))


def test_one_label_is_no_softmax(root, checkpoint, tmp_path):
    single = BertConfig.from_pretrained(checkpoint, id2label={0: "toxic"})
    BertForSequenceClassification(single).save_pretrained(tmp_path / "single")
    for file in checkpoint.glob("tokenizer*"):
        shutil.copy(file, tmp_path / "single")
    given = recipe(root, activation="softmax", labels={"toxicite": "toxic"})
    with pytest.raises(ConfigError, match="one label only"):
        open_teacher(str(tmp_path / "single"), given)
