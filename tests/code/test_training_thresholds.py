"""Thresholds translated from a platform's logged scores: the load kept, or the meaning, and nothing made up."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from serving.bundle import InputError, open_bundle
from serving.classifier import Classifier
from serving.facades import load_facades
from training.thresholds import (
    LEAST,
    METHODS,
    USUAL,
    by_isotonic,
    by_quantile,
    map_thresholds,
    read_log,
    translate,
    write_table,
)

AT = np.array([0.25, 0.5, 0.75])


@pytest.fixture(scope="module")
def rules(root):
    return load_facades(root / "configs" / "facades.toml").perspective


@pytest.fixture(scope="module")
def classifier(tiny_bundle):
    found = Classifier(open_bundle(tiny_bundle), 1)
    yield found
    found.close()


@pytest.fixture
def draws():
    """Their scores of 4,000 texts; ours are their square with noise, as two models of the same thing have."""
    generator = np.random.default_rng(0)
    theirs = generator.random(4_000)
    return theirs, np.clip(theirs**2 + generator.normal(0, 0.03, 4_000), 0, 1)


@pytest.mark.parametrize("method", METHODS)
def test_a_known_relation_is_found_again(draws, method):
    assert METHODS[method](*draws, AT) == pytest.approx(AT**2, abs=0.03)


def test_quantile_keeps_the_load(draws):
    theirs, ours = draws
    for point, threshold in zip(AT, by_quantile(theirs, ours, AT), strict=True):
        assert np.count_nonzero(ours >= threshold) == np.count_nonzero(theirs >= point)


def test_quantile_keeps_the_load_of_scores_without_any_relation():
    generator = np.random.default_rng(1)
    theirs, ours = generator.random(1_000), generator.random(1_000)
    (line,) = translate("TOXICITY", "toxicite", theirs, ours, [0.8], "quantile")
    assert line.flagged_ours == pytest.approx(line.flagged_theirs, abs=1e-9)
    assert line.kept == pytest.approx(line.flagged_ours, abs=0.08)


def test_isotonic_never_falls(draws):
    theirs, ours = draws
    found = by_isotonic(theirs, np.random.default_rng(2).permutation(ours), np.linspace(0, 1, 50))
    assert (np.diff(found) >= 0).all()


def test_the_same_scores_translate_to_themselves(draws):
    theirs, _ = draws
    for line in translate("TOXICITY", "toxicite", theirs, theirs, [0.3, 0.6], "quantile"):
        assert line.ours == pytest.approx(line.theirs, abs=0.002)
        assert (line.agreement, line.kept) == (1.0, 1.0)
        assert line.low <= line.ours <= line.high


def test_a_threshold_with_too_few_texts_on_a_side_stays_blank(draws):
    theirs, ours = draws[0][:200], draws[1][:200]
    beyond = float(np.sort(theirs)[-(LEAST - 1)])
    (line,) = translate("TOXICITY", "toxicite", theirs, ours, [beyond], "quantile")
    assert (line.ours, line.low, line.kept) == (None, None, None)
    assert line.flagged_theirs > 0


def test_blank_scores_and_unread_texts_are_left_out(draws):
    theirs, ours = (values[:500].copy() for values in draws)
    theirs[:100], ours[50:150] = np.nan, np.nan
    (line,) = translate("TOXICITY", "toxicite", theirs, ours, [0.5], "quantile")
    assert line.rows == 350
    (empty,) = translate("TOXICITY", "toxicite", theirs * np.nan, ours, [0.5], "quantile")
    assert (empty.rows, empty.ours) == (0, None)


@pytest.mark.parametrize(("at", "method", "said"), [([1.5], "quantile", "--at 1.5"), ([0.5], "quantil", "'quantile'")])
def test_what_was_mistyped_is_named(draws, at, method, said):
    with pytest.raises(InputError, match=said):
        translate("TOXICITY", "toxicite", *draws, at, method)


def journal(path, header: str, *rows: str):
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return path


def test_a_log_becomes_a_table(tmp_path, classifier, rules):
    """Half of the texts speak of hatred, which Perspective saw; INSULT has no label in this bundle."""
    rows = [f"de la haine {n},0.9,0.1,x" for n in range(30)] + [f"rien {n},0.{n % 5},," for n in range(30)]
    file = journal(tmp_path / "journal.csv", "text,IDENTITY_ATTACK,INSULT,id", *rows)
    lines = map_thresholds(file, classifier, rules, at=[0.7])
    (line,) = lines
    assert (line.attribute, line.labels, line.rows) == ("IDENTITY_ATTACK", "haine", 60)
    assert line.ours == classifier.score(["de la haine"])[0].scores["haine"]
    assert (line.flagged_ours, line.agreement, line.kept) == (0.5, 1.0, 1.0)
    write_table(tmp_path / "out" / "table.csv", lines)
    with (tmp_path / "out" / "table.csv").open(encoding="utf-8") as table:
        (written,) = csv.DictReader(table)
    assert float(written["ours"]) == pytest.approx(line.ours, rel=1e-5)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separators_quotes_and_a_byte_order_mark_are_read(tmp_path, rules, separator):
    header = "\ufeff" + separator.join(("TOXICITY", "text"))
    log = read_log(journal(tmp_path / "j.csv", header, f'0.5{separator}"a{separator} b"', f"{separator}c"), rules)
    assert log.texts == (f"a{separator} b", "c")
    assert log.scores["TOXICITY"][0] == 0.5
    assert np.isnan(log.scores["TOXICITY"][1])


@pytest.mark.parametrize(
    ("header", "row", "said"),
    [
        ("texte,TOXICITY", "a,0.5", "no column 'text'"),
        ("text,TOXICITE", "a,0.5", "no column of an attribute"),
        ("text,TOXICITY", "mots-du-texte,50", "row 2, column TOXICITY"),
        ("text,TOXICITY", "mots-du-texte,oui", "row 2, column TOXICITY"),
    ],
)
def test_a_file_that_is_wrong_says_where_and_never_what(tmp_path, rules, header, row, said):
    with pytest.raises(InputError, match=said) as caught:
        read_log(journal(tmp_path / "j.csv", header, row), rules)
    assert "mots-du-texte" not in caught.value.detail


def test_a_missing_file_and_a_bundle_without_the_labels_are_told(tmp_path, classifier, rules):
    with pytest.raises(InputError, match="cannot be read"):
        read_log(tmp_path / "rien.csv", rules)
    with pytest.raises(InputError, match="scores none of INSULT"):
        map_thresholds(journal(tmp_path / "j.csv", "text,INSULT", "a,0.5"), classifier, rules, at=USUAL)
