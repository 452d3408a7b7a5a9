"""Stable Diffusion + ControlNet on a tiny model of the same classes: fit, stop and resume,
micro-batches, sample."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from baselines.generators.base import Conditions, TrainingSlices
from baselines.generators.fit_folder import training_ids
from baselines.generators.job import TrainingJob
from baselines.stable.generator import StableDiffusion
from baselines.stable.loss import LatentLoss
from baselines.stable.parts import Denoiser, embed, encode, load_parts
from baselines.stable.sampling import _decode
from baselines.stable.settings import StableSampling, StableSettings
from benchmark.core.errors import InputError
from benchmark.training import number_format
from benchmark.training.checkpoint import Checkpoint
from benchmark.training.microbatch import halving, read_shortage
from datasets.prompts import AUGMENTATION_PHRASES
from datasets.slices.edges import edge_map
from tests.bench.plain_sampling import PlainStable
from tests.support.one_variant import sample_variant
from tests.support.tiny_stable import SIZE, save_base, save_controlnet

CPU = torch.device("cpu")
PROMPT = "MRI, prostate"
QUICK = StableSampling(steps=3)


def disc_slices(count=12, seed=0):
    """Bright discs of random place and radius on a dark ground, with their edge maps."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    centre = rng.uniform(10, 22, (2, count, 1, 1))
    masks = (
        np.hypot(rows - centre[0], columns - centre[1]) < rng.uniform(4, 8, (count, 1, 1))
    ).astype(np.uint8)
    images = (60 + 130 * masks + rng.normal(0, 8, masks.shape)).clip(0, 255).astype(np.uint8)
    edges = np.stack([edge_map(image, mask) for image, mask in zip(images, masks, strict=True)])
    return TrainingSlices(
        images, masks, edges, [PROMPT] * count, [f"case_{n:02d}/z000" for n in range(count)]
    )


def conditions_of(data, phrase="", rows=slice(None)):
    prompts = [f"{prompt}, {phrase}" if phrase else prompt for prompt in data.prompts[rows]]
    return Conditions(data.ids[rows], data.masks[rows], data.edges[rows], prompts)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    save_base(folder / "base")
    save_controlnet(folder / "control")
    return folder


@pytest.fixture(scope="module")
def settings(weights):
    """settings(changes...): pinned settings and places; 12 steps of 4 slices."""

    def make(**changes):
        given = {
            "base": str(weights / "base"),
            "epochs": 4,
            "batch": 4,
            "micro_batch": 4,
            "learning_rate": 1e-3,
        }
        return StableSettings(**given | changes).pinned(None)

    return make


def fit(chosen, out, **more):
    settings, places = chosen
    StableDiffusion.fit(
        disc_slices(), settings, TrainingJob(seed=0, device=CPU, out=out, places=places, **more)
    )
    return out


@pytest.fixture(scope="module")
def places(settings, weights):
    return settings(controlnet=str(weights / "control"))[1]


@pytest.fixture(scope="module")
def folder(settings, weights, tmp_path_factory):
    return fit(settings(controlnet=str(weights / "control")), tmp_path_factory.mktemp("fit"))


@pytest.fixture(scope="module")
def fitted(folder, places):
    return StableDiffusion.load(folder, CPU, places)


def trained_weights(folder):
    return {
        f"{path.parent.name}.{name}": tensor
        for path in sorted(folder.glob("*/*.safetensors"))
        for name, tensor in load_file(path).items()
    }


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
    assert steps == [20, 24]
    one, other = trained_weights(whole), trained_weights(resumed)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert (whole / "curve.csv").read_bytes() == (resumed / "curve.csv").read_bytes()


def mean_difference(one, other):
    """Mean difference of the weights. A step of AdamW is nearly as large as the learning rate
    whatever the gradient, so single weights whose gradient is but rounding error differ by whole
    steps; the mean shows whether sums are the same.
    """
    a, b = trained_weights(one), trained_weights(other)
    return sum(float((a[name] - b[name]).abs().sum()) for name in a) / sum(
        tensor.numel() for tensor in a.values()
    )


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


def test_without_averaging_the_last_weights_are_kept(settings, tmp_path):
    """Q39: averages that follow the weights at once are the weights; and nothing else changes."""
    last = fit(settings(ema_decay=0), tmp_path / "last")
    at_once = fit(settings(ema_decay=1e-30), tmp_path / "at once")
    averaged = fit(settings(ema_decay=0.9), tmp_path / "averaged")
    kept, same, other = map(trained_weights, (last, at_once, averaged))
    assert all(torch.equal(kept[name], same[name]) for name in kept)
    assert any(not torch.equal(kept[name], other[name]) for name in kept)


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
