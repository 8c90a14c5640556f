"""The bare ONNX Runtime loop: tokenise, run, one text a time, one thread a core. What no server can beat.

python tests/bench/bare.py BUNDLE CONCURRENCY < texts.json > outcome.json
"""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnxruntime
import tokenizers


def main() -> None:
    """Read texts, score them twice, tell how long the second time took."""
    folder, concurrency = sys.argv[1], int(sys.argv[2])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(f"{folder}/model.onnx", options)
    tokenizer = tokenizers.Tokenizer.from_file(f"{folder}/tokenizer.json")
    texts = json.load(sys.stdin)

    def score(text: str) -> float:
        started = time.perf_counter()
        ids = np.array([tokenizer.encode(text).ids], dtype=np.int64)
        session.run(["logits"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})
        return time.perf_counter() - started

    with ThreadPoolExecutor(min(concurrency, len(os.sched_getaffinity(0)))) as pool:
        list(pool.map(score, texts[:8]))
        started = time.perf_counter()
        latencies = list(pool.map(score, texts))
        json.dump({"seconds": time.perf_counter() - started, "latencies": latencies}, sys.stdout)


if __name__ == "__main__":
    main()
