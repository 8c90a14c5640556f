"""TOML people write: an error names file, key, value and expectation."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field, ValidationError

from serving.bundle import ConfigError
from serving.bundle.config import Frozen, load, read_toml


class Inner(Frozen):
    share: float = Field(ge=0, le=1)


class Outer(Frozen):
    name: str
    parts: tuple[Inner, ...] = Field(alias="part")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('nmae = "x"\npart = []', "unknown key 'nmae' (did you mean 'name'?)"),
        ('name = "x"\n[[part]]\nshares = 1', "unknown key 'part.0.shares' (did you mean 'share'?)"),
        ('name = "x"\n[[part]]\nshare = 7', "part.0.share = 7"),
        ("part = []", "key 'name' is missing"),
        ("name = ", "not readable as TOML"),
    ],
)
def test_a_fault_is_said_in_words(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(Outer, path)
    assert said in caught.value.detail
    assert str(path) in caught.value.detail


def test_an_absent_or_binary_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        read_toml(tmp_path / "absent.toml")
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not readable"):
        read_toml(tmp_path / "b.toml")


def test_a_crowd_of_unknown_keys_is_refused_as_one_fault():
    with pytest.raises(ValidationError) as caught:
        Inner.model_validate({f"key{number}": 1 for number in range(50)})
    (fault,) = caught.value.errors()
    assert fault["msg"] == "Value error, holds 50 keys, of which at most 1 are known; remove the rest"
