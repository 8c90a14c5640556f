"""A bundle on disk: sealed once, its manifest written last, its digests verified at every opening."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from .curves import Curve, load_curves
from .errors import BundleError
from .manifest import SCHEMA_VERSION, Manifest

MANIFEST = "manifest.json"

#: Every file a bundle must hold beside its manifest.
REQUIRED = ("model.onnx", "tokenizer.json", "curves.npz", "CARD.md")


@dataclass(frozen=True)
class Bundle:
    """A verified bundle.

    Attributes:
        path: its folder.
        manifest: what it says of itself.
        id: ``sha256:`` of manifest.json; every score carries it.
    """

    path: Path
    manifest: Manifest
    id: str

    def curves(self) -> dict[str, Curve]:
        """Validation curves of each label."""
        return load_curves(self.path / "curves.npz")


def file_sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seal_bundle(path: Path, manifest: Manifest) -> Bundle:
    """Digest the files in ``path`` into ``manifest`` and write it last, atomically.

    Raises:
        BundleError: a required file is missing.
    """
    for name in REQUIRED:
        if not (path / name).is_file():
            raise BundleError(f"{path}: cannot seal a bundle without {name}", pointer=name)
    sealed = manifest.model_copy(update={"files": {name: file_sha256(path / name) for name in REQUIRED}})
    draft = path / f".{MANIFEST}.draft"
    with draft.open("w", encoding="utf-8") as file:
        file.write(json.dumps(sealed.model_dump(mode="json"), ensure_ascii=False, indent=1) + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path / MANIFEST)
    return open_bundle(path)


def open_bundle(path: Path | str) -> Bundle:
    """Open and verify a bundle: schema, required files, digests.

    Raises:
        BundleError: names the file, what was found and what was expected.
    """
    path = Path(path)
    raw = _manifest_bytes(path)
    manifest = _parse(path, raw)
    for name in REQUIRED:
        if name not in manifest.files:
            raise BundleError(f"{path / MANIFEST}: no digest for {name}; remake the bundle", pointer=name)
    for name, expected in manifest.files.items():
        _verify(path, name, expected)
    return Bundle(path, manifest, "sha256:" + hashlib.sha256(raw).hexdigest())


#: ``vigie bundle check`` verifies exactly what the service verifies at start.
check_bundle = open_bundle


def _manifest_bytes(path: Path) -> bytes:
    if not path.is_dir():
        raise BundleError(f"{path}: no such bundle; expected a folder with {MANIFEST}", code="bundle_missing")
    try:
        return (path / MANIFEST).read_bytes()
    except FileNotFoundError:
        raise BundleError(f"{path}: no {MANIFEST}: unfinished bundle; export it again", pointer=MANIFEST) from None
    except OSError as error:
        raise BundleError(f"{path / MANIFEST}: not readable: {error.strerror}", pointer=MANIFEST) from None


def _parse(path: Path, raw: bytes) -> Manifest:
    try:
        table = json.loads(raw)
    except ValueError:
        raise BundleError(f"{path / MANIFEST}: not JSON; copy the bundle again", pointer=MANIFEST) from None
    version = table.get("schema_version") if isinstance(table, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise BundleError(
            f"{path}: schema_version {version} is newer than this program reads ({SCHEMA_VERSION}); upgrade Vigie",
            code="bundle_newer",
            pointer="/schema_version",
        )
    try:
        return Manifest.model_validate(table)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        pointer = "/" + "/".join(str(part) for part in fault["loc"])
        raise BundleError(f"{path / MANIFEST}: {pointer}: {fault['msg']}", pointer=pointer) from None


def _verify(path: Path, name: str, expected: str) -> None:
    # A manifest may come from anywhere: its names stay inside the folder.
    if Path(name).name != name:
        raise BundleError(f"{path / MANIFEST}: file name {name!r} must be a plain name", pointer=f"/files/{name}")
    try:
        found = file_sha256(path / name)
    except OSError as error:
        raise BundleError(f"{path / name}: in the manifest, not readable: {error.strerror}", pointer=name) from None
    if found != expected:
        raise BundleError(
            f"{path / name}: digest {found[:12]}… differs from the manifest's {expected[:12]}…: the file was altered; "
            "copy the bundle again",
            code="bundle_altered",
            pointer=name,
        )
