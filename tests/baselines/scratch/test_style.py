"""The style of a slice: what its numbers see, and how another case's changes a sample at a kept
mask."""

import numpy as np
import pytest
import torch

from baselines.generators.base import Conditions, TrainingSlices
from baselines.generators.job import TrainingJob
from baselines.scratch import style
from baselines.scratch.emitdiff import EmitDiff
from baselines.scratch.settings import GeneratorSettings, SamplingSettings
from tests.baselines.generators.test_generators import CPU, PROMPT, conditions_of, disc_slices
from tests.support.one_variant import sample_variant

SETTINGS = GeneratorSettings(
    unshuffle=2,
    channels=(16, 16),
    text_width=16,
    steps=120,
    learning_rate=5e-3,
    phrases=0,
    style=True,
    style_jitter=0.3,
)
PLAIN = {"edge_dropout": 0.0, "guidance_scale": 1.0}


def two_scanners():
    """Twelve cases of one dark slice and twelve of one bright slice."""
    data = disc_slices(24)
    images = data.images.astype(float)
    images[:12] *= 0.5
    return TrainingSlices(images.astype(np.uint8), data.masks, data.edges, data.prompts, data.ids)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("styled")
    EmitDiff.fit(two_scanners(), SETTINGS, TrainingJob(seed=0, device=CPU, out=folder))
    return folder


@pytest.fixture
def generator(fitted):
    return EmitDiff.load(fitted, CPU)


def sampled(generator, conditions, chosen, variant=0, batch_size=24):
    sampling = SamplingSettings(style=chosen, **PLAIN)
    return sample_variant(
        generator, conditions, variant=variant, key="k", batch_size=batch_size, sampling=sampling
    )


def test_statistics_tell_brightness_texture_and_sides():
    image = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(0)) * 0.2 + 0.4
    ramp = torch.linspace(-0.2, 0.2, 64)
    changed = torch.cat([image, image * 0.5, torch.full_like(image, 0.5), image + ramp])
    plain, dark, flat, tilted = style.statistics(changed)
    assert plain.shape == (style.WIDTH - 1,)
    assert (dark[:5] < plain[:5]).all()
    assert flat[5] < 1e-6 < plain[5] and (flat[6:8] < plain[6:8] - 1).all()
    assert tilted[9] == pytest.approx(float(plain[9]) + 0.1, abs=0.01)


def test_own_style_keeps_the_scanner_and_another_case_brings_its_own(generator):
    data = two_scanners()
    own, masks = sampled(generator, conditions_of(data), "own")
    assert own[12:].mean() - own[:12].mean() > 25
    assert np.array_equal(masks, data.masks)
    other = np.stack(
        [sampled(generator, conditions_of(data), "other", variant)[0] for variant in range(6)]
    )
    per_variant = other.mean((2, 3))
    # bright ones among those of dark cases
    assert per_variant[:, :12].max() - per_variant[:, :12].min() > 25
    assert (
        per_variant.std(0).mean()
        > 3 * sampled(generator, conditions_of(data), "own", 1)[0].mean((1, 2)).std() / 12
    )
    drawn = sampled(generator, conditions_of(data), "other", 0, batch_size=5)[0]
    assert np.abs(drawn.astype(int) - other[0]).max() <= 1  # by address, whatever the batch


def test_a_slice_that_was_no_training_slice_has_no_style_of_its_own(generator):
    """Nothing of a test image can reach its sample but its edges."""
    data = two_scanners()
    strangers = Conditions(
        [f"test_{n}/z0" for n in range(24)], data.masks, data.edges, [PROMPT] * 24
    )
    assert np.array_equal(
        sampled(generator, strangers, "own")[0], sampled(generator, strangers, "none")[0]
    )
    assert not np.array_equal(
        sampled(generator, strangers, "other")[0], sampled(generator, strangers, "none")[0]
    )


def test_the_style_is_that_of_a_training_slice_of_another_case():
    training = ["a/0", "a/1", "b/0", "c/0"]
    draws = [np.random.default_rng(number) for number in range(60)]
    rows = style.rows_of_other_cases(["a/0"] * 30 + ["x/0"] * 30, training, draws)
    assert set(rows[:30]) == {2, 3} and set(rows[30:]) == {0, 1, 2, 3}
    assert style.rows_of_other_cases(["a/0"], ["a/0", "a/1"], draws[:1]) == [-1]


def test_a_style_needs_a_generator_that_was_told_styles():
    with pytest.raises(ValueError, match="style=true"):
        GeneratorSettings(sampling=SamplingSettings(style="other"))
    assert (
        GeneratorSettings(style=True, sampling=SamplingSettings(style="other")).sampling.style
        == "other"
    )


def test_unspecified_is_told_as_zeros():
    found = torch.rand(3, style.WIDTH - 1)
    told = style.encoded(found, style.scale_of(found), torch.tensor([1.0, 0.0, 1.0]))
    assert told.shape == (3, style.WIDTH)
    assert (told[1] == 0).all() and told[0, -1] == 1 and told[[0, 2]].abs().sum() > 1
