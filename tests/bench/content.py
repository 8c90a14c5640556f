"""The content cache: what a remembered text costs against one that is read, on the embedded bundle.

python -m tests.bench content
"""

from __future__ import annotations

import argparse
import statistics
import tracemalloc

from rich.console import Console
from rich.table import Table

from serving.bundle import open_bundle
from serving.cache import ContentCache
from serving.classifier import Classifier
from serving.settings import Settings

from .classifier import alternate

#: Texts per request of the service.
_BATCH = 32


def run(arguments: argparse.Namespace) -> None:
    """Print texts per second read and remembered, and the memory a verdict takes."""
    classifier = Classifier(open_bundle(Settings.from_env().bundle))
    texts = [f"Bonjour à tous, la réunion numéro {number} de demain est maintenue." for number in range(_BATCH)]
    cache, none = ContentCache(b"bench" * 8, 10_000), ContentCache(b"bench" * 8, 0)
    rates = alternate(
        {
            "classifier alone": lambda: classifier.score(texts),
            "all misses": lambda: none.score(classifier, texts),
            "all hits": lambda: cache.score(classifier, texts),
            "one text, 32 times": lambda: none.score(classifier, texts[:1] * _BATCH),
        },
        _BATCH,
        arguments.rounds,
    )
    table = Table("batches of 32, embedded bundle", "texts/s (median)", "µs a text", title="Content cache")
    for name, found in rates.items():
        table.add_row(name, f"{statistics.median(found):.0f}", f"{1e6 / statistics.median(found):.0f}")
    Console().print(table, f"a remembered verdict: {_bytes_each(classifier):.0f} bytes")


def _bytes_each(classifier: Classifier, number: int = 200) -> float:
    cache = ContentCache(b"bench" * 8, number)
    texts = [f"texte {n} parmi d'autres" for n in range(number)]
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    cache.score(classifier, texts)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (after - before) / number
