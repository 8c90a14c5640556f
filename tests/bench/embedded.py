"""The embedded bundle end to end: requests of one text against the bare loop, and batches.

python -m tests.bench embedded
The overhead of a request is what its median takes longer, alone, than the median of the bare loop on the same texts.
"""

from __future__ import annotations

import argparse
import statistics
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from rich.console import Console

from serving.settings import Settings
from training.data.cases import load_cases
from training.data.instances import write_instances

from .checkpoint import Checkpoint
from .peers import asking, bare, in_turns, table_of
from .servers import VIGIE

#: Texts a request, in batches; texts a round.
_BATCH, _TEXTS = 50, 600
#: Words that fit into one window.
_LONGEST = 60


def run(arguments: argparse.Namespace) -> None:
    """Print texts per second, latencies and the overhead of a request."""
    settings = Settings.from_env()
    made = Checkpoint(torch=Path(), bundle=settings.bundle)
    with ExitStack() as stack:
        askers = {
            "vigie": stack.enter_context(asking(VIGIE, made)),
            f"vigie, batches of {_BATCH}": stack.enter_context(asking(VIGIE, made, _BATCH)),
            "bare": bare(made),
        }
        print("all stand ready", flush=True)
        found = in_turns(askers, drawn_texts(settings, _TEXTS), arguments.rounds)
    for concurrency, rows in found.items():
        Console(width=120).print(table_of("Embedded bundle over HTTP", concurrency, rows))
    alone = found[1]
    overhead = statistics.median(a - b for a, b in zip(alone["vigie"].p50, alone["bare"].p50, strict=True))
    Console().print(f"overhead of a request: {overhead * 1e3:.2f} ms (aim: under 1.5)")


def drawn_texts(settings: Settings, number: int) -> list[str]:
    """Words drawn from our own cases, in lognormal numbers: mean 25, about 40 tokens."""
    own = load_cases(settings.datasets / "vigie")
    words = " ".join(write_instances(case, own.lexicon, 1, 0)[0].text for case in own.cases).split()
    generator = np.random.default_rng(0)
    sigma = 0.8
    lengths = np.clip(generator.lognormal(np.log(25) - sigma**2 / 2, sigma, number), 1, _LONGEST).astype(int)
    return [" ".join(generator.choice(words, length)) for length in lengths]
