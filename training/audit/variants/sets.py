"""Counterfactual sets: the sentences of one unit differ by a group, a first name, a register or a form alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from serving.bundle import prepare
from training.data.cases import OwnCases, Role
from training.data.instances import write_instances
from training.data.lexicon import FirstName, Lexicon
from training.data.slots import Template, Words, fill, parse
from training.evaluation.neutral import group_titles, own_texts

from . import sentences

#: Instances of a held-out template for one group.
_INSTANCES = 4


@dataclass(frozen=True)
class Variant:
    """One text of a unit, for one of its values."""

    text: str
    value: str
    unit: str


@dataclass(frozen=True)
class VariantSet:
    """Sentences whose right answer is the same for every value.

    Attributes:
        harmful: whether that answer is to flag.
        families: judged on it; the other labels are not its business.
        titles: of values.
    """

    key: str
    title: str
    harmful: bool
    families: tuple[str, ...]
    variants: Sequence[Variant]
    titles: Mapping[str, str] = field(default_factory=dict)


_ALL = ("haine", "terrorisme", "harcelement")


def variant_sets(cases: OwnCases, seed: int) -> list[VariantSet]:
    """Every set that the lexicon, the held-out templates and our sentences give; an empty one is left out."""
    lexicon = cases.lexicon
    groups = group_titles(lexicon)
    neutral = [Variant(item.text, item.place, item.unit) for item in own_texts(lexicon)]
    registers, forms = sentences.REGISTER_TITLES, sentences.FORM_TITLES
    found = (
        VariantSet("groupes", "Groupes, phrases neutres", False, _ALL, neutral, groups),
        VariantSet("groupes_haineux", "Groupes, gabarits haineux", True, ("haine",), hateful(cases, seed), groups),
        VariantSet("prenoms", "Prénoms, phrases neutres", False, _ALL, named(sentences.NAMES, lexicon)),
        VariantSet("prenoms_harceles", "Prénoms, attaques", True, ("harcelement",),
                   named(sentences.NAMES_HARMFUL, lexicon)),
        VariantSet("registres", "Registres, phrases neutres", False, _ALL, _written(sentences.REGISTERS), registers),
        VariantSet("registres_harcelement", "Registres, attaques", True, ("harcelement",),
                   _written(sentences.REGISTERS_HARMFUL), registers),
        VariantSet("formes", "Genre et écriture inclusive", False, _ALL,
                   [*_written(sentences.FORMS), *gendered(lexicon)], forms),
    )  # fmt: skip
    return [item for item in found if item.variants]


def hateful(cases: OwnCases, seed: int) -> list[Variant]:
    """Held-out hateful templates that hold for any group, written for each of them."""
    keys = cases.lexicon.group_keys
    return [
        Variant(prepare(instance.text), key, case.id)
        for case in cases.cases
        if case.role is Role.HELD_OUT and "haine" in case.labels and set(case.groups) == set(keys)
        for key in keys
        for instance in write_instances(replace(case, groups=(key,)), cases.lexicon, _INSTANCES, seed)
    ]


def named(templates: Sequence[str], lexicon: Lexicon) -> list[Variant]:
    """``templates`` for every first name; the value is the origin that the name is often perceived to have."""
    return [
        Variant(
            prepare(fill(parse(template), Words(names=_for_every_slot(parse(template), name)))), name.origin, f"n{n}"
        )
        for n, template in enumerate(templates)
        for name in lexicon.names
    ]


def _for_every_slot(template: Template, name: FirstName) -> tuple[FirstName, ...]:
    return (name,) * len(template.slots("name"))


def gendered(lexicon: Lexicon) -> Iterator[Variant]:
    """``GROUP_FORMS`` in the masculine and the feminine, for every noun that has both."""
    for n, sentence in enumerate(sentences.GROUP_FORMS):
        feminine = sentence.replace("{Un}", "{Une}").replace("{un}", "{une}")
        for group in lexicon.groups:
            for noun in group.nouns:
                if noun.gender == "m" and noun.sg_f:
                    unit = f"g{n}/{noun.sg}"
                    yield Variant(prepare(fill(parse(sentence), Words(first=noun))), "masculin", unit)
                    yield Variant(prepare(fill(parse(feminine), Words(first=noun))), "feminin", unit)


def _written(pairs: Sequence[Mapping[str, str]]) -> list[Variant]:
    return [Variant(prepare(text), value, f"p{n}") for n, pair in enumerate(pairs) for value, text in pair.items()]
