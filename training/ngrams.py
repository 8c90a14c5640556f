"""Hashed character n-grams beside the encoder, inside the same graph: what a word looks like, where the encoder reads
what it means.

The token ids are spelt back into bytes, so the branch sees whole words whatever the tokenizer cut, and shares parts of
words between forms that the vocabulary keeps apart. One linear layer over n-grams weighted as TF-IDF: the strongest
simple model on little text (docs/experiments.md), fitted as the logistic regression it is, to its optimum, before the
encoder is trained. Everything is an ordinary ONNX operator.

Source: Weinberger et al. (2009), feature hashing; Cheng et al. (2016), wide and deep learning; Fan et al. (2008),
LIBLINEAR.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from tokenizers import decoders
from torch import nn
from transformers import PreTrainedTokenizerFast

#: Bytes kept of one token: 99.7 % of the embedded vocabulary is no longer.
LONGEST_TOKEN = 16
_BASE = 8_191


class CharNgrams(nn.Module):
    """Logits from the byte n-grams of a window.

    ``forward(input_ids, attention_mask)``, both int64 (batch, length), gives (batch, labels).
    """

    spelling: torch.Tensor
    lengths: torch.Tensor
    idf: torch.Tensor

    def __init__(self, spelling: torch.Tensor, n_labels: int, *, buckets: int, longest: int) -> None:
        """``spelling``: uint8 (vocabulary, LONGEST_TOKEN), byte values, 0 after the end."""
        super().__init__()
        self.longest = longest
        self.register_buffer("spelling", spelling)
        self.register_buffer("lengths", (spelling > 0).sum(1))
        self.register_buffer("idf", torch.ones(buckets))
        self.table = nn.Embedding(buckets, n_labels)
        nn.init.zeros_(self.table.weight)
        self.bias = nn.Parameter(torch.zeros(n_labels))
        self.requires_grad_(False)  # fitted, not trained

    def columns(self, index: Sequence[int]) -> CharNgrams:
        """The same branch answering only some labels."""
        kept = CharNgrams(self.spelling, len(index), buckets=len(self.idf), longest=self.longest)
        kept.idf = self.idf.clone()
        kept.table.weight.data = self.table.weight.data[:, list(index)].clone()
        kept.bias.data = self.bias.data[list(index)].clone()
        return kept

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        buckets, weights = self.grams(input_ids, attention_mask)
        summed: torch.Tensor = (self.table(buckets) * weights.unsqueeze(-1)).sum(1)
        norm = (weights * weights).sum(1, keepdim=True).clamp(min=1e-6).sqrt()
        return summed / norm + self.bias

    def grams(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Bucket of each n-gram and its weight (0 where there is none), both (batch, positions x orders)."""
        characters = self._characters(input_ids, attention_mask)
        positions = characters.shape[1] - self.longest
        rolling = characters[:, :positions]
        buckets, weights = [], []
        for order in range(2, self.longest + 1):
            last = characters[:, order - 1 : order - 1 + positions]
            rolling = (rolling * _BASE + last) % 1_000_003
            bucket = (rolling * 31 + order * 7_919) % len(self.idf)
            buckets.append(bucket)
            weights.append(self.idf[bucket] * (last > 0).to(self.idf.dtype))
        return torch.cat(buckets, 1), torch.cat(weights, 1)

    def _characters(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Bytes of each row without gaps, int64 (batch, positions + longest), zeros at the end."""
        spelt = self.spelling[input_ids].to(torch.int64)
        length = self.lengths[input_ids] * attention_mask
        place = torch.arange(LONGEST_TOKEN, device=input_ids.device)
        kept = place < length.unsqueeze(-1)
        at = (length.cumsum(1) - length).unsqueeze(-1) + place
        batch, positions = input_ids.shape[0], input_ids.shape[1] * LONGEST_TOKEN
        row = torch.zeros((batch, positions + self.longest), dtype=torch.int64, device=input_ids.device)
        # What is not kept adds zero at the first place.
        row = row.scatter_add(1, (at * kept).reshape(batch, -1), (spelt * kept).reshape(batch, -1))
        if self.training:  # a traced graph keeps every position; the sums are the same
            row = row[:, : int(length.sum(1).max()) + self.longest]
        return row


def spelling_of(tokenizer: PreTrainedTokenizerFast) -> torch.Tensor:
    """Bytes of every token, uint8 (vocabulary, LONGEST_TOKEN), 0 after the end; special tokens spell nothing.

    A byte-level vocabulary is read through its alphabet; a SentencePiece one writes a space as ``▁``.
    """
    table = torch.zeros((len(tokenizer), LONGEST_TOKEN), dtype=torch.uint8)
    alphabet = _byte_signs()
    byte_level = isinstance(tokenizer.backend_tokenizer.decoder, decoders.ByteLevel)
    special = set(tokenizer.all_special_ids)
    for token, index in tokenizer.get_vocab().items():
        if index in special:
            continue
        if byte_level and all(sign in alphabet for sign in token):
            spelt = bytes(alphabet[sign] for sign in token)
        else:
            spelt = token.replace("▁", " ").encode()
        kept = spelt.replace(b"\0", b"")[:LONGEST_TOKEN]
        table[index, : len(kept)] = torch.tensor(list(kept), dtype=torch.uint8)
    return table


def _byte_signs() -> dict[str, int]:
    """Byte behind each sign of a byte-level vocabulary: printable ones stand for themselves, the others follow 255.

    Source: Radford et al. (2019), GPT-2's byte-level BPE.
    """
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = (byte for byte in range(256) if byte not in printable)
    return {chr(byte): byte for byte in printable} | {chr(256 + n): byte for n, byte in enumerate(others)}


def fit(
    branch: CharNgrams,
    rows: Sequence[Sequence[int]],
    values: npt.NDArray[np.float32],
    weights: npt.NDArray[np.float32],
    pad_id: int,
    *,
    strength: float,
) -> None:
    """Set the branch's idf, and its weights by one logistic regression per label.

    Args:
        rows: token ids of the training rows.
        values, weights: share of positive and weight of each cell, 0 where nothing is known; shape (rows, labels).
        strength: inverse of the L2 penalty (scikit-learn's ``C``), rows weighing one on average.
    """
    branch.idf = inverse_document_frequency(branch, rows, pad_id)
    features = _features(branch, rows, pad_id)
    scale = 1 / max(float(weights.max(axis=1).mean()), 1e-9)
    for label in range(values.shape[1]):
        known = weights[:, label] > 0
        truth = values[known, label] >= 0.5
        if truth.all() or not truth.any():
            continue
        model = LogisticRegression(C=strength, solver="liblinear", max_iter=200)
        model.fit(features[known], truth, sample_weight=weights[known, label] * scale)
        branch.table.weight.data[:, label] = torch.from_numpy(model.coef_[0]).to(branch.table.weight)
        branch.bias.data[label] = float(model.intercept_[0])


def _features(branch: CharNgrams, rows: Sequence[Sequence[int]], pad_id: int) -> sparse.csr_matrix:
    """What the branch sums for each row, shape (rows, buckets)."""
    places: list[npt.NDArray[np.int64]] = []
    columns: list[npt.NDArray[np.int64]] = []
    cells: list[npt.NDArray[np.float32]] = []
    for index, (buckets, weights) in _grams_of(branch, rows, pad_id):
        weights = weights / (weights * weights).sum(1, keepdim=True).clamp(min=1e-6).sqrt()
        kept = weights > 0
        places.append(index[:, None].expand_as(buckets)[kept].numpy())
        columns.append(buckets[kept].numpy())
        cells.append(weights[kept].numpy())
    ij = (np.concatenate(places), np.concatenate(columns))
    return sparse.csr_matrix((np.concatenate(cells), ij), shape=(len(rows), len(branch.idf)), dtype=np.float32)


def _grams_of(
    branch: CharNgrams, rows: Sequence[Sequence[int]], pad_id: int, batch: int = 64
) -> Iterator[tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]]:
    """Places of some rows, int64 (batch,), and their n-grams; rows of like length come together."""
    order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
    branch.train()  # short rows are cut: the sums are the same
    with torch.inference_mode():
        for start in range(0, len(order), batch):
            chunk = order[start : start + batch]
            longest = max(len(rows[place]) for place in chunk)
            ids = torch.tensor([[*rows[place], *([pad_id] * (longest - len(rows[place])))] for place in chunk])
            mask = torch.tensor([[1] * len(rows[p]) + [0] * (longest - len(rows[p])) for p in chunk])
            yield torch.tensor(chunk), branch.grams(ids, mask)


def inverse_document_frequency(branch: CharNgrams, rows: Sequence[Sequence[int]], pad_id: int) -> torch.Tensor:
    """ln((1 + rows) / (1 + rows with the bucket)) + 1 of each bucket, shape (buckets,)."""
    counts = torch.zeros(len(branch.idf))
    for _, (buckets, weights) in _grams_of(branch, rows, pad_id):
        for found, weight in zip(buckets, weights, strict=True):
            counts[found[weight > 0].unique()] += 1
    return torch.log((1 + len(rows)) / (1 + counts)) + 1
