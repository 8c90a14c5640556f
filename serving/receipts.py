"""Receipts: what proves later that this text got these scores from this bundle, without holding the text.

The text is bound by a keyed hash, the whole by a signature (HMAC-SHA256 with the service's secret, RFC 2104): only who
holds the secret can make or check one. Pure; knows nothing of HTTP or of how scores come about.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Annotated

from pydantic import ConfigDict, Field

from .bundle import Conflict, InputError, Verdict
from .bundle.config import Frozen, Named

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Receipt(Frozen):
    """One receipt, as it is sent and as it comes back."""

    model_config = ConfigDict(strict=True)

    #: Keyed hash of the text as it came, before any normalising.
    text_hmac: Digest
    bundle: Annotated[str, Field(pattern="^sha256:[0-9a-f]{64}$")]
    scores: Named[str, float | None]
    levels: Named[str, str | None]
    #: Whether a replay on a machine of the same kind gives identical bits.
    exact: bool
    signature: Digest


class Notary:
    """Makes and checks receipts with one secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def issue(self, text: str, verdict: Verdict, bundle_id: str, *, exact: bool) -> Receipt:
        """The receipt of ``verdict``, which ``bundle_id`` gave of ``text``. The same again gives the same receipt."""
        draft = Receipt.model_construct(
            text_hmac=self._text_hmac(text),
            bundle=bundle_id,
            scores=verdict.scores,
            levels=verdict.levels,
            exact=exact,
            signature="",
        )
        return draft.model_copy(update={"signature": self._signature(draft)})

    def check(self, receipt: Receipt, text: str) -> None:
        """Nothing when this service issued ``receipt`` for ``text``.

        Raises:
            InputError: it was altered, comes from another service, or belongs to another text.
        """
        if not hmac.compare_digest(self._signature(receipt), receipt.signature):
            detail = "the receipt was altered, or another service issued it; send it back exactly as it came"
            raise InputError(detail, code="invalid_receipt", pointer="/receipt/signature")
        if not hmac.compare_digest(self._text_hmac(text), receipt.text_hmac):
            detail = "the receipt belongs to another text; send the text as it was, before any change"
            raise InputError(detail, code="other_text", pointer="/text")

    def _text_hmac(self, text: str) -> str:
        return hmac.new(self._secret, b"receipt\0" + text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()

    def _signature(self, receipt: Receipt) -> str:
        """Over canonical JSON: shortest numbers that give the same bits, keys in order."""
        body = json.dumps(receipt.model_dump(exclude={"signature"}), sort_keys=True, separators=(",", ":"))
        return hmac.new(self._secret, b"receipt-signature\0" + body.encode(), hashlib.sha256).hexdigest()


def require_bundle(receipt: Receipt, bundle_id: str) -> None:
    """Nothing when ``bundle_id`` is the bundle of ``receipt``.

    Raises:
        Conflict: another one runs; names both.
    """
    if receipt.bundle != bundle_id:
        detail = (
            f"the receipt needs the bundle {receipt.bundle}, and {bundle_id} runs here; serve its folder to replay it"
        )
        raise Conflict(detail, code="other_bundle", pointer="/receipt/bundle")
