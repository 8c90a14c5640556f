"""Bundles that change while the service runs: opens and warms a new one, and watches a link for its next target.

``VIGIE_BUNDLE`` may be a link to a folder. ``vigie bundle use FOLDER`` checks a bundle and moves the link in one step;
every worker sees it, on this machine and after a restart alike: there is no other state. Knows nothing of requests.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
from collections.abc import Callable
from pathlib import Path

from .bundle import MAX_CODE_POINTS, Bundle, BundleError, ConfigError, Verdict, VigieError, open_bundle
from .bundle.folder import MANIFEST
from .classifier import Classifier

log = logging.getLogger("vigie.swap")

#: Seconds between two looks at the link.
_EVERY = 1.0
#: Read before anybody waits for an answer: a short text, and one of many windows.
_WARMING = ("Bonjour.", "Bonjour à tous, la réunion de demain est maintenue. " * 100)


def open_warm(path: Path, sessions: int, longest: int = MAX_CODE_POINTS, *, warm: bool = True) -> Classifier:
    """A classifier that has already read something (unless not ``warm``), from the folder ``path`` leads to now.

    Raises:
        BundleError: it is not sound, or does not score a plain text.
    """
    bundle = open_bundle(_folder(path))
    classifier = Classifier(bundle, sessions, longest)
    found = classifier.score([text[:longest] for text in _WARMING]) if warm else []
    if not all(isinstance(verdict, Verdict) for verdict in found):
        classifier.close()
        raise BundleError(f"{path}: the model does not score a plain text; remake the bundle", pointer="model.onnx")
    return classifier


def use(link: Path, target: Path) -> Bundle:
    """Make ``link`` lead to the bundle in ``target``, in one step, once that bundle was opened and has scored.

    Raises:
        ConfigError: ``link`` is a folder: nothing could take its place in one step.
        BundleError: the bundle is not sound.
    """
    if link.exists() and not link.is_symlink():
        detail = f"VIGIE_BUNDLE {link} is not a link; let it name a link, which `vigie bundle use` makes when absent"
        raise ConfigError(detail, pointer="VIGIE_BUNDLE")
    classifier = open_warm(target, 1)
    classifier.close()
    try:
        link.parent.mkdir(parents=True, exist_ok=True)
        draft = link.with_name(f".{link.name}.{secrets.token_hex(6)}")
        draft.symlink_to(_folder(target), target_is_directory=True)
        draft.replace(link)
    except OSError as error:
        raise ConfigError(f"VIGIE_BUNDLE {link}: {error.strerror}; expected a place that can be written") from None
    return classifier.bundle


class Watch(threading.Thread):
    """Looks at a link every second, and says when it leads to another bundle; until stopped."""

    def __init__(self, path: Path, changed: Callable[[Path], None], every: float = _EVERY) -> None:
        """``changed`` is called from this thread with ``path``; a VigieError it raises is logged, not repeated."""
        super().__init__(name=f"vigie-watch-{path.name}", daemon=True)
        self._path = path
        self._changed = changed
        self._every = every
        self._seen = stamp(path)
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Stop after the change under way."""
        self._stopped.set()
        if self.is_alive():
            self.join()

    def run(self) -> None:
        """Look, until stopped."""
        while not self._stopped.wait(self._every):
            self.look()

    def look(self) -> None:
        """Call ``changed`` if another bundle lies there than at the last look."""
        now = stamp(self._path)
        if now is None or now == self._seen:
            return  # a folder being written has no manifest yet: it is written last
        self._seen = now
        try:
            self._changed(self._path)
        except VigieError as error:
            fields = {"path": str(self._path), "code": error.code, "detail": error.detail}
            log.error("the new bundle is refused; the former one goes on", extra={"fields": fields})
        except Exception as error:  # the former bundle goes on whatever happens to the new one
            log.error(
                "the new bundle failed; the former one goes on", extra={"fields": {"error": type(error).__name__}}
            )


def stamp(path: Path) -> tuple[int, ...] | None:
    """What tells one bundle from another without reading it: its manifest's place and time; None without one."""
    try:
        found = (path / MANIFEST).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


def _folder(path: Path) -> Path:
    """The folder itself, so that files read later come from the same bundle after the link has moved."""
    return Path(os.path.realpath(path))
