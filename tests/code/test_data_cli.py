"""``vigie-train data``: thin doors that print numbers, and texts only of our own cases."""

from __future__ import annotations

from pathlib import Path

import pytest
from source_twins import make_twins, sentence
from typer.testing import CliRunner

from serving.bundle import InputError
from training.data.cli import app


@pytest.fixture
def _twins(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = make_twins(tmp_path, root)
    monkeypatch.setenv("VIGIE_DATASETS", str(settings.datasets))
    monkeypatch.setenv("VIGIE_MIRROR", str(settings.mirror))
    monkeypatch.setenv("VIGIE_CACHE", str(settings.cache))
    monkeypatch.setenv("VIGIE_CORPUS", str(settings.corpus))
    monkeypatch.setenv("COLUMNS", "200")


def said(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


@pytest.mark.usefixtures("_twins")
def test_list_shows_every_card_and_its_licence() -> None:
    shown = said("list")
    for name in ("ftr", "cyberagression", "research", "unlicensed", "evaluation", "CC-BY-NC-4.0"):
        assert name in shown


@pytest.mark.usefixtures("_twins")
def test_fetch_verifies_the_sources_named() -> None:
    assert said("fetch", "safety_fr", "ftr") == "safety_fr: 3 file(s) verified\nftr: 1 file(s) verified\n"


@pytest.mark.usefixtures("_twins")
def test_fetch_of_an_unknown_source_is_an_error_of_ours() -> None:
    with pytest.raises(InputError, match="unknown source 'fter'"):
        CliRunner().invoke(app, ["fetch", "fter"], catch_exceptions=False)


@pytest.mark.usefixtures("_twins")
def test_report_prepares_a_shipped_recipe(root: Path) -> None:
    shown = said("report", str(root / "configs/train/petit.toml"), "--raw")
    assert "Étanchéité des partitions" in shown
    assert "| jigsaw_fr | open | 51 | 1 |" in shown
    assert sentence(1) not in shown


@pytest.mark.usefixtures("_twins")
def test_cases_are_counted() -> None:
    shown = said("cases")
    assert "36 cases, 3 harmful, 33 harmless" in shown
    assert "haine.genre" not in shown  # group slots add it to instances only


@pytest.mark.usefixtures("_twins")
def test_the_instances_of_a_case_are_shown() -> None:
    shown = said("cases", "--show", "haine-rejet-002", "--most", "2")
    assert "Moi, je n'embaucherai jamais un Arabe." in shown
    assert "haine.genre" in shown


@pytest.mark.usefixtures("_twins")
def test_an_unknown_case_names_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'haine-rejet-002'"):
        CliRunner().invoke(app, ["cases", "--show", "haine-rejet-0002"], catch_exceptions=False)
