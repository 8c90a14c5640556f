"""Makes a tiny, real bundle: one embedding row per word, the maximum over words gives the logits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import tokenizers
from onnx import TensorProto, helper, numpy_helper

from serving.bundle import (
    Calibration,
    Curve,
    InputSpec,
    Label,
    Manifest,
    OperatingPoint,
    Provenance,
    Quantisation,
    save_curves,
    seal_bundle,
)

LABELS = ("haine", "terrorisme", "terrorisme.menace", "harcelement", "contexte_protege")
WORDS = {
    "haine": ("haine",),
    "menace": ("terrorisme", "terrorisme.menace"),
    "insulte": ("harcelement",),
    "citation": ("contexte_protege",),
}
SEVERITY = {"haine": 6.0, "terrorisme": 8.0, "terrorisme.menace": 10.0, "harcelement": 5.0}


def make_tiny_bundle(path: Path, *, name: str = "tiny", max_tokens: int = 16) -> Path:
    """Write the bundle into ``path`` and seal it."""
    path.mkdir(parents=True)
    vocabulary = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", *WORDS]
    _tokenizer(vocabulary).save(str(path / "tokenizer.json"))
    onnx.save(_graph(vocabulary), str(path / "model.onnx"))
    save_curves(path / "curves.npz", {key: _curve(seed) for seed, key in enumerate(LABELS)})
    (path / "CARD.md").write_text("# tiny\n\nA test bundle.\n", encoding="utf-8")
    seal_bundle(path, _manifest(name, max_tokens))
    return path


def _tokenizer(vocabulary: list[str]) -> tokenizers.Tokenizer:
    model = tokenizers.models.WordLevel({word: i for i, word in enumerate(vocabulary)}, unk_token="[UNK]")
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.normalizer = tokenizers.normalizers.Lowercase()
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return tokenizer


def _graph(vocabulary: list[str]) -> onnx.ModelProto:
    table = np.full((len(vocabulary), len(LABELS)), -3.0, dtype=np.float32)
    for word, keys in WORDS.items():
        for key in keys:
            table[vocabulary.index(word), LABELS.index(key)] = 3.0
    shape = ["batch", "length"]
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
        # Masked positions drop out of the maximum.
        helper.make_node("Cast", ["attention_mask"], ["kept"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["kept", "one"], ["absent"]),
        helper.make_node("Mul", ["absent", "large"], ["penalty"]),
        helper.make_node("Unsqueeze", ["penalty", "last"], ["penalties"]),
        helper.make_node("Add", ["rows", "penalties"], ["masked"]),
        helper.make_node("ReduceMax", ["masked", "second"], ["logits"], keepdims=0),
    ]
    constants = {
        "table": table,
        "one": np.float32(1),
        "large": np.float32(1e6),
        "last": np.array([2], dtype=np.int64),
        "second": np.array([1], dtype=np.int64),
    }
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in ("input_ids", "attention_mask")],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(LABELS)])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def _curve(seed: int) -> Curve:
    generator = np.random.default_rng(seed)
    labels = (generator.random(200) < 0.3).astype(float)
    scores = np.clip(generator.normal(0.25 + 0.45 * labels, 0.15), 0.001, 0.999)
    return Curve(scores, labels, np.ones(200))


def _manifest(name: str, max_tokens: int) -> Manifest:
    points = (
        OperatingPoint(level="tres_probable", formula="maximum recall @ precision >= 0.9", threshold=0.9),
        OperatingPoint(level="probable", formula="maximum recall @ precision >= 0.6", threshold=0.6),
        OperatingPoint(level="possible", formula="minimum review_rate @ recall >= 0.95", threshold=0.2),
    )
    labels = tuple(
        Label(
            key=key,
            title=key,
            family=key.partition(".")[0] if key in SEVERITY else None,
            severity=SEVERITY.get(key),
            calibration=Calibration(slope=1.0, intercept=0.0, population_rate=0.2),
            operating_points=points,
        )
        for key in LABELS
    )
    return Manifest(
        name=name,
        created_at="2026-01-01T00:00:00Z",
        labels=labels,
        input=InputSpec(max_tokens=max_tokens, pad_id=0, start_id=1, end_id=2, window_stride=10, max_windows=4),
        quantisation=Quantisation(precision="fp32"),
        files={},
        provenance=Provenance(
            git_commit="0" * 40,
            recipe="tiny",
            recipe_sha256="0" * 64,
            seed=0,
            datasets=(),
            mlflow_run=None,
            versions={},
        ),
    )
