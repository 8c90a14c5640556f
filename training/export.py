"""From a trained tagger to an ONNX graph: export, fusion, int8, and the proof that nothing was lost.

Knows nothing of calibration or of the bundle's other files. Inputs `input_ids` and `attention_mask` (int64, batch x
length, both dynamic); output `logits` (float32, batch x labels).
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers import optimizer

from serving.bundle.errors import BundleError
from training.encoder import Tagger

Exporter = Literal["torchscript", "dynamo"]

OPSET = 18
#: Largest difference of an fp32 logit from the trained model's that counts as the same model.
PARITY = 1e-4

INPUTS, OUTPUT = ("input_ids", "attention_mask"), "logits"

#: Architectures whose blocks the BERT fusions recognise, attention included.
_BERT_LIKE = ("bert", "camembert", "roberta", "xlm-roberta", "electra", "deberta-v2")


def export_onnx(model: Tagger, path: Path, *, exporter: Exporter) -> None:
    """Write `model` as fp32 ONNX with dynamic batch and length.

    TorchScript's exporter comes first because the runtime's fusions know its graphs; dynamo's is the way on when it
    is gone. Attention is "eager": fused kernels of torch do not export to graphs that fuse again.
    """
    model = model.eval()
    model.encoder.set_attn_implementation("eager")
    # Two rows of unequal length: a constant folded from one row or from a full mask would show in the parity check.
    ids = torch.full((2, 9), 3, dtype=torch.int64)
    mask = torch.ones_like(ids)
    mask[1, 6:] = 0
    with _quiet(), torch.inference_mode():
        if exporter == "torchscript":
            _with_torchscript(model, (ids, mask), path)
        else:
            _with_dynamo(model, (ids, mask), path)


def _with_torchscript(model: Tagger, example: tuple[torch.Tensor, torch.Tensor], path: Path) -> None:
    axes = {0: "batch", 1: "length"}
    torch.onnx.export(
        model,
        example,
        str(path),
        input_names=list(INPUTS),
        output_names=[OUTPUT],
        dynamic_axes={**dict.fromkeys(INPUTS, axes), OUTPUT: {0: "batch"}},
        opset_version=OPSET,
        dynamo=False,
    )


def _with_dynamo(model: Tagger, example: tuple[torch.Tensor, torch.Tensor], path: Path) -> None:
    batch, length = torch.export.Dim("batch", min=1), torch.export.Dim("length", min=1)
    torch.onnx.export(
        model,
        example,
        str(path),
        input_names=list(INPUTS),
        output_names=[OUTPUT],
        dynamic_shapes={name: {0: batch, 1: length} for name in INPUTS},
        opset_version=OPSET,
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    # Shapes inferred by this exporter contradict the quantiser's own and make it refuse the graph.
    graph = onnx.load(str(path))
    del graph.graph.value_info[:]
    onnx.save(graph, str(path))


def optimise(model: Tagger, path: Path) -> None:
    """Fuse the graph at `path` in place, where the runtime's fusions apply to this architecture; else leave it."""
    config = model.encoder.config
    if config.model_type not in _BERT_LIKE:
        # ModernBERT: the runtime fuses what it can when it loads; BERT's fusions find nothing in rotary blocks.
        return
    with _quiet():
        fused = optimizer.optimize_model(
            str(path),
            model_type="bert",
            num_heads=config.num_attention_heads,
            hidden_size=config.hidden_size,
            opt_level=0,
        )
        fused.save_model_to_file(str(path))


def quantise(source: Path, target: Path) -> None:
    """Dynamic int8, one scale per output channel: closest to fp32 here; reduced range is worse on VNNI (STACK)."""
    with _quiet():
        quantize_dynamic(
            str(source),
            str(target),
            per_channel=True,
            reduce_range=False,
            weight_type=QuantType.QInt8,
            # Shape inference stops at fused operators; every activation is float32 all the same.
            extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
        )


def export_model(
    model: Tagger, folder: Path, *, exporter: Exporter, max_tokens: int, vocab_size: int
) -> tuple[Path, float]:
    """Export and fuse into `folder`/fp32.onnx, and prove parity.

    Returns:
        the file, and the largest absolute difference of logits from the trained model's.

    Raises:
        BundleError: the difference passes `PARITY`.
    """
    path = folder / "fp32.onnx"
    export_onnx(model, path, exporter=exporter)
    optimise(model, path)
    gap = logit_gap(model, path, max_tokens=max_tokens, vocab_size=vocab_size)
    if not gap <= PARITY:
        raise BundleError(
            f"{path}: logits differ from the trained model's by {gap:.2e}; expected at most {PARITY:.0e}; "
            "set export.exporter to the other exporter, and report the architecture"
        )
    return path, gap


def logit_gap(model: Tagger, path: Path, *, max_tokens: int, vocab_size: int, seed: int = 0) -> float:
    """The exported model equals the trained one: largest absolute difference of logits over shapes and paddings.

    Batches of 1x1 up to 2 x `max_tokens` random tokens, the last row of each batch padded by a third.
    """
    session = onnxruntime.InferenceSession(str(path), _quiet_options(), providers=["CPUExecutionProvider"])
    generator = np.random.default_rng(seed)
    pad = model.encoder.config.pad_token_id or 0
    shapes = [(1, 1), (1, 2), (3, 7), (4, 33), (1, max_tokens), (2, max_tokens)]
    gaps = []
    for batch, length in shapes:
        ids, mask = _random_batch(generator, batch, length, vocab_size, pad)
        with torch.inference_mode():
            expected = model(torch.from_numpy(ids), torch.from_numpy(mask)).numpy()
        found = session.run([OUTPUT], {"input_ids": ids, "attention_mask": mask})[0]
        gaps.append(float(np.abs(np.asarray(found) - expected).max()))
    return max(gaps)


def _random_batch(
    generator: np.random.Generator, batch: int, length: int, vocab_size: int, pad: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    ids = generator.integers(0, vocab_size, (batch, length))
    # A padding id inside a text would move the positions of RoBERTa's family.
    ids[ids == pad] = (pad + 5) % vocab_size
    mask = np.ones_like(ids)
    if length > 2 and batch > 1:
        mask[-1, length - length // 3 :] = 0
        ids[mask == 0] = pad
    return ids.astype(np.int64), mask.astype(np.int64)


def _quiet_options() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return options


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Exporters announce their own deprecation and every tracer constant; the parity check is our judge of both."""
    logger = logging.getLogger()
    level = logger.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)
