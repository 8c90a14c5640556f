"""What pydantic finds wrong, in words: the field, the bound, the kind of what came; never a text."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from serving.bundle.faults import MOST_FAULTS, Culprit, culprits_of, pointer_to

SECRET_TEXT = "phrase qui ne doit paraître nulle part"


class Thread(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: str


class Sample(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: str
    reach: int | None = Field(None, ge=0)
    name: str = Field("a", min_length=1, max_length=3)
    thread: list[Thread] = Field([], max_length=1)
    kind: Literal["tco", "lcen"] = "tco"
    asked: dict[Annotated[str, Field(max_length=3)], int] = {}

    @field_validator("text")
    @classmethod
    def not_blank(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("is blank; send the words to be read")
        return value


def culprits(value: object) -> tuple[Culprit, ...]:
    with pytest.raises(ValidationError) as caught:
        Sample.model_validate(value)
    return culprits_of(caught.value.errors(), known=Sample.model_fields)


def test_a_wrong_field_is_named_with_its_pointer_and_what_was_expected():
    (found,) = culprits({"text": "a", "reach": "beaucoup"})
    assert (found.code, found.pointer) == ("wrong_type", "/reach")
    assert "expected a whole number" in found.detail


def test_a_pointer_goes_through_arrays():
    (found,) = culprits({"text": "a", "thread": [{"text": 5}]})
    assert found.pointer == "/thread/0/text"
    assert "got 5" in found.detail


def test_an_unknown_field_is_named_with_the_nearest_known_one():
    found = culprits({"text": "a", "raech": 1})[0]
    assert found.code == "unknown_field"
    assert "did you mean 'reach'" in found.detail


def test_a_mistyped_name_comes_before_the_field_that_it_leaves_out():
    assert [found.code for found in culprits({"txt": "a"})] == ["unknown_field", "missing_field"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": ""}, "name: expected at least 1 character, got a string of 0 characters"),
        ({"name": "abcd"}, "name: expected at most 3 characters, got a string of 4 characters"),
        ({"thread": [{"text": "a"}] * 2}, "thread: expected at most 1 item, got an array of 2"),
        ({"reach": -1}, "reach: expected at least 0, got -1"),
        ({"reach": "-7"}, "reach: expected at least 0, got -7"),
        ({"text": " "}, "text: is blank; send the words to be read"),
        ({"kind": "dsa"}, "kind: input should be 'tco' or 'lcen', got 'dsa'"),
    ],
)
def test_a_value_that_will_not_do_is_told_its_bound(change, said):
    (found,) = culprits({"text": "a"} | change)
    assert (found.detail, found.code) == (said, "invalid_value")


def test_a_name_at_fault_is_pointed_to_itself():
    (found,) = culprits({"text": "a", "asked": {"abcd": 1}})
    assert found.pointer == "/asked/abcd"
    assert found.detail == "abcd: expected at most 3 characters, got a string of 4 characters"


def test_a_missing_field_is_named():
    (found,) = culprits({})
    assert (found.code, found.pointer) == ("missing_field", "/text")


def test_pointers_escape_tilde_and_slash():
    assert pointer_to(["a/b", "c~d", 0]) == "/a~1b/c~0d/0"


def test_a_string_is_never_quoted():
    for value in ({"text": "a", "reach": SECRET_TEXT}, {"text": "a", "thread": SECRET_TEXT}):
        assert SECRET_TEXT not in str(culprits(value))


def test_a_field_name_is_shortened_and_made_printable():
    (found,) = culprits({"text": "a", "\x1b[31m" + "x" * 500: 1})
    assert "\x1b" not in found.detail
    assert len(found.detail) < 200


def test_beyond_the_first_faults_their_number_is_told():
    crowd = {f"champ{number}": 1 for number in range(MOST_FAULTS)}
    assert len(culprits({"text": "a"} | crowd)) == MOST_FAULTS
    *told, last = culprits({"text": 5, "reach": -1} | crowd)
    assert {found.code for found in told} == {"unknown_field"}
    assert (len(told), last.code, last.pointer) == (MOST_FAULTS, "more_faults", None)
    assert last.detail == "2 more faults that are not listed; correct these first"
