"""The audits filed for a bundle: the newest that promotion and documents may rest on. Bounds no figure.

Anybody may audit any rows, in any way; what is published rests on the recipe's own rows and on ``configs/audit.toml``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from serving.bundle import InputError
from training.tracking import fetch_audits

from .config import AuditSection
from .records import Audit, read_audit

#: What the audit and ``audit.toml`` must say alike.
_ALIKE = ("replicates", "seed", "level", "least_units")


@dataclass(frozen=True)
class Filed:
    """The newest audit that holds; None where there is none. ``passed_over``: why those newer than it do not."""

    audit: Audit | None
    passed_over: tuple[str, ...]

    @property
    def reasons(self) -> str:
        """What to add to a message that says that there is none; empty where none was filed."""
        return f" (passed over: {'; '.join(dict.fromkeys(self.passed_over))})" if self.passed_over else ""


def newest(bundle: str, section: AuditSection) -> Filed:
    """The newest audit filed for ``bundle`` that ``unfit`` has nothing against."""
    passed_over: list[str] = []
    with TemporaryDirectory(prefix="vigie-audit-") as scratch:
        for file in fetch_audits(bundle, Path(scratch)):
            try:
                audit = read_audit(file)
            except InputError:
                passed_over.append("an audit of another version of Vigie")
                continue
            if (reason := unfit(audit, section)) is None:
                return Filed(audit, tuple(passed_over))
            passed_over.append(reason)
    return Filed(None, tuple(passed_over))


def unfit(audit: Audit, section: AuditSection) -> str | None:
    """Why nothing published may rest on ``audit``; None where it may."""
    if audit.data_sha256:
        return f"an audit of {audit.data}, not of the recipe's own test rows"
    if audit.request.any_recipe:
        return f"an audit of the rows of another recipe, {audit.request.recipe or 'not named'}"
    for name in _ALIKE:
        found, expected = getattr(audit, name), getattr(section, name)
        if found != expected:
            return f"an audit with {name} {found}, not the {expected} of audit.toml"
    return None
