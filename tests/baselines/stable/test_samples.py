"""Samples of Stable Diffusion: their address, knobs and memory, and those of the plain pipeline."""

import numpy as np
import pytest
import torch

from baselines.generators.base import Conditions
from baselines.stable.generator import StableDiffusion
from baselines.stable.parts import Denoiser, embed, encode, load_parts
from baselines.stable.sampling import _decode
from baselines.stable.settings import StableSampling
from benchmark.core.errors import InputError
from benchmark.training import number_format
from benchmark.training.microbatch import halving
from datasets.prompts import AUGMENTATION_PHRASES
from tests.baselines.stable.discs import CPU, PROMPT, QUICK, conditions_of, disc_slices
from tests.bench.plain_sampling import PlainStable
from tests.support.one_variant import sample_variant
from tests.support.tiny_stable import SIZE


def sampled(generator, conditions, batch_size=4, variant=0, key="k", sampling=QUICK):
    return sample_variant(
        generator, conditions, variant=variant, key=key, batch_size=batch_size, sampling=sampling
    )


@pytest.mark.parametrize(("dtype", "share"), [(torch.float32, 0.01), (torch.bfloat16, 0.1)])
def test_a_sample_does_not_depend_on_batch_size_or_order(folder, places, monkeypatch, dtype, share):
    monkeypatch.setattr(number_format, "native_dtype", lambda device: dtype)
    fitted = StableDiffusion.load(folder, CPU, places)
    data = disc_slices(7)
    one, masks = sampled(fitted, conditions_of(data), batch_size=1)
    parts = fitted.sampler.parts
    assert parts.vae.dtype == parts.denoiser.unet.dtype == dtype
    assert one.shape == (7, SIZE, SIZE)
    assert one.dtype == np.uint8
    assert np.array_equal(masks, data.masks)
    seven, _ = sampled(fitted, conditions_of(data), batch_size=7)
    backwards, _ = sampled(fitted, conditions_of(data, rows=slice(None, None, -1)), batch_size=3)
    for other in (seven, backwards[::-1]):
        difference = np.abs(one.astype(int) - other.astype(int))
        assert difference.max() <= 1
        assert (difference > 0).mean() < share


@pytest.mark.parametrize("guidance_scale", [1.0, 7.5])
def test_a_sample_is_that_of_the_pipeline_of_diffusers(folder, places, monkeypatch, guidance_scale):
    monkeypatch.setattr(number_format, "native_dtype", lambda device: torch.float32)
    fitted = StableDiffusion.load(folder, CPU, places)
    sampling = StableSampling(steps=4, guidance_scale=guidance_scale)
    conditions = conditions_of(disc_slices(3), "darkened image")
    images, _ = sampled(fitted, conditions, sampling=sampling)
    plain = PlainStable(load_parts(places, folder), sampling, "k", CPU)
    wanted = np.stack([plain(conditions, row) for row in range(3)])
    assert np.abs(wanted.astype(int) - images).max() <= 1


def test_sampling_goes_on_with_smaller_batches_where_memory_does_not_suffice(fitted, monkeypatch):
    data = disc_slices(5)
    plenty, _ = sampled(fitted, conditions_of(data), batch_size=1)
    real = Denoiser.forward

    def little_memory(self, latents, *more):
        if len(latents) > 4:  # two slices, with and without text
            raise torch.OutOfMemoryError
        return real(self, latents, *more)

    monkeypatch.setattr(Denoiser, "forward", little_memory)
    little, _ = halving(5, lambda at_once: sampled(fitted, conditions_of(data), batch_size=at_once))
    assert np.abs(plenty.astype(int) - little.astype(int)).max() <= 1


def test_one_slice_too_many_is_said_so(fitted, monkeypatch):
    def no_memory(self, *more):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(Denoiser, "forward", no_memory)
    with pytest.raises(InputError, match="does not hold one slice of 32 pixels while sampling"):
        halving(
            4, lambda at_once: sampled(fitted, conditions_of(disc_slices(3)), batch_size=at_once)
        )


def test_variants_keys_and_slices_have_noise_of_their_own(fitted):
    data = disc_slices(1)
    twins = Conditions(
        ["a", "b"], data.masks.repeat(2, 0), data.edges.repeat(2, 0), data.prompts * 2
    )
    first, _ = sampled(fitted, twins)
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first, sampled(fitted, twins, variant=1)[0])
    assert not np.array_equal(first, sampled(fitted, twins, key="l")[0])
    alike, _ = sampled(
        fitted, twins, batch_size=1, sampling=QUICK.model_copy(update={"noise": "shared"})
    )
    assert np.array_equal(alike[0], alike[1])


@pytest.mark.parametrize(
    "change",
    [
        {"sampler": "ddim"},
        {"sampler": "unipc"},
        {"steps": 5},
        {"guidance_scale": 1.0},
        {"negative_prompt": "cat"},
        {"control_scale": 0.0},
        {"edge_dropout": 0.9},
        {"text_mix": "weighted"},
        {"grey": "first-channel"},
        {"prompt_suffix": "sharp"},
    ],
    ids=str,
)
def test_every_knob_of_sampling_changes_the_sample(fitted, change):
    conditions = conditions_of(disc_slices(3), "darkened image")
    sampling = StableSampling(steps=4, guidance_scale=9)
    usual, _ = sampled(fitted, conditions, sampling=sampling)
    other, _ = sampled(fitted, conditions, sampling=sampling.model_copy(update=change))
    assert not np.array_equal(usual, other)


def test_the_prompt_and_the_edges_steer(fitted):
    data = disc_slices(3)
    plain, _ = sampled(fitted, conditions_of(data))
    assert not np.array_equal(plain, sampled(fitted, conditions_of(data, "darkened image"))[0])
    flat = Conditions(data.ids, data.masks, np.zeros_like(data.edges), data.prompts)
    assert not np.array_equal(plain, sampled(fitted, flat)[0])


def test_the_weighted_mix_is_that_of_the_release(settings):
    parts = load_parts(settings()[1])
    prompt, phrase, style = encode(parts, [PROMPT, AUGMENTATION_PHRASES[2], "gray, sketch"])
    mixed = embed(parts, [f"{PROMPT}, {AUGMENTATION_PHRASES[2]}"], "weighted")
    assert torch.allclose(*mixed.values(), 0.045 * prompt + 0.005 * phrase + 0.95 * style)


def test_words_of_quality_follow_the_prompt_and_in_the_mix_its_triplet(settings):
    parts = load_parts(settings()[1])
    phrase = AUGMENTATION_PHRASES[2]
    plain = embed(parts, [f"{PROMPT}, {phrase}"], "plain", "sharp")[f"{PROMPT}, {phrase}"]
    assert torch.equal(plain, encode(parts, [f"{PROMPT}, {phrase}, sharp"])[0])
    prompt, words, style = encode(parts, [f"{PROMPT}, sharp", phrase, "gray, sketch"])
    mixed = embed(parts, [f"{PROMPT}, {phrase}"], "weighted", "sharp")
    assert torch.allclose(*mixed.values(), 0.045 * prompt + 0.005 * words + 0.95 * style)


@pytest.mark.parametrize("grey", ["mean", "first-channel"])
def test_the_grey_image_is_the_mean_of_the_channels_or_the_first(fitted, monkeypatch, grey):
    """Q36: decoded values in [-1, 1], of three channels that differ."""
    decoded = torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0)) * 2.4 - 1.2
    vae = fitted.sampler.parts.vae
    monkeypatch.setattr(vae, "decode", lambda latents, return_dict: (decoded,))
    made = _decode(fitted.sampler.parts, torch.zeros(2, 4, 4, 4), grey)
    colours = np.clip((decoded.numpy() + 1) / 2, 0, 1)
    expected = 255 * (colours.mean(1) if grey == "mean" else colours[:, 0])
    assert np.abs(made - expected).max() <= 0.5 + 1e-3


def test_prompts_are_encoded_once(folder, places, monkeypatch):
    seen = []
    # one that has encoded nothing yet
    fitted = StableDiffusion.load(folder, CPU, places)
    encoder = fitted.sampler.parts.text_encoder
    real = encoder.forward
    monkeypatch.setattr(
        encoder, "forward", lambda tokens, **k: seen.append(len(tokens)) or real(tokens, **k)
    )
    for variant in range(2):
        sampled(fitted, conditions_of(disc_slices(6)), batch_size=2, variant=variant)
    assert seen == [1, 1], "the one prompt of six slices and two variants, and the negative one"


def test_a_prompt_over_the_limit_of_clip_is_one_sentence(fitted):
    with pytest.raises(InputError, match="has 101 tokens; CLIP reads 77"):
        sampled(fitted, conditions_of(disc_slices(1), "x" * 88))
