"""Sends every example of the OpenAPI document to a service on the embedded bundle and keeps what it answers.

    python tests/record_examples.py          after a new bundle, or a changed answer; then look at the difference

Requests are written by hand in serving/api/examples.json; their answers are recorded, long lists cut.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from house import open_house
from routes import Visitors

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "serving" / "api" / "examples.json"

#: Written by hand as well: a few lines of a long document.
BY_HAND = ("GET /$discovery/rest", "GET /metrics")
#: Sent once more, under the name of another answer.
AGAIN = {"POST /v1/cases": ("one", "known")}
#: Lists of which one element says enough.
CUT = ("rows", "cases", "labels", "operating_points", "datasets")


def recorded(visitors: Visitors, name: str, told: dict[str, Any]) -> dict[str, Any]:
    """The answers of one route, by status and by the name of the example."""
    requests = told.get("requests") or {"done": None}
    sent = {which: which for which in requests} | dict([AGAIN[name][::-1]] if name in AGAIN else [])
    answers: dict[str, Any] = {}
    for which, request in sent.items():
        answer = visitors.ask(name, requests[request])
        if answer.status_code not in (200, 202):
            raise SystemExit(f"{name}, example {which!r}: {answer.status_code} {answer.text[:300]}")
        answers.setdefault(str(answer.status_code), {})[which] = cut(answer.json())
    return answers


def cut(value: Any) -> Any:
    """``value`` with one element of each long list."""
    if isinstance(value, list):
        return [cut(part) for part in value]
    if not isinstance(value, dict):
        return value
    short = {key: part[:1] if key in CUT and isinstance(part, list) else part for key, part in value.items()}
    return {key: cut(part) for key, part in short.items()}


def record(folder: Path) -> None:
    """Write the file again."""
    examples = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    house, close = open_house(folder, ROOT / "serving" / "embedded")
    visitors = Visitors(house)
    # A receipt is of one bundle: the one to replay is made by this very service.
    replay = examples["POST /v1/receipts:replay"]["requests"]["replay"]
    replay["receipt"] = visitors.receipt_of(replay["text"])
    for name, told in examples.items():
        if name not in BY_HAND:
            told["answers"] = recorded(visitors, name, told)
    close()
    EXAMPLES.write_text(json.dumps(examples, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        record(Path(folder))
