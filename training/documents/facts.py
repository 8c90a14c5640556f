"""Everything a document may say of a bundle, gathered once. Reads records and settings; writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from serving.bundle import Bundle, Conflict, DatasetRecord, NotFound, Taxonomy, VigieError, load_taxonomy, open_bundle
from serving.policy import Policy, load_policy
from serving.settings import Settings
from training.audit.config import AuditSection, load_audit_config
from training.audit.filed import newest
from training.audit.gate import outcomes
from training.audit.records import Audit, BoundOutcome, read_audit
from training.audit.run import CONFIG
from training.data.cards import Card, load_cards
from training.data.cases import OwnCases, load_cases
from training.data.examples import OWN
from training.recipe import Recipe
from training.runs import recipe_of
from training.tracking import FiledRun, filed_run


@dataclass(frozen=True)
class Facts:
    """What is known.

    Attributes:
        card: text of the bundle's CARD.md.
        gate: each figure of the audit that a bound of ``audit.toml`` names.
        recipe: None when the file that the manifest names is not here, or is no longer the one that made the bundle.
        run: what MLflow keeps of the run; None when this store does not know it.
    """

    bundle: Bundle
    card: str
    audit: Audit
    gate: tuple[BoundOutcome, ...]
    policy: Policy
    taxonomy: Taxonomy
    cards: dict[str, Card]
    own: OwnCases
    recipe: Recipe | None
    run: FiledRun | None

    def record(self, source: str) -> DatasetRecord | None:
        """What the bundle remembers of a source; None when it learnt nothing from it."""
        return next((r for r in self.bundle.manifest.provenance.datasets if r.name == source), None)


def gather(path: Path, settings: Settings, audit_file: Path | None) -> Facts:
    """The facts about the bundle at ``path`` and its audit.

    It is the one in ``audit_file``, else the newest filed with MLflow that the release gate would judge by.

    Raises:
        VigieError: a file is missing or wrong.
        NotFound: no such audit is filed.
        Conflict: the audit is of another bundle.
    """
    bundle, config = open_bundle(path), load_audit_config(settings.configs / CONFIG)
    audit = read_audit(audit_file) if audit_file else _newest(bundle, config.audit)
    if audit.bundle != bundle.id:
        raise Conflict(
            f"the audit is of bundle {audit.bundle[:19]}…, not of {bundle.id[:19]}…; audit it: vigie-train audit BUNDLE"
        )
    provenance = bundle.manifest.provenance
    return Facts(
        bundle=bundle,
        card=(bundle.path / "CARD.md").read_text(encoding="utf-8"),
        audit=audit,
        gate=outcomes(audit.figures(), config.bounds),
        policy=load_policy(settings.policy_path),
        taxonomy=load_taxonomy(settings.taxonomy_path),
        cards=load_cards(settings.datasets),
        own=load_cases(settings.datasets / OWN),
        recipe=_recipe(bundle),
        run=filed_run(provenance.mlflow_run) if provenance.mlflow_run else None,
    )


def _newest(bundle: Bundle, section: AuditSection) -> Audit:
    filed = newest(bundle.id, section)
    if filed.audit is None:
        raise NotFound(
            f"no audit of bundle {bundle.id[:19]}… on its own rows is filed{filed.reasons}; "
            "run vigie-train audit BUNDLE, or give --audit FILE"
        )
    return filed.audit


def _recipe(bundle: Bundle) -> Recipe | None:
    try:
        return recipe_of(bundle, Path(bundle.manifest.provenance.recipe))
    except VigieError:
        return None
