"""BentoML's plain `@bentoml.api` around a Hugging Face pipeline, as its own text examples have it.

BENCH_MODEL=MODEL bentoml serve bentoml_torch:Classifier --port PORT
"""

import os

import bentoml


@bentoml.service(traffic={"timeout": 300})
class Classifier:
    def __init__(self) -> None:
        from transformers import pipeline

        self.pipeline = pipeline("text-classification", model=os.environ["BENCH_MODEL"], top_k=None)

    @bentoml.api
    def predict(self, text: str) -> list:
        return self.pipeline(text)
