"""Pretraining on a corpus of our own sentences: streams, learns, resumes, and loads as an ordinary checkpoint."""

from __future__ import annotations

import lzma
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from serving.bundle import ConfigError
from training.corpus import CorpusSection, Mixture, lines, registers, tokens_of
from training.encoder import compact_tokenizer
from training.pretrain import pretrain
from training.pretrain_recipe import PretrainRecipe, load_pretrain_recipe

SENTENCES = [
    "Le chat dort sur le canapé du salon.",
    "La mairie ouvre ses portes à neuf heures.",
    "Les enfants jouent au ballon dans la cour.",
    "Je n'ai pas reçu votre lettre de mardi.",
    "Nous irons à la mer dès que l'été viendra.",
]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    draw = Random(0)
    for name in ("short", "ugc"):
        with lzma.open(folder / f"{name}.txt.xz", "wt", encoding="utf-8") as file:
            for _ in range(120):
                file.write("\n".join(draw.sample(SENTENCES, 3)) + "\n\n")
    return folder


def tiny(root: Path, **budget: object) -> PretrainRecipe:
    """The shipped recipe, shrunk."""
    recipe = load_pretrain_recipe(root / "configs" / "pretrain" / "petit.toml")
    small = {"vocab_size": 400, "layers": 1, "heads": 2, "hidden_size": 16, "intermediate_size": 16}
    stage = recipe.budget.stage[0].model_copy(update={"share": 1.0, "length": 16, "batch": 8})
    limits = {"tokens": 4_000, "minutes": 5.0, "stage": (stage,), "compile": False} | budget
    return recipe.model_copy(
        update={
            "encoder": recipe.encoder.model_copy(update=small),
            "corpus": CorpusSection(shares={"short": 0.5, "ugc": 0.5}, noise=0.3, most_passes=2),
            "start": recipe.start.model_copy(update={"skipgram_tokens": 2_000, "vocabulary_characters": 20_000}),
            "budget": recipe.budget.model_copy(update=limits),
        }
    )


@pytest.mark.parametrize("kind", ["mlm", "rtd"])
def test_it_learns_and_loads_as_an_ordinary_checkpoint(root: Path, corpus: Path, tmp_path: Path, kind: str) -> None:
    recipe = tiny(root, tokens=40_000, learning_rate=5e-3)
    recipe = recipe.model_copy(update={"objective": recipe.objective.model_copy(update={"kind": kind})})
    seen: list[float] = []
    done = pretrain(recipe, corpus, SENTENCES, tmp_path, report=lambda step, figures: seen.append(figures["progress"]))
    assert seen[-1] == 1.0
    assert done.figures["held_out/mlm"] < 0.7 * np.log(400)
    model = AutoModel.from_pretrained(done.folder, local_files_only=True, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(done.folder, local_files_only=True)
    states = model(**tokenizer("Le chat dort.", return_tensors="pt")).last_hidden_state
    assert states.shape[-1] == 16
    assert torch.isfinite(states).all()


def test_a_resumed_run_goes_on_where_it_stopped(root: Path, corpus: Path, tmp_path: Path) -> None:
    first = pretrain(tiny(root, tokens=2_000), corpus, SENTENCES, tmp_path)
    again = pretrain(tiny(root, tokens=4_000), corpus, SENTENCES, tmp_path, resume=True)
    assert first.tokens < again.tokens < first.tokens + 3_000
    assert again.minutes > first.minutes


def test_a_missing_register_is_named(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"short\.txt\.xz"):
        registers(tmp_path, tiny(root).corpus.shares, "corpus.shares")


def test_tokens_are_read_again_only_as_needed(corpus: Path, root: Path) -> None:
    tokenizer = compact_tokenizer(tiny(root).encoder, SENTENCES)
    path = corpus / "short.txt.xz"

    def read(need: int, passes: int) -> int:
        return len(tokens_of(path, tokenizer.backend_tokenizer, need=need, passes=passes, noise=0.5, seed=0, end_id=2))

    once = read(10**9, 1)
    assert read(10**9, 3) == pytest.approx(3 * once, rel=0.1)
    assert read(10, 3) < 1.2 * once


def test_noise_touches_about_the_declared_share_of_the_lines(corpus: Path) -> None:
    clean = list(lines(corpus / "short.txt.xz", Random(0), 0.0))
    noised = list(lines(corpus / "short.txt.xz", Random(0), 0.4))
    changed = np.mean([a != b for a, b in zip(clean, noised, strict=True)])
    assert 0.2 < changed < 0.5


def test_crops_come_in_the_declared_shares() -> None:
    arrays = {"a": np.full(500, 7, dtype=np.uint16), "b": np.full(500, 8, dtype=np.uint16)}
    rows = Mixture(arrays, {"a": 0.8, "b": 0.2}).batch(400, 10, np.random.default_rng(0), start_id=1)
    assert rows.shape == (400, 10)
    assert set(rows[:, 0]) == {1}
    assert np.mean(rows[:, 1] == 7) == pytest.approx(0.8, abs=0.07)
