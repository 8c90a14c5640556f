"""The classifier: windows, exactness, and texts that cannot be scored."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.bundle import BundleError, InputError, InputSpec, Verdict, open_bundle, seal_bundle
from serving.classifier import Classifier, plan_windows


@pytest.fixture(scope="module")
def classifier(tiny_bundle: Path):
    found = Classifier(open_bundle(tiny_bundle), sessions=2)
    yield found
    found.close()


def spec(max_tokens: int = 16, stride: int = 10, windows: int = 4) -> InputSpec:
    return InputSpec(max_tokens=max_tokens, pad_id=0, start_id=1, end_id=2, window_stride=stride, max_windows=windows)


def test_scores_follow_the_words(classifier: Classifier) -> None:
    threat, calm = classifier.score(["une menace ici", "bonjour"])
    assert isinstance(threat, Verdict)
    assert threat.levels["terrorisme"] == "tres_probable"
    assert isinstance(calm, Verdict)
    assert set(calm.levels.values()) == {"peu_probable"}


def test_alone_among_others_and_again_are_the_same_bits(classifier: Classifier) -> None:
    text = "citation puis insulte"
    alone = classifier.score([text])[0]
    among = classifier.score(["mot " * n for n in range(1, 32)] + [text])[-1]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda _: classifier.score([text])[0], range(64)))
    assert alone == among
    assert all(found == alone for found in together)


def test_a_word_far_in_a_long_text_is_seen(classifier: Classifier) -> None:
    verdict = classifier.score(["mot " * 40 + "menace"])[0]
    assert isinstance(verdict, Verdict)
    assert verdict.levels["terrorisme"] == "tres_probable"
    assert verdict.windows == 4
    assert not verdict.truncated


def test_what_lies_beyond_the_last_window_is_said(classifier: Classifier) -> None:
    verdict = classifier.score(["mot " * 500 + "menace"])[0]
    assert isinstance(verdict, Verdict)
    assert verdict.truncated


def test_a_deployment_may_read_shorter_texts_only(tiny_bundle: Path) -> None:
    classifier = Classifier(open_bundle(tiny_bundle), 1, longest=100)
    read, refused = classifier.score(["é" * 100, "é" * 101])
    classifier.close()
    assert isinstance(read, Verdict)
    assert isinstance(refused, InputError)
    assert (refused.code, refused.detail) == ("text_too_long", "text has 101 code points; expected at most 100")


@pytest.mark.parametrize(
    ("text", "code"),
    [("", "empty_text"), (" \n\x00", "empty_text"), ("a" * 100_001, "text_too_long"), (3, "wrong_type")],
)
def test_a_bad_text_yields_its_error_and_the_others_are_scored(classifier: Classifier, text: str, code: str) -> None:
    before, bad, after = classifier.score(["menace", text, "haine"])
    assert isinstance(bad, InputError)
    assert bad.code == code
    assert isinstance(before, Verdict)
    assert before.scores["terrorisme"] > 0.9
    assert isinstance(after, Verdict)
    assert after.scores["haine"] > 0.9


@pytest.mark.parametrize("text", ["\ud800 menace", "a\x00menace \x01", "😀" * 2000 + " menace", "\u202emenace"])
def test_hostile_text_is_scored(classifier: Classifier, text: str) -> None:
    assert isinstance(classifier.score([text])[0], Verdict)


@given(st.integers(0, 300), st.integers(8, 40), st.integers(1, 6), st.data())
def test_windows_cover_every_token_until_the_last(n: int, most: int, windows: int, data: st.DataObject) -> None:
    stride = data.draw(st.integers(1, most - 2))
    planned = plan_windows(range(100, 100 + n), spec(most, stride, windows))
    bodies = [part[0, 1:-1].tolist() for part in planned.ids]
    seen = {token for body in bodies for token in body}
    assert all(part.shape[1] <= most and part[0, 0] == 1 and part[0, -1] == 2 for part in planned.ids)
    assert len(bodies) <= windows
    assert planned.truncated == (len(seen) < n)
    assert seen == set(range(100, 100 + len(seen)))


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_a_file_that_does_not_load_is_named(tiny_bundle: Path, tmp_path: Path, name: str) -> None:
    copy = shutil.copytree(tiny_bundle, tmp_path / "copy")
    (copy / name).write_bytes(b"nonsense")
    bundle = seal_bundle(copy, open_bundle(tiny_bundle).manifest)
    with pytest.raises(BundleError) as caught:
        Classifier(bundle)
    assert caught.value.pointer == name
