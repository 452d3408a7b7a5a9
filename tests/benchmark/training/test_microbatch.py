"""Out of memory: the same training in smaller parts, told in the record."""

import copy
import json

import pytest
import torch
from torch import nn

from baselines.generators.fit_folder import write_shortage
from baselines.generators.job import TrainingJob
from baselines.objectives.objectives import (
    JoinedPairs,
    MergedImages,
    MergedLogits,
    RealObjective,
    dice_ce,
)
from baselines.scratch import diffusion
from baselines.scratch.settings import GeneratorSettings
from baselines.scratch.training import train_diffusion
from benchmark.training import number_format
from benchmark.training.budget import Training
from benchmark.training.checkpoint import Checkpoint
from benchmark.training.microbatch import SHORTAGE_FILE, MicroBatches, halving, is_out_of_memory
from benchmark.training.prediction import foreground_probability
from benchmark.training.segmenter import fit, make_fabric
from tests.support.runs import run, tiny

SIZE = 16
TRAINING = Training(
    epochs=3,
    batch_size=4,
    learning_rate=1e-2,
    weight_decay=0.01,
    lr_schedule="cosine",
    shuffle=True,
    validate_every=1,
)


class Small(nn.Module):
    """A network whose forward pass runs out of memory with more than `room` items, from its
    `since`-th pass on."""

    def __init__(self, norm: nn.Module, room: int | None = None, since: int = 0):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1, bias=False), norm, nn.Tanh(), nn.Conv2d(8, 2, 1)
        )
        self.room, self.since, self.passes, self.largest = room, since, 0, 0

    def forward(self, images):
        self.passes += 1
        out = self.body(images)  # the memory runs out after the layers did their work
        if self.room is not None and self.passes > self.since and len(images) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        self.largest = max(self.largest, len(images)) if self.passes > self.since else 0
        return out


def objective(kind, **more):
    images = torch.randint(
        0, 256, (10, SIZE, SIZE), generator=torch.Generator().manual_seed(1), dtype=torch.uint8
    )
    masks = (images > 128).to(torch.uint8)
    variants = 255 - images[None].repeat(2, 1, 1, 1)
    if kind is not RealObjective:
        more |= {"variants": variants, "alpha": 0.5}
    if kind is JoinedPairs:
        more |= {"variant_masks": 1 - masks[None].repeat(2, 1, 1, 1)}
    if kind in (MergedImages, MergedLogits):
        more |= {"patch_size": 4}
    return kind(images=images, masks=masks, loss=dice_ce(False), **more)


def trained(
    kind, norm: nn.Module, room: int | None, since: int = 0, checkpoint: Checkpoint | None = None
):
    model = Small(copy.deepcopy(norm), room, since)
    fitted = fit(
        model,
        objective(kind),
        10,
        TRAINING,
        select=None,
        fabric=make_fabric("cpu", "float32"),
        seed=3,
        checkpoint=checkpoint,
    )
    return fitted, model


def close(one: dict, two: dict) -> bool:
    return all(
        torch.allclose(one[name].float(), two[name].float(), rtol=1e-4, atol=1e-6) for name in one
    )


@pytest.mark.parametrize("kind", [RealObjective, MergedImages, MergedLogits, JoinedPairs])
@pytest.mark.parametrize("since", [0, 5])
def test_a_training_in_parts_ends_with_the_weights_of_the_undisturbed_one(kind, since):
    whole, _ = trained(kind, nn.InstanceNorm2d(8), None)
    parts, model = trained(kind, nn.InstanceNorm2d(8), 1, since)
    assert model.largest == 1 and close(whole.state, parts.state)
    assert [row["loss"] for row in parts.curve] == pytest.approx(
        [row["loss"] for row in whole.curve], rel=1e-5
    )
    assert (parts.steps, parts.presented) == (whole.steps, whole.presented)
    lowered = parts.shortage["micro_batch"]
    passes = {RealObjective: 1, MergedImages: 1, MergedLogits: 2, JoinedPairs: 1}[kind]
    assert (lowered["size"], lowered["batch"], lowered["since_step"]) == (1, 4, since // passes)
    assert not lowered["batch_statistics"] and whole.shortage == {}


def test_parts_are_halved_no_further_than_it_takes():
    parts, model = trained(RealObjective, nn.InstanceNorm2d(8), 2)
    assert model.largest == 2 and parts.shortage["micro_batch"]["size"] == 2


def test_batch_statistics_are_those_of_the_parts_and_their_running_mean_that_of_the_batch():
    """One step without a change of weights: what each part leaves in the running statistics."""
    images = torch.randn(7, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(2))
    after = []
    for room in (None, 3):
        model = Small(nn.BatchNorm2d(8), room)
        micro = MicroBatches(model, [], len(images))
        micro.run(lambda model=model: model(images).square().mean().backward())
        after.append(model.body[1])
        assert (micro.shortage == {}) == (room is None)
    whole, parts = after
    assert torch.allclose(whole.running_mean, parts.running_mean, atol=1e-7)
    assert not torch.allclose(whole.running_var, parts.running_var, atol=1e-7)
    assert torch.allclose(whole.running_var, parts.running_var, rtol=0.05)
    assert whole.num_batches_tracked == parts.num_batches_tracked == 1 and parts.momentum == 0.1
    fitted, _ = trained(RealObjective, nn.BatchNorm2d(8), 2)
    assert fitted.shortage["micro_batch"]["batch_statistics"]


def test_an_aborted_step_leaves_no_trace_in_the_running_statistics():
    model = Small(nn.BatchNorm2d(8), None)
    micro, images, tries = (
        MicroBatches(model, [torch.default_generator], 4),
        torch.randn(4, 1, SIZE, SIZE),
        [],
    )

    def step() -> torch.Tensor:
        tries.append(torch.rand(()))
        model(images)
        if len(tries) == 1:
            raise torch.OutOfMemoryError("full")
        return model.body[1].running_mean.clone()

    before = model.body[1].running_mean.clone()
    found = micro.run(step)
    assert tries[0] == tries[1] and not torch.equal(found, before)
    assert model.body[1].num_batches_tracked == 1


def test_dropout_repeats_its_masks_when_a_part_is_computed_for_its_gradient():
    torch.manual_seed(0)
    model, images = (
        nn.Sequential(nn.Conv2d(1, 4, 1), nn.Dropout(0.5), nn.Conv2d(4, 1, 1)),
        torch.randn(6, 1, 8, 8),
    )
    micro = MicroBatches(model, [], 6)
    micro.state = {"size": 2, "since_step": 0}
    torch.manual_seed(1)
    micro.run(lambda: model(images).sum().backward())
    torch.manual_seed(1)
    plain = copy.deepcopy(model)
    plain.zero_grad()
    sum(plain(part).sum() for part in images.split(2)).backward()
    assert torch.allclose(model[0].weight.grad, plain[0].weight.grad, atol=1e-5)


def test_a_single_item_that_is_too_much_is_one_sentence():
    with pytest.raises(
        RuntimeError, match="single item at a time .* take a smaller network or slice size"
    ):
        trained(RealObjective, nn.InstanceNorm2d(8), 0)


def test_batch_statistics_are_never_those_of_a_single_item():
    """With maps of one pixel torch has none at all, and raises."""
    model = nn.Sequential(nn.Conv2d(1, 4, SIZE), nn.BatchNorm2d(4), nn.Conv2d(4, 1, 1))
    images, sizes = torch.randn(5, 1, SIZE, SIZE), []

    def step() -> None:
        if not micro.state:
            raise torch.OutOfMemoryError("full")
        model[1].register_forward_pre_hook(lambda layer, given: sizes.append(len(given[0])))
        model.zero_grad()
        model(images).sum().backward()

    micro = MicroBatches(model, [], 5)
    micro.state = {"size": 3, "since_step": 0}
    micro.run(step)
    assert sizes[:2] == [3, 2]
    micro.state, sizes[:] = {"size": 2, "since_step": 0}, []
    micro.run(step)
    assert set(sizes) == {2, 3} and min(sizes) == 2
    with pytest.raises(RuntimeError, match="out of memory with two items at a time"):
        trained(RealObjective, nn.BatchNorm2d(8), 0)


def test_parts_hold_all_items_once():
    plain, paired = (
        MicroBatches(network, [], 9) for network in (nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1))
    )
    for items in range(2, 12):
        for size in range(2, items):
            for micro in (plain, paired):
                parts = micro._parts(items, size)
                assert [place for part in parts for place in range(items)[part]] == [*range(items)]
                lengths = [part.stop - part.start for part in parts]
                assert set(lengths[:-1]) <= {size} and lengths[-1] <= size + 1
            assert lengths[-1] >= 2


def test_other_errors_pass():
    def broken():
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        MicroBatches(nn.Conv2d(1, 1, 1), [], 4).run(broken)
    assert not is_out_of_memory(ValueError("out of memory"))
    assert is_out_of_memory(
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried")
    )


def test_a_resumed_training_stays_in_parts(tmp_path):
    whole, _ = trained(RealObjective, nn.BatchNorm2d(8), 2)
    checkpoint = Checkpoint(tmp_path, every_seconds=0)
    # its last checkpoint is of epoch 2
    trained(RealObjective, nn.BatchNorm2d(8), 2, checkpoint=checkpoint)
    rest, model = trained(RealObjective, nn.BatchNorm2d(8), 2, checkpoint=Checkpoint(tmp_path))
    # the third epoch: batches of 4, 4 and 2; each part twice, the last batch whole
    assert model.passes == 2 * 4 + 1
    assert rest.shortage == whole.shortage
    assert all(torch.equal(whole.state[name], rest.state[name]) for name in whole.state)


def test_a_real_shortage_of_memory_is_noticed():
    """A batch that this machine cannot hold: torch's own error, not one made here."""

    def step() -> int:
        size = micro.state.get("size", 2**20)
        torch.empty(size, 2**26)  # 256 MB an item
        return size

    micro = MicroBatches(nn.Conv2d(1, 1, 1), [], 2**20)
    assert micro.run(step) < 2**20


def test_predictions_and_samples_take_fewer_at_once():
    model, images = (
        Small(nn.BatchNorm2d(8), None),
        torch.randint(0, 256, (10, SIZE, SIZE), dtype=torch.uint8).numpy(),
    )
    whole = foreground_probability(model, images, make_fabric("cpu"))
    model.room, model.largest = 3, 0
    assert abs(whole - foreground_probability(model, images, make_fabric("cpu"))).max() < 1e-6
    assert model.largest <= 3
    with pytest.raises(torch.OutOfMemoryError):
        halving(8, lambda size: (_ for _ in ()).throw(torch.OutOfMemoryError("full")))


class Denoiser(nn.Module):
    def __init__(self, room: int | None):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(
            nn.Conv2d(4, 8, 3, padding=1), nn.GroupNorm(2, 8), nn.SiLU(), nn.Conv2d(8, 4, 1)
        )
        self.room = room

    def forward(self, grid, timesteps):
        if self.room is not None and len(grid) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return self.body(grid) + timesteps[:, None, None, None] / 1000


def test_a_diffusion_loss_in_parts_is_the_same(tmp_path, monkeypatch):
    # in bfloat16, but for rounding
    monkeypatch.setattr(number_format, "native_dtype", lambda device: torch.float32)
    settings = GeneratorSettings(steps=6, batch=5, unshuffle=2)
    grids = torch.rand(9, 4, 8, 8, generator=torch.Generator().manual_seed(4))
    shares = diffusion.signal_shares(torch.device("cpu"))
    weights = []
    for room in (None, 2):
        network = Denoiser(room)

        def loss(rows, rng, network=network):
            return diffusion.denoising_loss(
                network, grids[rows], torch.ones(1), shares, settings, rng
            )

        job = TrainingJob(tmp_path, torch.device("cpu"), seed=7)
        state = train_diffusion(network, loss, 9, settings, job)
        weights.append((network.state_dict(), state.curve))
        write_shortage(tmp_path, state)
    assert close(weights[0][0], weights[1][0])
    assert [row[1] for row in weights[0][1]] == pytest.approx(
        [row[1] for row in weights[1][1]], rel=1e-5
    )
    lowered = json.loads((tmp_path / SHORTAGE_FILE).read_text())["micro_batch"]
    assert lowered == {"size": 2, "batch": 5, "since_step": 0, "batch_statistics": False}


def test_the_record_says_so(tmp_path, monkeypatch):
    """A whole run of emitdiff in which both networks are too large for their batches."""
    from monai.networks.nets import UNet

    from baselines.scratch.emitdiff_network import EmitDiffNetwork

    def short(kind, most):
        real = kind.forward

        def forward(self, images, *words, **names):
            if torch.is_grad_enabled() and len(images) > most:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return real(self, images, *words, **names)

        monkeypatch.setattr(kind, "forward", forward)

    short(UNet, 4)
    short(EmitDiffNetwork, 2)
    code, (record,) = run(tmp_path / "store", tiny("emitdiff"))
    assert code == 0 and record.status == "done"
    results = {stage.stage: stage.results.get("micro_batch") for stage in record.stages}
    assert results["fit-segmenter"]["size"] == 4 and results["fit-generator"]["size"] == 2
    said = [note for note in record.notes if note.startswith("Memory ran out")]
    assert len(said) == 2 and "batches of 8 went through the network 4 at a time" in said[1]
