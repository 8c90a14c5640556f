"""A text cut into pieces: nothing lost, nothing invisible left."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from serving.console.highlights import pieces
from serving.explain import Span


def spans_of(text: str):
    edge = st.integers(0, len(text))
    one = st.tuples(edge, edge, st.sampled_from(["haine.religion", "harcelement"]), st.floats(0.1, 5))
    return st.lists(one.map(lambda t: Span(t[2], min(t[:2]), max(t[:2]), t[3])), max_size=5)


@given(st.text(max_size=80).flatmap(lambda text: st.tuples(st.just(text), spans_of(text))))
def test_every_visible_character_is_kept_in_order(drawn):
    text, spans = drawn
    found = pieces(text, spans)
    shown = "".join(piece.text for piece in found)
    hidden = "".join(sign for sign in text if sign not in shown)
    assert [sign for sign in text if sign not in set(hidden)] == [sign for sign in shown if sign not in set(hidden)]


def test_words_that_weigh_name_their_family_heaviest_first():
    found = pieces("un mot dur ici", [Span("haine.religion", 3, 10, 1.0), Span("harcelement", 7, 10, 2.0)])
    assert [(piece.text, piece.families) for piece in found] == [
        ("un ", ()),
        ("mot ", ("haine",)),
        ("dur", ("harcelement", "haine")),
        (" ici", ()),
    ]


def test_characters_that_hide_or_reorder_are_named_and_never_sent():
    found = pieces("sa\u200blut \u202eecnanem\u202c \U000e0041")
    assert [piece.hidden for piece in found if piece.hidden] == ["U+200B", "U+202E", "U+202C", "U+E0041"]
    assert "".join(piece.text for piece in found) == "salut ecnanem "


def test_emoji_and_persian_joiners_stay():
    assert [piece.text for piece in pieces("👩\u200d🚀 می\u200cخواهم")] == ["👩\u200d🚀 می\u200cخواهم"]


def test_a_very_long_text_is_one_piece():
    (piece,) = pieces("a\u200b" * 50_000)
    assert "\u200b" not in piece.text
    assert piece.text.startswith("a▯a▯")


def test_what_masks_a_piece_does_not_tell_its_length():
    short, long = pieces("ab", [Span("haine", 0, 2, 1)]) + pieces("abcdefgh", [Span("haine", 0, 8, 1)])
    assert short.stars == long.stars
