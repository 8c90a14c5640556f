"""The shadow: compared label by label, bounded, at the lowest priority, and never in anybody's way."""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter

import pytest
from tiny_bundle import make_tiny_bundle

from serving.bundle import InputError, Verdict, open_bundle
from serving.classifier import Classifier
from serving.shadow import Shadow, differences


class Sink:
    """Counts, and wakes whoever waits for a number of texts."""

    def __init__(self) -> None:
        self.texts: Counter[str] = Counter()
        self.found = []
        self.changed = threading.Condition()

    def shadow_texts(self, outcome, number):
        with self.changed:
            self.texts[outcome] += number
            self.changed.notify_all()

    def shadow_difference(self, found):
        self.found.append(found)

    def wait(self, outcome: str, number: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.texts[outcome] >= number, 60)


@pytest.fixture(scope="module")
def bundle(tiny_bundle):
    return open_bundle(tiny_bundle)


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """The same, but blind to the word that the first one knows as hateful."""
    import tiny_bundle as maker

    known = dict(maker.WORDS)
    maker.WORDS["haine"] = ()
    try:
        return open_bundle(make_tiny_bundle(tmp_path_factory.mktemp("other") / "tiny", name="other"))
    finally:
        maker.WORDS.clear()
        maker.WORDS.update(known)


@pytest.fixture
def sink():
    return Sink()


@pytest.fixture
def champion(bundle):
    classifier = Classifier(bundle, 1)
    yield classifier
    classifier.close()


class Blocked:
    """A classifier that waits to be let go, and fails when told to."""

    def __init__(self, manifest, error: Exception | None = None) -> None:
        self.manifest, self.error = manifest, error
        self.reading, self.go_on, self.closed = threading.Event(), threading.Event(), threading.Event()
        self.priority = None

    def score(self, texts):
        self.priority = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        self.reading.set()
        assert self.go_on.wait(60)
        if self.error:
            raise self.error
        return [InputError("not today", code="empty_text") for _ in texts]

    def close(self):
        self.closed.set()


def verdict(bundle, **scores: float) -> Verdict:
    known = {label.key: 0.05 for label in bundle.manifest.labels} | scores
    from serving.bundle import OUTPUT_KEYS

    return Verdict({key: known.get(key) for key in OUTPUT_KEYS}, {})


def test_each_label_is_compared_under_its_own_bundle_s_thresholds(bundle):
    one, two = verdict(bundle, haine=0.95, harcelement=0.3), verdict(bundle, haine=0.65, harcelement=0.1)
    found = {d.label: d for d in differences(bundle.manifest, one, bundle.manifest, two)}
    assert set(found) == {label.key for label in bundle.manifest.labels}
    assert (found["haine"].level, found["haine"].flag) == (True, False)
    assert found["haine"].gap == pytest.approx(0.3)
    assert (found["harcelement"].level, found["harcelement"].flag) == (True, False)
    assert (found["terrorisme"].level, found["terrorisme"].gap) == (False, 0)
    flagged = differences(bundle.manifest, verdict(bundle, haine=0.61), bundle.manifest, verdict(bundle, haine=0.59))
    assert {d.label for d in flagged if d.flag} == {"haine"}


def test_a_label_that_one_bundle_lacks_is_not_compared(bundle):
    fewer = bundle.manifest.model_copy(update={"labels": bundle.manifest.labels[1:]})
    found = differences(bundle.manifest, verdict(bundle), fewer, verdict(bundle))
    assert bundle.manifest.labels[0].key not in {d.label for d in found}


def test_two_real_bundles_disagree_where_they_differ(champion, other, sink):
    shadow = Shadow(Classifier(other, 1), sink)
    shadow.start()
    texts = ["la haine", "une insulte", ""]
    shadow.offer(champion.manifest, texts, champion.score(texts))
    sink.wait("compared", 2)
    shadow.stop()
    assert {d.label for d in sink.found if d.flag} == {"haine"}
    assert len(sink.found) == 2 * len(champion.manifest.labels)
    assert dict(sink.texts) == {"compared": 2}


def test_what_does_not_fit_is_dropped_and_counted(bundle, sink):
    blocked = Blocked(bundle.manifest)
    shadow = Shadow(blocked, sink, room=10)
    shadow.start()
    shadow.offer(bundle.manifest, ["12345678"], [verdict(bundle)])
    assert blocked.reading.wait(60)
    for text in ("1234567", "1234", "123"):
        shadow.offer(bundle.manifest, [text], [verdict(bundle)])
    assert sink.texts["dropped"] == 1
    shadow.offer(bundle.manifest, ["a", "b"], [verdict(bundle)] * 2)
    assert sink.texts["dropped"] == 3
    blocked.go_on.set()
    sink.wait("failed", 3)
    shadow.stop()
    assert blocked.closed.is_set()


def test_a_shadow_that_fails_goes_on_and_logs_no_text(bundle, sink, caplog):
    blocked = Blocked(bundle.manifest, RuntimeError("phrase confidentielle"))
    blocked.go_on.set()
    shadow = Shadow(blocked, sink)
    shadow.start()
    for _ in range(2):
        shadow.offer(bundle.manifest, ["phrase confidentielle"], [verdict(bundle)])
    sink.wait("failed", 2)
    shadow.stop()
    assert "the shadow bundle failed" in caplog.text
    assert "confidentielle" not in caplog.text


@pytest.mark.skipif(sys.platform != "linux", reason="priorities per thread are Linux's")
def test_it_reads_at_the_lowest_priority_and_leaves_ours_alone(bundle, sink):
    ours = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    blocked = Blocked(bundle.manifest)
    blocked.go_on.set()
    shadow = Shadow(blocked, sink)
    shadow.start()
    shadow.offer(bundle.manifest, ["a"], [verdict(bundle)])
    sink.wait("failed", 1)
    shadow.stop()
    assert blocked.priority == 19
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == ours


def test_after_its_end_everything_is_dropped(bundle, sink):
    shadow = Shadow(Blocked(bundle.manifest), sink)
    shadow.start()
    shadow.stop()
    shadow.offer(bundle.manifest, ["a"], [verdict(bundle)])
    assert dict(sink.texts) == {"dropped": 1}
