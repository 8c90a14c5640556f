"""A pretraining recipe: one complete TOML file that says how the compact encoder is pretrained.

Knows names and numbers; opens no corpus and no model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from serving.bundle.config import Frozen, load
from training.corpus import CorpusSection
from training.recipe import CompactArchitecture


class ObjectiveSection(Frozen):
    """What the encoder learns to do."""

    #: ``rtd``: say of each token whether a small generator replaced it. ``mlm``: guess the masked ones.
    kind: Literal["rtd", "mlm"]
    #: Share of the tokens masked.
    mask: Annotated[float, Field(gt=0, lt=1)]
    #: Layers of the generator (``rtd``); it shares the encoder's embeddings.
    generator_layers: int = Field(ge=1)


class Stage(Frozen):
    """A part of the run with one sequence length: short sequences first are cheaper."""

    #: Share of the whole run.
    share: Annotated[float, Field(gt=0, le=1)]
    length: int = Field(ge=8)
    #: Sequences a step.
    batch: int = Field(ge=1)


class BudgetSection(Frozen):
    """When the run ends, and how fast it learns."""

    tokens: int = Field(ge=1)
    minutes: float = Field(gt=0)
    learning_rate: float = Field(gt=0)
    warmup: Annotated[float, Field(ge=0, lt=1)]
    weight_decay: float = Field(ge=0)
    checkpoint_minutes: float = Field(gt=0)
    #: Of the products of matrices, weights staying fp32. ``bf16`` pays on a GPU and on CPUs with AMX, and only there.
    precision: Literal["fp32", "bf16"]
    #: Compile the model (torch.compile; needs a C++ compiler): some 40 % faster on a CPU, after half a minute.
    compile: bool
    stage: tuple[Stage, ...] = Field(min_length=1)


class StartSection(Frozen):
    """How the embeddings start."""

    #: Tokens of skip-gram on the subword sequence; 0 starts at random.
    skipgram_tokens: int = Field(ge=0)
    skipgram_epochs: int = Field(ge=1)
    #: Characters on which the vocabulary is learnt.
    vocabulary_characters: int = Field(ge=1)


class PretrainRecipe(Frozen):
    """``configs/pretrain/*.toml``."""

    name: str
    seed: int
    encoder: CompactArchitecture
    corpus: CorpusSection
    #: The recipe whose training split gives its unlabelled text.
    training_recipe: str
    #: Share of the tokens that come from the unlabelled text of the training splits.
    training_text_share: Annotated[float, Field(ge=0, lt=1)]
    start: StartSection
    objective: ObjectiveSection
    budget: BudgetSection


def load_pretrain_recipe(path: Path) -> PretrainRecipe:
    """Read a recipe (ConfigError names the key and what was expected)."""
    return load(PretrainRecipe, path)
