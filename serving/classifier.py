"""Runs a bundle: texts in, verdicts out. Knows nothing of HTTP, queues or users.

The only onnxruntime and tokenizers of serving. Each window is a run of its own on one thread: int8 dynamic quantisation
takes its scale over the whole batch, so neighbours would change a score; alone, among others or replayed, a text has
the same bits. Measured to be the fastest way for int8 on CPU as well (docs/decisions/one-window-per-run.md).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import tokenizers

from .bundle import MAX_CODE_POINTS, Bundle, BundleError, InputError, InputSpec, Judge, Verdict, prepare
from .language import identifier, not_french
from .settings import available_cores


@dataclass(frozen=True)
class Windows:
    """The windows of one prepared text.

    Attributes:
        ids: one int64 array of shape (1, length) per window, special tokens included.
        truncated: some tokens lie beyond the last window.
    """

    ids: tuple[npt.NDArray[np.int64], ...]
    truncated: bool


class Classifier:
    """A bundle ready to score, safe to call from many threads at once."""

    def __init__(self, bundle: Bundle, sessions: int | None = None, longest: int = MAX_CODE_POINTS) -> None:
        """Load ``bundle``; at most ``sessions`` windows run at a time (default: one per core).

        A text of more than ``longest`` code points is not read.

        Raises:
            BundleError: the model or the tokenizer does not load, or its outputs are not the manifest's labels.
        """
        self.bundle = bundle
        self.manifest = bundle.manifest
        self.bundle_id = bundle.id
        self._longest = longest
        self._judge = Judge(bundle.manifest)
        self._session = _load_session(bundle)
        self._tokenizer = _load_tokenizer(bundle)
        identifier()  # loaded here, so that no text waits for it
        # One thread-safe session called from n threads: the weights are held once.
        running = sessions or available_cores()
        self._pool = ThreadPoolExecutor(running, thread_name_prefix="vigie-score")
        self._running = BoundedSemaphore(running)

    def close(self) -> None:
        """Free the threads once their windows are read; nobody may be asking any more (``Champion`` sees to it)."""
        self._pool.shutdown()

    def score(self, texts: Sequence[str]) -> list[Verdict | InputError]:
        """Judge each text. A text that cannot be scored yields its error; the others are not disturbed.

        Returns:
            one Verdict or InputError per text, in order.
        """
        prepared = [checked(text, self._longest) for text in texts]
        readable = [text for text in prepared if isinstance(text, str)]
        windows = self._windows(readable)
        logits = self._run_all(windows)
        verdicts = (
            self._judge(rows, truncated=part.truncated, not_french=not_french(text))
            for text, part, rows in zip(readable, windows, logits, strict=True)
        )
        return [text if isinstance(text, InputError) else next(verdicts) for text in prepared]

    def logits(self, texts: Sequence[str]) -> list[npt.NDArray[np.float32]]:
        """Raw logits of each text, shape (windows, labels).

        Raises:
            InputError: of the first text that cannot be scored.
        """
        prepared = []
        for text in texts:
            found = checked(text, self._longest)
            if isinstance(found, InputError):
                raise found
            prepared.append(found)
        return list(self._run_all(self._windows(prepared)))

    def _windows(self, prepared: Sequence[str]) -> list[Windows]:
        # A batch is spread over the library's own threads; a text alone need not wake them.
        if len(prepared) == 1:
            encodings = [self._tokenizer.encode(prepared[0], add_special_tokens=False)]
        else:
            encodings = self._tokenizer.encode_batch_fast(prepared, add_special_tokens=False)
        return [plan_windows(encoding.ids, self.manifest.input) for encoding in encodings]

    def _run_all(self, windows: Sequence[Windows]) -> Iterable[npt.NDArray[np.float32]]:
        flat = [ids for text in windows for ids in text.ids]
        # A window alone is run by the thread that asks: waking another costs as much as the tokenizer.
        rows = self._pool.map(self._run, flat) if len(flat) > 1 else map(self._run, flat)
        return [np.concatenate([next(rows) for _ in text.ids]) for text in windows]

    def _run(self, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Logits of one window, shape (1, labels)."""
        with self._running:
            outputs: list[Any] = self._session.run(["logits"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})
        return np.asarray(outputs[0], dtype=np.float32)


def plan_windows(ids: Sequence[int], spec: InputSpec) -> Windows:
    """Cut token ids into windows of at most ``max_tokens`` with special tokens, ``window_stride`` apart.

    The last window ends at the last token, so no window is a crumb.
    """
    start = [] if spec.start_id is None else [spec.start_id]
    end = [] if spec.end_id is None else [spec.end_id]
    room = spec.max_tokens - len(start) - len(end)
    starts = [0]
    while starts[-1] + room < len(ids) and len(starts) < spec.max_windows:
        starts.append(min(starts[-1] + spec.window_stride, len(ids) - room))
    parts = tuple(np.array([[*start, *ids[at : at + room], *end]], dtype=np.int64) for at in starts)
    return Windows(parts, truncated=starts[-1] + room < len(ids))


def checked(text: object, longest: int = MAX_CODE_POINTS) -> str | InputError:
    """The prepared text, or why it cannot be scored: another type, too long, or empty once normalised."""
    if not isinstance(text, str):
        return InputError(f"text is of type {type(text).__name__}; expected a string", code="wrong_type")
    if len(text) > longest:
        return InputError(f"text has {len(text):,} code points; expected at most {longest:,}", code="text_too_long")
    prepared = prepare(text)
    # Zero-width and other format characters alone are nothing to read.
    if not any(unicodedata.category(character) not in ("Cf", "Zs") for character in prepared):
        return InputError("text is empty once normalised; expected at least one visible character", code="empty_text")
    return prepared


def _load_session(bundle: Bundle) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    path = bundle.path / "model.onnx"
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises a dozen unrelated types here
        raise BundleError(
            f"{path}: onnxruntime cannot load it ({type(error).__name__})", pointer="model.onnx"
        ) from None
    outputs = {output.name: output.shape for output in session.get_outputs()}
    labels = len(bundle.manifest.labels)
    if "logits" not in outputs or outputs["logits"][-1] != labels:
        raise BundleError(f"{path}: outputs {outputs}; expected 'logits' with {labels} columns", pointer="model.onnx")
    return session


def _load_tokenizer(bundle: Bundle) -> tokenizers.Tokenizer:
    path = bundle.path / "tokenizer.json"
    try:
        tokenizer = tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare Exception
        raise BundleError(f"{path}: not a tokenizer: {error}", pointer="tokenizer.json") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
