"""Who scores, and who only reads along: the champion, the shadow, and the links that name them.

Knows settings, bundles and when to change them; nothing of HTTP or of the review queue.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from .bundle import InputError, Manifest, Verdict, VigieError
from .champion import Champion
from .classifier import Classifier
from .settings import Settings
from .shadow import Shadow, Sink
from .swap import Watch, open_warm

log = logging.getLogger("vigie.lineup")


class Counters(Sink, Protocol):
    """Where roles and their changes are counted."""

    def bundle_in_role(self, role: str, bundle: str, step: int) -> None:
        """``bundle`` took up (1) or left (-1) the role ``champion`` or ``shadow``."""

    def swap(self, role: str, outcome: str) -> None:
        """A bundle was put in place of another (``done``) or ``refused``."""


class Lineup:
    """The champion and the shadow of one worker, each replaced when its link leads elsewhere."""

    def __init__(self, settings: Settings, counters: Counters) -> None:
        """Open and warm the bundles; a shadow that does not open is logged, and nobody reads along.

        Raises:
            BundleError: the champion is not sound.
        """
        self._sessions = settings.sessions
        self._longest = settings.max_text
        self._counters = counters
        self._shadow: Shadow | None = None
        # Links are looked at before what they lead to is opened: one that is moved meanwhile is seen to have moved.
        self._watches = [Watch(settings.bundle, self._replace_champion)]
        if settings.shadow_bundle:
            self._watches.append(Watch(settings.shadow_bundle, self._replace_shadow))
        self.champion = Champion(open_warm(settings.bundle, settings.sessions, settings.max_text), self._observe)
        counters.bundle_in_role("champion", self.champion.bundle_id, 1)
        if settings.shadow_bundle:
            self._open_first_shadow(settings.shadow_bundle)

    @property
    def shadow_id(self) -> str | None:
        """The bundle that reads along."""
        return self._shadow.classifier.bundle_id if self._shadow else None

    def start(self) -> None:
        """Begin to watch the links."""
        for watch in self._watches:
            watch.start()

    def look(self) -> None:
        """Look at the links now."""
        for watch in self._watches:
            watch.look()

    def close(self) -> None:
        """Stop watching, finish what is under way and free the threads."""
        for watch in self._watches:
            watch.stop()
        self._leave("shadow", self.shadow_id)
        if self._shadow:
            self._shadow.stop()
        self._leave("champion", self.champion.bundle_id)
        self.champion.close()

    def _observe(self, manifest: Manifest, texts: Sequence[str], found: Sequence[Verdict | InputError]) -> None:
        if shadow := self._shadow:
            shadow.offer(manifest, texts, found)

    def _replace_champion(self, path: Path) -> None:
        former = self.champion.bundle_id
        classifier = self._opened("champion", path, self._sessions)
        if classifier.bundle_id == former:
            classifier.close()
            return
        self._counters.bundle_in_role("champion", classifier.bundle_id, 1)
        self._leave("champion", former)
        self.champion.replace(classifier)
        self._swapped("champion", former, classifier.bundle_id)

    def _replace_shadow(self, path: Path) -> None:
        former = self._shadow
        # Not warmed: its threads must be started by its own thread, whose priority they take.
        classifier = self._opened("shadow", path, 1)
        shadow = Shadow(classifier, self._counters)
        shadow.start()
        self._shadow = shadow
        self._counters.bundle_in_role("shadow", classifier.bundle_id, 1)
        if former:
            self._leave("shadow", former.classifier.bundle_id)
            former.stop()
        self._swapped("shadow", former.classifier.bundle_id if former else None, classifier.bundle_id)

    def _open_first_shadow(self, path: Path) -> None:
        try:
            self._replace_shadow(path)
        except VigieError as error:
            fields = {"path": str(path), "code": error.code, "detail": error.detail}
            log.error("no shadow: its bundle is refused", extra={"fields": fields})

    def _opened(self, role: str, path: Path, sessions: int) -> Classifier:
        try:
            return open_warm(path, sessions, self._longest, warm=role == "champion")
        except VigieError:
            self._counters.swap(role, "refused")
            raise

    def _leave(self, role: str, bundle: str | None) -> None:
        if bundle:
            self._counters.bundle_in_role(role, bundle, -1)

    def _swapped(self, role: str, former: str | None, bundle: str) -> None:
        self._counters.swap(role, "done")
        log.info("bundle in force", extra={"fields": {"role": role, "bundle": bundle, "former": former}})
