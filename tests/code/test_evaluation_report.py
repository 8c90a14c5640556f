"""The page is whole, in French, escaped, and made from the evaluation's record alone."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest
from prepared_rows import make_prepared

from serving.bundle import Interval, open_bundle
from training.evaluation import Evaluation, evaluate
from training.evaluation.records import Histogram
from training.evaluation.report import headline, mark, render, standing
from training.wording import figure, percent, signed


@pytest.fixture(scope="module")
def evaluation(tiny_bundle) -> Evaluation:
    recipe = SimpleNamespace(
        name="tiny",
        seed=5,
        training=SimpleNamespace(pos_weight_max=8.0),
        calibration=SimpleNamespace(bootstrap=10),
    )
    return evaluate(open_bundle(tiny_bundle), recipe, make_prepared(), replicates=30)


@pytest.fixture(scope="module")
def page(evaluation) -> str:
    return render(evaluation)


class _Links(HTMLParser):
    """Ids, anchors and addresses of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.anchors: set[str] = set()
        self.sources: list[str] = []
        self.alternatives: list[str] = []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids.add(found.get("id") or "")
        if tag == "a":
            self.anchors.add(found["href"])
        if tag == "img":
            self.sources.append(found["src"])
            self.alternatives.append(found.get("alt") or "")


def _links(page: str) -> _Links:
    parser = _Links()
    parser.feed(page)
    return parser


def test_the_page_needs_nothing_else(page):
    links = _links(page)
    assert len(links.sources) >= 8
    assert all(source.startswith("data:image/svg+xml;base64,") for source in links.sources)
    assert all(links.alternatives)
    assert {anchor.removeprefix("#") for anchor in links.anchors} <= links.ids
    assert not re.search(r"https?://|<script|@import|url\(", page)


def test_figures_are_drawings(page):
    for source in _links(page).sources:
        assert b"<svg" in base64.b64decode(source.partition(",")[2])


def test_every_label_and_its_figures_are_on_the_page(page, evaluation):
    for label in evaluation.labels:
        assert label.title in page
        assert figure(label.model.figures["auc"]) in page
        assert figure(label.baseline.figures["auc"]) in page
        assert signed(label.difference["auc"]) in page
    assert "toxicite" in page.partition("Non apprises par ce bundle")[2]


def test_limits_are_announced(page):
    assert "aucun corpus français public" in page
    assert "taux déclarés sont des hypothèses" in page


def test_a_record_read_back_gives_the_same_page(page, evaluation):
    assert render(Evaluation.model_validate_json(evaluation.model_dump_json())) == page


def test_names_are_escaped(evaluation):
    hostile = evaluation.model_copy(update={"bundle_name": "<script>alert(1)</script>"})
    assert "<script" not in render(hostile)


def test_an_evaluation_without_label_still_reads(evaluation):
    empty = evaluation.model_copy(
        update={
            "labels": (),
            "sources": (),
            "suites": (),
            "datasets": (),
            "test_sources": {},
            "lengths": Histogram(edges=(1, 2, 4), counts=(0, 0)),
        }
    )
    assert "Le jeu de test ne contient aucun de nos cas" in render(empty)


def test_a_label_without_baseline_and_a_level_that_is_off(evaluation):
    first = evaluation.labels[0]
    figures = {name: value for name, value in first.model.figures.items() if not name.startswith("probable")}
    model = first.model.model_copy(
        update={"thresholds": first.model.thresholds | {"probable": None}, "figures": figures}
    )
    alone = first.model_copy(update={"model": model, "baseline": None, "difference": {}})
    page = render(evaluation.model_copy(update={"labels": (alone, *evaluation.labels[1:])}))
    assert "éteint" in page


@pytest.mark.parametrize(
    ("low", "high", "told", "css"), [(0.01, 0.1, "mieux", "better"), (-0.1, 0.1, "indécidable", "even")]
)
def test_a_difference_is_told_only_when_its_interval_leaves_out_zero(low, high, told, css):
    found = Interval(value=(low + high) / 2, low=low, high=high)
    assert (standing(found), mark(found)) == (told, css)
    assert standing(Interval(value=-0.2, low=-0.3, high=-0.1)) == "moins bien"
    assert standing(None) == "indécidable"


def test_the_headline_counts_each_measured_label_once(evaluation):
    assert sum(headline(evaluation).values()) == len(evaluation.labels)


def test_figures_are_written_the_french_way():
    found = Interval(value=0.5, low=-0.25, high=0.75)
    assert figure(found) == "0,50 [−0,25 ; 0,75]"
    assert figure(Interval(value=0.5, low=0.25, high=0.75)) == "0,50 [0,25–0,75]"
    assert percent(Interval(value=0.5, low=0.25, high=0.75)) == "50 % [25–75]"
    assert signed(found) == "+0,50 [−0,25 ; +0,75]"
    assert {figure(None), percent(None), signed(None)} == {"–"}
