"""Copies go before splits; our own contrasts stay, tied together; held-out cases win."""

from __future__ import annotations

from source_twins import sentence

from training.data.duplicates import deduplicate
from training.data.examples import OWN, Example
from training.data.truth import of_case


def row(source: str, name: str, text: str, *labels: str) -> Example:
    return Example(text, source, f"{source}/{name}", f"{source}/{name}", of_case(labels, []))


def own(name: str, text: str, *, held_out: bool = False, labels: tuple[str, ...] = ()) -> Example:
    return Example(text, OWN, f"{OWN}/{name}/0", f"{OWN}/{name}", of_case(labels, []), case_id=name, held_out=held_out)


def ids(examples: list[Example]) -> list[str]:
    return [example.row_id for example in examples]


def test_the_first_of_exact_and_near_copies_stays() -> None:
    text = sentence(1)
    copies = [row("a", "1", text), row("a", "2", text.upper()), row("b", "3", text + " !"), row("b", "4", text[:-1])]
    done = deduplicate([*copies, row("b", "5", sentence(2))], 0.7)
    assert ids(done.examples) == ["a/1", "b/5"]
    assert done.removals.exact == {"a": 1, "b": 1}
    assert done.removals.near == {"b": 1}
    assert done.removals.across == {"b": 2}
    assert done.removals.groups == 1


def test_labels_that_copies_contradict_become_unknown_and_are_counted() -> None:
    done = deduplicate([row("a", "1", sentence(1), "toxicite"), row("b", "2", sentence(1))], 0.7)
    assert done.removals.conflicts == {("a", "toxicite"): 1}
    assert done.removals.conflicting == 1
    assert done.examples[0].truth.mask.min() == 0


def test_our_own_cases_that_resemble_are_kept_and_tied() -> None:
    text = sentence(1)
    done = deduplicate([own("x-1", text), own("x-2", text[:-1], labels=("toxicite",)), own("x-3", sentence(2))], 0.7)
    assert len(done.examples) == 3
    assert done.ties == {("x-1", "x-2")}
    assert done.removals.groups == 0


def test_two_cases_with_the_same_text_count_once() -> None:
    done = deduplicate([own("x-1", sentence(1)), own("x-2", sentence(1))], 0.7)
    assert ids(done.examples) == [f"{OWN}/x-1/0"]


def test_a_case_gives_way_to_a_held_out_one() -> None:
    done = deduplicate([own("h-1", sentence(1), held_out=True), own("x-1", sentence(1)[:-1])], 0.7)
    assert ids(done.examples) == [f"{OWN}/h-1/0"]
    assert done.removals.near == {OWN: 1}
    assert done.ties == set()


def test_a_source_never_displaces_our_own_case_nor_changes_its_labels() -> None:
    done = deduplicate([own("x-1", sentence(1), labels=("toxicite",)), row("a", "1", sentence(1))], 0.7)
    assert ids(done.examples) == [f"{OWN}/x-1/0"]
    assert done.examples[0].truth.mask.min() == 1
    assert done.removals.conflicts == {(OWN, "toxicite"): 1}
