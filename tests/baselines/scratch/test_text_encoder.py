"""The small text encoder: words, vocabulary, unknown words, mixing."""

import pytest
import torch

from baselines.generators.loop import seeded
from baselines.scratch.phrases import join_phrase, split_phrase
from baselines.scratch.text_encoder import STYLE, TextEncoder, Vocabulary, embed, words
from benchmark.core.errors import InputError

TRIPLET = "MRI, prostate, whole gland"
DARK = join_phrase(TRIPLET, "darkened image")


@pytest.fixture
def vocabulary():
    return Vocabulary.of([STYLE, TRIPLET, DARK])


@pytest.fixture
def encoder(vocabulary):
    return seeded(
        lambda: TextEncoder(len(vocabulary.known), vocabulary.length, 8, heads=2), 0
    ).eval()


def test_prompts_are_cut_into_lower_case_words():
    assert words("MRI, prostate,  whole-gland") == ["mri", "prostate", "whole", "gland"]
    assert words("Échographie, T2_w") == ["échographie", "t2", "w"]
    assert words("") == []


def test_vocabulary_survives_being_stored(vocabulary):
    assert vocabulary.known == [
        "darkened",
        "gland",
        "gray",
        "image",
        "mri",
        "prostate",
        "sketch",
        "whole",
    ]
    assert vocabulary.length == 6
    again = Vocabulary(vocabulary.known, vocabulary.length)
    assert torch.equal(again.encode([DARK, ""]), vocabulary.encode([DARK, ""]))
    assert vocabulary.encode([""]).tolist() == [[0] * 6]


def test_unknown_words_are_named_not_swallowed(vocabulary):
    assert vocabulary.unknown([TRIPLET, "CT, Spleen, whole gland"]) == ["ct", "spleen"]
    assert vocabulary.unknown([DARK]) == []


def test_too_long_a_prompt_is_refused(vocabulary):
    with pytest.raises(InputError, match="7 words"):
        vocabulary.encode([DARK + ", more"])


def test_embedding_depends_on_words_and_their_order(vocabulary, encoder):
    texts = embed(
        encoder, vocabulary, [TRIPLET, DARK, "prostate, MRI, whole gland", TRIPLET], "plain"
    )
    assert len(texts) == 3, "a prompt is encoded once"
    assert texts[TRIPLET].shape == (6, 8)
    assert not torch.allclose(texts[TRIPLET], texts[DARK])
    assert not torch.allclose(texts[TRIPLET], texts["prostate, MRI, whole gland"])


def test_weighted_mix_is_mostly_style(vocabulary, encoder):
    with torch.no_grad():
        plain = embed(encoder, vocabulary, [TRIPLET, "darkened image", STYLE], "plain")
        mixed = embed(encoder, vocabulary, [DARK], "weighted")[DARK]
    expected = 0.045 * plain[TRIPLET] + 0.005 * plain["darkened image"] + 0.95 * plain[STYLE]
    assert torch.allclose(mixed, expected, atol=1e-6)


def test_phrases_are_told_from_the_triplet():
    assert split_phrase(DARK) == (TRIPLET, "darkened image")
    assert split_phrase(TRIPLET) == (TRIPLET, "")
    assert join_phrase(TRIPLET, "") == TRIPLET
