"""Samples of generators trained from scratch: their address, their knobs, what they show."""

import numpy as np
import pytest

from baselines.generators.base import Conditions
from baselines.scratch.settings import GeneratorSettings, SamplingSettings
from tests.baselines.generators.discs import conditions_of, disc_slices, load
from tests.support.one_variant import sample_variant


@pytest.mark.parametrize(
    "change",
    [
        {"edge_warp": 0.06},
        {"edge_thinning": 0.9},
        {"edge_dropout": 0.5},
        {"guidance_scale": 3.0},
        {"noise_scale": 0.2},
    ],
)
def test_every_knob_changes_the_image_by_its_address_and_keeps_the_mask(fits, change):
    generator, data = load("emitdiff", fits), disc_slices(8)
    plain = SamplingSettings(edge_dropout=0, guidance_scale=1)
    conditions = conditions_of(data, "darkened image")

    def sample(sampling, variant=0, batch_size=8):
        return sample_variant(
            generator,
            conditions,
            variant=variant,
            key="k",
            batch_size=batch_size,
            sampling=sampling,
        )

    before, (after, masks) = sample(plain)[0], sample(plain.model_copy(update=change))
    assert np.abs(after.astype(int) - before).mean() > 0.2
    assert np.array_equal(masks, data.masks)
    alone = sample(plain.model_copy(update=change), batch_size=3)[0]
    assert np.abs(after.astype(int) - alone).max() <= 1


def test_less_starting_noise_makes_variants_more_alike(fits):
    generator, conditions = load("emitdiff", fits), conditions_of(disc_slices(8))

    def spread(scale):
        sampling = SamplingSettings(edge_dropout=0, noise_scale=scale)
        drawn = [
            sample_variant(
                generator, conditions, variant=v, key="k", batch_size=8, sampling=sampling
            )[0]
            for v in range(4)
        ]
        return np.std(drawn, axis=0).mean()

    assert spread(0.0) == 0 < spread(0.3) < 0.8 * spread(1.0)


def test_held_out_samples_take_the_whole_edge_map_and_no_other_cases_style():
    switches = {"noise": "shared", "text_mix": "plain"}
    settings = GeneratorSettings(style=True, sampling={"style": "other", "edge_warp": 0.02})
    plain = GeneratorSettings().sampling_spec(switches)
    assert settings.held_out_sampling(settings.sampling_spec(switches)) == plain


def test_a_sample_does_not_depend_on_batch_size_or_order(name, fits):
    generator, data = load(name, fits), disc_slices(15)
    whole = conditions_of(data)
    backwards = conditions_of(data, rows=slice(None, None, -1))
    one, mask_one = sample_variant(generator, whole, variant=0, key="k", batch_size=1)
    seven, mask_seven = sample_variant(generator, whole, variant=0, key="k", batch_size=7)
    reversed_, _ = sample_variant(generator, backwards, variant=0, key="k", batch_size=7)
    for other in (seven, reversed_[::-1]):
        # A convolution over another batch size may sum in another order: the last bits of a float
        # differ, and a value that lies on the border between two grey levels is rounded to the
        # other one.
        difference = np.abs(one.astype(int) - other.astype(int))
        assert difference.max() <= 1
        assert (difference > 0).mean() < 0.001
    assert (mask_one != mask_seven).mean() < 0.001


def test_variants_keys_and_slices_have_noise_of_their_own(name, fits):
    generator = load(name, fits)
    data = disc_slices(1)
    twins = Conditions(
        ["a", "b"], data.masks.repeat(2, 0), data.edges.repeat(2, 0), data.prompts * 2
    )
    first, _ = sample_variant(generator, twins, variant=0, key="k", batch_size=2)
    assert not np.array_equal(first[0], first[1])
    for variant, key in ((1, "k"), (0, "l")):
        assert not np.array_equal(
            first, sample_variant(generator, twins, variant=variant, key=key, batch_size=2)[0]
        )
    shared = SamplingSettings(noise="shared", edge_dropout=0)
    alike, _ = sample_variant(generator, twins, variant=0, key="k", batch_size=1, sampling=shared)
    assert np.array_equal(alike[0], alike[1])


@pytest.mark.parametrize("sampler", ["ddim", "dpm-solver++", "unipc"])
def test_every_sampler_gives_images(name, fits, sampler):
    settings = SamplingSettings(sampler=sampler, steps=4)
    conditions = conditions_of(disc_slices(4))
    images, _ = sample_variant(
        load(name, fits), conditions, variant=0, key="k", batch_size=4, sampling=settings
    )
    assert images.std() > 10


def test_emitdiff_shows_the_organ_where_the_mask_is(fits):
    data = disc_slices(24, seed=1)  # slices it has not seen
    images, masks = sample_variant(
        load("emitdiff", fits), conditions_of(data), variant=0, key="k", batch_size=24
    )
    assert np.array_equal(masks, data.masks)
    assert masks is not data.masks
    inside, outside = images[masks > 0].mean(), images[masks == 0].mean()
    assert inside - outside > 65, "at least half the contrast of the training discs"


def test_unconditional_pairs_show_the_organ_where_their_own_mask_is(fits):
    data = disc_slices(24)
    images, masks = sample_variant(
        load("unconditional", fits), conditions_of(data), variant=0, key="k", batch_size=24
    )
    assert 0.3 * data.masks.mean() < masks.mean() < 3 * data.masks.mean()
    assert images[masks > 0].mean() - images[masks == 0].mean() > 65


def test_the_prompt_changes_the_sample_as_it_says(fits):
    generator, data = load("emitdiff", fits), disc_slices(12)
    plain, dark, strong = (
        sample_variant(generator, conditions_of(data, phrase), variant=0, key="k", batch_size=12)[
            0
        ].astype(float)
        for phrase in ("", "darkened image", "enhanced contrast")
    )
    assert dark.mean() < plain.mean() - 5
    assert strong.std() > plain.std()


def test_guidance_goes_further_the_way_of_the_prompt(fits):
    generator, conditions = load("emitdiff", fits), conditions_of(disc_slices(12), "darkened image")
    plain, guided = (
        sample_variant(
            generator,
            conditions,
            variant=0,
            key="k",
            batch_size=12,
            sampling=SamplingSettings(guidance_scale=scale),
        )
        for scale in (1.0, 3.0)
    )
    assert guided[0].mean() < plain[0].mean()


def test_weighted_text_almost_silences_the_prompt(fits):
    generator, data = load("emitdiff", fits), disc_slices(12)

    def effect(text_mix):
        plain, dark = (
            sample_variant(
                generator,
                conditions_of(data, phrase),
                variant=0,
                key="k",
                batch_size=12,
                sampling=SamplingSettings(text_mix=text_mix, guidance_scale=1),
            )[0].astype(float)
            for phrase in ("", "darkened image")
        )
        return np.abs(dark - plain).mean()

    assert effect("weighted") < 0.2 * effect("plain")


def test_dropped_edges_change_the_image_but_not_the_mask(fits):
    generator, conditions = load("emitdiff", fits), conditions_of(disc_slices(8))
    results = [
        sample_variant(
            generator,
            conditions,
            variant=0,
            key="k",
            batch_size=8,
            sampling=SamplingSettings(edge_dropout=share),
        )
        for share in (0.0, 0.9)
    ]
    assert not np.array_equal(results[0][0], results[1][0])
    assert np.array_equal(results[0][1], results[1][1])
