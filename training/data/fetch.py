"""Brings a source's files here: mirror folder first, then the network, into a cache named by content.

Every byte is checked against the card before anyone reads it. Knows nothing of what the files mean.
"""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from pathlib import Path

from serving.bundle import ConfigError, Unavailable
from serving.settings import Settings

from .cards import Card, SourceFile
from .digests import file_sha256

TIMEOUT_S = 60.0
_CHUNK = 1 << 16


def fetch(card: Card, settings: Settings) -> dict[str, Path]:
    """Local path of each file of ``card``, by its path in the repository; every digest verified.

    Raises:
        Unavailable: a file is neither in the mirror nor reachable (code ``source_missing``).
        ConfigError: a file's bytes are not those of the card (code ``wrong_digest``).
    """
    return {file.path: _fetch_file(card, file, settings) for file in card.files}


def at_hand(card: Card, settings: Settings) -> bool:
    """Every file of ``card`` is in the cache or the mirror; digests are not read here."""
    return all(
        _cached(file, settings).is_file() or ((path := mirror_path(card, file, settings.mirror)) and path.is_file())
        for file in card.files
    )


def _cached(file: SourceFile, settings: Settings) -> Path:
    return settings.cache / "sources" / file.sha256


def _fetch_file(card: Card, file: SourceFile, settings: Settings) -> Path:
    cached = _cached(file, settings)
    if cached.is_file() and file_sha256(cached) == file.sha256:
        return cached
    mirrored = mirror_path(card, file, settings.mirror)
    if mirrored and mirrored.is_file():
        _check(card, file, mirrored)
        return mirrored
    return _download(card, file, cached, settings.mirror)


def mirror_path(card: Card, file: SourceFile, mirror: Path | None) -> Path | None:
    """Where a mirror folder holds ``file``: ``<mirror>/<owner>/<repo>/<commit>/<path>``."""
    return mirror / card.repository / card.commit / file.path if mirror else None


def _download(card: Card, file: SourceFile, target: Path, mirror: Path | None) -> Path:
    writable(target.parent)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        _stream(file, draft)
        _check(card, file, draft)
        draft.replace(target)
    except (urllib.error.URLError, TimeoutError, OSError) as error:
        raise Unavailable(_missing(card, file, mirror, error), code="source_missing", pointer=file.url) from None
    finally:
        draft.unlink(missing_ok=True)
    return target


def writable(folder: Path) -> Path:
    """``folder``, made when absent.

    Raises:
        Unavailable: it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(
            f"cache folder {folder}: {error.strerror}; set VIGIE_CACHE to a folder you may write to",
            code="cache_unwritable",
            pointer="VIGIE_CACHE",
        ) from None
    if not os.access(folder, os.W_OK):
        raise Unavailable(
            f"cache folder {folder} is read-only; set VIGIE_CACHE to a folder you may write to",
            code="cache_unwritable",
            pointer="VIGIE_CACHE",
        )
    return folder


def _stream(file: SourceFile, draft: Path) -> None:
    """Write at most one byte more than announced: enough to know that the file is too long."""
    with urllib.request.urlopen(file.url, timeout=TIMEOUT_S) as answer, draft.open("wb") as out:  # noqa: S310 https only
        left = file.bytes + 1
        while left > 0 and (chunk := answer.read(min(_CHUNK, left))):
            out.write(chunk)
            left -= len(chunk)


def _check(card: Card, file: SourceFile, path: Path) -> None:
    size, found = path.stat().st_size, file_sha256(path)
    if found != file.sha256:
        raise ConfigError(
            f"source {card.name!r}, file {file.path!r}: {path.name} has {size} bytes and sha256 {found}; the card "
            f"expects {file.bytes} bytes and {file.sha256}. Remove the altered copy, or review the card if the source "
            "has changed",
            code="wrong_digest",
            pointer=file.path,
        )


def _missing(card: Card, file: SourceFile, mirror: Path | None, error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    looked = f"is not in the mirror {mirror} (VIGIE_MIRROR)" if mirror else "is not cached and VIGIE_MIRROR is not set"
    return (
        f"source {card.name!r}, file {file.path!r} {looked}, and {file.url} cannot be fetched: {reason}. Connect to "
        f"the network, or put the file at <mirror>/{card.repository}/{card.commit}/{file.path} and set VIGIE_MIRROR"
    )
