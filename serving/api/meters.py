"""What the service counts: texts, cases and time, never a content, never a person.

Prometheus instruments are created when this class is, not at import: a BentoML worker announces its folder of
multiprocess counters only after it has imported the service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

_SCORING_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Meters:
    """The instruments of one process."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """Create the instruments in ``registry`` (default: the process's own, which ``/metrics`` publishes)."""
        from prometheus_client import REGISTRY, Counter, Histogram

        home = registry or REGISTRY
        self.texts = Counter("vigie_texts", "Texts read for scoring, by outcome.", ["outcome"], registry=home)
        self.received = Counter("vigie_cases_received", "Cases stored, by lane of the sender.", ["kind"], registry=home)
        self.decided = Counter("vigie_cases_decided", "Decisions, by outcome.", ["illegal"], registry=home)
        self.scoring = Histogram(
            "vigie_scoring_seconds", "Time to score one request.", buckets=_SCORING_BUCKETS, registry=home
        )
