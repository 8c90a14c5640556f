"""The exported model equals the trained one, whatever the exporter; int8 costs what it says. CamemBERT end to end."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from training_rows import FILLER, MARKERS, recipe_table, tables
from transformers import CamembertConfig, CamembertModel, PreTrainedTokenizerFast, set_seed

from serving.bundle import (
    OUTPUT_KEYS,
    BundleError,
    Calibration,
    ConfigError,
    DatasetRecord,
    Label,
    OperatingPoint,
    check_bundle,
    load_taxonomy,
)
from serving.classifier import Classifier
from training.bundling import Origin, auc_loss, keep_labels, level_change_rate, make_bundle, special_ids
from training.encoder import Tagger, build_encoder
from training.export import PARITY, export_model, export_onnx, logit_gap, quantise
from training.finetune import finetune, predict
from training.ngrams import CharNgrams, spelling_of
from training.recipe import parse_recipe
from training.targets import Targets

TEXTS = [" ".join(FILLER), "Nous chassons le crétin ; témoignage d'hier.", "@user <url> 12 😀"] * 4
ORIGIN = Origin(
    recipe_file="configs/train/petit.toml",
    datasets=(
        DatasetRecord(name="vigie", sha256="0" * 64, licence="Apache-2.0", licence_class="own", rows=80),
        DatasetRecord(name="ftr", sha256="1" * 64, licence="MIT", licence_class="open", rows=80),
    ),
)


@pytest.fixture(scope="module")
def compact(root):
    set_seed(0)
    recipe = parse_recipe(recipe_table(root), "x")
    encoder = build_encoder(recipe.encoder, TEXTS, max_tokens=24)
    branch = CharNgrams(spelling_of(encoder.tokenizer), 4, buckets=4096, longest=4)
    torch.nn.init.normal_(branch.table.weight, std=0.1)
    return Tagger(encoder.model, 4, pooling="mean", ngrams=branch).eval(), len(encoder.tokenizer)


@pytest.fixture(scope="module")
def camembert_folder(tmp_path_factory):
    """A saved checkpoint of CamemBERT's architecture, two layers of 32, with the pieces of our own words."""
    set_seed(0)
    folder = tmp_path_factory.mktemp("camembert")
    words = {f"▁{word}" for word in (*FILLER, *MARKERS.values())}
    letters = {letter for word in words for letter in word}
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    scores = (
        [(piece, 0.0) for piece in special] + [(w, -2.0) for w in sorted(words)] + [(c, -9.0) for c in sorted(letters)]
    )
    unigram = Tokenizer(models.Unigram(scores, unk_id=3))
    unigram.normalizer = normalizers.NFKC()
    unigram.pre_tokenizer = pre_tokenizers.Metaspace()
    unigram.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {"bos_token": "<s>", "cls_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "sep_token": "</s>"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=unigram, unk_token="<unk>", mask_token="<mask>", **names)
    config = CamembertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=66,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        type_vocab_size=1,
    )
    CamembertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("exporter", ["torchscript", "dynamo"])
def test_compact_parity_over_shapes(compact, exporter, tmp_path):
    model, size = compact
    path, gap = export_model(model, tmp_path, exporter=exporter, max_tokens=24, vocab_size=size)
    assert gap <= PARITY
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert {item.name: item.type for item in session.get_inputs()} == {
        "input_ids": "tensor(int64)",
        "attention_mask": "tensor(int64)",
    }
    assert [item.name for item in session.get_outputs()] == ["logits"]
    quantise(path, tmp_path / "int8.onnx")
    assert (tmp_path / "int8.onnx").stat().st_size < path.stat().st_size
    assert 0 < logit_gap(model, tmp_path / "int8.onnx", max_tokens=24, vocab_size=size) < 0.1


def test_camembert_fuses_and_keeps_parity(root, camembert_folder, tmp_path):
    table = recipe_table(root)
    table["encoder"] = {"kind": "pretrained", "pooling": "cls", "path": str(camembert_folder), "revision": "main"}
    encoder = build_encoder(parse_recipe(table, "x").encoder, [], max_tokens=24)
    model = Tagger(encoder.model, 3, pooling="cls").eval()
    path, gap = export_model(model, tmp_path, exporter="torchscript", max_tokens=24, vocab_size=len(encoder.tokenizer))
    assert gap <= PARITY
    fused = [node.op_type for node in onnx.load(str(path)).graph.node]
    assert fused.count("Attention") == 2
    assert "SkipLayerNormalization" in fused


def test_a_wrong_graph_is_refused(compact, tmp_path, monkeypatch):
    model, size = compact
    other = Tagger(model.encoder, 4, pooling="mean").eval()
    monkeypatch.setattr(
        "training.export.export_onnx", lambda m, path, exporter: export_onnx(other, path, exporter=exporter)
    )
    with pytest.raises(BundleError, match="logits differ"):
        export_model(model, tmp_path, exporter="torchscript", max_tokens=24, vocab_size=size)


def test_too_few_positions_for_camembert(root, camembert_folder):
    """66 positions less the two that RoBERTa's numbering skips."""
    table = recipe_table(root)
    table["encoder"] = {"kind": "pretrained", "pooling": "cls", "path": str(camembert_folder), "revision": "main"}
    section = parse_recipe(table, "x").encoder
    assert build_encoder(section, [], max_tokens=64)
    with pytest.raises(ConfigError, match="64 positions at most"):
        build_encoder(section, [], max_tokens=65)


@pytest.fixture(scope="module", params=["compact", "camembert"])
def made(request, root, camembert_folder, tmp_path_factory):
    """Fine-tuned, exported, calibrated and sealed."""
    table = recipe_table(root)
    if request.param == "camembert":
        table["encoder"] = {"kind": "pretrained", "pooling": "mean", "path": str(camembert_folder), "revision": "main"}
        table["training"] |= {"learning_rate": 2e-3, "epochs": 12.0}
    recipe = parse_recipe(table, "x")
    rows = tables()
    torch.set_num_threads(1)  # a model this small only waits for a second thread
    folder = tmp_path_factory.mktemp(request.param)
    trained = finetune(recipe, rows, folder)
    taxonomy = load_taxonomy(root / "configs/taxonomy.toml")
    bundle = make_bundle(recipe, trained, rows, taxonomy, folder / "bundle", ORIGIN)
    return recipe, rows, trained, bundle


def test_the_bundle_is_whole_and_says_where_it_comes_from(made):
    recipe, _, trained, bundle = made
    assert check_bundle(bundle.path).id == bundle.id
    manifest = bundle.manifest
    assert manifest.keys == trained.labels
    assert manifest.provenance.recipe_sha256 == recipe.digest
    assert manifest.provenance.seed == recipe.seed
    assert {"torch", "transformers", "onnxruntime"} <= set(manifest.provenance.versions)
    assert manifest.quantisation.precision == "int8"
    assert manifest.quantisation.parity <= PARITY
    assert 0 <= manifest.quantisation.level_change_rate <= 1
    assert set(bundle.curves()) == set(manifest.keys)
    assert all(label.calibration.slope > 0 for label in manifest.labels)


def test_the_served_bundle_says_what_the_trained_model_says(made):
    """The trained model in torch and the sealed int8 bundle through serving's classifier, on the test rows."""
    recipe, rows, trained, bundle = made
    texts = rows["test"]["text"]
    expected = predict(trained, texts, recipe.training.max_tokens)
    classifier = Classifier(bundle)
    one_window = [index for index, found in enumerate(classifier.logits(texts)) if len(found) == 1]
    served = np.stack([classifier.logits(texts)[index][0] for index in one_window])
    assert len(one_window) > 40
    for column in range(len(trained.labels)):
        correlation = np.corrcoef(expected[one_window, column], served[:, column])[0, 1]
        assert correlation > 0.99
    verdicts = classifier.score(["le chat dort", f"le chat {MARKERS['harcelement.injure']} dort"])
    assert verdicts[1].scores["harcelement"] > verdicts[0].scores["harcelement"]
    assert verdicts[0].scores["terrorisme"] is None
    classifier.close()


def test_long_texts_are_read_in_windows(made):
    _, _, _, bundle = made
    classifier = Classifier(bundle)
    filler = "le chat dort dehors " * 12
    hidden = classifier.score([filler + MARKERS["harcelement.injure"], filler])
    assert hidden[0].windows > 1
    assert hidden[0].scores["harcelement"] > hidden[1].scores["harcelement"]
    classifier.close()


def test_the_card_is_honest(made):
    _, _, trained, bundle = made
    card = (bundle.path / "CARD.md").read_text(encoding="utf-8")
    assert ("poids tirés au hasard" in card) == trained.random_start
    assert "vigie-train run configs/train/petit.toml --seed 13" in card
    assert "| ftr | 80 | MIT | `open` |" in card
    assert "non commercial" not in card
    assert all(f"`{key}`" in card for key in trained.labels)
    assert all(marker not in card for marker in MARKERS.values()), "no text of any row"


def test_research_data_marks_the_card(made, root, tmp_path):
    recipe, rows, trained, _ = made
    research = DatasetRecord(name="chats", sha256="2" * 64, licence="CC BY-NC 4.0", licence_class="research", rows=9)
    origin = dataclasses.replace(ORIGIN, datasets=(*ORIGIN.datasets, research), row_limit=160)
    own = rows["train"].map(lambda row: {"source": "vigie"})
    rows = type(rows)({**rows, "train": own})
    bundle = make_bundle(recipe, trained, rows, load_taxonomy(root / "configs/taxonomy.toml"), tmp_path, origin)
    card = (tmp_path / "CARD.md").read_text(encoding="utf-8")
    assert "Usage non commercial seulement" in card
    assert "Essai technique" in card
    assert bundle.manifest.name == "vigie-petit-essai-160"
    assert "**haine** repose entièrement sur des cas que nous avons écrits" in card


def test_figures_are_measured_on_the_sealed_bundle(made, root, tmp_path):
    recipe, rows, trained, _ = made
    seen = []

    def measure(bundle):
        seen.append(check_bundle(bundle.path).manifest.keys)
        return {"haine": {"auc": {"value": 0.9, "low": 0.8, "high": 0.95}}}

    with pytest.raises(AttributeError):
        # A figure without its record would only fail when read: the card reads it now.
        make_bundle(recipe, trained, rows, load_taxonomy(root / "configs/taxonomy.toml"), tmp_path, ORIGIN, measure)
    assert seen == [trained.labels]
    assert not (tmp_path / "manifest.json").exists(), "a failed bundle has no manifest"


def test_a_label_that_cannot_be_calibrated_is_left_out(made, root, tmp_path):
    recipe, rows, trained, _ = made
    column = OUTPUT_KEYS.index("contexte_protege")

    def silenced(row):
        return {"mask": [0.0 if index == column else value for index, value in enumerate(row["mask"])]}

    rows = type(rows)({**rows, "validation": rows["validation"].map(silenced)})
    bundle = make_bundle(recipe, trained, rows, load_taxonomy(root / "configs/taxonomy.toml"), tmp_path, ORIGIN)
    assert bundle.manifest.keys == tuple(key for key in trained.labels if key != "contexte_protege")
    classifier = Classifier(bundle)
    assert classifier.score(["le chat dort"])[0].scores["contexte_protege"] is None
    classifier.close()


def test_keeping_labels_keeps_their_columns(made):
    _, rows, trained, _ = made
    texts = rows["test"]["text"][:5]
    kept = keep_labels(trained, trained.labels[1:3])
    np.testing.assert_allclose(predict(kept, texts, 24), predict(trained, texts, 24)[:, 1:3], atol=1e-6)
    with pytest.raises(ConfigError, match="both halves"):
        keep_labels(trained, ())


def test_window_tokens_are_the_tokenizer_s(made):
    _, _, trained, bundle = made
    ids = trained.tokenizer("le chat")["input_ids"]
    assert special_ids(trained.tokenizer) == (ids[0], ids[-1])
    saved = json.loads((bundle.path / "tokenizer.json").read_text(encoding="utf-8"))
    assert saved["truncation"] is None
    assert saved["padding"] is None


def label(key: str, threshold: float) -> Label:
    point = OperatingPoint(level="probable", formula="maximum recall @ precision >= 0.6", threshold=threshold)
    calibration = Calibration(slope=1.0, intercept=0.0, population_rate=0.2)
    return Label(key=key, title=key, family=None, severity=None, calibration=calibration, operating_points=(point,))


def test_level_changes_are_counted_on_levelled_labels():
    exact = np.array([[0.1, 0.1], [0.1, -3.0], [-3.0, 0.1], [-3.0, -3.0]])
    shipped = np.array([[-0.1, -0.1], [0.1, -3.0], [-3.0, 0.1], [-3.0, -3.0]])
    assert level_change_rate(exact, shipped, [label("haine", 0.5), label("toxicite", 0.5)]) == 0.25
    assert level_change_rate(exact, exact, [label("haine", 0.5)] * 2) == 0.0


def test_auc_loss_is_the_worst_label_s():
    values = np.array([[1, 1], [1, 1], [0, 0], [0, 0]], dtype=np.float32)
    known = Targets(("haine", "harcelement"), values, np.ones_like(values))
    exact = np.array([[2, 2], [1, 1], [0, 0], [-1, -1]], dtype=np.float32)
    shipped = np.array([[2, 2], [1, -0.5], [0, 0], [-1, -1]], dtype=np.float32)
    assert auc_loss(exact, shipped, known) == pytest.approx(0.25)
    assert auc_loss(shipped, exact, known) == 0.0
