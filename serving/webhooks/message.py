"""A message and its signature, as Standard Webhooks has them (https://www.standardwebhooks.com). Pure functions."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import datetime

from serving.review import EventKind, News

#: To those outside, a decision is a decision: ``known`` in it says that it came from an equal text.
_TYPES = {EventKind.KNOWN: EventKind.DECIDED}


def body_of(news: News) -> bytes:
    """The same bytes each time the message is sent: ids, words of lists and times, never a text."""
    data = {
        "case_id": news.case_id,
        "external_id": news.external_id,
        "key_id": news.key_id,
        "state": news.state.value,
        "received_at": news.received_at.isoformat(),
        "decision": news.finding,
        "position": news.position,
    }
    said = {"type": f"case.{_TYPES.get(news.kind, news.kind)}", "timestamp": news.at.isoformat(), "data": data}
    return json.dumps(said, separators=(",", ":")).encode()


def signed(secret: str, message_id: str, body: bytes, now: datetime) -> dict[str, str]:
    """The headers of one attempt: ``v1,`` and HMAC-SHA256 in base 64 over id, seconds and body, joined by dots."""
    seconds = str(int(now.timestamp()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, b".".join([message_id.encode(), seconds.encode(), body]), hashlib.sha256).digest()
    return {
        "content-type": "application/json",
        "user-agent": "vigie",
        "webhook-id": message_id,
        "webhook-timestamp": seconds,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
