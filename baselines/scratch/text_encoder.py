"""A small text encoder, trained together with its generator on nothing but the prompts of the
training slices.

Prompts are lower-cased and cut into words; the vocabulary is stored beside the weights. A word
that was never trained has no meaning: it is encoded as a padding token and named by
`Vocabulary.unknown`, so that the caller can say it. Not here: CLIP, which the preset with
pre-trained weights uses.
"""

import re
from collections.abc import Iterable, Sequence

import torch
from torch import nn

from baselines.scratch.phrases import split_phrase
from benchmark.core.errors import InputError
from benchmark.training.to_device import sent

# the words that make up 95 % of the conditioning in the authors' release (Q12)
STYLE = "gray, sketch"
_WEIGHTS = {"prompt": 0.045, "phrase": 0.005, "style": 0.95}
_PADDING = 0


def words(prompt: str) -> list[str]:
    """ "MRI, prostate, whole gland" -> ["mri", "prostate", "whole", "gland"]."""
    return re.findall(r"[^\W_]+", prompt.lower())


class Vocabulary:
    """Words with a trained meaning, and the length in words to which every prompt is padded."""

    def __init__(self, known: Sequence[str], length: int):
        self.known = list(known)
        self.length = length
        self._index = {word: position + 1 for position, word in enumerate(self.known)}

    @classmethod
    def of(cls, prompts: Iterable[str]) -> "Vocabulary":
        """All words of `prompts`, sorted; the longest prompt sets the length."""
        split = [words(prompt) for prompt in prompts]
        return cls(
            sorted({word for prompt in split for word in prompt}),
            max(1, *(len(prompt) for prompt in split)),
        )

    def unknown(self, prompts: Iterable[str]) -> list[str]:
        """Words of `prompts` without a trained meaning, sorted."""
        return sorted({word for prompt in prompts for word in words(prompt)} - set(self.known))

    def encode(self, prompts: Sequence[str]) -> torch.Tensor:
        """Token numbers int64 (P, length); 0 = padding or unknown. Raises InputError for a prompt
        that is too long."""
        tokens = torch.zeros(len(prompts), self.length, dtype=torch.long)
        for row, prompt in enumerate(prompts):
            split = words(prompt)
            if len(split) > self.length:
                raise InputError(
                    f"prompt '{prompt}' has {len(split)} words; this generator reads"
                    f" {self.length}; shorten it."
                )
            for place, word in enumerate(split):
                tokens[row, place] = self._index.get(word, _PADDING)
        return tokens


class TextEncoder(nn.Module):
    """Tokens int64 (B, L) -> embeddings float32 (B, L, width): word + position, one transformer
    layer."""

    def __init__(self, words_known: int, length: int, width: int, heads: int):
        super().__init__()
        self.word = nn.Embedding(words_known + 1, width)
        self.position = nn.Parameter(torch.randn(length, width) * 0.1)
        self.layer = nn.TransformerEncoderLayer(
            width,
            heads,
            dim_feedforward=2 * width,
            dropout=0.0,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.norm(self.layer(self.word(tokens) + self.position))


def embed(
    encoder: TextEncoder, vocabulary: Vocabulary, prompts: Sequence[str], text_mix: str
) -> dict[str, torch.Tensor]:
    """Embedding (length, width) of every distinct prompt, encoded once, on the encoder's device.

    `text_mix` "weighted" gives 0.045 x triplet + 0.005 x phrase + 0.95 x style (Q12); the style
    words and the bare triplets are among the trained prompts, so this mixes embeddings that have a
    meaning.
    """
    distinct = list(dict.fromkeys(prompts))
    device = encoder.position.device

    def encode(texts: Sequence[str]) -> torch.Tensor:
        return encoder(sent(vocabulary.encode(texts), device))

    if text_mix == "plain":
        mixed = encode(distinct)
    else:
        parts = [split_phrase(prompt) for prompt in distinct]
        mixed = (
            _WEIGHTS["prompt"] * encode([triplet for triplet, _ in parts])
            + _WEIGHTS["phrase"] * encode([phrase for _, phrase in parts])
            + _WEIGHTS["style"] * encode([STYLE])
        )
    return dict(zip(distinct, mixed, strict=True))
