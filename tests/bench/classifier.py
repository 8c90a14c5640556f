"""Vigie's classifier against the Hugging Face pipeline (torch fp32, batch 1), on one set of random weights."""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tokenizers
import torch
from rich.console import Console
from rich.table import Table
from transformers import CamembertConfig, CamembertForSequenceClassification, PreTrainedTokenizerFast, pipeline

from serving.bundle import (
    Calibration,
    Curve,
    InputSpec,
    Label,
    Manifest,
    Provenance,
    Quantisation,
    open_bundle,
    save_curves,
    seal_bundle,
)
from serving.classifier import Classifier
from training.encoder import Tagger
from training.export import export_model, quantise

VOCABULARY = 32_005
MAX_TOKENS = 256
LABELS = ("haine", "terrorisme", "harcelement")


def run(arguments: argparse.Namespace) -> None:
    """Print texts per second of both, and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        texts = lognormal_texts(arguments.texts, seed=0)
        model, tokenizer = random_camembert(), number_tokenizer()
        peer = pipeline("text-classification", model=model, tokenizer=tokenizer, top_k=None)
        ours = Classifier(open_bundle(bundle_of(model, tokenizer, Path(folder))))
        rates = alternate(
            {"vigie": lambda: ours.score(texts), "pipeline": lambda: [peer(text) for text in texts]},
            len(texts),
            arguments.rounds,
        )
    table = Table("CamemBERT-base shape", "texts/s (median)", "range", title="Classifier")
    for name, found in rates.items():
        table.add_row(name, f"{statistics.median(found):.1f}", f"{min(found):.1f} to {max(found):.1f}")
    ratio = statistics.median(a / b for a, b in zip(rates["vigie"], rates["pipeline"], strict=True))
    Console().print(table, f"ratio vigie / pipeline: {ratio:.2f} (aim: at least 2.5)")


def alternate(work: dict[str, Callable[[], object]], units: int, rounds: int) -> dict[str, list[float]]:
    """Units per second of each piece of work, in turns, so that a busy neighbour slows both."""
    rates: dict[str, list[float]] = {name: [] for name in work}
    for action in work.values():
        action()
    for _ in range(rounds):
        for name, action in work.items():
            started = time.perf_counter()
            action()
            rates[name].append(units / (time.perf_counter() - started))
    return rates


def lognormal_texts(n: int, seed: int) -> list[str]:
    """Texts of one token a word: lognormal lengths, mean 40 tokens, at most what a window holds."""
    generator = np.random.default_rng(seed)
    sigma = 0.8
    lengths = np.clip(generator.lognormal(np.log(40) - sigma**2 / 2, sigma, n), 1, MAX_TOKENS - 2).astype(int)
    return [" ".join(f"m{i}" for i in generator.integers(0, VOCABULARY - 5, length)) for length in lengths]


def number_tokenizer() -> PreTrainedTokenizerFast:
    """A word-level tokenizer of CamemBERT's vocabulary size: tokenising is not what is measured."""
    words = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *(f"m{i}" for i in range(VOCABULARY - 5))]
    backend = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>")
    )
    backend.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    backend.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    )


def random_camembert() -> CamembertForSequenceClassification:
    """CamemBERT-base's shape, seeded random weights."""
    torch.manual_seed(0)
    config = CamembertConfig(
        vocab_size=VOCABULARY,
        max_position_embeddings=514,
        type_vocab_size=1,
        num_labels=len(LABELS),
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        problem_type="multi_label_classification",
    )
    return CamembertForSequenceClassification(config).eval()


def bundle_of(model: CamembertForSequenceClassification, tokenizer: PreTrainedTokenizerFast, folder: Path) -> Path:
    """The same encoder as an int8 bundle."""
    tagger = Tagger(model.roberta, len(LABELS), pooling="mean").eval()
    fp32, _ = export_model(tagger, folder, exporter="torchscript", max_tokens=MAX_TOKENS, vocab_size=VOCABULARY)
    path = folder / "bundle"
    path.mkdir()
    quantise(fp32, path / "model.onnx")
    tokenizer.backend_tokenizer.save(str(path / "tokenizer.json"))
    ends = Curve(np.array([0.1, 0.9]), np.array([0.0, 1.0]), np.ones(2))
    save_curves(path / "curves.npz", dict.fromkeys(LABELS, ends))
    (path / "CARD.md").write_text("Random weights, for speed only.\n", encoding="utf-8")
    return seal_bundle(path, _manifest()).path


def _manifest() -> Manifest:
    calibration = Calibration(slope=1.0, intercept=0.0, population_rate=0.2)
    labels = (
        Label(key=key, title=key, family=key, severity=5.0, calibration=calibration, operating_points=())
        for key in LABELS
    )
    return Manifest(
        name="bench",
        created_at="2026-01-01T00:00:00Z",
        labels=tuple(labels),
        input=InputSpec(
            max_tokens=MAX_TOKENS, pad_id=1, start_id=0, end_id=2, window_stride=MAX_TOKENS - 2, max_windows=8
        ),
        quantisation=Quantisation(precision="int8"),
        files={},
        provenance=Provenance(
            git_commit="", recipe="bench", recipe_sha256="", seed=0, datasets=(), mlflow_run=None, versions={}
        ),
    )
