"""Run in a process that a test kills: receives batches of ten for ever, printing each receipt.

python tests/code/receiving.py DATABASE_URL [PREFIX]
"""

from __future__ import annotations

import sys
from pathlib import Path

from serving.bundle import load_taxonomy
from serving.policy import load_policy
from serving.review import KeyKind, NewCase, Queue, Source, open_database

configs = Path("configs")
queue = Queue(
    open_database(sys.argv[1]),
    load_policy(configs / "policy.toml"),
    load_taxonomy(configs / "taxonomy.toml"),
    b"a secret for tests, 32 bytes long",
)
prefix = sys.argv[2] if len(sys.argv) > 2 else ""
batch = 0
while True:
    cases = [NewCase(external_id=f"{prefix}{batch}-{number}", text="un texte") for number in range(10)]
    for receipt in queue.receive(cases, source=Source("clef", KeyKind.PLATFORM)):
        print(receipt.external_id, flush=True)
    batch += 1
