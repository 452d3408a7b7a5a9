"""pix2pix on 16 px discs: learns, stores, resumes, and draws its variants from addresses."""

import json

import numpy as np
import pytest
import torch

from baselines.generators.base import Conditions
from baselines.generators.catalogue import generator_class
from baselines.generators.fit_folder import training_ids
from baselines.generators.job import TrainingJob
from baselines.pix2pix.generator import Pix2Pix
from baselines.pix2pix.networks import PatchDiscriminator, UNetGenerator
from baselines.pix2pix.settings import Pix2PixSampling, Pix2PixSettings
from baselines.pix2pix.training import learning_rate
from benchmark.core.errors import InputError
from benchmark.training.checkpoint import Checkpoint
from tests.baselines.generators.test_generators import conditions_of, disc_slices
from tests.support.one_variant import sample_variant

CPU = torch.device("cpu")
SETTINGS = Pix2PixSettings(
    channels=(8, 16, 16),
    discriminator_channels=(8,),
    dropout_layers=2,
    steps=150,
    batch=8,
    learning_rate=4e-3,
)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pix2pix")
    generator_class("pix2pix").fit(
        disc_slices(), SETTINGS, TrainingJob(seed=0, device=CPU, out=folder)
    )
    return folder


@pytest.fixture
def generator(fitted):
    return Pix2Pix.load(fitted, CPU)


def test_it_shows_the_organ_where_the_mask_is(generator):
    data = disc_slices(24, seed=1)  # slices it has not seen
    images, masks = sample_variant(
        generator, conditions_of(data), variant=0, key="k", batch_size=24
    )
    assert (
        images.dtype == np.uint8 and np.array_equal(masks, data.masks) and masks is not data.masks
    )
    assert images[masks > 0].mean() - images[masks == 0].mean() > 65, (
        "half the contrast of the training discs"
    )
    assert np.abs(images.astype(float) - data.images).mean() < 25


def test_its_folder_is_like_that_of_any_generator(fitted):
    assert {path.name for path in fitted.iterdir()} == {
        "weights.safetensors",
        "config.json",
        "curve.csv",
        "training_ids.json",
    }
    assert training_ids(fitted) == disc_slices().ids
    config = json.loads((fitted / "config.json").read_text())
    assert config["generator"] == "pix2pix" and Pix2PixSettings(**config["settings"]) == SETTINGS
    losses = [
        float(row.split(",")[1]) for row in (fitted / "curve.csv").read_text().splitlines()[1:]
    ]
    assert np.mean(losses[-3:]) < 0.5 * losses[0]


def test_a_sample_does_not_depend_on_batch_size_order_or_neighbours(generator):
    data = disc_slices(9)
    whole = sample_variant(generator, conditions_of(data), variant=1, key="k", batch_size=9)[0]
    order = np.random.default_rng(0).permutation(9)
    part = Conditions(
        [data.ids[i] for i in order], data.masks[order], data.edges[order], [data.prompts[0]] * 9
    )
    small = sample_variant(generator, part, variant=1, key="k", batch_size=2)[0]
    assert np.abs(small.astype(int) - whole[order]).max() <= 1


def test_variants_differ_by_dropout_alone(generator):
    conditions = conditions_of(disc_slices(6))

    def sample(variant, dropout=0.5, key="k"):
        return sample_variant(
            generator,
            conditions,
            variant=variant,
            key=key,
            batch_size=6,
            sampling=Pix2PixSampling(dropout=dropout),
        )[0]

    assert not np.array_equal(sample(0), sample(1))
    assert np.array_equal(sample(0), sample(0))
    assert not np.array_equal(sample(0), sample(0, key="other"))
    assert np.array_equal(sample(0, dropout=0), sample(1, dropout=0))


def test_one_variant_number_per_slice(generator):
    conditions = conditions_of(disc_slices(4))
    mixed = generator.sample(conditions, variants=[0, 1, 0, 1], key="k", batch_size=3)[0]
    alone = [
        sample_variant(generator, conditions, variant=number, key="k", batch_size=4)[0]
        for number in (0, 1)
    ]
    expected = np.stack([alone[number][place] for place, number in enumerate([0, 1, 0, 1])])
    assert np.abs(mixed.astype(int) - expected).max() <= 1


def test_shared_noise_drops_the_same_for_every_slice(generator):
    data = disc_slices(1)
    twice = Conditions(
        ["a/z000", "b/z000"], data.masks.repeat(2, 0), data.edges.repeat(2, 0), ["", ""]
    )
    for noise, alike in (("shared", True), ("address", False)):
        images, _ = sample_variant(
            generator,
            twice,
            variant=0,
            key="k",
            batch_size=2,
            sampling=Pix2PixSampling(noise=noise),
        )
        assert np.array_equal(images[0], images[1]) == alike


def test_a_killed_training_ends_with_the_same_weights(tmp_path):
    settings = SETTINGS.model_copy(update={"steps": 40})
    Pix2Pix.fit(disc_slices(), settings, TrainingJob(seed=0, device=CPU, out=tmp_path / "whole"))

    class Killed(Exception):
        pass

    def kill(done, total, **_):
        if done == 30:
            raise Killed

    checkpoint = Checkpoint(tmp_path / "partial", every_seconds=0)
    with pytest.raises(Killed):
        Pix2Pix.fit(
            disc_slices(),
            settings,
            TrainingJob(
                seed=0, device=CPU, out=tmp_path / "killed", report=kill, checkpoint=checkpoint
            ),
        )
    steps = []
    Pix2Pix.fit(
        disc_slices(),
        settings,
        TrainingJob(
            seed=0,
            device=CPU,
            out=tmp_path / "resumed",
            report=lambda done, *_, **__: steps.append(done),
            checkpoint=Checkpoint(tmp_path / "partial", every_seconds=0),
        ),
    )
    assert steps == [30, 40]
    whole, resumed = (
        (tmp_path / name / "weights.safetensors").read_bytes() for name in ("whole", "resumed")
    )
    assert whole == resumed


def test_a_broken_loss_names_its_step_and_checkpoint(tmp_path):
    settings = SETTINGS.model_copy(update={"l1_weight": 1e39, "steps": 40})
    with pytest.raises(
        RuntimeError,
        match=r"at step \d+; no checkpoint was saved before; lower generator.learning_rate",
    ):
        Pix2Pix.fit(disc_slices(), settings, TrainingJob(seed=0, device=CPU, out=tmp_path))


def test_the_published_networks_have_their_shapes():
    """Isola et al.: 54.4 M parameters of the U-Net and 2.8 M of the 70 x 70 PatchGAN at three
    colour channels."""
    settings = Pix2PixSettings(
        channels=(64, 128, 256, 512, 512, 512, 512, 512),
        discriminator_channels=(64, 128, 256),
        dropout_layers=3,
    )
    unet, judge = UNetGenerator(settings, 256), PatchDiscriminator(settings)
    assert sum(weight.numel() for weight in unet.parameters()) == pytest.approx(54.4e6, rel=0.01)
    assert sum(weight.numel() for weight in judge.parameters()) == pytest.approx(2.77e6, rel=0.01)
    assert [shape[0] for shape in unet.dropped] == [512, 512, 512]
    edges = torch.zeros(1, 1, 256, 256)
    assert judge(edges, edges).shape == (1, 1, 30, 30)


def test_the_learning_rate_falls_over_the_second_half():
    rates = [learning_rate(step, SETTINGS) for step in (0, 74, 75, 112, 149)]
    assert (
        rates[:3] == [4e-3] * 3
        and rates[3] == pytest.approx(2e-3, rel=0.03)
        and 0 < rates[4] < 1e-4
    )


@pytest.mark.parametrize(
    "numbers",
    [{"dropout_layers": 3, "channels": (8, 8, 8)}, {"scale_range": (0.0, 1.0)}, {"text": 1}],
)
def test_numbers_that_cannot_work_are_refused(numbers):
    with pytest.raises(ValueError, match="dropout_layers|scale_range|Extra inputs"):
        Pix2PixSettings(**numbers)


def test_slices_that_cannot_be_halved_so_often_are_refused():
    with pytest.raises(InputError, match="multiple of 16"):
        Pix2PixSettings().check_size(72)
