"""The content cache: the same bits without reading, never those of another bundle, bounded, and no text in it."""

from __future__ import annotations

import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from serving.bundle import InputError, open_bundle
from serving.cache import ContentCache
from serving.classifier import Classifier

SECRET = b"a secret for tests, 32 bytes long"


class Counting:
    """A classifier that notes what it was made to read."""

    def __init__(self, inner: Classifier) -> None:
        self.inner, self.bundle_id, self.read = inner, inner.bundle_id, []

    def score(self, texts):
        self.read += texts
        return self.inner.score(texts)


@pytest.fixture(scope="module")
def classifier(tiny_bundle):
    found = Classifier(open_bundle(tiny_bundle), 2)
    yield found
    found.close()


@pytest.fixture
def reader(classifier) -> Counting:
    return Counting(classifier)


@pytest.fixture
def noted() -> dict[str, int]:
    return {"hit": 0, "repeat": 0, "miss": 0}


@pytest.fixture
def cache(noted) -> ContentCache:
    return ContentCache(SECRET, 100, lambda how, texts: noted.update({how: noted[how] + texts}))


def test_a_text_is_read_once_and_answered_with_the_same_bits(cache, reader, noted):
    texts = ["une menace", "une haine", "une menace"]
    first, again = cache.score(reader, texts), cache.score(reader, texts)
    assert first == again == reader.inner.score(texts)
    assert reader.read == ["une menace", "une haine"]
    assert noted == {"hit": 3, "repeat": 1, "miss": 2}


def test_what_normalising_makes_equal_is_one_content(cache, reader):
    cache.score(reader, ["@jean  une menace https://a.fr", "@luc une menace\nhttps://b.fr/c"])
    assert len(reader.read) == 1


def test_another_bundle_is_another_content(cache, reader):
    cache.score(reader, ["une menace"])
    reader.bundle_id = "sha256:" + "1" * 64
    cache.score(reader, ["une menace"])
    assert reader.read == ["une menace", "une menace"]


def test_a_bundle_that_changes_while_it_reads_leaves_nothing_behind(cache, reader):
    class Changing(Counting):
        def score(self, texts):
            self.bundle_id = "sha256:" + "2" * 64
            return super().score(texts)

    cache.score(Changing(reader.inner), ["une menace"])
    assert len(cache) == 0


def test_errors_are_neither_read_nor_remembered(cache, reader):
    _, bad, _ = cache.score(reader, ["a", "", "b"])
    assert isinstance(bad, InputError)
    assert bad.code == "empty_text"
    assert len(cache) == 2
    assert reader.read == ["a", "b"]


def test_it_is_bounded_and_forgets_what_was_asked_longest_ago(reader):
    cache = ContentCache(SECRET, 3)
    for text in ("un", "deux", "trois", "un", "quatre"):
        cache.score(reader, [text])
    assert len(cache) == 3
    reader.read.clear()
    cache.score(reader, ["un", "trois", "quatre", "deux"])
    assert reader.read == ["deux"]


def test_a_batch_larger_than_the_memory_is_answered_whole(reader):
    cache = ContentCache(SECRET, 2)
    texts = [f"mot {number}" for number in range(50)]
    assert cache.score(reader, texts) == reader.inner.score(texts)
    assert len(cache) == 2


def test_without_memory_a_batch_still_reads_a_text_once(reader):
    cache = ContentCache(SECRET, 0)
    cache.score(reader, ["a"] * 5)
    assert (reader.read, len(cache)) == (["a"], 0)


def test_it_holds_no_text(cache, reader):
    text = "phrase que la mémoire ne doit pas garder"
    cache.score(reader, [text])
    reader.read.clear()
    seen, stack = set(), [cache]
    while stack:
        found = stack.pop()
        assert not (isinstance(found, str | bytes) and text in str(found))
        if id(found) not in seen and not isinstance(found, type) and not hasattr(found, "__code__"):
            seen.add(id(found))
            stack += gc.get_referents(found)
    assert len(seen) > 10


def test_many_threads_get_the_same_answers(reader):
    cache, start = ContentCache(SECRET, 5), threading.Barrier(8)
    texts = ["une menace", "une haine", "une insulte", "une citation", *(f"mot {number}" for number in range(10))]
    expected = reader.inner.score(texts)

    def ask(_):
        start.wait(30)
        return [cache.score(reader, texts) for _ in range(20)]

    with ThreadPoolExecutor(8) as pool:
        answers = [answer for found in pool.map(ask, range(8)) for answer in found]
    assert all(answer == expected for answer in answers)
    assert len(cache) == 5
