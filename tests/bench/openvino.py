"""A bundle under ONNX Runtime's own CPU provider and under OpenVINO's: time on one thread, scores side by side.

var/bench/openvino/bin/python tests/bench/openvino.py BUNDLE TEXTS.json
In an environment of its own (peer/openvino.txt). TEXTS.json is a list; scores mean something on a trained bundle.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime
import tokenizers

PROVIDERS = {
    "CPU": ["CPUExecutionProvider"],
    "OpenVINO": [("OpenVINOExecutionProvider", {"device_type": "CPU", "num_of_threads": "1"})],
}


def main() -> None:
    """Print texts per processor second, one text and 16 of one length a run, and how far scores are apart."""
    folder = sys.argv[1]
    texts = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    tokenizer = tokenizers.Tokenizer.from_file(f"{folder}/tokenizer.json")
    alone = [np.array([tokenizer.encode(text).ids[:126]], dtype=np.int64) for text in texts]
    batches = [np.repeat(ids, 16, axis=0) for ids in alone[:: max(1, len(alone) // 8)]]
    first = None
    for name, providers in PROVIDERS.items():
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(f"{folder}/model.onnx", options, providers=providers)
        found = [logits(session, ids) for ids in alone]
        first = first or found
        gap = np.abs(np.concatenate(found) - np.concatenate(first))
        flips = np.mean((np.concatenate(found) > 0) != (np.concatenate(first) > 0))
        one, many = rate(session, alone, 1), rate(session, batches, 16)
        print(
            f"{name:9} {session.get_providers()[0]:28} one text a run {one:7.1f} texts/CPU s, 16 a run {many:7.1f}; "
            f"logits differ by at most {gap.max():.4f}, mean {gap.mean():.5f}; {flips:.2%} change sign",
            flush=True,
        )


def logits(session: onnxruntime.InferenceSession, ids: np.ndarray) -> np.ndarray:
    return session.run(["logits"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0]


def rate(session: onnxruntime.InferenceSession, work: list[np.ndarray], texts: int) -> float:
    """Texts per second of processor time: neighbours on the machine count less than on the clock."""
    for ids in work:
        logits(session, ids)
    started = time.process_time()
    for ids in work:
        logits(session, ids)
    return texts * len(work) / (time.process_time() - started)


if __name__ == "__main__":
    main()
