"""The policy is complete data, and says what is wrong with it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from serving.bundle import ConfigError, InputError
from serving.policy import Policy, load_policy


@pytest.fixture
def altered(root: Path, tmp_path: Path):
    """Writes the shipped policy with one thing replaced, and reads it."""
    shipped = (root / "configs" / "policy.toml").read_text(encoding="utf-8")

    def read(old: str, new: str):
        assert old in shipped
        path = tmp_path / "policy.toml"
        path.write_text(shipped.replace(old, new, 1), encoding="utf-8")
        return load_policy(path)

    return read


def test_the_shipped_policy_says_what_the_design_says(policy):
    assert policy.rank.tau_seconds == 259_200
    assert policy.rank.protected_context <= 0.5
    assert {order.key: order.minutes for order in policy.orders} == {"tco": 60, "lcen": 1440, "dsa": None}
    assert [action.title for action in policy.offered_actions()] == [
        "Notification à l’hébergeur",
        "Transmission à PHAROS",
        "Transmission à une autre autorité",
        "Classement sans suite",
        "Retrait",
        "Restriction",
        "Maintien",
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("tau_seconds = 259200", "tau_seconds = 259200\ntau_secondes = 1", "did you mean 'tau_seconds'"),
        ("audit_share = 0.05", "audit_share = 1.5", "claims.audit_share = 1.5"),
        ("protected_context = 0.5", "protected_context = 0.6", "rank.protected_context = 0.6"),
        ("authority = 1.5", "authority = 3", "reporters.authority = 3"),
        ("lease_minutes = 20", "", "'claims.lease_minutes' is missing"),
        ('timezone = "Europe/Paris"', 'timezone = "Europe/Lutece"', "IANA"),
        ('level = "possible"', 'level = "posible"', "did you mean 'possible'"),
        ("'\\b(?:ce|cette)", "'\\b(?:ce|cette", "not a regular expression"),
        ('labels = ["terrorisme.menace"', 'labels = ["terrorisme.apologie"', "unknown label"),
        ('key = "lcen"', 'key = "tco"', "given twice: tco"),
        ('uncertain_levels = ["possible"]', 'uncertain_levels = ["posible"]', "did you mean 'possible'"),
        ('deployments = ["hotline", "platform"]', 'deployments = ["forum"]', "deployments"),
        (
            'second_factor_roles = ["supervisor",',
            'second_factor_roles = ["superviseur",',
            "sign_in.second_factor_roles",
        ),
    ],
)
def test_a_fault_is_named_with_its_key_and_what_was_expected(altered, old, new, said):
    with pytest.raises(ConfigError, match=re.escape(said)) as caught:
        altered(old, new)
    assert "policy.toml" in caught.value.detail


def test_a_deployment_without_actions_is_refused(policy):
    hotline_only = [action for action in policy.actions if action.deployment == "hotline"]
    fields = policy.model_dump(by_alias=True) | {"action": hotline_only, "deployments": ["platform"]}
    with pytest.raises(ValueError, match="deployment 'platform' has no"):
        Policy.model_validate(fields)


def test_only_the_actions_of_the_deployment_are_offered(altered):
    hotline = altered('deployments = ["hotline", "platform"]', 'deployments = ["hotline"]')
    assert hotline.action("retrait") is None
    assert hotline.action("transmission_pharos") is not None


@pytest.mark.parametrize(
    ("reference", "named", "expected"),
    [
        ("TCO-2026-14", None, "tco"),
        ("lcen/88", None, "lcen"),
        ("DSA 9 n° 3", None, "dsa"),
        ("n° 2026/551", None, "tco"),
        ("TCO-2026-14", "dsa", "dsa"),
    ],
)
def test_an_order_is_recognised_or_gets_the_shortest_clock(policy, reference, named, expected):
    assert policy.order_kind(reference, named).key == expected


def test_an_unknown_kind_of_order_names_the_known_ones(policy):
    with pytest.raises(InputError, match="did you mean 'lcen'") as caught:
        policy.order_kind("x", "lcem")
    assert caught.value.pointer == "/order/kind"


@pytest.mark.parametrize(
    ("text", "imminent"),
    [
        ("je viens chez toi ce soir", True),
        ("Demain tu verras", True),
        ("dans une heure c'est fini", True),
        ("on sait où tu habites", True),
        ("tes jours sont comptés", True),
        ("un jour peut-être", False),
        ("il a menacé son voisin l'an dernier", False),
    ],
)
def test_the_imminence_rule_reads_words_of_time_and_place(policy, text, imminent):
    assert policy.vital.imminent(text) is imminent
