"""LitServe on our int8 ONNX file: a worker per core, one thread and one text each, which is fastest for int8.

python litserve_onnx.py BUNDLE PORT
"""

import os
import sys

import litserve
import numpy as np
import onnxruntime
import tokenizers


class Classifier(litserve.LitAPI):
    def setup(self, device):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(f"{sys.argv[1]}/model.onnx", options)
        self.tokenizer = tokenizers.Tokenizer.from_file(f"{sys.argv[1]}/tokenizer.json")

    def decode_request(self, request):
        return request["text"]

    def predict(self, x):
        ids = np.array([self.tokenizer.encode(x).ids], dtype=np.int64)
        (logits,) = self.session.run(["logits"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})
        return 1 / (1 + np.exp(-logits[0]))

    def encode_response(self, output):
        return {"scores": output.tolist()}


if __name__ == "__main__":
    workers = len(os.sched_getaffinity(0))
    server = litserve.LitServer(Classifier(), accelerator="cpu", workers_per_device=workers)
    server.run(host="127.0.0.1", port=int(sys.argv[2]), generate_client_file=False, log_level="warning")
