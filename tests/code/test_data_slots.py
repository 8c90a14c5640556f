"""Slots write correct French for any noun, and refuse what they do not know."""

from __future__ import annotations

import pytest

from training.data.lexicon import FirstName, Noun
from training.data.slots import Words, fill, parse

JUIF = Noun(sg="Juif", sg_f="Juive", pl="Juifs", gender="m", elide=False)
ARABE = Noun(sg="Arabe", pl="Arabes", gender="m", elide=True)
FEMME = Noun(sg="femme", pl="femmes", gender="f", elide=False)
HOMOSEXUELLE = Noun(sg="homosexuelle", pl="homosexuelles", gender="f", elide=True)
HANDICAPE = Noun(sg="handicapé", sg_f="handicapée", pl="handicapés", gender="m", elide=False)
NADIA = FirstName(text="Nadia", gender="f", origin="maghrébine")
HUGO = FirstName(text="Hugo", gender="m", origin="française")


def written(text: str, first: Noun | None = None, second: Noun | None = None, names: tuple[FirstName, ...] = ()) -> str:
    return fill(parse(text), Words(first, second, names, "moustiques"))


@pytest.mark.parametrize(
    ("slot", "juif", "arabe", "femme", "homosexuelle", "handicape"),
    [
        ("les", "les Juifs", "les Arabes", "les femmes", "les homosexuelles", "les handicapés"),
        ("des", "des Juifs", "des Arabes", "des femmes", "des homosexuelles", "des handicapés"),
        ("aux", "aux Juifs", "aux Arabes", "aux femmes", "aux homosexuelles", "aux handicapés"),
        ("ces", "ces Juifs", "ces Arabes", "ces femmes", "ces homosexuelles", "ces handicapés"),
        ("pl", "Juifs", "Arabes", "femmes", "homosexuelles", "handicapés"),
        ("d_pl", "de Juifs", "d'Arabes", "de femmes", "d'homosexuelles", "de handicapés"),
        ("sg", "Juif", "Arabe", "femme", "homosexuelle", "handicapé"),
        ("un", "un Juif", "un Arabe", "une femme", "une homosexuelle", "un handicapé"),
        ("le", "le Juif", "l'Arabe", "la femme", "l'homosexuelle", "le handicapé"),
        ("du", "du Juif", "de l'Arabe", "de la femme", "de l'homosexuelle", "du handicapé"),
        ("au", "au Juif", "à l'Arabe", "à la femme", "à l'homosexuelle", "au handicapé"),
        ("ce", "ce Juif", "cet Arabe", "cette femme", "cette homosexuelle", "ce handicapé"),
    ],
)
def test_every_slot_for_every_kind_of_noun(
    slot: str, juif: str, arabe: str, femme: str, homosexuelle: str, handicape: str
) -> None:
    nouns = (JUIF, ARABE, FEMME, HOMOSEXUELLE, HANDICAPE)
    assert [written(f"{{{slot}}}", noun) for noun in nouns] == [juif, arabe, femme, homosexuelle, handicape]


def test_a_capital_slot_writes_a_capital() -> None:
    assert written("{Le} et {les}. {Les} !", ARABE) == "L'Arabe et les Arabes. Les Arabes !"
    assert written("{Les_cible} et {les_cible}") == "Les moustiques et les moustiques"


def test_agreement_follows_the_gender_of_the_group() -> None:
    text = "{Les} sont {tous|toutes} {fort|forte}s, qu'{ils|elles} viennent : {e|}, {|e}"
    assert written(text, ARABE) == "Les Arabes sont tous forts, qu'ils viennent : e, "
    assert written(text, FEMME) == "Les femmes sont toutes fortes, qu'elles viennent : , e"


def test_a_second_group_has_its_own_agreement() -> None:
    text = "{Les} et {les2} : {les uns|les unes}, {2:les autres|celles-ci}, {un2}"
    assert written(text, ARABE, FEMME) == "Les Arabes et les femmes : les uns, celles-ci, une femme"


def test_names_agree_with_the_last_one_drawn() -> None:
    text = "{prenom} est {m:venu|venue}, {prenom_m} est {m:venu|venue}"
    assert written(text, names=(NADIA, HUGO)) == "Nadia est venue, Hugo est venu"


def test_feminine_forms_exist_only_for_some_nouns() -> None:
    assert written("{une}, {sg_f}", JUIF) == "une Juive, Juive"
    assert parse("{une}").needs_feminine("group")
    assert ARABE.feminine is None
    assert FEMME.feminine == "femme"


def test_a_template_knows_what_it_needs() -> None:
    assert parse("{tous|toutes}").uses_group
    assert parse("{les2}").uses_second
    assert not parse("{les2}").uses_group
    assert not parse("Rien.").uses_group


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("secret {lees}", "did you mean 'les'"),
        ("secret {les", "brace"),
        ("secret les}", "brace"),
        ("secret {a|b|c}", "3 spellings"),
        ("secret {2:a|b}", "second group"),
        ("secret {m:a|b} {prenom}", "no {prenom} stands before it"),
    ],
)
def test_a_wrong_slot_is_named_without_the_text(text: str, told: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse(text)
    assert told in str(refused.value)
    assert "secret" not in str(refused.value)
