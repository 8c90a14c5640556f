"""A tiny teacher teaches a tiny student what the student's own rows do not say; the run says who taught."""

from __future__ import annotations

import dataclasses
import lzma
import tomllib
from pathlib import Path

import numpy as np
import pytest
import tomli_w
import torch
from source_twins import make_twins
from training_rows import FILLER, recipe_table, tables

from serving.bundle import OUTPUT_KEYS, ConfigError, Conflict, check_bundle
from training.corpus import excerpts
from training.distill import draw_excerpts, log_odds, soft_targets, taught, teach
from training.finetune import finetune, mean_average_precision, predict
from training.recipe import UnlabelledSection, parse_recipe
from training.runs import export, run
from training.targets import targets_of
from training.teachers import open_teacher

DISTILLATION = {"temperature": 2.0, "share": 0.7, "max_tokens": 24, "batch_size": 16}
HAINE = OUTPUT_KEYS.index("haine")


def table_of(root: Path) -> dict:
    table = recipe_table(root)
    table["encoder"]["compact"] |= {"hidden_size": 16, "intermediate_size": 32}
    table["training"] |= {"epochs": 12.0, "patience": 12}
    return table


@pytest.fixture(scope="module")
def teacher_folder(root, tmp_path_factory) -> Path:
    """A run of ours of hidden size 16 that has learnt the markers."""
    torch.set_num_threads(1)  # a model this small only waits for a second thread
    folder = tmp_path_factory.mktemp("runs") / "professeur"
    folder.mkdir()
    table = table_of(root)
    (folder / "recipe.toml").write_text(tomli_w.dumps(table), encoding="utf-8")
    finetune(parse_recipe(table, "x"), tables(train=240), folder)
    return folder


@pytest.fixture(scope="module")
def recipe(root):
    return parse_recipe(table_of(root) | {"distillation": DISTILLATION}, "x")


@pytest.fixture(scope="module")
def rows():
    """Rows among which nobody annotated hatred, but for two."""
    found = tables(train=160)
    columns = [HAINE, OUTPUT_KEYS.index("haine.origine")]
    masks = np.asarray(found["train"]["mask"])
    shown = np.flatnonzero(np.asarray(found["train"]["target"])[:, columns[1]] > 0)[:2]
    hidden = np.setdiff1d(np.arange(len(masks)), shown)
    masks[np.ix_(hidden, columns)] = 0
    found["train"] = found["train"].remove_columns("mask").add_column("mask", masks.tolist())
    return found


def test_the_student_learns_what_only_the_teacher_knows(recipe, rows, teacher_folder, tmp_path):
    lesson = teach(recipe, rows, [str(teacher_folder)], None)
    figures = {}
    for name, given in (("alone", rows), ("taught", lesson.tables)):
        (tmp_path / name).mkdir()
        trained = finetune(recipe, given, tmp_path / name)
        known = targets_of(rows["test"]).columns(["haine"])
        logits = predict(trained, rows["test"]["text"], 24)[:, [trained.labels.index("haine")]]
        figures[name] = mean_average_precision(logits, known, 5)
    assert figures["taught"] > 0.9
    assert figures["taught"] > figures["alone"] + 0.1


def test_answers_stand_beside_the_rows(recipe, rows, teacher_folder):
    found = teach(recipe, rows, [str(teacher_folder)], None).tables
    teacher = open_teacher(str(teacher_folder), recipe)
    logits = log_odds(teacher, rows["train"]["text"][:10], recipe.distillation)
    soft, weight = (np.asarray(found["train"][name][:10]) for name in ("soft", "soft_weight"))
    np.testing.assert_allclose(soft[:, HAINE], 1 / (1 + np.exp(-logits[:, 0] / 2)), atol=1e-5)
    np.testing.assert_allclose(weight[:, HAINE], rows["train"]["weight"][:10])
    assert not weight[:, OUTPUT_KEYS.index("terrorisme")].any(), "the teacher was not asked about it"
    assert found["train"]["text"][:] == rows["train"]["text"][:]
    for split in ("validation", "test"):
        assert found[split].column_names == rows[split].column_names


def test_order_and_padding_do_not_change_an_answer(recipe, teacher_folder):
    teacher = open_teacher(str(teacher_folder), recipe)
    texts = ["le chat dort", "chassons " + " ".join(FILLER), "il pleut"]
    together = log_odds(teacher, texts, recipe.distillation)
    alone = np.concatenate([log_odds(teacher, [text], recipe.distillation) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_two_teachers_are_the_mean_of_those_that_answer(recipe, teacher_folder):
    one = open_teacher(str(teacher_folder), recipe)
    read = one.read
    other = dataclasses.replace(one, keys=("haine",), read=lambda ids, mask: read(ids, mask)[:, :1] + 4)
    alone, _ = soft_targets([one], ["le chat dort"], recipe.distillation)
    both, answered = soft_targets([one, other], ["le chat dort"], recipe.distillation)
    shift = np.log(both / (1 - both)) - np.log(alone / (1 - alone))
    injure = OUTPUT_KEYS.index("harcelement.injure")
    assert shift[0, [HAINE, injure]] == pytest.approx([1.0, 0.0], abs=1e-4)  # half of 4, at temperature 2
    assert set(np.flatnonzero(answered)) == {OUTPUT_KEYS.index(key) for key in one.keys}


def corpus(folder: Path, passages: int = 400) -> Path:
    with lzma.open(folder / "short.txt.xz", "wt", encoding="utf-8") as file:
        file.write("\n\n".join(f"Le passage numéro {n} dit ceci." for n in range(passages)))
    return folder


def test_unlabelled_text_is_known_by_the_teacher_only(root, rows, teacher_folder, tmp_path):
    section = {"excerpts": {"short": 40}, "noise": 0.5, "weight": 0.25}
    given = parse_recipe(table_of(root) | {"distillation": DISTILLATION | {"unlabelled": section}}, "x")
    lesson = teach(given, rows, [str(teacher_folder)], corpus(tmp_path))
    train = lesson.tables["train"]
    added = train.select(range(len(rows["train"]), len(train)))
    assert 35 <= len(added) <= 40
    assert set(added["source"]) == {"corpus"}
    assert not np.asarray(added["mask"]).any()
    assert set(np.asarray(added["soft_weight"])[:, HAINE]) == {0.25}
    assert [(r.name, r.rows) for r in lesson.records] == [
        ("professeur professeur", len(train)),
        ("corpus, étiqueté par le professeur", len(added)),
    ]
    with pytest.raises(ConfigError, match=r"no short\.txt\.xz there, which distillation\.unlabelled names"):
        teach(given, rows, [str(teacher_folder)], tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="set VIGIE_CORPUS"):
        teach(given, rows, [str(teacher_folder)], None)


def test_a_text_of_validation_or_test_is_not_taught(recipe, rows, teacher_folder):
    judged = [rows["validation"]["text"][0], rows["test"]["text"][0], rows["train"]["text"][0]]
    teacher = open_teacher(str(teacher_folder), recipe)
    found = taught(rows, [teacher], [*judged, "un texte neuf", "un texte neuf"], recipe.distillation)
    assert found["train"]["text"][len(rows["train"]) :] == ["un texte neuf"]


def test_excerpts_are_drawn_over_the_whole_register_but_not_the_reserved(tmp_path):
    folder = corpus(tmp_path)
    section = UnlabelledSection(excerpts={"short": 60}, noise=0.0, weight=1.0)
    drawn = draw_excerpts({"short": folder / "short.txt.xz"}, section, seed=3)
    open_to_learning = list(excerpts(folder / "short.txt.xz", for_evaluation=False))
    assert len(set(drawn)) == 60
    assert set(drawn) < set(open_to_learning)
    places = np.array([open_to_learning.index(text) for text in drawn])
    assert (places > len(open_to_learning) / 2).mean() == pytest.approx(0.5, abs=0.2)
    assert drawn == draw_excerpts({"short": folder / "short.txt.xz"}, section, seed=3)
    assert drawn != draw_excerpts({"short": folder / "short.txt.xz"}, section, seed=4)


@pytest.fixture(scope="module")
def done(root, teacher_folder, tmp_path_factory):
    """A whole run on twins of the research recipe's sources: no mirror, no network."""
    place = tmp_path_factory.mktemp("place")
    research = tomllib.loads((root / "configs/train/recherche.toml").read_text(encoding="utf-8"))
    table = table_of(root) | {"name": "vigie-eleve", "distillation": DISTILLATION}
    table["licence_classes"] = research["licence_classes"]
    table["data"] |= {"sources": research["data"]["sources"], "validation_share": 0.49, "weights": {}}
    for optional in ("ordinary", "cleaning"):
        table["data"].pop(optional, None)
    table["training"] |= {"epochs": 1.0, "max_tokens": 32}
    (place / "recipe.toml").write_text(tomli_w.dumps(table), encoding="utf-8")
    settings = dataclasses.replace(make_twins(place, root), configs=root / "configs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield settings, run(Path("recipe.toml"), settings, limit=200, teachers=[str(teacher_folder)])


def test_a_distilled_run_is_a_run_that_names_its_teacher(done, teacher_folder):
    _, outcome = done
    bundle = check_bundle(outcome.folder / "bundle")
    assert [record.name for record in bundle.manifest.provenance.datasets][-1:] == ["professeur professeur"]
    card = (bundle.path / "CARD.md").read_text(encoding="utf-8")
    assert "| Professeur | `professeur` : 70 %" in card
    assert "vigie-train distill recipe.toml --teacher professeur --seed 13" in card


def test_the_research_recipe_marks_its_bundle_non_commercial(done):
    _, outcome = done
    records = {record.name: record for record in outcome.bundle.manifest.provenance.datasets}
    assert records["cyberagression"].licence_class == "research"
    assert records["cyberagression"].rows > 0
    assert "Usage non commercial seulement" in (outcome.bundle.path / "CARD.md").read_text(encoding="utf-8")


def test_its_bundle_is_made_again_without_the_teacher(done):
    settings, outcome = done
    again, _ = export(outcome.folder, settings, out=Path("again"))
    assert again.manifest.files["model.onnx"] == outcome.bundle.manifest.files["model.onnx"]
    assert again.manifest.provenance.datasets == outcome.bundle.manifest.provenance.datasets


def test_a_teacher_and_its_table_go_together(done, root):
    settings, outcome = done
    with pytest.raises(ConfigError, match="wants a teacher"):
        run(Path("recipe.toml"), settings, limit=200)
    with pytest.raises(ConfigError, match=r"no table \[distillation\]"):
        run(root / "configs/train/camembert.toml", settings, teachers=["x"])
    with pytest.raises(Conflict, match="teachers is"):
        run(Path("recipe.toml"), settings, limit=200, teachers=["autre"], out=outcome.folder, resume=True)
