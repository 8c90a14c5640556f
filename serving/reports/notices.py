"""Notices to hosts and transmissions to authorities (DSA art. 16(2)); feedback on removal orders (TCO).

Plain JSON values in French keys, for people and their mailing tools. A notice that lacks an element says which. Under
TCO, content that was removed goes on the form of Annex II, an order that was not executed on that of Annex III, whose
reason a person writes: Vigie does not invent one. The text itself leaves in none of these: the address locates it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from serving.bundle.taxonomy import Taxonomy
from serving.policy import Policy
from serving.review.reporting import Handled

from .config import Organisation, ReportRules

_GOOD_FAITH = (
    "Le notifiant déclare de bonne foi que les informations et les allégations de cette notification sont exactes et "
    "complètes (règlement (UE) 2022/2065, art. 16, par. 2, d)."
)
#: Art. 16(2)(c): neither name nor e-mail is asked of those who report sexual abuse of children.
_NAMELESS = frozenset({"cp.mineurs_images", "cp.mineurs_propositions"})


def notices(found: Iterable[Handled], rules: ReportRules, taxonomy: Taxonomy, zone: ZoneInfo) -> list[dict[str, Any]]:
    """One notice for each decision that notifies a host or informs an authority."""
    told = [case for case in found if case.action in rules.notices]
    return [_notice(case, rules, taxonomy, zone) for case in told]


def _notice(case: Handled, rules: ReportRules, taxonomy: Taxonomy, zone: ZoneInfo) -> dict[str, Any]:
    ground = taxonomy.ground(case.ground) if case.ground else None
    reason = f"{ground.title} ({ground.text})" if ground else "Contenu transmis pour appréciation, sans qualification."
    notice: dict[str, Any] = {
        "reference": f"{case.case_id}-{case.decision_id}",
        "destinataire": rules.notices[case.action],
        "date": _moment(case.decided_at, zone),
        "explication_motivee": f"Contenu considéré comme {'illicite' if case.illegal else 'préoccupant'} : {reason}",
        "localisation_electronique": case.url,
        "notifiant": _notifier(rules.organisation, case),
        "declaration_de_bonne_foi": _GOOD_FAITH,
    }
    missing = [] if case.url else ["localisation_electronique"]
    return notice | {"complete": not missing, "elements_manquants": missing}


def _notifier(organisation: Organisation, case: Handled) -> dict[str, str] | None:
    if case.ground in _NAMELESS:
        return None
    return {"nom": organisation.name, "courriel": organisation.email}


def tco_forms(
    found: Iterable[Handled], rules: ReportRules, policy: Policy, zone: ZoneInfo
) -> dict[str, list[dict[str, Any]]]:
    """The answers to removal orders: ``annexe_ii`` where content went, ``annexe_iii`` where it did not."""
    ordered = [case for case in found if case.order and _kind(case.order, policy) == "tco"]
    forms: dict[str, list[dict[str, Any]]] = {"annexe_ii": [], "annexe_iii": []}
    for case in ordered:
        removed = policy.removes(case.action)
        forms["annexe_ii" if removed else "annexe_iii"].append(_form(case, rules, policy, zone, removed))
    return forms


def is_late(case: Handled, policy: Policy) -> bool:
    """Whether an order's deadline passed before the content went, or, where it stays, before the first decision."""
    answered = case.in_effect_since(policy.removes) if policy.removes(case.action) else case.first_decided_at
    return case.due_at is not None and answered > case.due_at


def _form(case: Handled, rules: ReportRules, policy: Policy, zone: ZoneInfo, removed: bool) -> dict[str, Any]:
    order = case.order or {}
    moment = _moment(case.in_effect_since(policy.removes), zone)
    received = order.get("received_at")
    form: dict[str, Any] = {
        "reference": f"{case.case_id}-{case.decision_id}",
        "destinataire": order["authority"],
        "reference_injonction": order["reference"],
        "injonction_recue": _moment(datetime.fromisoformat(received) if received else case.created_at, zone),
        "echeance": _moment(case.due_at, zone) if case.due_at else None,
        "localisation_electronique": case.url,
        "fournisseur": {
            "nom": rules.organisation.name,
            "adresse": rules.organisation.address,
            "courriel": rules.organisation.email,
            "representant": rules.organisation.representative,
        },
    }
    if removed:
        on_time = not is_late(case, policy)
        return form | {"mesure": "contenu retiré", "mesure_prise_le": moment, "dans_le_delai": on_time}
    return form | {"motif_de_non_execution": None, "a_completer": ["motif_de_non_execution"], "decision_le": moment}


def _moment(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).isoformat(timespec="minutes")


def _kind(order: dict[str, Any], policy: Policy) -> str:
    return policy.order_kind(order["reference"], order.get("kind")).key
