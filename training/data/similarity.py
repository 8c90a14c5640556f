"""How alike two texts are: Jaccard similarity of their character shingles, after normalisation. Pure functions.

Knows nothing of sources, labels or splits.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from datasketch import MinHash, MinHashLSH
from scipy import sparse

#: Length of a shingle in characters: about a French word with its space.
SHINGLE = 5
PERMUTATIONS = 128
_MASKS = re.compile(r"@user|<url>|<mail>")
#: Rows compared at once by the exact search: bounds its memory to a few tens of MiB.
_CHUNK = 128


class _Table(dict[int, str | None]):
    """Translation table filled as characters are met: marks dropped, punctuation and spaces to one space."""

    def __missing__(self, code: int) -> str | None:
        category = unicodedata.category(chr(code))
        self[code] = None if category[0] == "M" else " " if category[0] in "PZC" else chr(code)
        return self[code]


_TABLE = _Table()


def normal(text: str) -> str:
    """``text`` without what copies differ by: case, accents, punctuation, spacing, masks. Symbols and emoji stay.

    A text with nothing else is returned as it is, lower-cased.
    """
    bare = unicodedata.normalize("NFKD", _MASKS.sub(" ", text.casefold())).translate(_TABLE)
    return " ".join(bare.split()) or text.casefold()


def shingles(text: str) -> np.ndarray:
    """Sorted distinct CRC-32 of the ``SHINGLE``-character pieces of ``normal(text)``: uint32, at least one."""
    plain = normal(text)
    pieces = {plain[start : start + SHINGLE] for start in range(max(1, len(plain) - SHINGLE + 1))}
    return np.array(sorted(zlib.crc32(piece.encode()) for piece in pieces), np.uint32)


def jaccard(left: np.ndarray, right: np.ndarray) -> float:
    """Size of the intersection over size of the union of two shingle sets, from 0 to 1."""
    shared = np.intersect1d(left, right, assume_unique=True).size
    return shared / (left.size + right.size - shared)


class NearIndex:
    """Texts met so far, asked for those at least ``threshold`` alike (MinHash LSH, candidates verified exactly).

    LSH may miss a pair just above the threshold; ``exact_pairs`` misses none and is what proofs use.
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        # Banded below the threshold, recall first: a false candidate only costs a verification.
        self._lsh = MinHashLSH(threshold=max(0.1, threshold - 0.1), num_perm=PERMUTATIONS, weights=(0.1, 0.9))
        self._sets: list[np.ndarray] = []

    def signature(self, shingle_set: np.ndarray) -> MinHash:
        """MinHash of a shingle set (the CRCs are the hashes)."""
        minhash = MinHash(num_perm=PERMUTATIONS, seed=1, hashfunc=int)
        minhash.update_batch(shingle_set)
        return minhash

    def near(self, shingle_set: np.ndarray, signature: MinHash) -> list[int]:
        """Numbers of the texts at least ``threshold`` alike, in the order they came."""
        candidates = sorted(self._lsh.query(signature))
        return [n for n in candidates if jaccard(shingle_set, self._sets[n]) >= self._threshold]

    def add(self, shingle_set: np.ndarray, signature: MinHash) -> int:
        """Remember a text; returns its number."""
        self._lsh.insert(len(self._sets), signature)
        self._sets.append(shingle_set)
        return len(self._sets) - 1


def exact_pairs(
    left: Sequence[np.ndarray], right: Sequence[np.ndarray], threshold: float
) -> tuple[list[tuple[int, int]], float]:
    """Every pair (place in ``left``, place in ``right``) at least ``threshold`` alike, and the highest similarity.

    All pairs are compared, as products of sparse incidence matrices: no pair is missed.
    """
    if not left or not right:
        return [], 0.0
    left_sizes, right_sizes = (np.array([s.size for s in side]) for side in (left, right))
    rows, columns = _incidence(left, right)
    found: list[tuple[int, int]] = []
    highest = 0.0
    for start, shared in _products(rows, columns):
        union = left_sizes[start + shared.row] + right_sizes[shared.col] - shared.data
        alike = shared.data / union
        highest = max(highest, float(alike.max(initial=0.0)))
        found += [(int(start + shared.row[n]), int(shared.col[n])) for n in np.flatnonzero(alike >= threshold)]
    return found, highest


def _incidence(left: Sequence[np.ndarray], right: Sequence[np.ndarray]) -> tuple[sparse.csr_array, sparse.csc_array]:
    """Text-by-shingle matrices of both sides over one vocabulary, the right one transposed."""
    _, columns = np.unique(np.concatenate([*left, *right]), return_inverse=True)
    cut = sum(s.size for s in left)
    width = int(columns.max()) + 1
    return _matrix(left, columns[:cut], width), _matrix(right, columns[cut:], width).T.tocsr()


def _matrix(sets: Sequence[np.ndarray], columns: np.ndarray, width: int) -> sparse.csr_array:
    ends = np.concatenate([[0], np.cumsum([s.size for s in sets])])
    return sparse.csr_array((np.ones(columns.size, np.int32), columns, ends), shape=(len(sets), width))


def _products(rows: sparse.csr_array, columns: sparse.csr_array) -> Iterator[tuple[int, sparse.coo_array]]:
    for start in range(0, rows.shape[0], _CHUNK):
        yield start, (rows[start : start + _CHUNK] @ columns).tocoo()
