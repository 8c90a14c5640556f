"""The branch of character n-grams: it spells tokens back, sees across their cuts, and forgets padding."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from training.encoder import Tagger, compact_encoder, compact_tokenizer
from training.ngrams import LONGEST_TOKEN, CharNgrams, fit, inverse_document_frequency, spelling_of
from training.recipe import CompactArchitecture

TEXT = "L'été à Noël, 😀 dit-il."
SHAPE = CompactArchitecture(
    vocab_size=400, lowercase=True, layers=1, heads=1, hidden_size=8, intermediate_size=8, dropout=0.0
)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return compact_tokenizer(SHAPE, [TEXT, "il fait beau en été", "les étés passent"] * 4)


def branch(tokenizer: PreTrainedTokenizerFast, labels: int = 2) -> CharNgrams:
    torch.manual_seed(0)
    found = CharNgrams(spelling_of(tokenizer), labels, buckets=2048, longest=4)
    torch.nn.init.normal_(found.table.weight)
    return found.eval()


def ids_of(tokenizer: PreTrainedTokenizerFast, text: str) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.tensor([tokenizer(text)["input_ids"]])
    return ids, torch.ones_like(ids)


def spelt(found: CharNgrams, ids: torch.Tensor, mask: torch.Tensor) -> str:
    return bytes(byte for byte in found._characters(ids, mask)[0].tolist() if byte).decode()


def test_tokens_are_spelt_back_into_the_text(tokenizer: PreTrainedTokenizerFast) -> None:
    # An elision is detached by the tokenizer's own normalisation.
    assert spelt(branch(tokenizer), *ids_of(tokenizer, TEXT)) == " l' été à noël, 😀 dit-il."


@pytest.mark.parametrize("text", ["привет", "שלום", "γεια", "مرحبا", "你好", "ñandú œuvre ÿ", "🤡👏", "х а х"])
def test_every_script_is_spelt_back(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    read = tokenizer.backend_tokenizer.normalizer.normalize_str(text)  # look-alikes of Latin letters become Latin
    assert spelt(branch(tokenizer), *ids_of(tokenizer, text)) == read
    assert len(read) == len(text) + 1


def test_a_sentencepiece_vocabulary_is_spelt_too() -> None:
    pieces = [("<pad>", 0.0), ("<unk>", 0.0), ("▁été", -1.0), ("▁un", -1.0), ("e", -2.0), ("▁", -3.0)]
    backend = Tokenizer(models.Unigram(pieces, unk_id=1))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    found = PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>", unk_token="<unk>")
    assert spelt(branch(found), *ids_of(found, "une été")) == " une été"


def test_the_cut_into_tokens_does_not_matter(tokenizer: PreTrainedTokenizerFast) -> None:
    other = compact_tokenizer(SHAPE.model_copy(update={"vocab_size": 300}), ["rien de semblable"])
    first, second = branch(tokenizer), branch(other)
    text = "les étés passent"
    left, right = ids_of(tokenizer, text), ids_of(other, text)
    assert left[0].shape != right[0].shape
    torch.testing.assert_close(first(*left), second(*right))


def test_padding_and_neighbours_do_not_matter(tokenizer: PreTrainedTokenizerFast) -> None:
    found = branch(tokenizer)
    ids, mask = ids_of(tokenizer, "il fait beau")
    padded = torch.nn.functional.pad(ids, (0, 5), value=7).repeat(2, 1)
    padded[1] = 9
    masks = torch.nn.functional.pad(mask, (0, 5)).repeat(2, 1)
    masks[1] = 1
    torch.testing.assert_close(found(padded, masks)[:1], found(ids, mask))


def test_training_and_serving_agree(tokenizer: PreTrainedTokenizerFast) -> None:
    found = branch(tokenizer)
    ids, mask = ids_of(tokenizer, TEXT)
    torch.testing.assert_close(found.train()(ids, mask), found.eval()(ids, mask))


def test_an_empty_window_has_no_opinion(tokenizer: PreTrainedTokenizerFast) -> None:
    ids = torch.tensor([[tokenizer.cls_token_id, tokenizer.sep_token_id]])
    assert branch(tokenizer)(ids, torch.ones_like(ids)).abs().max() == 0  # the bias starts at zero


def test_columns_keep_their_answers(tokenizer: PreTrainedTokenizerFast) -> None:
    found = branch(tokenizer, labels=3)
    ids, mask = ids_of(tokenizer, TEXT)
    torch.testing.assert_close(found.columns([2, 0])(ids, mask), found(ids, mask)[:, [2, 0]])


def test_rare_grams_weigh_more(tokenizer: PreTrainedTokenizerFast) -> None:
    found = branch(tokenizer)
    rows = [tokenizer(text)["input_ids"] for text in ("été", "été", "été", "neige")]
    found.idf = inverse_document_frequency(found, rows, tokenizer.pad_token_id)
    common, rare = (found.grams(*ids_of(tokenizer, text))[1].max() for text in ("été", "neige"))
    assert rare > common > 0


def test_the_fit_is_a_logistic_regression_that_ignores_what_is_unknown(tokenizer: PreTrainedTokenizerFast) -> None:
    found = branch(tokenizer, labels=3)
    texts = ["il fait beau", "il fait beau temps", "les étés passent", "les étés passent vite"] * 5
    rows = [tokenizer(text)["input_ids"] for text in texts]
    values = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 0]] * 5, dtype=np.float32)
    weights = np.ones_like(values)
    weights[2::4, 1] = weights[0::4, 1] = 0
    before = found.table.weight[:, 1:].clone()
    fit(found, rows, values, weights, tokenizer.pad_token_id, strength=10.0)
    found.eval()
    logits = torch.cat([found(*ids_of(tokenizer, text)) for text in texts[:4]])
    assert (logits[:, 0] > 0).tolist() == [True, True, False, False]
    torch.testing.assert_close(found.table.weight[:, 1:], before)  # one answer known, or one answer only


def test_the_tagger_answers_with_both_and_teaches_the_encoder_alone(tokenizer: PreTrainedTokenizerFast) -> None:
    encoder = compact_encoder(SHAPE, tokenizer)
    tagger = Tagger(encoder, 2, pooling="mean", ngrams=branch(tokenizer), encoder_share=0.5).eval()
    ids, mask = ids_of(tokenizer, TEXT)
    alone = Tagger(encoder, 2, pooling="mean").eval()
    alone.head = tagger.head
    torch.testing.assert_close(tagger(ids, mask), 0.5 * alone(ids, mask) + tagger.ngrams(ids, mask))
    torch.testing.assert_close(tagger.train()(ids, mask), alone(ids, mask))


def test_long_tokens_are_cut_not_lost() -> None:
    vocabulary = {"[PAD]": 0, "[UNK]": 1, "a" * 40: 2}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    found = PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="[PAD]", unk_token="[UNK]")
    assert spelling_of(found)[2].tolist() == [ord("a")] * LONGEST_TOKEN
