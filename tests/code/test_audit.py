"""A whole audit of a tiny bundle: rows in; JSON, one French page and MLflow out; then the gate."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from markupsafe import escape
from prepared_rows import make_prepared
from source_twins import make_twins
from typer.testing import CliRunner

from serving.bundle import Conflict, InputError, check_bundle, open_bundle
from serving.settings import Settings
from training.audit import run as audit_run
from training.audit.audit import Materials, audit_bundle
from training.audit.config import AuditConfig, Bound, load_audit_config
from training.audit.filed import Filed
from training.audit.gate import check_gate, outcomes
from training.audit.groups.mentions import Mentions
from training.audit.pages.command import again
from training.audit.pages.page import render
from training.audit.records import Audit, Request, read_audit
from training.audit.rows import Columns, own_rows, read_rows
from training.audit.run import Asked, gate_of
from training.audit.variants.sets import variant_sets
from training.data.cases import load_cases
from training.data.lexicon import load_lexicon
from training.evaluation.records import write_json
from training.tracking import fetch_audits, file_audit, promote, tracked

#: A word of the test rows that must never reach a report unasked.
SECRET = "zanzibarique"


@pytest.fixture(scope="module")
def settings(root: Path, tmp_path_factory) -> Settings:
    return make_twins(tmp_path_factory.mktemp("twins"), root)


@pytest.fixture(scope="module")
def csv(tmp_path_factory) -> Path:
    """Eighty rows: texts of Lyon that hate are seen, those of Brest are not."""
    lines = []
    for number in range(80):
        city, hateful = ("lyon", "brest")[number % 2], number % 4 < 2
        sign = "haine" if hateful and (city == "lyon" or number % 8 < 2) else "calme"
        lines.append(
            {
                "message": f"{SECRET} {sign} numéro {number}" + (" une femme passe" if number % 3 else ""),
                "verdict": str(int(hateful)),
                "ville": city,
                "age": "jeune;mineur" if number % 5 == 0 else "",
                "fil": f"fil{number // 2}",
            }
        )
    path = tmp_path_factory.mktemp("rows") / "rows.csv"
    pd.DataFrame(lines).to_csv(path, index=False)
    return path


COLUMNS = Columns("message", {"haine": "verdict"}, ("ville", "age"), "fil")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(autouse=True)
def _here(place, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def audited(tiny_bundle, settings, csv, place):
    """The audit, its gate and its folder, filed in the module's store."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        asked = Asked(place / "audit", data=csv, columns=COLUMNS, replicates=30)
        return *audit_run.audit(tiny_bundle, settings, asked), place / "audit"


def test_every_part_is_there_and_the_file_reads_back(audited, tiny_bundle, csv):
    audit, _, folder = audited
    assert read_audit(folder / "audit.json") == audit
    assert (audit.bundle, audit.data, audit.rows) == (open_bundle(tiny_bundle).id, csv.name, 80)
    assert {(t.column, t.crossed) for t in audit.tables} >= {
        ("ville", False),
        ("mention", False),
        ("ville × age", True),
    }
    assert audit.left_out.keys() >= {"terrorisme", "toxicite"}
    assert {item.suite for item in audit.counterfactuals} >= {"groupes", "prenoms", "registres", "formes"}
    assert [suite.result.suite for suite in audit.functional] == ["vigie"]
    assert [h.suite for h in audit.harmless] == ["neutral", "honest"]
    assert {item.disguise for item in audit.robustness} == {"mixed", "stacked"}


def test_the_group_that_is_not_seen_stands_out(audited):
    audit, *_ = audited
    (table,) = (t for t in audit.tables if t.column == "ville")
    rates = {g.group: g.figures["probable.tpr"].value for g in table.groups}
    assert rates["lyon"] == 1.0
    assert rates["brest"] < 0.6
    gap = next(g for g in table.gaps if (g.level, g.metric) == ("probable", "tpr"))
    assert gap.difference.value == pytest.approx(rates["lyon"] - rates["brest"])
    figures = audit.figures()
    assert figures["gap.ville.haine.probable.tpr"] == gap.difference
    assert "gap.ville_x_age.haine.probable.tpr" in figures or all(t.gaps == () for t in audit.tables if t.crossed)


def test_groups_named_and_cells_of_several_groups_are_read(audited):
    audit, *_ = audited
    sizes = {(t.column, g.group): g.rows for t in audit.tables for g in t.groups}
    assert sizes["mention", "femmes"] == sum(number % 3 > 0 for number in range(80))
    assert sizes["age", "jeune"] == sizes["age", "mineur"] == 16


def test_the_page_is_whole_french_and_holds_no_text(audited):
    *_, folder = audited
    page = (folder / "audit.html").read_text(encoding="utf-8")
    assert '<html lang="fr">' in page
    for anchor in re.findall(r'href="#(\w+)"', page):
        assert f'id="{anchor}"' in page
    assert page.count("data:image/svg+xml") >= 6
    assert "la barrière n'en dépend pas" in page
    assert not re.search(r"<script|https?://(?!www\.w3\.org)|<link", page)
    for name in ("audit.html", "audit.json"):
        assert SECRET not in (folder / name).read_text(encoding="utf-8")


def test_texts_are_shown_when_asked_and_then_not_filed(audited, tiny_bundle, settings, csv, monkeypatch, tmp_path):
    audit, gate, _ = audited
    seen = audit.mistakes[0].model_copy(update={"text": SECRET, "masked": False})
    shown = audit.model_copy(update={"mistakes": (seen,), "tables": (), "counterfactuals": ()})
    assert SECRET in render(shown, gate)
    monkeypatch.setattr(audit_run, "audit_bundle", lambda *_, show_text, **__: shown if show_text else audit)
    audit_run.audit(tiny_bundle, settings, Asked(tmp_path / "shown", data=csv, columns=COLUMNS, show_text=True))
    assert SECRET in (tmp_path / "shown" / "audit.json").read_text(encoding="utf-8")
    assert SECRET not in next(fetch_audits(audit.bundle, tmp_path)).read_text(encoding="utf-8")


def test_nothing_but_the_audit_is_filed_of_a_folder_that_holds_texts(
    audited, tiny_bundle, settings, csv, monkeypatch, tmp_path
):
    (tmp_path / "rows.csv").write_bytes(csv.read_bytes())
    monkeypatch.setattr(audit_run, "audit_bundle", lambda *_, **__: audited[0])
    before = {path for path in Path("runs/artefacts").rglob("*") if path.is_file()}
    audit_run.audit(tiny_bundle, settings, Asked(tmp_path, data=tmp_path / "rows.csv", columns=COLUMNS))
    filed = {path for path in Path("runs/artefacts").rglob("*") if path.is_file()} - before
    assert {path.name for path in filed} == {"audit.json", "audit.html"}


def test_our_own_test_rows_give_groups_registers_and_sources(tiny_bundle, settings, root):
    lexicon = load_lexicon(root / "datasets/vigie/lexicon.toml")
    rows = own_rows(make_prepared().tables["test"], Mentions.of(lexicon), {"femmes": "Femmes"})
    assert set(rows.groups) == {"mention", "register", "source"}
    section = load_audit_config(root / "configs/audit.toml").audit.model_copy(
        update={"replicates": 20, "disguised_rows": 0}
    )
    materials = Materials(load_cases(settings.datasets / "vigie"))
    audit = audit_bundle(open_bundle(tiny_bundle), rows, section, materials)
    sources = {g.group for t in audit.tables if (t.key, t.column) == ("haine", "source") for g in t.groups}
    assert sources == {"a", "b", "vigie"}
    assert audit.robustness == ()


def test_mentions_are_words_whatever_case_and_accents(root):
    mentions = Mentions.of(load_lexicon(root / "datasets/vigie/lexicon.toml"))
    assert mentions.named("Deux RÉFUGIÉES et un maghrebin") == ("maghrebins", "refugies")
    assert mentions.named("une tomate, l’arabesque") == ()
    assert mentions.named("l’Arabe du coin") == ("arabes",)


@pytest.mark.parametrize(
    ("columns", "content", "said"),
    [
        (Columns("message", {"haine": "verdict"}), "message,verdict\nx,peut-être\n", "row 1: verdict is neither"),
        (Columns("texte", {"haine": "verdict"}), "message,verdict\nx,1\n", "column 'texte' is missing"),
        (Columns("message", {"hain": "verdict"}), "message,verdict\nx,1\n", "did you mean 'haine'"),
        (Columns("message"), "message,verdict\nx,1\n", "no label column"),
        (Columns("message", {"haine": "verdict"}), "message,verdict\n", "no row"),
        (Columns("message", {"haine": "verdict"}), "message,verdict\nx, y,1\nz, y,0\n", "more cells than the header"),
        (Columns("message", {"haine": "verdict"}, ("v",)), "message,verdict,v\nx,1,a × b\n", "row 1: v holds ' × '"),
        (Columns("message", {"haine": "verdict"}, ("a × b",)), "message,verdict,a × b\nx,1,c\n", "'a × b' holds"),
    ],
)
def test_a_wrong_file_is_said_without_its_text(tmp_path, columns, content, said):
    path = tmp_path / "rows.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(said)) as error:
        read_rows(path, columns, Mentions(()), {})
    assert "peut" not in error.value.detail


def test_parquet_gives_the_same_rows(csv, tmp_path):
    table = pd.read_csv(csv)
    table.to_parquet(tmp_path / "rows.parquet")
    first, second = (read_rows(p, COLUMNS, Mentions(()), {}) for p in (csv, tmp_path / "rows.parquet"))
    assert first.texts == second.texts
    assert first.groups == second.groups
    assert (first.labels["haine"] == second.labels["haine"]).all()


def test_whole_numbers_of_a_parquet_stay_whole_and_lists_are_refused(tmp_path):
    path, columns = tmp_path / "rows.parquet", Columns("message", {"haine": "verdict"}, ("âge",), id="n")
    table = {"message": ["x", "y"], "verdict": [1, None], "âge": [25.0, None], "autre": [[1], [2]]}
    exact = pd.array([9007199254740993, None], dtype="Int64")
    pd.DataFrame(table | {"n": exact}).to_parquet(path)
    rows = read_rows(path, columns, Mentions(()), {})
    assert rows.groups["âge"] == [("25",), ()]
    assert rows.ids == ["9007199254740993", ""]
    assert rows.labels["haine"].tolist() == [1.0, pytest.approx(float("nan"), nan_ok=True)]
    with pytest.raises(InputError, match="row 1: autre holds a list; expected one value"):
        read_rows(path, Columns("message", {"haine": "verdict"}, ("autre",)), Mentions(()), {})


def test_counterfactual_sets_differ_by_their_value_alone(settings):
    cases = load_cases(settings.datasets / "vigie")
    for found in variant_sets(cases, 0):
        by_unit: dict[str, set[str]] = {}
        for item in found.variants:
            assert item.text
            assert "{" not in item.text
            by_unit.setdefault(item.unit, set()).add(item.value)
        assert any(len(values) > 1 for values in by_unit.values()), found.key
        if found.titles:
            assert {item.value for item in found.variants} <= set(found.titles)


def bound(figure: str, **keys) -> Bound:
    return Bound(**({"figure": figure, "judged": "value", "required": True, "why": "w"} | keys))


def test_the_gate_judges_values_intervals_and_absences(audited):
    figures = audited[0].figures()
    gap = figures["gap.ville.haine.probable.tpr"]
    (exact,) = outcomes(figures, [bound("gap.ville.haine.probable.tpr", at_most=gap.value - 0.01)])
    assert not exact.held
    (kind,) = outcomes(figures, [bound("gap.ville.*.probable.tpr", at_most=gap.low, judged="interval")])
    assert kind.held
    (missing,) = outcomes(figures, [bound("nothing.at.all", at_least=0.1)])
    assert not missing.held
    assert outcomes(figures, [bound("nothing.at.all", at_least=0.1, required=False)]) == ()
    with pytest.raises(ValueError, match="one of the two"):
        bound("x", at_most=1, at_least=0)


def on_own_rows(audit: Audit, config: AuditConfig) -> Audit:
    """``audit`` as if it were of the recipe's own rows, measured as the configuration says."""
    section = config.audit
    alike = {"replicates": section.replicates, "seed": section.seed, "level": section.level}
    return audit.model_copy(
        update=alike | {"data_sha256": "", "least_units": section.least_units, "request": Request()}
    )


def test_a_broken_gate_or_no_audit_refuses_promotion(audited, tiny_bundle, settings, tmp_path):
    config = load_audit_config(settings.configs / "audit.toml")
    audit = on_own_rows(audited[0], config)
    filed = Filed(audit, ())
    broken = config.model_copy(update={"bounds": (bound("gap.ville.haine.probable.tpr", at_most=0.01),)})
    with pytest.raises(Conflict, match=r"gap\.ville\.haine"):
        check_gate(filed, audit.bundle, broken)
    check_gate(filed, audit.bundle, config.model_copy(update={"bounds": (bound("gap.ville.*.fpr", at_most=1.0),)}))
    with pytest.raises(Conflict, match="has no audit"):
        check_gate(Filed(None, ()), audit.bundle, config)
    with pytest.raises(Conflict, match="the audit is of bundle"):
        check_gate(filed, "sha256:" + "1" * 64, config)


def test_a_toy_audit_neither_lifts_nor_breaks_the_gate(audited, settings):
    config = load_audit_config(settings.configs / "audit.toml").model_copy(
        update={"bounds": (bound("gap.ville.*.fpr", at_most=1.0),)}
    )
    fit = on_own_rows(audited[0], config)
    check_gate(Filed(fit, ()), fit.bundle, config)
    for change, said in (
        ({"data_sha256": "1" * 64, "data": "jouet.csv"}, "an audit of jouet.csv, not of the recipe's own test rows"),
        ({"request": Request(recipe="autre.toml", any_recipe=True)}, "another recipe, autre.toml"),
        ({"replicates": 20}, "replicates 20, not the 1000"),
        ({"seed": 7}, "seed 7, not the 0"),
        ({"level": "possible"}, "level possible, not the probable"),
    ):
        with pytest.raises(Conflict, match=said):
            check_gate(Filed(fit.model_copy(update=change), ()), fit.bundle, config)


def test_a_suite_may_not_take_the_name_of_another(tiny_bundle, settings, tmp_path):
    for suites in ((Path("vigie.csv"),), (Path("a/x.csv"), Path("b/x.csv"))):
        with pytest.raises(InputError, match="is there already; rename the file"):
            audit_run.audit(tiny_bundle, settings, Asked(tmp_path, suites=suites))


def test_promotion_asks_the_filed_audit(audited, tiny_bundle, settings, place, tmp_path):
    from tiny_bundle import make_tiny_bundle

    configs = tmp_path / "configs"
    configs.mkdir()
    text = (settings.configs / "audit.toml").read_text(encoding="utf-8").split("[[gate]]")[0]
    line = '[[gate]]\nfigure = "gap.ville.haine.probable.tpr"\nat_most = {}\n'
    line += 'judged = "value"\nrequired = true\nwhy = "w"\n'
    with tracked("essai", {}, name="t") as run:
        version = run.register("gated", check_bundle(tiny_bundle))
    with tracked("essai", {}, name="u") as run:
        other = run.register("other", check_bundle(make_tiny_bundle(tmp_path / "other", name="other")))
    asked = SimpleNamespace(configs=configs)
    (configs / "audit.toml").write_text(text + line.format(0.01), encoding="utf-8")
    with pytest.raises(Conflict, match=r"passed over: an audit of rows\.csv"):
        promote("gated", version, gate_of(asked))
    fit = on_own_rows(audited[0], load_audit_config(configs / "audit.toml"))
    file = write_json(fit, tmp_path / "own/audit.json")
    file_audit([file], fit.bundle, {}, {})
    file_audit([place / "audit/audit.json"], fit.bundle, {}, {})  # of a file, newer: passed over
    with pytest.raises(Conflict, match="the release gate is broken"):
        promote("gated", version, gate_of(asked))
    (configs / "audit.toml").write_text(text + line.format(0.99), encoding="utf-8")
    assert promote("gated", version, gate_of(asked)) == version
    assert promote("gated", version, gate_of(asked, file)) == version
    with pytest.raises(Conflict, match="given: an audit of rows"):
        promote("gated", version, gate_of(asked, place / "audit" / "audit.json"))
    with pytest.raises(Conflict, match="has no audit"):
        promote("other", other, gate_of(asked))


@pytest.mark.parametrize(
    "asked",
    [
        Asked(Path("o"), replicates=30),
        Asked(Path("o"), recipe=Path("configs/une recette.toml"), any_recipe=True, replicates=40),
        Asked(
            Path("o"),
            data=Path("lignes.csv"),
            columns=Columns(
                "message", {"haine": "verdict", "toxicite": "toxicite"}, ("ville", "âge"), "fil", "n", "quand"
            ),
            suites=(Path("a.csv"), Path("b.csv")),
            honest=Path("fr.tsv"),
            queue=Path("file d'attente.parquet"),
            replicates=30,
        ),
    ],
)
def test_the_page_tells_the_command_that_makes_it_again(audited, tiny_bundle, asked, monkeypatch):
    from training.cli import app

    audit = audited[0].model_copy(update={"request": asked.request(), "replicates": asked.replicates})
    told: list[Asked] = []
    monkeypatch.setattr(audit_run, "audit", lambda _path, _settings, given: (told.append(given), audited[:2])[1])
    program, verb, bundle, *options = shlex.split(again(audit))
    assert (program, verb, bundle) == ("vigie-train", "audit", "BUNDLE")
    done = CliRunner().invoke(app, [verb, str(tiny_bundle), *options, "--out", "o"], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    assert told == [asked]
    assert escape(again(audit)) in render(audit, ())


def test_the_verb_asks_what_it_was_told_and_prints_the_gate(audited, tiny_bundle, csv, tmp_path, monkeypatch):
    from training.cli import app

    asked: list[Asked] = []
    monkeypatch.setattr(audit_run, "audit", lambda _path, _settings, given: (asked.append(given), audited[:2])[1])
    arguments = [
        "--quiet", "audit", tiny_bundle, "--data", csv, "--text-column", "message", "--label-columns",
        "haine=verdict, toxicite", "--group-columns", "ville,age", "--unit-column", "fil", "--out", tmp_path,
    ]  # fmt: skip
    done = CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    assert "Barrière de publication" in done.output
    assert "la barrière n'en dépend pas" in done.output
    labels = {"haine": "verdict", "toxicite": "toxicite"}
    assert asked == [Asked(tmp_path, data=csv, columns=Columns("message", labels, ("ville", "age"), "fil"))]
