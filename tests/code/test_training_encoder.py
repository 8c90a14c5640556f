"""The compact encoder and its French tokenizer; opening any encoder that transformers knows."""

from __future__ import annotations

import pytest
import torch
from training_rows import FILLER, recipe_table
from transformers import set_seed

from serving.bundle import ConfigError, Unavailable
from training.encoder import (
    MASKED,
    Tagger,
    build_encoder,
    compact_tokenizer,
    load_architecture,
    save_architecture,
    served_tokenizer,
)
from training.recipe import EncoderSection, parse_recipe

TEXTS = [" ".join(FILLER), "L'arabe et l’homme parlent d'un arabe en 2024.", "@user regarde <url> 😀 ça va ?"] * 3


@pytest.fixture(scope="module")
def section(root):
    return parse_recipe(recipe_table(root), "x").encoder


@pytest.fixture(scope="module")
def tokenizer(section):
    return compact_tokenizer(section.compact, TEXTS)


def pieces(tokenizer, text):
    return tokenizer(text, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize(
    ("disguised", "plain"),
    [
        ("ｂｏｎｊｏｕｒ", "bonjour"),
        ("𝓫𝓸𝓷𝓳𝓸𝓾𝓻", "bonjour"),
        ("bon\u200bjour", "bonjour"),
        ("b̶o̶n̶j̶o̶u̶r̶", "bonjour"),
        ("bоnjоur", "bonjour"),
        ("BОNJОUR", "bonjour"),
        ("b0nj0ur", "bonjour"),
        ("b o n j o u r", "bonjour"),
        ("b.o.n.j.o.u.r", "bonjour"),
        ("bonjouuuuur", "bonjouur"),
        ("il y a à boire", "il y a à boire"),
        ("créée en 2020, 4ème", "créée en 2020, 4ème"),
    ],
)
def test_disguises_are_read_as_their_plain_form(tokenizer, disguised, plain):
    assert tokenizer(disguised)["input_ids"] == tokenizer(plain)["input_ids"]


def test_apostrophes_are_one(tokenizer):
    assert pieces(tokenizer, "l'homme d'ici") == pieces(tokenizer, "l’homme dʼici")


def test_elision_leaves_the_word_whole(tokenizer):
    assert pieces(tokenizer, "l'arabe")[-1] == pieces(tokenizer, "un arabe")[-1]


def test_first_word_is_the_same_piece_as_inside(tokenizer):
    assert pieces(tokenizer, "le chat")[0] == pieces(tokenizer, "chat le")[-1]


def test_composition_does_not_matter(tokenizer):
    assert pieces(tokenizer, "école") == pieces(tokenizer, "e\u0301cole")


def test_digits_stand_alone(tokenizer):
    assert pieces(tokenizer, "2024")[-4:] == [pieces(tokenizer, d)[-1] for d in "2024"]


def test_masks_are_one_piece_each(tokenizer):
    assert [pieces(tokenizer, mask) for mask in MASKED] == [[tokenizer.convert_tokens_to_ids(mask)] for mask in MASKED]


@pytest.mark.parametrize("text", ["漢字 и ελληνικά", "\u202e\u200d", "🏳️‍🌈", "a" * 500, "œuf"])
def test_any_text_can_be_written(tokenizer, text):
    assert pieces(tokenizer, text)
    assert tokenizer.unk_token is None


def test_vocabulary_is_bounded_and_repeatable(section, tokenizer):
    assert len(tokenizer) <= section.compact.vocab_size + len(MASKED)
    again = compact_tokenizer(section.compact, TEXTS)
    assert again.get_vocab() == tokenizer.get_vocab()


def test_served_tokenizer_neither_cuts_nor_pads(tokenizer):
    tokenizer(["le chat", "le"], truncation=True, max_length=4, padding=True)
    served = served_tokenizer(tokenizer)
    assert served.truncation is None
    assert served.padding is None
    assert served.encode("le chat dort demain", add_special_tokens=False).ids == pieces(
        tokenizer, "le chat dort demain"
    )


def test_same_seed_same_weights(section):
    encoders = []
    for _ in range(2):
        set_seed(5)
        encoders.append(build_encoder(section, TEXTS, max_tokens=24))
    first, second = (encoder.model.state_dict() for encoder in encoders)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert encoders[0].random_start


def test_padding_does_not_change_logits(section):
    encoder = build_encoder(section, TEXTS, max_tokens=24)
    for pooling in ("mean", "cls"):
        tagger = Tagger(encoder.model, 3, pooling=pooling).eval()
        ids = torch.tensor([[1, 10, 11, 12, 2]])
        padded = torch.tensor([[1, 10, 11, 12, 2, 0, 0]])
        with torch.inference_mode():
            alone = tagger(ids, torch.ones_like(ids))
            beside = tagger(padded, torch.tensor([[1, 1, 1, 1, 1, 0, 0]]))
        torch.testing.assert_close(alone, beside, atol=1e-6, rtol=0)


def test_a_saved_checkpoint_opens_as_pretrained(section, tmp_path):
    """What pretraining will write is opened by path, weights and tokenizer included."""
    made = build_encoder(section, TEXTS, max_tokens=24)
    made.model.save_pretrained(tmp_path / "saved")
    made.tokenizer.save_pretrained(tmp_path / "saved")
    local = EncoderSection(kind="pretrained", pooling="mean", path=str(tmp_path / "saved"), revision="main")
    opened = build_encoder(local, [], max_tokens=24)
    assert not opened.random_start
    assert opened.tokenizer("l’école")["input_ids"] == made.tokenizer("l’école")["input_ids"]
    first, second = made.model.state_dict(), opened.model.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_architecture_round_trip(section, tmp_path):
    made = build_encoder(section, TEXTS, max_tokens=24)
    save_architecture(made, tmp_path)
    model, tokenizer = load_architecture(tmp_path)
    assert model.config.hidden_size == section.compact.hidden_size
    assert tokenizer("demain")["input_ids"] == made.tokenizer("demain")["input_ids"]
    assert not list(tmp_path.glob("*.safetensors"))


@pytest.mark.parametrize("path", ["nobody/nothing-at-all", "./no/such/folder"])
def test_unreachable_encoder_says_what_to_do(path):
    section = EncoderSection(kind="pretrained", pooling="mean", path=path, revision="main")
    with pytest.raises(Unavailable) as error:
        build_encoder(section, [], max_tokens=24)
    assert path in error.value.detail
    assert "HF_HUB_OFFLINE" in error.value.detail


def test_too_many_tokens_are_refused(section):
    with pytest.raises(ConfigError, match="positions at most"):
        build_encoder(section, TEXTS, max_tokens=4096)
