"""Our own cases: read whole, or refused with every fault named by file, case and key."""

from __future__ import annotations

from pathlib import Path

import pytest
from source_twins import FUNCTIONALITIES, LEXICON, case, write_own_cases

from serving.bundle import ConfigError
from training.data.cases import Register, Role, load_cases


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "lexicon.toml").write_text(LEXICON, encoding="utf-8")
    return tmp_path


def refusal(folder: Path, *cases: str) -> str:
    (folder / "haine.toml").write_text(FUNCTIONALITIES.format(role="train") + "".join(cases), encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_cases(folder)
    return refused.value.detail


def test_cases_are_read_with_their_file(tmp_path: Path) -> None:
    write_own_cases(tmp_path)
    own = load_cases(tmp_path)
    first, held = own.case("haine-rejet-001"), own.case("haine-rejet-501")
    assert first is not None
    assert held is not None
    assert first.labels == {"haine", "toxicite"}
    assert first.groups == ("juifs", "arabes", "femmes", "lesbiennes", "handicapes")
    assert (first.role, held.role, first.register) == (Role.TRAIN, Role.HELD_OUT, Register.STANDARD)
    assert first.harmful
    assert own.case("nothing") is None


def test_the_digest_follows_the_files(tmp_path: Path) -> None:
    write_own_cases(tmp_path)
    before = load_cases(tmp_path).sha256
    assert load_cases(tmp_path).sha256 == before
    (tmp_path / "lexicon.toml").write_text(LEXICON.replace("moustiques", "pigeons"), encoding="utf-8")
    assert load_cases(tmp_path).sha256 != before


def test_a_child_label_brings_its_family(folder: Path) -> None:
    text = case("haine-rejet-1", "a", functionality="rejet", labels=["haine.genre"])
    (folder / "h.toml").write_text(FUNCTIONALITIES.format(role="train") + text, encoding="utf-8")
    assert load_cases(folder).cases[0].labels == {"haine", "haine.genre"}


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"text": "secret {lees}", "groups": "all"}, "text: unknown slot {lees} (did you mean 'les'?)"),
        ({"functionality": "elog"}, "functionality = 'elog' is not declared in this file (did you mean 'eloge'?)"),
        ({"text": "secret {les}"}, "give groups"),
        ({"groups": "all"}, "no group slot"),
        ({"text": "secret {les}", "groups": ["juif"]}, "unknown group 'juif' (did you mean 'juifs'?)"),
        ({"text": "secret {une}", "groups": ["arabes"]}, "feminine singular"),
        ({"functionality": "rejet", "labels": ["haine"]}, "name its ground"),
        ({"functionality": "rejet", "labels": ["haine.genre", "contexte_protege"]}, "contexte_protege together with"),
        ({"labels": ["haine.genre"]}, "functionality eloge has harmful = False"),
        ({"functionality": "rejet"}, "functionality rejet has harmful = True"),
        ({"labels": ["toxicite"], "unknown": ["toxicite"]}, "both in labels and in unknown"),
        ({"contrast": "haine-eloge-9"}, "contrast = 'haine-eloge-9' is no case"),
        ({"contrast": "haine-eloge-001"}, "has the same labels"),
    ],
)
def test_a_fault_names_file_case_and_key_not_the_text(folder: Path, keys: dict[str, object], told: str) -> None:
    text = str(keys.pop("text", "secret"))
    detail = refusal(folder, case("haine-eloge-001", "autre chose"), case("haine-x-001", text, **keys))
    assert "haine.toml, case haine-x-001: " in detail
    assert told in detail
    assert "secret" not in detail


@pytest.mark.parametrize(
    ("keys", "told"),
    [({"labels": ["hayne"]}, "did you mean 'haine'"), ({"register": "sm"}, "register"), ({"lables": []}, "lables")],
)
def test_a_wrong_key_or_value_is_named(folder: Path, keys: dict[str, object], told: str) -> None:
    detail = refusal(folder, case("haine-x-001", "secret", **keys))
    assert told in detail
    assert "haine.toml" in detail


def test_all_faults_are_told_at_once(folder: Path) -> None:
    detail = refusal(folder, *(case(f"haine-x-{n}", "{lees}") for n in range(25)))
    assert detail.count("unknown slot") == 20
    assert "and 5 more" in detail


def test_an_id_is_given_once(folder: Path) -> None:
    assert "haine-x-1: this id is given 2 times" in refusal(folder, case("haine-x-1", "a"), case("haine-x-1", "b"))


def test_a_contrast_never_straddles_train_and_held_out(folder: Path) -> None:
    held = case("haine-eloge-501", "b", contrast="haine-rejet-1")
    (folder / "held.toml").write_text(FUNCTIONALITIES.format(role="held_out") + held, encoding="utf-8")
    detail = refusal(folder, case("haine-rejet-1", "a", functionality="rejet", labels=["haine.genre"]))
    assert "straddle" in detail


def test_an_empty_folder_is_an_error(folder: Path) -> None:
    with pytest.raises(ConfigError, match="no file of cases"):
        load_cases(folder)
