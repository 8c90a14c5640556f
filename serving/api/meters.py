"""What the service counts: requests, texts, cases and time, never a content, never a person.

Prometheus instruments are created when ``Meters`` is, not at import: a BentoML worker announces its folder of
multiprocess counters only after it has imported the service.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from serving.review import Stats
    from serving.shadow import Difference

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
        self.content = Counter(
            "vigie_content", "Texts asked of the content cache: hit, repeat or miss.", ["how"], registry=home
        )
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
        live = partial(Gauge, registry=home, multiprocess_mode="livesum")
        self.under_way = live("vigie_scoring_under_way", "Scoring requests let in and not answered yet.")
        self.expected_wait = Gauge(
            "vigie_expected_wait_seconds",
            "What a new scoring request would wait, at the slowest worker.",
            registry=home,
            multiprocess_mode="livemax",
        )
        self.bundles = live(
            "vigie_bundle", "Workers on which a bundle plays a role: champion or shadow.", ["role", "bundle"]
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
        self.hooks = Counter(
            "vigie_hook_messages", "Webhook messages: delivered, failed; hooks disabled.", ["outcome"], registry=home
        )
        self.decided = Counter("vigie_cases_decided", "Decisions, by finding.", ["illegal"], registry=home)

    def shadow_texts(self, outcome: str, number: int) -> None:
        """``number`` texts for the shadow were compared, dropped or failed."""
        self.shadowed.labels(outcome).inc(number)

    def shadow_difference(self, found: Difference) -> None:
        """One label of one text, read by both bundles."""
        self.compared.labels(found.label).inc()
        self.score_gap.labels(found.label).observe(found.gap)
        for kind, differs in (("level", found.level), ("flag", found.flag)):
            self.disagreed.labels(found.label, kind).inc(differs)

    def bundle_in_role(self, role: str, bundle: str, step: int) -> None:
        """A bundle took up a role (1), or left it (-1)."""
        self.bundles.labels(role, bundle).inc(step)

    def hook(self, outcome: str) -> None:
        """A webhook message was delivered or failed, or its hook was disabled."""
        self.hooks.labels(outcome).inc()

    def swap(self, role: str, outcome: str) -> None:
        """A bundle was put in place of another, or refused."""
        self.swaps.labels(role, outcome).inc()

    def exposition(self, stats: Stats | None = None) -> tuple[bytes, str]:
        """What ``/metrics`` answers, of all workers where there are several: the body and its media type.

        Args:
            stats: the review queue now, which no process counts by itself.
        """
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest, multiprocess

        registry = self._registry
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry) + (_queue_figures(stats) if stats else b""), CONTENT_TYPE_LATEST


def _queue_figures(stats: Stats) -> bytes:
    """The queue in figures: read from the database at each scrape, the same whichever worker answers."""
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    now = CollectorRegistry()
    states = Gauge("vigie_queue_cases", "Cases, by state.", ["state"], registry=now)
    for state, number in stats.states.items():
        states.labels(state).set(number)
    lanes = Gauge("vigie_queue_waiting", "Cases that wait for a person, by lane.", ["lane"], registry=now)
    for lane, number in stats.waiting.items():
        lanes.labels(lane).set(number)
    oldest = stats.oldest_waiting_at
    age = (datetime.now(UTC) - oldest).total_seconds() if oldest else 0.0
    for name, said, value in (
        ("overdue", "Cases past their deadline.", stats.overdue),
        ("unscored", "Cases that the model has not read yet.", stats.unscored),
        ("oldest_seconds", "Age of the oldest case that waits.", age),
    ):
        Gauge(f"vigie_queue_{name}", said, registry=now).set(value)
    return generate_latest(now)


def forget_ended_processes() -> None:
    """Drop the live figures of processes that ended without saying so (a worker that was killed)."""
    from prometheus_client import multiprocess

    for path in Path(os.environ.get("PROMETHEUS_MULTIPROC_DIR", "/nonexistent")).glob("gauge_live*_*.db"):
        pid = int(path.stem.rpartition("_")[2])
        if not Path("/proc/self").exists() or Path(f"/proc/{pid}").exists():
            continue
        multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]


def forget_this_process() -> None:
    """Drop the live figures of this process, which ends."""
    from prometheus_client import multiprocess

    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        multiprocess.mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]
