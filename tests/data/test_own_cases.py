"""Our own cases as they ship: enough, balanced, and every instance correct French as far as slots can go wrong."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from serving.bundle import FAMILIES
from serving.bundle.folder import file_sha256
from training.data.cases import OwnCases, Register, Role, load_cases
from training.data.instances import Instance, write_instances


@pytest.fixture(scope="module")
def own(root: Path) -> OwnCases:
    return load_cases(root / "datasets" / "vigie")


@pytest.fixture(scope="module")
def instances(own: OwnCases) -> list[Instance]:
    return [i for case in own.cases for i in write_instances(case, own.lexicon, 24, seed=13)]


def test_there_are_cases_of_every_family_half_of_them_harmless(own: OwnCases) -> None:
    assert len(own.cases) >= 300
    for family in FAMILIES:
        cases = [case for case in own.cases if case.family == family]
        assert len(cases) >= 60, family
        assert sum(not case.harmful for case in cases) / len(cases) >= 0.5, family


def test_each_role_and_family_has_cases_of_both_kinds(own: OwnCases) -> None:
    kinds = {(case.role, case.family, case.harmful) for case in own.cases}
    assert kinds == {(role, family, harmful) for role in Role for family in FAMILIES for harmful in (True, False)}


def test_other_registers_than_the_standard_are_present(own: OwnCases) -> None:
    found = Counter(case.register for case in own.cases)
    assert set(found) == set(Register)
    assert 1 - found[Register.STANDARD] / len(own.cases) >= 0.15


def test_every_text_has_instances_without_a_trace_of_slots(instances: list[Instance], own: OwnCases) -> None:
    assert {instance.case.id for instance in instances} == {case.id for case in own.cases}
    for instance in instances:
        assert not re.search(r"[{}]|\S\|\S|\bNone\b", instance.text), instance.case.id


ELIDED = "(?:Arabe|Asiatique|Africain|Antillais|immigré|homosexuel|autiste)"


@pytest.mark.parametrize(
    ("fault", "pattern"),
    [
        ("no elision before a vowel", rf"\b(?:[Dd]e|[Ll]e|[Ll]a|[Qq]ue|[Cc]e|[Dd]u|[Aa]u) {ELIDED}"),
        ("elision before an aspirated h", r"\b[LlDd]'handicapé"),
        ("contraction missed", r"\b(?:de les|à les|de le|à le) (?:Juif|Noir|Rom|musulman|gay|handicapé)"),
    ],
)
def test_slots_left_no_fault_of_french(instances: list[Instance], fault: str, pattern: str) -> None:
    """In the standard register: others misspell on purpose."""
    written = [i for i in instances if i.case.register is Register.STANDARD]
    assert [i.case.id for i in written if re.search(pattern, i.text)] == [], fault


def test_a_hateful_instance_names_the_ground_of_its_group(instances: list[Instance], own: OwnCases) -> None:
    for instance in instances:
        if instance.group and "haine" in instance.labels:
            group = own.lexicon.group(instance.group)
            assert group is not None
            assert set(group.labels) <= instance.labels


def test_a_protected_text_carries_no_harm(instances: list[Instance]) -> None:
    for instance in instances:
        assert not ("contexte_protege" in instance.labels and set(FAMILIES) & instance.labels), instance.case.id


def test_held_out_cases_share_no_functionality_text_with_the_others(own: OwnCases) -> None:
    texts = {role: {tuple(c.template.pieces) for c in own.cases if c.role is role} for role in Role}
    assert not texts[Role.HELD_OUT] & texts[Role.TRAIN]
    assert len(texts[Role.HELD_OUT]) == sum(case.role is Role.HELD_OUT for case in own.cases)


def test_held_out_files_are_the_frozen_ones(root: Path) -> None:
    folder = root / "datasets" / "vigie"
    card = (folder / "README.md").read_text(encoding="utf-8")
    files = sorted(folder.glob("held_out_*.toml"))
    assert len(files) == 3
    assert [path.name for path in files if file_sha256(path) not in card] == []
