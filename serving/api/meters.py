"""What the service counts: requests, texts, cases and time, never a content, never a person.

Prometheus instruments are created when ``Meters`` is, not at import: a BentoML worker announces its folder of
multiprocess counters only after it has imported the service.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Meters:
    """The instruments of one process. Labels take few values, so that no caller can grow them."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """Create the instruments in ``registry`` (default: the process's own)."""
        from prometheus_client import REGISTRY, Counter, Gauge, Histogram, Summary

        self._registry = registry or REGISTRY
        home = self._registry
        self.requests = Histogram(
            "vigie_request_seconds", "Time to answer.", ["route", "method", "status"], buckets=_BUCKETS, registry=home
        )
        self.texts = Counter("vigie_texts", "Texts read for scoring, by outcome.", ["outcome"], registry=home)
        self.scoring = Histogram(
            "vigie_scoring_seconds", "Time to score the texts of one request.", buckets=_BUCKETS, registry=home
        )
        self.received = Counter("vigie_cases_received", "Cases stored, by kind of key.", ["kind"], registry=home)
        self.scored = Counter("vigie_cases_scored", "Received cases read by the model.", registry=home)
        self.refused = Counter(
            "vigie_refused",
            "Requests refused, by reason: requests, texts, concurrency, overloaded.",
            ["reason"],
            registry=home,
        )
        self.quota_store_failures = Counter(
            "vigie_quota_store_failures", "Quotas not applied because their store was out of reach.", registry=home
        )
        # Live: summed over the workers that run; one that ended leaves nothing behind.
        live = {"registry": home, "multiprocess_mode": "livesum"}
        self.under_way = Gauge("vigie_scoring_under_way", "Scoring requests let in and not answered yet.", **live)
        self.expected_wait = Gauge(
            "vigie_expected_wait_seconds",
            "What a new scoring request would wait, at the slowest worker.",
            registry=home,
            multiprocess_mode="livemax",
        )
        self.bundles = Gauge(
            "vigie_bundle", "Workers on which a bundle plays a role: champion or shadow.", ["role", "bundle"], **live
        )
        self.swaps = Counter(
            "vigie_swaps",
            "Bundles put in place of another, by outcome.",
            ["role", "outcome"],
            registry=home,
        )
        self.shadowed = Counter(
            "vigie_shadow_texts", "Texts for the shadow bundle: compared, dropped, failed.", ["outcome"], registry=home
        )
        self.compared = Counter("vigie_shadow_labels", "Scores of both bundles compared.", ["label"], registry=home)
        self.disagreed = Counter(
            "vigie_shadow_disagreements",
            "Of these, another level; another side of `probable`.",
            ["label", "kind"],
            registry=home,
        )
        self.score_gap = Summary(
            "vigie_shadow_score_gap", "Absolute difference of the two scores.", ["label"], registry=home
        )
        self.decided = Counter("vigie_cases_decided", "Decisions, by finding.", ["illegal"], registry=home)

    def exposition(self) -> tuple[bytes, str]:
        """What ``/metrics`` answers, of all workers where there are several: the body and its media type."""
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest, multiprocess

        registry = self._registry
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry), CONTENT_TYPE_LATEST
