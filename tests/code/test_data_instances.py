"""Instances: deterministic, bounded, balanced over groups, and labelled by the group drawn."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from source_twins import write_own_cases

from training.data.cases import OwnCase, OwnCases, load_cases
from training.data.instances import write_instances


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> OwnCases:
    folder = tmp_path_factory.mktemp("vigie")
    write_own_cases(folder)
    return load_cases(folder)


def named(own: OwnCases, name: str) -> OwnCase:
    case = own.case(name)
    assert case is not None
    return case


def test_the_same_seed_writes_the_same_instances(own: OwnCases) -> None:
    case = named(own, "haine-rejet-501")
    texts = [[i.text for i in write_instances(case, own.lexicon, 8, seed)] for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_groups_take_turns_and_give_their_labels(own: OwnCases) -> None:
    instances = write_instances(named(own, "haine-rejet-001"), own.lexicon, 5, seed=1)
    assert Counter(i.group for i in instances) == dict.fromkeys(own.lexicon.group_keys, 1)
    by_group = {i.group: i.labels for i in instances}
    assert by_group["juifs"] == {"haine", "toxicite", "haine.origine", "haine.religion"}
    assert by_group["femmes"] == {"haine", "toxicite", "haine.genre"}


def test_a_harmless_case_takes_no_label_from_its_group(own: OwnCases) -> None:
    assert {i.labels for i in write_instances(named(own, "haine-eloge-001"), own.lexicon, 9, seed=1)} == {frozenset()}


def test_only_the_groups_of_the_case_are_drawn(own: OwnCases) -> None:
    instances = write_instances(named(own, "haine-rejet-002"), own.lexicon, 50, seed=1)
    assert {i.group for i in instances} == {"arabes", "femmes"}
    assert len(instances) == len({i.text for i in instances}) == 2  # the template has no more


@pytest.mark.parametrize("seed", range(5))
def test_a_group_never_faces_itself(own: OwnCases, seed: int) -> None:
    for instance in write_instances(named(own, "haine-rejet-501"), own.lexicon, 40, seed):
        group = own.lexicon.group(instance.group)
        assert group is not None
        second = instance.text.removesuffix(".").rpartition(" et aux ")[2]
        assert second not in {noun.pl for noun in group.nouns}


def test_a_template_without_slot_has_one_instance(own: OwnCases, tmp_path: Path) -> None:
    assert len(write_instances(named(own, "haine-eloge-101"), own.lexicon, 50, seed=1)) == 3  # three names
    assert len(write_instances(named(own, "haine-eloge-502"), own.lexicon, 50, seed=1)) == 2  # two targets
