"""LitServe on its default engine: a Hugging Face model in torch, batched as its documentation advises.

python litserve_torch.py MODEL PORT
"""

import sys

import litserve
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer


class Classifier(litserve.LitAPI):
    def setup(self, device):
        self.tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
        self.model = AutoModelForSequenceClassification.from_pretrained(sys.argv[1]).to(device).eval()

    def decode_request(self, request):
        return request["text"]

    def predict(self, x):
        inputs = self.tokenizer(x, return_tensors="pt", padding=True, return_token_type_ids=False).to(self.device)
        with torch.inference_mode():
            return self.model(**inputs).logits.sigmoid()

    def encode_response(self, output):
        return {"scores": output.tolist()}


if __name__ == "__main__":
    api = Classifier(max_batch_size=16, batch_timeout=0.01)
    server = litserve.LitServer(api, accelerator="cpu")
    server.run(host="127.0.0.1", port=int(sys.argv[2]), generate_client_file=False, log_level="warning")
