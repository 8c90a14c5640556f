"""Pretrains the compact encoder: skip-gram start, then replaced-token detection or masked language modelling.

    vigie-train pretrain configs/pretrain/petit.toml --corpus CORPUS --out runs/pretrain
    vigie-train pretrain configs/pretrain/petit.toml --corpus CORPUS --out /tmp/essai --minutes 1

The run ends at its token budget or its time budget, whichever comes first, with the learning rate annealed either way;
it resumes from its last checkpoint. The result is an ordinary folder for ``AutoModel``.

Sources: Clark et al. (2020), ELECTRA; Warner et al. (2024), ModernBERT; Mikolov et al. (2013), skip-gram.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from training.corpus import Mixture, extra_tokens, registers, sample_lines, tokens_of
from training.encoder import compact_encoder, compact_tokenizer
from training.pretrain_recipe import PretrainRecipe, Stage

CHECKPOINT = "checkpoint.pt"
#: Written in the saved configuration: one pass over the corpus needs none, many over few annotated rows do.
FINE_TUNING_DROPOUT = 0.1
#: ELECTRA's weight of the discriminator's loss against the generator's.
DETECTION_WEIGHT = 50.0


@dataclass(frozen=True)
class Pretrained:
    """What a run leaves.

    Attributes:
        folder: loads with ``AutoModel`` and ``AutoTokenizer``.
        tokens: tokens read. minutes: time spent, resumed parts included.
        figures: last smoothed losses and, for ``rtd``, balanced accuracy of detection on held-out crops.
    """

    folder: Path
    tokens: int
    minutes: float
    figures: dict[str, float]


def pretrain(
    recipe: PretrainRecipe,
    corpus: Path,
    texts: Sequence[str],
    out: Path,
    *,
    resume: bool = False,
    report: Callable[[int, Mapping[str, float]], None] = lambda step, figures: None,
) -> Pretrained:
    """Run ``recipe`` on ``corpus`` and on ``texts`` (the training splits' own), and save the encoder in ``out``.

    Raises:
        ConfigError: a register is missing.
    """
    torch.manual_seed(recipe.seed)
    out.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    paths = registers(corpus, recipe.corpus.shares, "corpus.shares")
    tokenizer = _tokenizer(recipe, paths, texts, out, resume=resume)
    mixture, held_out = _tokens(recipe, paths, texts, tokenizer, out, resume=resume)
    model = Pretrainer(recipe, tokenizer).to(device)
    if not (resume and (out / CHECKPOINT).exists()):
        _start_embeddings(recipe, model, mixture, tokenizer)
    run = _Run(recipe, model, mixture, held_out, out, device)
    run.train(resume=resume, report=report)
    model.cpu().half()
    for part in ("embedding", "attention", "mlp"):
        setattr(model.encoder.config, f"{part}_dropout", FINE_TUNING_DROPOUT)
    model.encoder.save_pretrained(out / "encoder")
    tokenizer.save_pretrained(out / "encoder")
    return Pretrained(out / "encoder", run.tokens, run.seconds / 60, run.figures)


class Pretrainer(nn.Module):
    """Encoder with its pretraining heads; the heads are thrown away."""

    def __init__(self, recipe: PretrainRecipe, tokenizer: PreTrainedTokenizerFast) -> None:
        super().__init__()
        self.objective = recipe.objective
        self.mask_id = int(tokenizer.mask_token_id)
        self.special = [i for i in tokenizer.all_special_ids if i != self.mask_id]
        self.encoder: PreTrainedModel = compact_encoder(recipe.encoder, tokenizer)
        hidden = recipe.encoder.hidden_size
        self.words = _WordHead(hidden, len(tokenizer))
        if recipe.objective.kind == "rtd":
            small = recipe.encoder.model_copy(update={"layers": recipe.objective.generator_layers})
            self.generator: PreTrainedModel = compact_encoder(small, tokenizer)
            self.generator.set_input_embeddings(self.encoder.get_input_embeddings())
            self.detect = nn.Sequential(nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, 1))

    def forward(self, ids: torch.Tensor, chosen: torch.Tensor) -> dict[str, torch.Tensor]:
        """Losses on crops ``ids``, int64 (batch, length), unpadded, of which the positions ``chosen``, int64 (n,) into
        the flattened crops, are hidden; ``loss`` is the one to minimise. Shapes depend on the stage alone: it compiles.
        """
        flat = ids.flatten()
        hidden_ids = flat.scatter(0, chosen, self.mask_id).view_as(ids)
        guesser = self.generator if self.objective.kind == "rtd" else self.encoder
        states = guesser(input_ids=hidden_ids).last_hidden_state.flatten(0, 1)
        logits = self.words(states[chosen], self.encoder.get_input_embeddings().weight).float()
        guess_loss = nn.functional.cross_entropy(logits, flat[chosen])
        if self.objective.kind == "mlm":
            return {"loss": guess_loss, "mlm": guess_loss}
        return self._detection(ids, chosen, logits.detach(), guess_loss)

    def choose(self, ids: torch.Tensor) -> torch.Tensor:
        """Positions to hide: the declared share of the crops, never a special token, drawn from torch's seed."""
        chance = torch.rand(ids.shape, device=ids.device)
        chance[torch.isin(ids, torch.tensor(self.special, device=ids.device))] = -1.0
        return chance.flatten().topk(int(ids.numel() * self.objective.mask)).indices

    def _detection(
        self, ids: torch.Tensor, chosen: torch.Tensor, logits: torch.Tensor, guess_loss: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        # Gumbel's trick: the argmax of disturbed logits is a draw from their softmax.
        sampled = (logits - torch.empty_like(logits).exponential_().log()).argmax(-1)
        corrupted = ids.flatten().scatter(0, chosen, sampled).view_as(ids)
        replaced = (corrupted != ids).float()
        states = self.encoder(input_ids=corrupted).last_hidden_state
        scores = self.detect(states).squeeze(-1).float()
        detection = nn.functional.binary_cross_entropy_with_logits(scores, replaced)
        found = (scores.detach() > 0).float()
        caught = (found * replaced).sum() / replaced.sum().clamp(min=1)
        spared = ((1 - found) * (1 - replaced)).sum() / (1 - replaced).sum().clamp(min=1)
        return {
            "loss": guess_loss + DETECTION_WEIGHT * detection,
            "mlm": guess_loss,
            "rtd": detection,
            "balanced_accuracy": (caught + spared) / 2,
        }


class _WordHead(nn.Module):
    """Guesses a word from a state, with the embeddings as output weights."""

    def __init__(self, hidden: int, vocabulary: int) -> None:
        super().__init__()
        self.transform = nn.Sequential(nn.Linear(hidden, hidden), nn.GELU(), nn.LayerNorm(hidden))
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def forward(self, states: torch.Tensor, embeddings: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(self.transform(states), embeddings, self.bias)


class _Run:
    """The loop: budget, schedule, checkpoints."""

    def __init__(
        self, recipe: PretrainRecipe, model: Pretrainer, mixture: Mixture, held_out: Mixture, out: Path, device: Any
    ) -> None:
        self._recipe, self._model, self._mixture, self._held_out = recipe, model, mixture, held_out
        self._out, self._device = out, device
        self._optimiser = torch.optim.AdamW(
            _decayed(model, recipe.budget.weight_decay),
            lr=recipe.budget.learning_rate,
            betas=(0.9, 0.98),
            eps=1e-6,
            fused=True,
        )
        self._compiled = torch.compile(model, dynamic=False) if recipe.budget.compile else model
        self.step = self.tokens = 0
        self.seconds = 0.0
        self.figures: dict[str, float] = {}

    @property
    def progress(self) -> float:
        """Share of the budget spent, in tokens or in time, whichever is nearer its end."""
        budget = self._recipe.budget
        return min(1.0, max(self.tokens / budget.tokens, self.seconds / 60 / budget.minutes))

    def train(self, *, resume: bool, report: Callable[[int, Mapping[str, float]], None]) -> None:
        """Until the budget is spent; checkpoints on the way and at the end."""
        if resume and (self._out / CHECKPOINT).exists():
            self._load()
        saved = reported = time.monotonic()
        while self.progress < 1.0:
            started = time.monotonic()
            self._step()
            now = time.monotonic()
            self.seconds += now - started
            if now - reported > 20 or self.progress >= 1.0:
                self.figures |= {f"held_out/{name}": value for name, value in self._evaluate().items()}
                report(self.step, self.figures | {"tokens": self.tokens, "progress": self.progress})
                reported = time.monotonic()
            if now - saved > self._recipe.budget.checkpoint_minutes * 60:
                self._save()
                saved = time.monotonic()
        self._save()

    def _step(self) -> None:
        stage = self._stage()
        generator = np.random.default_rng((self._recipe.seed, self.step))
        ids = torch.from_numpy(self._mixture.batch(stage.batch, stage.length, generator, self._start_id))
        for group in self._optimiser.param_groups:
            group["lr"] = self._recipe.budget.learning_rate * self._rate()
        self._model.train()
        ids = ids.to(self._device, non_blocking=True)
        with self._precision():
            losses = self._compiled(ids, self._model.choose(ids))
        self._optimiser.zero_grad(set_to_none=True)
        losses["loss"].backward()
        nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
        self._optimiser.step()
        self.step += 1
        self.tokens += ids.numel()
        if self.step % 20 == 0:
            self._smooth({name: float(value.detach()) for name, value in losses.items()})

    @property
    def _start_id(self) -> int:
        return int(self._model.encoder.config.cls_token_id)

    def _stage(self) -> Stage:
        done = 0.0
        for stage in self._recipe.budget.stage:
            done += stage.share
            if self.progress < done:
                return stage
        return self._recipe.budget.stage[-1]

    def _rate(self) -> float:
        """Linear warm-up, then cosine down to a twentieth."""
        warmup = self._recipe.budget.warmup
        if self.progress < warmup:
            return max(self.progress / warmup, 0.01)
        return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * (self.progress - warmup) / (1 - warmup)))

    def _precision(self) -> contextlib.AbstractContextManager[Any]:
        if self._device.type == "cuda":
            return torch.autocast("cuda", dtype=torch.bfloat16)
        if self._recipe.budget.precision == "bf16":
            return torch.autocast("cpu", dtype=torch.bfloat16)
        return contextlib.nullcontext()

    def _smooth(self, losses: Mapping[str, float]) -> None:
        for name, value in losses.items():
            self.figures[name] = value if name not in self.figures else 0.9 * self.figures[name] + 0.1 * value

    @torch.no_grad()
    def _evaluate(self) -> dict[str, float]:
        """Losses on held-out crops, always the same, masked the same way."""
        self._model.eval()
        generator = np.random.default_rng(0)
        state = torch.get_rng_state()
        torch.manual_seed(0)
        totals: dict[str, float] = {}
        with self._precision():
            for _ in range(4):
                ids = torch.from_numpy(self._held_out.batch(16, 64, generator, self._start_id))
                for name, value in self._model(ids.to(self._device), self._model.choose(ids)).items():
                    totals[name] = totals.get(name, 0.0) + float(value) / 4
        torch.set_rng_state(state)
        return totals

    def _save(self) -> None:
        state = {
            "model": self._model.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "step": self.step,
            "tokens": self.tokens,
            "seconds": self.seconds,
            "figures": self.figures,
        }
        draft = self._out / f".{CHECKPOINT}.{os.getpid()}"
        torch.save(state, draft)
        draft.replace(self._out / CHECKPOINT)

    def _load(self) -> None:
        state = torch.load(self._out / CHECKPOINT, map_location=self._device, weights_only=True)
        self._model.load_state_dict(state["model"])
        self._optimiser.load_state_dict(state["optimiser"])
        self.step, self.tokens, self.seconds = state["step"], state["tokens"], state["seconds"]
        self.figures = dict(state["figures"])


def _decayed(model: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Weight decay on matrices only: not on biases, norms or embeddings."""
    matrices = [p for name, p in model.named_parameters() if p.ndim >= 2 and "embeddings" not in name]
    chosen = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in chosen]
    return [{"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]


def _tokenizer(
    recipe: PretrainRecipe, paths: Mapping[str, Path], texts: Sequence[str], out: Path, *, resume: bool
) -> PreTrainedTokenizerFast:
    """The vocabulary, learnt on the corpus and on the training splits' text; kept for a resumed run."""
    folder = out / "encoder"
    if resume and (folder / "tokenizer.json").exists():
        kept: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
        return kept

    def stream() -> Iterator[str]:
        yield from texts
        yield from sample_lines(paths, recipe.corpus, recipe.start.vocabulary_characters, recipe.seed)

    tokenizer = compact_tokenizer(recipe.encoder, stream())
    tokenizer.save_pretrained(folder)
    return tokenizer


def _tokens(
    recipe: PretrainRecipe,
    paths: Mapping[str, Path],
    texts: Sequence[str],
    tokenizer: PreTrainedTokenizerFast,
    out: Path,
    *,
    resume: bool,
) -> tuple[Mixture, Mixture]:
    """Crops to learn from and held-out crops (the last fiftieth of each register)."""
    kept = out / "tokens.npz"
    if resume and kept.exists():
        with np.load(kept) as data:
            arrays = {name: data[name] for name in data.files}
    else:
        arrays = _read_tokens(recipe, paths, texts, tokenizer)
        np.savez(kept, **arrays)  # type: ignore[arg-type]
    corpus_share = 1 - recipe.training_text_share
    shares = {name: share * corpus_share for name, share in recipe.corpus.shares.items()}
    if "texts" in arrays:
        shares["texts"] = recipe.training_text_share
    cut = {name: len(array) - max(len(array) // 50, 200) for name, array in arrays.items()}
    return (
        Mixture({name: array[: cut[name]] for name, array in arrays.items()}, shares),
        Mixture({name: array[cut[name] :] for name, array in arrays.items()}, shares),
    )


def _read_tokens(
    recipe: PretrainRecipe, paths: Mapping[str, Path], texts: Sequence[str], tokenizer: PreTrainedTokenizerFast
) -> dict[str, npt.NDArray[np.uint16]]:
    backend, end_id, section = tokenizer.backend_tokenizer, int(tokenizer.sep_token_id), recipe.corpus
    total = recipe.budget.tokens * (1 - recipe.training_text_share)
    arrays = {
        name: tokens_of(
            path,
            backend,
            need=int(total * section.shares[name]) + 2_000,
            passes=section.most_passes,
            noise=section.noise,
            seed=recipe.seed,
            end_id=end_id,
        )
        for name, path in paths.items()
    }
    if texts and recipe.training_text_share:
        need = min(int(recipe.budget.tokens * recipe.training_text_share) + 2_000, 4_000_000)
        arrays["texts"] = extra_tokens(texts, backend, need=need, noise=section.noise, seed=recipe.seed, end_id=end_id)
    return arrays


def _start_embeddings(
    recipe: PretrainRecipe, model: Pretrainer, mixture: Mixture, tokenizer: PreTrainedTokenizerFast
) -> None:
    """Skip-gram vectors of the subwords, scaled to the encoder's own initial spread, as embeddings."""
    if not recipe.start.skipgram_tokens:
        return
    from gensim.models import Word2Vec  # heavy, and only this step needs it

    length = 64
    generator = np.random.default_rng(recipe.seed)
    rows = mixture.batch(recipe.start.skipgram_tokens // length, length, generator, int(tokenizer.cls_token_id))
    vectors = Word2Vec(
        [[str(i) for i in row] for row in rows.tolist()],
        vector_size=recipe.encoder.hidden_size,
        window=5,
        min_count=3,
        sg=1,
        negative=5,
        sample=1e-4,
        epochs=recipe.start.skipgram_epochs,
        workers=os.cpu_count() or 1,
        seed=recipe.seed,
    ).wv
    weight = next(model.encoder.get_input_embeddings().parameters()).data
    known = torch.tensor([int(key) for key in vectors.index_to_key])
    spread = float(weight.std()) / float(vectors.vectors.std())
    weight[known] = torch.from_numpy(vectors.vectors * spread).to(weight)
