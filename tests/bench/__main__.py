"""Speed, as ratios within one run: absolute figures on shared machines mean little.

make bench
python -m tests.bench classifier --texts 40
python -m tests.bench service
python -m tests.bench peers
python -m tests.bench embedded
python -m tests.bench known
python -m tests.bench queue --cases 20000 --postgres
python -m tests.bench console --cases 10000
"""

from __future__ import annotations

import argparse

from . import classifier, console, content, embedded, faithfulness, known, peers, queue, service

PARTS = {
    "classifier": classifier.run,
    "service": service.run,
    "peers": peers.run,
    "embedded": embedded.run,
    "content": content.run,
    "faithfulness": faithfulness.run,
    "known": known.run,
    "queue": queue.run,
    "console": console.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="what to measure (default: all)")
    parser.add_argument("--texts", type=int, default=60, help="texts per round of the classifier, and texts explained")
    parser.add_argument("--rounds", type=int, default=5, help="rounds; the median is told")
    parser.add_argument("--cases", type=int, default=20_000, help="open cases of the queue; cases of the console")
    parser.add_argument("--postgres", action="store_true", help="measure the queue on PostgreSQL, too")
    arguments = parser.parse_args()
    for part in arguments.parts or PARTS:
        PARTS[part](arguments)


if __name__ == "__main__":
    main()
