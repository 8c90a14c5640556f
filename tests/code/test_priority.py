"""Priority: each term moves the rank as the formula says, and says so in French."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import pytest

from serving.bundle import OUTPUT_KEYS, Verdict
from serving.priority import Facts, OrderFacts, all_levels, prioritise

MINUTE = timedelta(minutes=1)


def verdict(**scores: float) -> Verdict:
    """Scores by key, dots written ``__``; the rest 0.01."""
    given = {key.replace("__", "."): value for key, value in scores.items()}
    return Verdict({key: given.get(key, 0.01) for key in OUTPUT_KEYS}, {})


@pytest.fixture
def facts(noon):
    """A text of ten words from a platform."""
    return Facts("un deux trois quatre cinq six sept huit neuf dix", noon, "platform")


@pytest.fixture
def priority(policy, taxonomy):
    """``prioritise`` under the shipped policy and taxonomy."""

    def of(facts, judged=None, levels=None):
        return prioritise(facts, judged, policy, taxonomy, levels)

    return of


def test_harm_is_the_worst_severity_times_probability(priority, facts, taxonomy):
    severity = {output.key: output.severity for output in taxonomy.outputs if output.severity}
    scores = {"haine": 0.9, "terrorisme": 0.5, "harcelement": 0.2}
    expected = max(severity[key] * p for key, p in scores.items())
    assert priority(facts, verdict(**scores)).harm == pytest.approx(expected * 1 * (1 - 0.5 * 0.01))


def test_outputs_without_severity_never_make_harm(priority, facts):
    mild = priority(facts, verdict())
    rude = priority(facts, verdict(toxicite=0.99, vulgarite=0.99))
    assert rude.harm == mild.harm


def test_protected_context_halves_at_most(priority, facts):
    without = priority(facts, verdict(haine=0.9, contexte_protege=0.0))
    with_it = priority(facts, verdict(haine=0.9, contexte_protege=1.0))
    assert with_it.harm == pytest.approx(without.harm / 2)
    assert "Contexte protégé\u00a0: priorité abaissée de 50\u00a0%" in with_it.reasons


@pytest.mark.parametrize(("reach", "factor"), [(None, 1), (0, 1), (9, 2), (99, 3), (999_999, 7)])
def test_reach_counts_by_orders_of_magnitude(priority, facts, reach, factor):
    alone = priority(facts, verdict(haine=0.9)).harm
    assert priority(replace(facts, reach=reach), verdict(haine=0.9)).harm == pytest.approx(factor * alone)


@pytest.mark.parametrize("kind", ["platform", "authority", "trusted_flagger"])
def test_the_reporters_weight_comes_from_the_key(priority, facts, policy, kind):
    platform = priority(facts, verdict(haine=0.9)).harm
    assert priority(replace(facts, reporter_kind=kind), verdict(haine=0.9)).harm == pytest.approx(
        platform * policy.reporters.of(kind)
    )


def test_a_longer_text_costs_more_minutes_and_rank(priority, facts):
    short, long = priority(facts), priority(replace(facts, text="mot " * 300))
    assert short.minutes == pytest.approx(0.5 + 10 / 200)
    assert long.minutes == pytest.approx(2.0)
    assert short.rank - long.rank == pytest.approx(math.log(2.0 / 0.55))


def test_the_thread_is_read_too(priority, facts):
    found = priority(replace(facts, thread=("mot " * 140, "mot " * 50)))
    assert found.minutes == pytest.approx(0.5 + 200 / 200)
    assert "Lecture estimée\u00a0: 1,5 minute (200 mots, fil compris)" in found.reasons


def test_rank_follows_the_formula_and_waiting_wins_in_the_end(priority, facts, noon):
    judged = verdict(haine=0.9)
    found = priority(facts, judged)
    assert found.rank == pytest.approx(math.log(found.harm / found.minutes) - noon.timestamp() / 259_200)
    mild_but_old = priority(replace(facts, created_at=noon - timedelta(days=10)), verdict(haine=0.05))
    assert mild_but_old.rank > found.rank


def test_no_harm_has_a_finite_rank(priority, facts, noon):
    nothing = Verdict(dict.fromkeys(OUTPUT_KEYS, 0.0), {})
    assert priority(facts, nothing).rank == pytest.approx(math.log(1e-6 / 0.55) - noon.timestamp() / 259_200)


def test_an_unscored_case_is_read_as_a_middling_one(priority, facts, policy):
    unscored = priority(facts)
    assert unscored.harm == policy.rank.unscored_harm
    assert any("sans score" in reason for reason in unscored.reasons)
    assert priority(facts, verdict()).rank < unscored.rank < priority(facts, verdict(terrorisme=0.9)).rank


def test_a_bundle_that_lacks_a_label_says_nothing_of_it(priority, facts):
    partial = Verdict(dict.fromkeys(OUTPUT_KEYS) | {"haine": 0.5}, {})
    assert priority(facts, partial).harm == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("reference", "kind", "stated", "minutes"),
    [
        ("TCO-1", None, None, 60),
        ("LCEN-1", None, None, 24 * 60),
        ("DSA-1", None, None, None),
        ("DSA-1", None, 90, 90),
        ("TCO-1", None, 30, 30),
        ("TCO-1", None, 90, 60),
        ("sans marque", None, None, 60),
        ("sans marque", "lcen", None, 24 * 60),
    ],
)
def test_the_clock_runs_from_the_receipt_of_the_order(priority, facts, noon, reference, kind, stated, minutes):
    received = noon - 10 * MINUTE
    order = OrderFacts(reference, received, kind, stated and received + stated * MINUTE)
    assert priority(replace(facts, order=order)).due_at == (minutes and received + minutes * MINUTE)


def test_suspected_terrorist_content_has_a_target_and_no_deadline(priority, facts, noon):
    found = priority(facts, verdict(terrorisme=0.5), {"terrorisme": "possible"})
    assert (found.due_at, found.target_at) == (None, noon + 60 * MINUTE)
    assert any("sans échéance légale" in reason for reason in found.reasons)


def test_an_order_needs_no_target(priority, facts, noon):
    order = OrderFacts("TCO-1", noon)
    assert priority(replace(facts, order=order), verdict(terrorisme=0.9), {"terrorisme": "probable"}).target_at is None


@pytest.mark.parametrize(
    ("text", "level", "category", "vital"),
    [
        ("je viens ce soir", "probable", None, True),
        ("je viens ce soir", "tres_probable", None, True),
        ("je viens ce soir", "possible", None, False),
        ("je viens ce soir", None, None, False),
        ("tu verras bien", "tres_probable", None, False),
        ("tu verras bien", None, "danger_vital", True),
        ("tu verras bien", None, "spam", False),
    ],
)
def test_what_makes_a_case_vital(priority, facts, text, level, category, vital):
    levels = {"harcelement.menace": level}
    assert priority(replace(facts, text=text, category=category), verdict(), levels).vital is vital


def test_an_analyst_can_make_a_case_vital(priority, facts):
    found = priority(replace(facts, escalated_vital=True))
    assert found.vital
    assert found.reasons[0] == "Danger pour la vie\u00a0: signalé par un analyste"


@pytest.mark.parametrize(
    ("levels", "below"),
    [
        ({}, True),
        ({"haine": "peu_probable", "contexte_protege": "tres_probable"}, True),
        ({"haine": "possible"}, False),
        ({"terrorisme": "tres_probable"}, False),
    ],
)
def test_the_audit_population_is_below_possible_in_every_family(priority, facts, levels, below):
    assert priority(facts, verdict(), levels).below_threshold is below


def test_a_case_nobody_judged_is_not_in_the_audit_population(priority, facts):
    assert not priority(facts).below_threshold


def test_reasons_are_french_sentences_with_every_term(priority, facts, noon):
    order = OrderFacts("TCO-1", noon)
    found = priority(
        replace(facts, order=order, reach=1200), verdict(haine=0.93, contexte_protege=0.4), {"haine": "tres_probable"}
    )
    assert found.reasons == (
        "Injonction de retrait d’un contenu à caractère terroriste (règlement (UE) 2021/784, art. 3(3))\u00a0: "
        "échéance le 02/03/2026 à 14\u00a0h\u00a000",
        "File ordinaire",
        "Gravité\u00a0: «\u00a0Haine\u00a0» très probable, probabilité 0,93 × sévérité 6,0 = 5,58",
        "Contexte protégé\u00a0: priorité abaissée de 20\u00a0%",
        "Portée\u00a0: 1\u202f200 vues, × 4,08",
        "Poids du signalement\u00a0: × 1,00",
        "Préjudice estimé\u00a0: 18,21",
        "Lecture estimée\u00a0: 0,6 minute (10 mots)",
        "Arrivée le 02/03/2026 à 13\u00a0h\u00a000\u00a0: le poids double toutes les 49,9 heures d’attente",
    )


def test_levels_of_all_outputs_come_from_the_manifest(tiny_bundle):
    from serving.bundle import open_bundle

    manifest = open_bundle(tiny_bundle).manifest
    judged = Verdict(dict.fromkeys(OUTPUT_KEYS) | {label.key: 1.0 for label in manifest.labels}, {})
    levels = all_levels(manifest, judged)
    assert set(levels) == {label.key for label in manifest.labels}
    assert "terrorisme.menace" in levels


def test_a_hint_of_context_is_not_announced(priority, facts):
    assert not any("Contexte" in reason for reason in priority(facts, verdict(contexte_protege=0.01)).reasons)
