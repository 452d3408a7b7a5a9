"""Grid, addressable noise, samplers, training loop and edge dropout of the diffusion generators."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from baselines.generators.job import TrainingJob
from baselines.generators.loop import seeded
from baselines.scratch import diffusion
from baselines.scratch.phrases import CHANGES, apply_changes, change_table
from baselines.scratch.settings import GeneratorSettings, SamplingSettings
from baselines.scratch.slice_augmentation import drop_edges, random_geometry
from baselines.scratch.training import learning_rate, train_diffusion
from benchmark.core.progress import silent
from datasets.prompts import AUGMENTATION_PHRASES

CPU = torch.device("cpu")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_grid_round_trip_keeps_every_grey_level():
    planes = torch.arange(256).reshape(1, 1, 16, 16).float() / 255
    grid = diffusion.to_grid(planes, 4)
    assert grid.shape == (1, 16, 4, 4)
    assert grid.min() == -1
    assert grid.max() == 1
    shown = diffusion.to_uint8(diffusion.from_grid(grid, 4))
    assert np.array_equal(shown.flatten(), np.arange(256))


def test_noise_depends_on_its_address_alone():
    def noise(key="k", ids=("a", "b"), variant=0, sharing="address"):
        return diffusion.starting_noise(key, ids, [variant] * len(ids), (4, 8, 8), sharing, CPU)

    reference = noise()
    assert torch.equal(noise(ids=("b", "a")), reference.flip(0))
    assert torch.equal(noise(ids=("b",))[0], reference[1])
    for other in (noise(key="l"), noise(variant=1), noise(ids=("c", "d"))):
        assert (other - reference).abs().mean() > 0.5
    # (key "k1", variant 2) and (key "k", variant 12) must not meet.
    assert not torch.equal(noise(key="k1", variant=2), noise(key="k", variant=12))


def test_shared_noise_is_the_same_for_all_slices_of_a_variant():
    noise = diffusion.starting_noise("k", ("a", "b"), [0, 0], (4, 8, 8), "shared", CPU)
    assert torch.equal(noise[0], noise[1])
    assert not torch.equal(
        noise, diffusion.starting_noise("k", ("a", "b"), [1, 1], (4, 8, 8), "shared", CPU)
    )


def test_noise_is_standard_normal():
    noise = diffusion.starting_noise(
        "k", [str(n) for n in range(50)], [0] * 50, (4, 8, 8), "address", CPU
    )
    assert noise.mean().item() == pytest.approx(0, abs=0.03)
    assert noise.std().item() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("sampler", ["ddim", "dpm-solver++", "unipc"])
@pytest.mark.parametrize("prediction", ["sample", "velocity"])
def test_samplers_end_in_the_sample_of_a_perfect_network(sampler, prediction):
    target = torch.rand(3, 4, 8, 8, generator=generator()) * 2 - 1
    shares = diffusion.signal_shares(CPU)

    def perfect(grid, timesteps):
        power = shares[timesteps].reshape(-1, 1, 1, 1)
        noise = (grid - power.sqrt() * target) / (1 - power).sqrt()
        return (
            target if prediction == "sample" else power.sqrt() * noise - (1 - power).sqrt() * target
        )

    noise = diffusion.starting_noise("k", ["a", "b", "c"], [0, 0, 0], (4, 8, 8), "address", CPU)
    settings = SamplingSettings(sampler=sampler, steps=8)
    found = diffusion.sampling_loop(perfect, prediction, settings, CPU)(noise)
    assert (found - target).abs().max() < 0.02


@pytest.mark.parametrize("prediction", ["sample", "velocity"])
def test_loss_is_zero_for_a_perfect_network_and_positive_for_a_wrong_one(prediction):
    shares, settings = diffusion.signal_shares(CPU), GeneratorSettings(prediction=prediction)
    # with a sample of zeros x_t is noise only: x_t = s * noise, v = noise * a
    grid = torch.zeros(8, 4, 4, 4)

    def perfect(noisy, timesteps):
        power = shares[timesteps].reshape(-1, 1, 1, 1)
        return (
            torch.zeros_like(noisy)
            if prediction == "sample"
            else noisy * power.sqrt() / (1 - power).sqrt()
        )

    def loss(network):
        return diffusion.denoising_loss(
            network, grid, torch.ones(1), shares, settings, generator()
        ).item()

    assert loss(perfect) == pytest.approx(0, abs=1e-8)
    assert loss(lambda noisy, timesteps: noisy + 1) > 0.1


def test_detail_weight_punishes_errors_that_change_from_pixel_to_pixel_and_no_others():
    shares = diffusion.signal_shares(CPU)
    row, column = torch.meshgrid(torch.arange(8), torch.arange(8), indexing="ij")
    # two planes, as of pairs
    rough = diffusion.to_grid(((row + column) % 2).float().expand(4, 2, 8, 8), unshuffle=2)

    def loss(error, detail_weight):
        settings = GeneratorSettings(unshuffle=2, detail_weight=detail_weight)
        grid = torch.zeros_like(rough)
        importance = torch.ones(4, 4, 4, 4).repeat(1, 2, 1, 1)
        return diffusion.denoising_loss(
            lambda *_: error, grid, importance, shares, settings, generator()
        ).item()

    even = torch.ones_like(rough)
    assert loss(even, detail_weight=3.0) == pytest.approx(loss(even, detail_weight=0.0), rel=1e-6)
    # Neighbours differ by 2 along both axes, which is 4 when squared, where the error itself is 1.
    assert loss(rough, detail_weight=3.0) == pytest.approx(
        (1 + 3.0 * 2 * 4) * loss(rough, detail_weight=0.0), rel=1e-6
    )


class Line(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4))


def fit_line(settings, loss=lambda line: (line.weight - 3).square().mean(), report=silent):
    line = seeded(Line, seed=0)
    job = TrainingJob(Path(), CPU, seed=0, report=report)
    state = train_diffusion(line, lambda rows, rng: loss(line), 10, settings, job)
    return line, state


def test_training_reaches_the_minimum_and_reports_its_way():
    calls = []
    settings = GeneratorSettings(steps=200, learning_rate=0.1, ema_decay=0.9)
    line, state = fit_line(
        settings, report=lambda done, total, **fields: calls.append((done, total, "loss" in fields))
    )
    assert (line.weight - 3).abs().max() < 0.05
    assert state.curve[-1][1] < state.curve[0][1] / 100
    assert calls[:2] == [(0, 200, False), (10, 200, True)]
    assert calls[-1] == (200, 200, True)
    assert not line.training


def test_training_stops_at_the_step_whose_loss_is_not_finite():
    def break_at_step_7(line, counter=iter(range(1, 100))):  # noqa: B008
        return line.weight.sum() * (float("nan") if next(counter) == 7 else 1.0)

    with pytest.raises(RuntimeError, match="nan at step 7;"):
        fit_line(GeneratorSettings(steps=20), break_at_step_7)


def test_building_a_network_leaves_the_global_random_state_alone():
    before = torch.random.get_rng_state()
    first, second, other = seeded(Line, 1), seeded(Line, 1), seeded(Line, 2)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(first.weight, second.weight)
    assert not torch.equal(first.weight, other.weight)


def test_learning_rate_rises_then_falls():
    settings = GeneratorSettings(steps=100, warmup_share=0.1, learning_rate=1.0)
    rates = [learning_rate(step, settings) for step in range(100)]
    assert rates[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert all(later <= earlier for earlier, later in zip(rates[9:], rates[10:], strict=False))
    assert rates[-1] < 0.05


def test_geometry_moves_all_planes_together():
    planes = torch.rand(16, 1, 32, 32, generator=generator()).repeat(1, 3, 1, 1)
    settings = GeneratorSettings(rotation_degrees=20, scale_range=(0.8, 1.2))
    moved = random_geometry(planes, settings, generator(1))
    assert torch.equal(moved[:, 0], moved[:, 1])
    assert (moved - planes).abs().mean() > 0.05


def test_a_zoom_that_crops_enlarges_and_one_that_does_not_shrinks():
    """Q13: 16 pixels at zoom 0.75 are 16 / 0.75 = 21, where ours makes 16 x 0.75 = 12 of them."""
    planes = torch.zeros(1, 1, 64, 64)
    planes[..., 24:40, 24:40] = 1
    zoomed = GeneratorSettings(flip_probability=0, rotation_degrees=0, scale_range=(0.75, 0.75))
    for crop, side in ((True, 21), (False, 12)):
        moved = random_geometry(planes, zoomed, generator(), crop=crop)[0, 0]
        inside = moved > 0.5
        # with both ends of 16 / 0.75 = 21.3 in the middle of a pixel it is 21 or 22
        assert side <= int(inside.any(0).sum()) <= side + (side == 21)
        assert moved.sum() == pytest.approx((16 / 0.75 if crop else 12) ** 2, rel=0.02)


def test_what_a_crop_takes_from_outside_is_mirrored():
    planes = torch.rand(1, 1, 32, 32, generator=generator()) * 0.5 + 0.5
    wider = GeneratorSettings(flip_probability=0, rotation_degrees=0, scale_range=(1.25, 1.25))
    moved = random_geometry(planes, wider, generator(), crop=True)
    # 1.25 sides are shown: 4 pixels of mirror image on each side, then shrunk to 32
    mirrored = np.pad(planes[0, 0].numpy(), 4, mode="symmetric")
    at = (np.arange(32) + 0.5) * 1.25 - 0.5
    low, part = np.floor(at).astype(int), at - np.floor(at)
    rows = mirrored[low] * (1 - part)[:, None] + mirrored[low + 1] * part[:, None]
    expected = rows[:, low] * (1 - part) + rows[:, low + 1] * part
    np.testing.assert_allclose(moved[0, 0].numpy(), expected, atol=1e-5)
    black = random_geometry(
        planes, GeneratorSettings(**vars(wider) | {"scale_range": (0.8, 0.8)}), generator()
    )
    assert black[0, 0, 0].abs().max() == 0 < moved[0, 0, 0].min()


def test_geometry_mirrors_exactly_and_only_when_asked():
    planes = torch.rand(64, 1, 32, 32, generator=generator())
    still = {"rotation_degrees": 0, "scale_range": (1, 1)}
    moved = random_geometry(planes, GeneratorSettings(flip_probability=0, **still), generator(1))
    assert torch.allclose(moved, planes, atol=1e-5)
    moved = random_geometry(planes, GeneratorSettings(flip_probability=1, **still), generator(1))
    assert torch.allclose(moved, planes.flip(3), atol=1e-5)


def test_edge_dropout_empties_image_edges_but_never_the_mask_boundary():
    masks = torch.zeros(4, 1, 64, 64)
    masks[:, :, 20:40, 20:40] = 1
    edges = torch.ones(4, 1, 64, 64)
    uniform = torch.rand(4, 1, 8, 8, generator=generator())
    half = drop_edges(edges, masks, uniform, torch.tensor(0.5))
    assert 0.4 < half.mean() < 0.65
    everything = drop_edges(edges, masks, uniform, torch.tensor(1.0))
    rim = torch.zeros(64, 64, dtype=torch.bool)
    rim[19:41, 19:41] = True
    rim[21:39, 21:39] = False
    assert torch.equal(everything[0, 0] > 0, rim)
    assert torch.equal(drop_edges(edges, masks, uniform, torch.tensor(0.0)), edges)


def test_every_phrase_has_a_change_and_the_four_of_the_paper_do_what_they_say():
    assert set(CHANGES) == set(AUGMENTATION_PHRASES)
    images = torch.rand(1, 1, 64, 64, generator=generator()) * 0.6 + 0.2

    def changed(phrase):
        return apply_changes(images, change_table((phrase,)), generator())

    def roughness(image):
        return image.diff(dim=-1).abs().mean()

    assert torch.allclose(changed(""), images)
    assert changed("darkened image").mean() < images.mean() - 0.1
    assert changed("enhanced contrast").std() > 1.2 * images.std()
    assert roughness(changed("median filter")) < 0.5 * roughness(images)
    assert roughness(changed("high resolution")) > 1.2 * roughness(images)
