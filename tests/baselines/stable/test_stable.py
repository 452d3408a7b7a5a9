"""Stable Diffusion + ControlNet on a tiny model of the same classes: fit, stop and resume,
micro-batches, sample."""

import json
from dataclasses import replace

import pytest
import torch

from baselines.generators.fit_folder import training_ids
from baselines.generators.job import TrainingJob
from baselines.stable.generator import StableDiffusion
from baselines.stable.loss import LatentLoss
from baselines.stable.parts import Denoiser, load_parts
from benchmark.core.errors import InputError
from benchmark.training import number_format
from benchmark.training.checkpoint import Checkpoint
from benchmark.training.microbatch import read_shortage
from tests.baselines.stable.discs import (
    CPU,
    disc_slices,
    fit,
    mean_difference,
    trained_weights,
)
from tests.support.tiny_stable import SIZE


def test_the_folder_of_a_fit_holds_what_was_trained_and_no_folder_of_this_machine(folder, weights):
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    files = ("config.json", "diffusion_pytorch_model.safetensors")
    models = {f"{part}/{name}" for part in ("unet", "controlnet") for name in files}
    assert names == models | {"config.json", "curve.csv", "training_ids.json"}
    assert training_ids(folder) == disc_slices().ids
    texts = [path.read_text() for path in folder.rglob("*.json")]
    assert not any(str(weights) in text for text in texts)
    assert json.loads((folder / "config.json").read_text())["settings"]["base_version"].startswith(
        "sha256:"
    )


@pytest.mark.parametrize(
    ("unet", "moved", "still"),
    [
        ("locked", [], ["unet"]),
        ("decoder", ["unet.up_blocks", "unet.conv_out"], ["unet.down_blocks"]),
        ("whole", ["unet.down_blocks"], []),
    ],
)
def test_what_is_trained_is_a_choice(settings, tmp_path, unet, moved, still):
    chosen = settings(unet=unet, epochs=1, batch=12)
    before = load_parts(chosen[1], seed=0).denoiser.state_dict()
    folder = fit(chosen, tmp_path)
    after = load_parts(chosen[1], folder).denoiser.state_dict()
    assert (folder / "unet").is_dir() == (unet != "locked")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert any(name.startswith("control.") for name in changed)
    for part in moved:
        assert any(name.startswith(part) for name in changed), part
    for part in still:
        assert not any(name.startswith(part) for name in changed), part


def test_training_improves_the_loss(settings, weights, tmp_path):
    folder = fit(
        settings(epochs=30, batch=12, learning_rate=4e-3, prompt_dropout=0, ema_decay=0.5), tmp_path
    )
    losses = [
        float(row.split(",")[1]) for row in (folder / "curve.csv").read_text().splitlines()[1:]
    ]
    assert len(losses) == 3
    assert losses[-1] < 0.9 * losses[0]


class Stopped(Exception):
    """What a test throws into a training."""


def test_a_training_that_was_stopped_ends_with_the_same_weights(settings, tmp_path):
    chosen = settings(epochs=8)  # 24 steps; the state is saved after 10 and 20
    whole = fit(chosen, tmp_path / "whole")
    checkpoint = Checkpoint(tmp_path / "state", every_seconds=0)

    def stop(step, steps, **numbers):
        if step == 10:
            raise Stopped

    with pytest.raises(Stopped):
        fit(chosen, tmp_path / "killed", report=stop, checkpoint=checkpoint)
    assert checkpoint.load()[1]["step"] == 10
    assert not (tmp_path / "killed" / "controlnet").exists()
    steps = []
    resumed = fit(
        chosen,
        tmp_path / "resumed",
        report=lambda step, *a, **k: steps.append(step),
        checkpoint=Checkpoint(tmp_path / "state"),
    )
    assert steps == [10, 20, 24]
    one, other = trained_weights(whole), trained_weights(resumed)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert (whole / "curve.csv").read_bytes() == (resumed / "curve.csv").read_bytes()


def test_neither_micro_batches_nor_lack_of_memory_change_the_result(
    settings, tmp_path, monkeypatch
):
    # in bfloat16, but for rounding
    monkeypatch.setattr(number_format, "native_dtype", lambda device: torch.float32)
    whole = fit(settings(), tmp_path / "whole")
    parts = fit(settings(micro_batch=1), tmp_path / "parts")
    real = Denoiser.forward
    sizes = []

    def little_memory(self, latents, *more):
        sizes.append(len(latents))
        if len(latents) > 2:
            raise torch.OutOfMemoryError
        return real(self, latents, *more)

    monkeypatch.setattr(Denoiser, "forward", little_memory)
    halved = fit(settings(), tmp_path / "halved")
    assert sizes[:3] == [4, 2, 2]
    assert max(sizes[1:]) == 2, "the smaller micro-batch is kept"
    lowered = {"since_step": 0, "size": 2, "batch": 4, "batch_statistics": False}
    assert read_shortage(halved) == {"micro_batch": lowered}
    assert read_shortage(parts) == {}, "what the user asks for is no shortage"
    assert mean_difference(whole, parts) < 1e-6
    assert mean_difference(whole, halved) < 1e-6


def test_a_slice_that_does_not_fit_the_memory_is_said_so(settings, tmp_path, monkeypatch):
    def no_memory(self, *more):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(Denoiser, "forward", no_memory)
    with pytest.raises(
        InputError, match="does not hold 1 slices of 32 pixels at once; set generator.unet=locked"
    ):
        fit(settings(), tmp_path)


def test_a_loss_that_is_not_finite_stops_with_its_step_and_the_last_good_state(
    settings, tmp_path, monkeypatch
):
    real = LatentLoss.of
    calls = []

    def diverges(self, denoiser, **drawn):
        calls.append(0)
        return real(self, denoiser, **drawn) * (float("nan") if len(calls) > 12 else 1)

    monkeypatch.setattr(LatentLoss, "of", diverges)
    checkpoint = Checkpoint(tmp_path / "state", every_seconds=0)
    with pytest.raises(
        RuntimeError, match="is nan at step 13; the last good checkpoint is that of step 10; lower"
    ):
        fit(settings(epochs=8), tmp_path / "out", checkpoint=checkpoint)
    assert checkpoint.load()[1]["step"] == 10


def test_latents_are_encoded_once_where_no_slice_moves(settings, tmp_path, monkeypatch):
    from diffusers import AutoencoderKL

    seen = []
    real = AutoencoderKL.encode
    monkeypatch.setattr(
        AutoencoderKL, "encode", lambda self, x: seen.append(len(x)) or real(self, x)
    )
    fit(settings(epochs=3, rotation_degrees=0, scale_range=(1, 1)), tmp_path / "still")
    assert sum(seen) == 12
    seen.clear()
    fit(settings(epochs=3), tmp_path / "moving")
    assert sum(seen) == 36


def test_without_averaging_the_last_weights_are_kept(settings, tmp_path):
    """Q39: averages that follow the weights at once are the weights; and nothing else changes."""
    last = fit(settings(ema_decay=0), tmp_path / "last")
    at_once = fit(settings(ema_decay=1e-30), tmp_path / "at once")
    averaged = fit(settings(ema_decay=0.9), tmp_path / "averaged")
    kept, same, other = map(trained_weights, (last, at_once, averaged))
    assert all(torch.equal(kept[name], same[name]) for name in kept)
    assert any(not torch.equal(kept[name], other[name]) for name in kept)


def test_a_pretrained_model_is_where_fine_tuning_starts(settings, weights, tmp_path):
    from PIL import Image

    data = disc_slices(6)
    for number, image in enumerate(data.images):
        folder = tmp_path / "images" / "CT" / "lung" / ("normal" if number % 2 else "nodule")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).resize((40, 24)).save(folder / f"{number}.png")
    chosen, places = settings(
        pretraining=str(tmp_path / "images"),
        pretraining_epochs=2,
        pretraining_batch=4,
        pretraining_learning_rate=1e-3,
    )
    job = TrainingJob(seed=0, device=CPU, out=tmp_path / "pretrained", places=places)
    edge = ("scharr", None, "cpu")
    assert StableDiffusion.pretrain(chosen, job, size=SIZE, edge=edge) == 6
    assert len((tmp_path / "pretrained" / "curve.csv").read_text().splitlines()) == 2
    start = load_parts(places, tmp_path / "pretrained").denoiser.state_dict()
    fresh = load_parts(places, seed=0).denoiser.state_dict()
    assert any(not torch.equal(start[name], fresh[name]) for name in start)
    nearly_still = chosen.model_copy(update={"learning_rate": 1e-12, "weight_decay": 0.0})
    fit((nearly_still, replace(places, pretrained=tmp_path / "pretrained")), tmp_path / "fine")
    end = load_parts(places, tmp_path / "fine").denoiser.state_dict()
    assert all(torch.allclose(start[name], end[name], atol=1e-6) for name in start)
