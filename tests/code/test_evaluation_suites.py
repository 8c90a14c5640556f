"""Functional suites: the schema is read strictly, passes are counted apart, and no text enters a result."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from serving.bundle import InputError, open_bundle
from serving.classifier import Classifier
from training.evaluation.suites import Case, read_hatecheck, run_cases, run_hatecheck, tally
from training.evaluation.tables import show_suite

# Our own sentences, for the tiny bundle that flags the word "haine".
ROWS = [
    ("derog_neg_emote_h", "La haine contre les voisins, voilà tout.", "hateful", "women"),
    ("derog_neg_emote_h", "Rien que du mépris pour ces gens-là.", "hateful", "jews"),
    ("counter_quote_nh", "Répéter ce cri de haine est indigne.", "non-hateful", "women"),
    ("counter_quote_nh", "Le respect se gagne.", "non-hateful", "jews"),
    ("target_obj_nh", "Cette soupe est ratée.", "non-hateful", ""),
]


@pytest.fixture(scope="module")
def classifier(tiny_bundle: Path):
    opened = Classifier(open_bundle(tiny_bundle), sessions=1)
    yield opened
    opened.close()


def _write(path: Path, rows=ROWS, header=("functionality", "test_case", "label_gold", "target_ident")) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow((*header, "templ_id"))
        writer.writerows((*row, "7") for row in rows)
    return path


def test_passes_are_counted_per_functionality_and_apart(classifier, tmp_path):
    result = run_hatecheck(classifier, _write(tmp_path / "suite.csv"))
    passed = {(item.key, item.harmful): item.passed.value for item in result.functionalities}
    assert passed == {
        ("derog_neg_emote_h", True): 0.5,
        ("counter_quote_nh", False): 0.5,
        ("target_obj_nh", False): 1.0,
    }
    assert result.harmful.value == 0.5
    assert result.harmless.value == pytest.approx(2 / 3)
    assert result.macro_f1.value == pytest.approx((0.5 + 2 / 3) / 2)
    assert {item.key: item.auc for item in result.targets} == {"jews": 0.5, "women": 0.5}
    assert (result.cases, result.unscored, result.threshold) == (5, 0, 0.6)
    assert result.bundle == classifier.bundle_id
    assert result.functionalities[0].title == "Émotion négative exprimée"


def test_a_result_holds_no_text_and_prints_in_french(classifier, tmp_path):
    result = run_hatecheck(classifier, _write(tmp_path / "suite.csv"))
    out = io.StringIO()
    show_suite(result, Console(file=out, width=140))
    for shown in (result.model_dump_json(), out.getvalue()):
        assert not any(text in shown for _, text, _, _ in ROWS)
    assert "Contre-discours citant la haine" in out.getvalue()
    assert "Inoffensifs épargnés" in out.getvalue()


def test_names_from_a_file_are_not_read_as_markup(classifier, tmp_path):
    file = _write(tmp_path / "suite.csv", [("[red]f[/red]", "La haine.", "hateful", "[b]x[/]"), *ROWS])
    out = io.StringIO()
    show_suite(run_hatecheck(classifier, file), Console(file=out, width=140))
    assert "[red]f[/red]" in out.getvalue()
    assert "[b]x[/]" in out.getvalue()


def test_the_level_moves_the_threshold(classifier, tmp_path):
    file = _write(tmp_path / "suite.csv")
    assert run_hatecheck(classifier, file, level="possible").threshold == 0.2
    with pytest.raises(InputError, match="expected one of tres_probable, probable, possible"):
        run_hatecheck(classifier, file, level="peu_probable")


def test_an_output_the_bundle_lacks_is_named_with_those_it_has(classifier, tmp_path):
    with pytest.raises(InputError, match=r"does not score 'toxicite'.*it scores haine"):
        run_hatecheck(classifier, _write(tmp_path / "suite.csv"), label="toxicite")


@pytest.mark.parametrize("column", ["functionality", "test_case", "label_gold", "target_ident"])
def test_a_missing_column_is_named_with_the_file(tmp_path, column):
    header = ["functionality", "test_case", "label_gold", "target_ident"]
    header[header.index(column)] = column + "s"
    file = _write(tmp_path / "broken.csv", header=header)
    with pytest.raises(InputError) as caught:
        read_hatecheck(file)
    assert f"column {column!r} is missing (did you mean {column + 's'!r}?)" in caught.value.detail
    assert "broken.csv" in caught.value.detail
    assert caught.value.pointer == column


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no header"),
        (b"functionality,test_case,label_gold,target_ident\n", "no case below the header"),
        (b"functionality,test_case,label_gold,target_ident\na,b,hateful\xff,c\n", "not a UTF-8 CSV"),
        (b"functionality,test_case,label_gold,target_ident\na,secret,haineux,c\n", "row 1: label_gold is 'haineux'"),
        (b"functionality,test_case,label_gold,target_ident\n,secret,hateful,c\n", "row 1: functionality is empty"),
        (b"functionality,test_case,label_gold,target_ident\na,secret\n", "row 1: label_gold is ''"),
    ],
)
def test_a_broken_file_is_one_clear_error_without_its_text(tmp_path, content, message):
    file = tmp_path / "broken.csv"
    file.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_hatecheck(file)
    assert message in caught.value.detail
    assert "secret" not in caught.value.detail


def test_an_absent_file_says_so(tmp_path):
    with pytest.raises(InputError, match="not readable: No such file"):
        read_hatecheck(tmp_path / "absent.csv")


def test_a_case_without_score_is_counted_apart(classifier, tmp_path):
    rows = [*ROWS, ("derog_neg_emote_h", "   ", "hateful", "women")]
    result = run_hatecheck(classifier, _write(tmp_path / "suite.csv", rows))
    assert (result.cases, result.unscored) == (6, 1)
    assert result.functionalities[0].cases == 2


def test_instances_of_one_template_weigh_one_together():
    cases = [Case("a", "f", True, group="t1", weight=0.25) for _ in range(4)]
    cases += [Case("b", "f", True, group="t2"), Case("c", "g", False, group="t3")]
    scores = np.array([0.9, 0.9, 0.9, 0.1, 0.1, 0.1])
    result = tally(cases, scores, suite="s", bundle="b", label="haine", level="probable", threshold=0.5, titles={})
    first = result.functionalities[0]
    assert (first.cases, first.units) == (5, 2)
    assert first.passed.value == pytest.approx(0.75 / 2)


def test_a_level_that_is_off_flags_nothing(classifier):
    cases = [Case("haine", "f", True), Case("bonjour", "g", False)]
    scores = np.array([0.99, 0.01])
    result = tally(cases, scores, suite="s", bundle="b", label="haine", level="probable", threshold=None, titles={})
    assert (result.harmful.value, result.harmless.value, result.auc.value) == (0.0, 1.0, 1.0)
    out = io.StringIO()
    show_suite(result, Console(file=out, width=120))
    assert "Aucun seuil actif" in out.getvalue()


def test_one_answer_only_has_no_f1_and_no_area(classifier):
    result = run_cases(classifier, [Case("haine", "f", True)], suite="s", label="haine")
    assert result.harmless is None
    assert result.macro_f1 is None
    assert result.auc is None


def test_the_published_schema_is_read(mirror: Path):
    file = next(mirror.glob("rewire-online/multilingual-hatecheck/*/*/*spanish.csv"), None)
    if file is None:
        pytest.skip("the mirror has no Multilingual HateCheck file; its twin on our own rows ran above")
    cases = read_hatecheck(file)
    assert len(cases) == 3745
    assert {case.harmful for case in cases} == {True, False}
    assert len({case.functionality for case in cases}) == 27
