"""Documents of a tiny bundle: every fact from a record, every gap marked, one page that stands alone."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from source_twins import make_twins
from typer.testing import CliRunner

from serving.bundle import Conflict, Interval, NotFound, open_bundle, seal_bundle
from serving.review import EventKind, Role
from serving.settings import Settings
from training.audit import run as audit_run
from training.audit.records import read_audit
from training.audit.rows import Columns
from training.audit.run import Asked
from training.cli import app
from training.data.cards import LicenceClass, Use, load_cards
from training.data.cases import Register
from training.documents import accuracy
from training.documents.facts import gather
from training.documents.render import TODO, demoted, documents
from training.documents.run import document
from training.documents.words import CLASSES, EVENTS, REGISTERS, ROLES, USES
from training.evaluation.records import write_json
from training.recipe import load_recipe
from training.tracking import FiledRun

NAMES = ("modele", "exactitude", "annexe_iv", "controle_humain", "journalisation", "donnees/vigie", "donnees/ftr")


@pytest.fixture(scope="module")
def settings(root: Path, tmp_path_factory) -> Settings:
    return make_twins(tmp_path_factory.mktemp("twins"), root)


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path, tmp_path_factory) -> Path:
    """The tiny bundle with figures on one label, as an evaluation leaves them."""
    path = tmp_path_factory.mktemp("measured") / "tiny"
    path.mkdir()
    for file in tiny_bundle.iterdir():
        (path / file.name).write_bytes(file.read_bytes())
    manifest = open_bundle(path).manifest
    figures = {
        f"probable.{name}": Interval(value=value, low=value - 0.05, high=value + 0.05)
        for name, value in {"precision": 0.8, "recall": 0.6, "fpr": 0.1, "review_rate": 0.2}.items()
    }
    first, *others = manifest.labels
    labels = (first.model_copy(update={"metrics": figures}), *others)
    seal_bundle(path, manifest.model_copy(update={"labels": labels}))
    return path


@pytest.fixture(scope="module")
def audit_file(bundle: Path, settings: Settings, tmp_path_factory) -> Path:
    """An audit of rows in two varieties of language; hatred in verlan is never seen."""
    folder = tmp_path_factory.mktemp("audit")
    lines = [
        {
            "message": f"{'haine' if hateful and variety == 'standard' else 'calme'} numéro {number}",
            "verdict": int(hateful),
            "register": variety,
        }
        for number in range(80)
        for hateful, variety in [(number % 4 < 2, ("standard", "verlan")[number % 2])]
    ]
    pd.DataFrame(lines).to_csv(folder / "rows.csv", index=False)
    columns = Columns("message", {"haine": "verdict"}, ("register",))
    asked = Asked(folder, data=folder / "rows.csv", columns=columns, replicates=20, track=False)
    audit_run.audit(bundle, settings, asked)
    return folder / "audit.json"


@pytest.fixture(scope="module")
def folder(bundle: Path, settings: Settings, audit_file: Path, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("documents")
    document(bundle, settings, audit_file, out)
    return out


def read(folder: Path, name: str) -> str:
    return (folder / f"{name}.md").read_text(encoding="utf-8")


def test_every_document_is_there_and_says_that_it_is_voluntary(folder: Path) -> None:
    for name in NAMES:
        text = read(folder, name)
        assert text.startswith("# ")
        assert "**volontairement**" in text
        assert "None" not in text
    assert "2024/1689" in read(folder, "annexe_iv")
    assert "2022/2065, art. 15(1)(e)" in read(folder, "exactitude")


def test_the_model_card_carries_the_manifest_and_the_sealed_card(folder: Path, bundle: Path) -> None:
    sealed, text = open_bundle(bundle), read(folder, "modele")
    assert sealed.id in text
    assert sealed.manifest.files["model.onnx"] in text
    assert "`manifest.json : provenance.seed`" in text
    assert "A test bundle." in text
    assert "bornes tenues sur" in text


def test_annex_iv_has_its_nine_points_and_marks_what_a_person_must_write(folder: Path) -> None:
    text = read(folder, "annexe_iv")
    points = re.findall(r"^## (\d)\. ", text, flags=re.MULTILINE)
    assert points == list("123456789")
    parts = re.split(r"^## \d\. .*$", text, flags=re.MULTILINE)[1:]
    for letters, part in (("abcdefg", parts[0]), ("abcdefgh", parts[1])):
        for letter in letters:
            assert re.search(rf"^\*\*{letter}\) ", part, flags=re.MULTILINE), letter
    assert all(TODO in part for part in parts)


def test_a_promise_is_judged_by_its_figure_then_by_its_interval(bundle: Path) -> None:
    label = open_bundle(bundle).manifest.labels[0]
    for value, width, expected in ((0.6, 0.01, "tenue"), (0.58, 0.05, "indécise"), (0.5, 0.05, "non tenue")):
        found = Interval(value=value, low=value - width, high=value + width)
        judged = label.model_copy(update={"metrics": {"probable.precision": found}})
        assert accuracy.promise(judged, "probable", "maximum recall @ precision >= 0.6") == expected


def test_error_rates_are_by_label_and_by_variety_of_language(
    bundle: Path, settings: Settings, audit_file: Path, tmp_path: Path
) -> None:
    ours = read_audit(audit_file).model_copy(update={"data_sha256": "", "data": "jeu de test de la recette"})
    found = documents(gather(bundle, settings, write_json(ours, tmp_path / "audit.json")), "2026-11-22")
    text = {item.name: item.markdown for item in found}["exactitude"]
    assert "Variétés de nos propres cas tenus à l'écart" in text
    assert "| haine | 0,20 | probable | 20 % [15–25] | 40 % [35–45] | 10 % [5–15] | 20 % [15–25] | tenue |" in text
    assert re.search(r"^\| verlan et argot \| 40 \| 20 \| 100 % ", text, flags=re.MULTILINE)
    assert re.search(r"^\| standard écrit \| 40 \| 20 \| 0 % ", text, flags=re.MULTILINE)


def test_rows_of_a_file_are_never_told_as_ours(folder: Path) -> None:
    for name in ("exactitude", "modele", "annexe_iv"):
        assert "**Lignes du fichier `rows.csv`, données à l'audit : ni les lignes de test" in read(folder, name)
    text = read(folder, "exactitude")
    assert "Variétés de nos propres cas" not in text
    assert re.search(r"^\| verlan \| 40 \| 20 \| 100 % ", text, flags=re.MULTILINE)


def test_an_audit_without_varieties_says_so(bundle: Path, settings: Settings, audit_file: Path, tmp_path: Path) -> None:
    audit = read_audit(audit_file)
    tables = tuple(table for table in audit.tables if accuracy.VARIETY not in table.column)
    file = write_json(audit.model_copy(update={"tables": tables}), tmp_path / "audit.json")
    found = {item.name: item.markdown for item in documents(gather(bundle, settings, file), "2026-11-22")}
    assert "rien n'est mesuré par variété de langue" in found["exactitude"]


def test_oversight_and_logging_follow_the_policy(
    bundle: Path, settings: Settings, audit_file: Path, root: Path, tmp_path: Path
) -> None:
    for name in ("taxonomy.toml", "audit.toml"):
        (tmp_path / name).write_bytes((root / "configs" / name).read_bytes())
    policy = (root / "configs/policy.toml").read_text(encoding="utf-8")
    changed = policy.replace("audit_share = 0.05", "audit_share = 0.07").replace(
        "decided_days = 184", "decided_days = 90"
    )
    assert changed != policy
    (tmp_path / "policy.toml").write_text(changed, encoding="utf-8")
    other = dataclasses.replace(settings, configs=tmp_path)
    found = {item.name: item.markdown for item in documents(gather(bundle, other, audit_file), "2026-11-22")}
    assert "7 % des prises sont tirées **sous le seuil de la file**" in found["controle_humain"]
    assert "| Texte des autres cas décidés | 90 |" in found["journalisation"]


def test_mlflow_and_the_recipe_are_told_when_they_are_known(
    bundle: Path, settings: Settings, audit_file: Path, root: Path
) -> None:
    facts = gather(bundle, settings, audit_file)
    assert (facts.run, facts.recipe) == (None, None)
    silent = {item.name: item.markdown for item in documents(facts, "2026-11-22")}
    assert "n'est pas ici" in silent["annexe_iv"]
    assert "non suivi" in silent["modele"]
    known = dataclasses.replace(
        facts,
        run=FiledRun("abc123", datetime(2026, 11, 21, tzinfo=UTC), 24.6),
        recipe=load_recipe(root / "configs/train/petit.toml"),
    )
    told = {item.name: item.markdown for item in documents(known, "2026-11-22")}
    assert "Entraînement : 25 min" in told["annexe_iv"]
    assert "`training/encoders/vigie-petit` (préentraîné)" in told["annexe_iv"]
    assert "exécution `abc123`, du 2026-11-21, 25 min" in told["modele"]
    assert "| Seconde lecture |" in told["donnees/ftr"]
    assert "| Seconde lecture |" not in silent["donnees/ftr"]


def test_words_cover_the_keys_that_others_own() -> None:
    assert list(EVENTS) == [kind.value for kind in EventKind]
    assert list(ROLES) == [role.value for role in Role]
    assert list(REGISTERS) == list(Register)
    assert set(USES) == {use.value for use in Use}
    assert set(CLASSES) == {kind.value for kind in LicenceClass}


def test_a_data_sheet_holds_the_whole_card(folder: Path, settings: Settings) -> None:
    for card in load_cards(settings.datasets).values():
        text = read(folder, f"donnees/{card.name}")
        told = [card.commit, card.licence, card.content, *card.traps, *(file.sha256 for file in card.files)]
        told += [f"| `{field.name}` | {field.meaning} |" for field in card.fields]
        told += [note.meaning for note in card.annotations]
        assert [word for word in told if word not in text] == []
        assert "rien n'en a été appris" in text


def test_links_between_documents_lead_somewhere(folder: Path) -> None:
    for path in folder.rglob("*.md"):
        for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / link).exists(), f"{path.name}: {link}"


def test_the_page_stands_alone_and_counts_the_gaps(folder: Path) -> None:
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<script|<link|<img|src=|@import|url\(", page)
    anchors = set(re.findall(r'id="([\w-]+)"', page))
    targets = re.findall(r'href="#([\w-]+)"', page)
    assert set(targets) <= anchors
    assert {"modele", "annexe_iv", "donnees-vigie"} <= set(targets)
    gaps = sum(path.read_text(encoding="utf-8").count(TODO) for path in folder.rglob("*.md"))
    assert f"<strong>{gaps} points restent à compléter" in page
    assert page.count("À compléter par une personne :") == gaps


def test_markup_in_a_card_stays_text(bundle: Path, settings: Settings, audit_file: Path, tmp_path: Path) -> None:
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    for file in bundle.iterdir():
        (hostile / file.name).write_bytes(file.read_bytes())
    (hostile / "CARD.md").write_text("# x\n\n<script>alert(1)</script> [a](javascript:alert(1))\n", encoding="utf-8")
    sealed = seal_bundle(hostile, open_bundle(bundle).manifest)
    audit = write_json(read_audit(audit_file).model_copy(update={"bundle": sealed.id}), tmp_path / "audit.json")
    document(hostile, settings, audit, tmp_path / "out")
    page = (tmp_path / "out/index.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert 'href="javascript' not in page


def test_the_audit_must_be_of_this_bundle(
    tiny_bundle: Path, settings: Settings, audit_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Conflict, match="the audit is of bundle"):
        gather(tiny_bundle, settings, audit_file)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(NotFound, match="give --audit FILE"):
        gather(tiny_bundle, settings, None)


def test_the_command_writes_the_folder(bundle: Path, settings: Settings, audit_file: Path, tmp_path: Path) -> None:
    env = {"VIGIE_DATASETS": str(settings.datasets), "COLUMNS": "200"}
    given = [str(bundle), "--audit", str(audit_file), "--output", str(tmp_path / "out")]
    done = CliRunner().invoke(app, ["document", *given], env=env)
    assert done.exit_code == 0, done.output
    assert "index.html" in done.output
    assert (tmp_path / "out/donnees/vigie.croissant.json").exists()


def test_a_demoted_document_loses_its_title_and_keeps_its_order() -> None:
    assert demoted("# Titre\n\nUn.\n\n## Deux\n\n### Trois\n") == "Un.\n\n### Deux\n\n#### Trois"
