"""Encoders and their tokenizers: the compact one built here, or any that `AutoModel` opens.

Knows nothing of labels, losses or data sources: a text goes in as token ids and comes out as one vector.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    ModernBertConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from serving.bundle.errors import ConfigError, Unavailable
from training.ngrams import CharNgrams
from training.recipe import CompactArchitecture, EncoderSection

PAD, START, END, MASK = "[PAD]", "[CLS]", "[SEP]", "[MASK]"
#: What `serving.bundle.text.prepare` writes in place of names and addresses: one piece each.
MASKED = ("@user", "<url>", "<mail>")
#: Where the shipped encoders lie.
_ROOT = Path(__file__).resolve().parent.parent
#: The compact encoder's rotary positions: nothing is learnt per position, so the room costs nothing.
COMPACT_POSITIONS = 1024

# A word with the space before it; one digit; a run of other signs; other white space.
_PIECES = Regex(r" ?\p{L}[\p{L}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+|\s+")


@dataclass(frozen=True)
class Encoder:
    """An encoder with its tokenizer.

    Attributes:
        model: returns `last_hidden_state`, shape (batch, length, hidden).
        tokenizer: its own fast tokenizer.
        random_start: True when nothing was pretrained; the card must say so.
        origin: hub id and revision, local folder, or "random start", for the card.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    random_start: bool
    origin: str


def build_encoder(section: EncoderSection, texts: Iterable[str], *, max_tokens: int) -> Encoder:
    """The recipe's encoder. `texts` (the training split) teach the compact encoder's vocabulary, and only that.

    Raises:
        Unavailable: the checkpoint is neither local nor reachable on the hub.
        ConfigError: the checkpoint has no fast tokenizer, or fewer positions than `max_tokens`.
    """
    if section.compact is not None:
        tokenizer = compact_tokenizer(section.compact, texts)
        encoder = Encoder(compact_encoder(section.compact, tokenizer), tokenizer, True, "random start")
    else:
        encoder = _pretrained(str(section.path), str(section.revision))
    _check_positions(encoder, max_tokens)
    return encoder


def compact_tokenizer(architecture: CompactArchitecture, texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE for French on `texts`.

    Curly apostrophes become straight ones and an elision is detached ("l'arabe" reads as " l", "'" and " arabe",
    the same piece as in "un arabe"); digits stand alone; any byte can be written, so there is no unknown token.
    """
    bpe = Tokenizer(models.BPE())
    bpe.normalizer = normalizers.Sequence(_normalisation(architecture.lowercase))
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(_PIECES, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=architecture.vocab_size,
        min_frequency=2,
        special_tokens=[PAD, START, END, MASK],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    bpe.add_tokens([AddedToken(token, normalized=False) for token in MASKED])
    bpe.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}", special_tokens=[(t, bpe.token_to_id(t)) for t in (START, END)]
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=bpe,
        pad_token=PAD,
        cls_token=START,
        sep_token=END,
        mask_token=MASK,
        bos_token=START,
        eos_token=END,
        model_input_names=["input_ids", "attention_mask"],
    )


#: Lower-case letters of other alphabets, and small capitals, that pass for a Latin one: the common part of Unicode's
#: confusables (UTS 39), and capitals' look-alikes once lower-cased.
_LOOKALIKES = {
    "a": "аαɑᴀ", "b": "вьβʙ", "c": "сϲᴄ", "d": "ԁɗᴅ", "e": "еєεҽᴇ", "f": "ғƒ", "g": "ɡցɢ", "h": "һհнʜ", "i": "іιıɩɪ",
    "j": "јϳᴊ", "k": "кκᴋ", "l": "ӏɭʟ", "m": "мμᴍ", "n": "пηոɴ", "o": "оοօσᴏ", "p": "рρᴘ", "q": "ԛզ", "r": "гʀ",
    "s": "ѕʂꜱ", "t": "тτᴛ", "u": "υսʋᴜ", "v": "ѵνᴠ", "w": "ԝωѡᴡ", "x": "хχ", "y": "уүγʏ", "z": "ᴢʐ",
}  # fmt: skip
#: Signs that stand for a letter between two letters.
_LEET = {"[@4]": "a", "3": "e", "[1!|]": "i", "0": "o", "[5$]": "s"}
_GAP = r"[ .\-_*·]"
#: The gaps of four single letters or more in a row, as in "m o t s" (the text begins with a space).
_SPACED_OUT = "|".join(
    rf"(?<=[^\p{{L}}]{before}\p{{L}}){_GAP}(?=\p{{L}}{after}(?![\p{{L}}']))"
    for before, after in (
        ("", rf"{_GAP}\p{{L}}{_GAP}\p{{L}}"),
        (rf"\p{{L}}{_GAP}", rf"{_GAP}\p{{L}}"),
        (rf"\p{{L}}{_GAP}\p{{L}}{_GAP}", ""),
    )
)


def disguises_removed() -> list[normalizers.Normalizer]:
    """Steps that give disguised letters their plain form, after NFKC (full width, mathematical alphabets) and case.

    Invisible characters, marks over letters, look-alikes of other alphabets, digits inside words, letters set apart,
    letters held beyond two: the model reads what the reader reads.
    """
    return [
        normalizers.Replace(Regex(r"[\p{Cf}\p{Mn}]"), ""),
        *(normalizers.Replace(Regex(f"[{looks}]"), letter) for letter, looks in _LOOKALIKES.items()),
        *(normalizers.Replace(Regex(rf"(?<=\p{{L}}){sign}(?=\p{{L}})"), letter) for sign, letter in _LEET.items()),
        normalizers.Replace(Regex(_SPACED_OUT), ""),
        normalizers.Replace(Regex(r"(\p{L})(?=\1\1)"), ""),
    ]


def _normalisation(lowercase: bool) -> list[normalizers.Normalizer]:
    return [
        # The first word of a text is then the same piece as inside it.
        normalizers.Prepend(" "),
        normalizers.NFKC(),
        *([normalizers.Lowercase()] if lowercase else []),
        *disguises_removed(),
        normalizers.Replace(Regex("[’ʼ‘´`]"), "'"),
        normalizers.Replace(Regex(r"(?<=\p{L})'(?=\p{L})"), "' "),
        normalizers.Replace(Regex(" {2,}"), " "),
    ]


def compact_encoder(architecture: CompactArchitecture, tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    """ModernBERT's blocks at the recipe's size, weights drawn at random from torch's current seed."""
    config = ModernBertConfig(
        vocab_size=len(tokenizer),
        hidden_size=architecture.hidden_size,
        intermediate_size=architecture.intermediate_size,
        num_hidden_layers=architecture.layers,
        num_attention_heads=architecture.heads,
        max_position_embeddings=COMPACT_POSITIONS,
        # Texts here are shorter than a local window: every layer sees everything.
        layer_types=["full_attention"] * architecture.layers,
        embedding_dropout=architecture.dropout,
        attention_dropout=architecture.dropout,
        mlp_dropout=architecture.dropout,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.cls_token_id,
        cls_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
        sep_token_id=tokenizer.sep_token_id,
    )
    return _random_weights(config)


def _random_weights(config: PreTrainedConfig) -> PreTrainedModel:
    model = AutoModel.from_config(config)  # type: ignore[no-untyped-call]
    assert isinstance(model, PreTrainedModel)
    return model


def _pretrained(path: str, revision: str) -> Encoder:
    """Open a hub id or local folder; the network is not tried for a folder nor under HF_HUB_OFFLINE.

    A folder is looked for here, then where Vigie lies: the recipe of a shipped encoder runs from anywhere.
    """
    origin = path
    path = next((str(folder) for folder in (Path(path), _ROOT / path) if folder.is_dir()), path)
    local = Path(path).is_dir()
    offline = local or os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")
    where = {"local_files_only": offline} | ({} if local else {"revision": revision})
    try:
        model = AutoModel.from_pretrained(path, dtype=torch.float32, **where)
        tokenizer = AutoTokenizer.from_pretrained(path, **where)
    except (OSError, ValueError) as error:
        raise Unavailable(_unreachable(path, revision, offline, error)) from None
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise ConfigError(f"encoder.path {path!r}: its tokenizer has no fast form (tokenizer.json); choose another")
    return Encoder(model, tokenizer, False, origin if local else f"{path}@{revision}")


def _unreachable(path: str, revision: str, offline: bool, error: Exception) -> str:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    advice = (
        "the network was not tried (HF_HUB_OFFLINE, or a folder): unset it, or give the folder of a saved checkpoint"
        if offline
        else "check the id, the revision and the network, or download it once and give the folder"
    )
    return f"encoder.path {path!r} (revision {revision!r}) cannot be opened: {reason}; {advice}"


def _check_positions(encoder: Encoder, max_tokens: int) -> None:
    room = getattr(encoder.model.config, "max_position_embeddings", None)
    if room is None:
        return
    # RoBERTa's family counts positions from the padding index.
    room -= encoder.model.config.pad_token_id + 1 if _offsets_positions(encoder.model) else 0
    if max_tokens > room:
        raise ConfigError(f"training.max_tokens {max_tokens}: {encoder.origin} has {room} positions at most")


def _offsets_positions(model: PreTrainedModel) -> bool:
    return model.config.model_type in ("camembert", "roberta", "xlm-roberta")


def served_tokenizer(tokenizer: PreTrainedTokenizerFast) -> Tokenizer:
    """The tokenizer as a bundle carries it: no truncation, no padding (the classifier makes the windows)."""
    served = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    served.no_truncation()
    served.no_padding()
    return served


class Tagger(nn.Module):
    """Encoder, pooling and one linear output per label; beside them, a branch of character n-grams where asked for.

    With the branch, which is fitted on its own, training mode gives the encoder's logits alone; otherwise come the
    n-grams' logits plus `encoder_share` of the encoder's.

    `forward(input_ids, attention_mask)`, both int64 of shape (batch, length), gives logits of shape (batch, labels).
    """

    def __init__(
        self,
        encoder: PreTrainedModel,
        n_labels: int,
        *,
        pooling: str,
        dropout: float = 0.0,
        ngrams: CharNgrams | None = None,
        encoder_share: float = 1.0,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.pooling = pooling
        self.ngrams = ngrams
        self.encoder_share = encoder_share
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(encoder.config.hidden_size, n_labels)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        logits: torch.Tensor = self.head(self.dropout(self._pool(hidden, attention_mask)))
        # A shared loss would teach the encoder nothing on the rows that the n-grams know by heart.
        if self.ngrams is None or self.training:
            return logits
        counted: torch.Tensor = self.ngrams(input_ids, attention_mask)
        return self.encoder_share * logits + counted

    def _pool(self, hidden: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        if self.pooling == "cls":
            return hidden[:, 0]
        weights = attention_mask.unsqueeze(-1).to(hidden.dtype)
        return (hidden * weights).sum(1) / weights.sum(1).clamp(min=1.0)


def save_architecture(encoder: Encoder, folder: Path) -> None:
    """Write the encoder's configuration and tokenizer, without weights: what a checkpoint needs to be read again."""
    encoder.model.config.save_pretrained(folder)
    encoder.tokenizer.save_pretrained(folder)


def load_architecture(folder: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """An encoder of the saved architecture with random weights, and its tokenizer."""
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    assert isinstance(tokenizer, PreTrainedTokenizerFast)  # only such are saved by `save_architecture`
    return _random_weights(config), tokenizer
