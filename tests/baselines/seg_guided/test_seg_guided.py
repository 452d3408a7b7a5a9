"""seg-guided on 16 px discs: learns, stores, and draws its variants from addresses."""

import json

import numpy as np
import pytest
import torch

from baselines.generators.base import Conditions
from baselines.generators.fit_folder import training_ids
from baselines.generators.job import TrainingJob
from baselines.scratch.unconditional_network import GridUNet
from baselines.seg_guided.generator import SegGuided
from baselines.seg_guided.settings import SegGuidedSampling, SegGuidedSettings
from baselines.seg_guided.training import TrainingBatches, network_of
from benchmark.core.errors import InputError
from tests.baselines.generators.test_generators import CPU, conditions_of, disc_slices
from tests.support.one_variant import sample_variant

SETTINGS = SegGuidedSettings(
    objective="flow", unshuffle=2, channels=(16, 16), steps=150, ablation=0.3
)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seg-guided")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    SegGuided.fit(disc_slices(), SETTINGS, TrainingJob(seed=0, device=CPU, out=folder))
    yield folder
    torch.set_num_threads(threads)


@pytest.fixture
def generator(fitted):
    return SegGuided.load(fitted, CPU)


def test_it_shows_the_organ_where_the_mask_is(generator):
    data = disc_slices(24, seed=1)  # slices it has not seen
    images, masks = sample_variant(generator, conditions_of(data), key="k", batch_size=24)
    assert images.dtype == np.uint8 and np.array_equal(masks, data.masks)
    assert images[masks > 0].mean() - images[masks == 0].mean() > 65, (
        "half the contrast of the training discs"
    )


def test_its_folder_is_like_that_of_any_generator(fitted):
    names = {"weights.safetensors", "config.json", "curve.csv", "training_ids.json"}
    assert {path.name for path in fitted.iterdir()} == names
    assert training_ids(fitted) == disc_slices().ids
    config = json.loads((fitted / "config.json").read_text())
    assert config["generator"] == "seg-guided"
    assert SegGuidedSettings(**config["settings"]) == SETTINGS
    rows = (fitted / "curve.csv").read_text().splitlines()[1:]
    losses = [float(row.split(",")[1]) for row in rows]
    assert np.mean(losses[-3:]) < 0.5 * losses[0]


def test_a_sample_depends_on_its_address_alone(generator):
    data = disc_slices(6)
    whole = sample_variant(generator, conditions_of(data), variant=1, key="k", batch_size=6)[0]
    order = np.random.default_rng(0).permutation(6)
    part = Conditions([data.ids[i] for i in order], data.masks[order], data.edges[order], [""] * 6)
    small = sample_variant(generator, part, variant=1, key="k", batch_size=2)[0]
    assert np.abs(small.astype(int) - whole[order]).max() <= 1
    for variant, key in ((2, "k"), (1, "l")):
        other = sample_variant(
            generator, conditions_of(data), variant=variant, key=key, batch_size=6
        )[0]
        assert not np.array_equal(other, whole)


def test_shared_noise_is_that_of_the_variant(generator):
    data = disc_slices(1)
    masks, edges = data.masks.repeat(2, 0), data.edges.repeat(2, 0)
    twins = Conditions(["a/z0", "b/z0"], masks, edges, ["", ""])
    for noise, alike in (("shared", True), ("address", False)):
        sampling = SegGuidedSampling(noise=noise, steps=3)
        images, _ = sample_variant(generator, twins, key="k", batch_size=2, sampling=sampling)
        assert np.array_equal(images[0], images[1]) == alike


@pytest.mark.parametrize("sampler", ["ddim", "dpm-solver++", "unipc"])
def test_noise_is_solved_by_every_sampler_on_both_schedules(tmp_path, sampler):
    for schedule in ("linear", "cosine"):
        settings = SETTINGS.model_copy(
            update={"objective": "noise", "schedule": schedule, "loss": "l1", "steps": 3}
        )
        folder = tmp_path / schedule
        SegGuided.fit(disc_slices(), settings, TrainingJob(seed=0, device=CPU, out=folder))
        images, _ = sample_variant(
            SegGuided.load(folder, CPU),
            conditions_of(disc_slices(2)),
            key="k",
            batch_size=2,
            sampling=SegGuidedSampling(sampler=sampler, steps=4),
        )
        assert images.std() > 10


@pytest.mark.parametrize("objective", ["noise", "flow"])
def test_the_loss_is_the_error_of_the_objective(objective):
    """A network that answers 0: the mean square of its target, weighted or not."""
    data = disc_slices()

    class Zero(GridUNet):
        def forward(self, grid, timesteps, *shown):
            return torch.zeros_like(grid)

    def found(**more):
        settings = SETTINGS.model_copy(
            update={"objective": objective, "flip_probability": 0.0, **more}
        )
        batches = TrainingBatches(Zero(settings, 16, 1, 1), settings, data, CPU)
        rng = torch.Generator().manual_seed(0)
        return np.mean([batches.loss(torch.arange(24), rng).item() for _ in range(40)])

    clean = ((torch.from_numpy(data.images).float() / 127.5 - 1) ** 2).mean().item()
    expected = 1 + (clean if objective == "flow" else 0)  # noise of variance 1, less the image
    assert found() == pytest.approx(expected, rel=0.02)
    share = data.masks.mean((1, 2))
    inside = data.masks * (1 - share)[:, None, None] + (1 - data.masks) * share[:, None, None]
    if objective == "noise":
        assert found(loss_weight="adaptive") == pytest.approx(inside.mean(), rel=0.02)
        assert found(loss="l1") == pytest.approx((2 / np.pi) ** 0.5, rel=0.02)


def test_an_ablated_batch_is_shown_no_mask():
    shown = []

    class Watched(GridUNet):
        def forward(self, grid, timesteps, *given):
            shown.append(given[0].detach())
            return super().forward(grid, timesteps, *given)

    settings = SETTINGS.model_copy(update={"ablation": 0.5})
    batches = TrainingBatches(Watched(settings, 16, 1, 1), settings, disc_slices(), CPU)
    rng = torch.Generator().manual_seed(0)
    for _ in range(30):
        batches.loss(torch.arange(8), rng)
    with_mask = [int((one.flatten(1).sum(1) > 0).sum()) for one in shown]
    assert set(with_mask) == {0, 8}


def test_the_same_seed_trains_the_same_weights(tmp_path):
    settings = SETTINGS.model_copy(update={"steps": 4})
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        job = TrainingJob(seed=seed, device=CPU, out=tmp_path / name)
        SegGuided.fit(disc_slices(), settings, job)
    weights = [(tmp_path / name / "weights.safetensors").read_bytes() for name in "abc"]
    assert weights[0] == weights[1] != weights[2]


def test_slices_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="multiple of 8"):
        SegGuidedSettings().check_size(36)
    with pytest.raises(ValueError, match="multiples of norm_groups"):
        SegGuidedSettings(channels=(12,))
    assert network_of(SegGuidedSettings(), 64).unet.config.in_channels == 2 * 16 + 6
