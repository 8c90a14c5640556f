"""A bundle opens only when it is whole, unaltered and not newer than the program."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from serving.bundle import OUTPUT_KEYS, BundleError, open_bundle, seal_bundle


@pytest.fixture
def copy(tiny_bundle: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_bundle, tmp_path / "copy")


def rewrite(folder: Path, **changes: object) -> None:
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | changes), encoding="utf-8")


def test_id_is_the_digest_of_the_manifest(tiny_bundle: Path, copy: Path) -> None:
    first = open_bundle(tiny_bundle)
    assert first.id.startswith("sha256:")
    assert open_bundle(copy).id == first.id
    rewrite(copy, name="other")
    assert open_bundle(copy).id != first.id


def test_sealing_again_gives_the_same_bytes(copy: Path) -> None:
    before = (copy / "manifest.json").read_bytes()
    seal_bundle(copy, open_bundle(copy).manifest)
    assert (copy / "manifest.json").read_bytes() == before


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "curves.npz", "CARD.md"])
def test_an_altered_file_is_named(copy: Path, name: str) -> None:
    with (copy / name).open("ab") as file:
        file.write(b"x")
    with pytest.raises(BundleError, match="altered") as caught:
        open_bundle(copy)
    assert caught.value.code == "bundle_altered"
    assert caught.value.pointer == name


@pytest.mark.parametrize("name", ["model.onnx", "manifest.json"])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(BundleError) as caught:
        open_bundle(copy)
    assert caught.value.pointer == name


def test_a_bundle_is_not_sealed_without_its_files(copy: Path) -> None:
    manifest = open_bundle(copy).manifest
    (copy / "curves.npz").unlink()
    with pytest.raises(BundleError, match=r"curves\.npz"):
        seal_bundle(copy, manifest)


def test_a_newer_schema_says_to_upgrade(copy: Path) -> None:
    rewrite(copy, schema_version=99)
    with pytest.raises(BundleError, match="upgrade") as caught:
        open_bundle(copy)
    assert caught.value.code == "bundle_newer"


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [({"surprise": 1}, "/surprise"), ({"labels": []}, "/labels"), ({"schema_version": "1"}, "/schema_version")],
)
def test_a_wrong_manifest_points_at_the_key(copy: Path, changes: dict[str, object], pointer: str) -> None:
    rewrite(copy, **changes)
    with pytest.raises(BundleError) as caught:
        open_bundle(copy)
    assert caught.value.pointer == pointer


def test_names_in_a_manifest_stay_in_the_folder(copy: Path) -> None:
    files = json.loads((copy / "manifest.json").read_text())["files"]
    rewrite(copy, files=files | {"../../etc/passwd": "0" * 64})
    with pytest.raises(BundleError, match="plain name"):
        open_bundle(copy)


@pytest.mark.parametrize("content", [b"", b"not json", b"[1]", b"\xff\xfe"])
def test_a_broken_manifest_is_an_error_not_a_crash(copy: Path, content: bytes) -> None:
    (copy / "manifest.json").write_bytes(content)
    with pytest.raises(BundleError):
        open_bundle(copy)


def test_no_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no such bundle"):
        open_bundle(tmp_path / "absent")


def test_labels_follow_the_order_of_the_taxonomy(copy: Path) -> None:
    labels = json.loads((copy / "manifest.json").read_text())["labels"]
    assert [label["key"] for label in labels] == [key for key in OUTPUT_KEYS if key in {x["key"] for x in labels}]
    rewrite(copy, labels=labels[::-1])
    with pytest.raises(BundleError, match="order"):
        open_bundle(copy)
