"""The one checkpoint that every server of the comparison serves: CamemBERT-base's shape, seeded random weights.

Written once: a folder that Hugging Face reads, and our int8 bundle of the same encoder.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .classifier import bundle_of, number_tokenizer, random_camembert


@dataclass(frozen=True)
class Checkpoint:
    """Where it lies: ``torch`` for transformers, ``bundle`` for us."""

    torch: Path
    bundle: Path


def checkpoint(folder: Path) -> Checkpoint:
    """The checkpoint in ``folder``, made there when absent; the bundle's manifest is what is written last."""
    found = Checkpoint(folder / "torch", folder / "bundle")
    if not (found.bundle / "manifest.json").exists():
        model, tokenizer = random_camembert(), number_tokenizer()
        model.save_pretrained(found.torch)
        tokenizer.save_pretrained(found.torch)
        bundle_of(model, tokenizer, folder)
    return found
