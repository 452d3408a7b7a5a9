"""A training that is killed goes on from its checkpoint and ends with the very same weights."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from baselines.objectives.objectives import RealObjective, dice_ce
from benchmark.training.budget import Training
from benchmark.training.checkpoint import INDEX, Checkpoint, optimiser_tensors, restore_optimiser
from benchmark.training.segmenter import fit, make_fabric

ROOT = Path(__file__).resolve().parents[3]
TRAINING = Training(
    epochs=6,
    batch_size=4,
    learning_rate=1e-2,
    weight_decay=0.01,
    lr_schedule="cosine",
    shuffle=True,
    validate_every=2,
)


def train(checkpoint: Checkpoint | None, kill_in_epoch: int | None = None):
    """A small network with batch norm, random flips and selection; its process is killed in an
    epoch."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 2, 1)
    )
    images = torch.randint(
        0, 255, (10, 16, 16), generator=torch.Generator().manual_seed(1), dtype=torch.uint8
    )
    masks = (images > 128).to(torch.uint8)
    real = RealObjective(images=images, masks=masks, loss=dice_ce(False))
    calls = 0

    def objective(network, items, rng):
        nonlocal calls
        calls += 1
        if kill_in_epoch is not None and calls == 3 * kill_in_epoch - 1:
            os.kill(os.getpid(), signal.SIGKILL)
        loss, presented = real(network, items, rng)
        return loss * torch.rand((), generator=rng), presented

    scores = (
        iter([0.5, 0.7, 0.6])
        if checkpoint is None or checkpoint.load() is None
        else iter([0.7, 0.6])
    )
    result = fit(
        model,
        objective,
        10,
        TRAINING,
        select=lambda network: next(scores),
        fabric=make_fabric("cpu"),
        seed=3,
        checkpoint=checkpoint,
    )
    return result, calls


def test_a_killed_training_ends_with_the_same_weights(tmp_path):
    whole, calls = train(None)
    code = (
        "from pathlib import Path\nfrom benchmark.training.checkpoint import Checkpoint\n"
        "from tests.benchmark.training.test_checkpoint import train\n"
        f"train(Checkpoint(Path({str(tmp_path)!r}), every_seconds=0), kill_in_epoch=4)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == -9
    resumed, calls_left = train(Checkpoint(tmp_path, every_seconds=0))
    assert (calls, calls_left) == (18, 9)  # epochs 1 to 3 were kept
    assert resumed.curve == whole.curve and resumed.presented == whole.presented
    assert (resumed.steps, resumed.epoch) == (whole.steps, whole.epoch) == (18, 4)
    assert all(torch.equal(resumed.state[name], value) for name, value in whole.state.items())


def test_the_newer_checkpoint_replaces_the_older_and_time_adds_up(tmp_path):
    first = Checkpoint(tmp_path)
    first.save({"a": torch.ones(2)}, {"epoch": 1})
    first.save({"a": torch.zeros(2)}, {"epoch": 2})
    second = Checkpoint(tmp_path)
    tensors, numbers = second.load()
    assert torch.equal(tensors["a"], torch.zeros(2)) and numbers == {"epoch": 2}
    assert len(list(tmp_path.iterdir())) == 2 and second.earlier_seconds > 0
    assert not second.due() and Checkpoint(tmp_path, 0).due()
    second.clear()
    assert not tmp_path.exists()


@pytest.mark.parametrize("damage", ["file", "index", "other", "nothing"])
def test_a_damaged_checkpoint_is_none(tmp_path, damage):
    Checkpoint(tmp_path).save({"a": torch.ones(2)}, {})
    path = tmp_path / "a.safetensors"
    if damage == "file":
        path.write_bytes(path.read_bytes()[:-1])
    elif damage == "index":
        (tmp_path / INDEX).write_text("{")
    elif damage == "other":
        save_file({"a": torch.zeros(2)}, path)
    else:
        assert torch.equal(load_file(path)["a"], torch.ones(2))
        path.unlink()
    assert Checkpoint(tmp_path).load() is None


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_an_optimiser_goes_on_with_its_moments_whatever_the_memory_format_of_the_weights(
    tmp_path, memory_format
):
    def steps(layer, optimiser, numbers):
        for number in numbers:
            optimiser.zero_grad()
            images = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(number))
            layer(images).square().mean().backward()
            optimiser.step()

    def start():
        torch.manual_seed(0)
        layer = nn.Conv2d(3, 4, 3).to(memory_format=memory_format)
        return layer, torch.optim.AdamW(layer.parameters(), lr=0.1, fused=True)

    layer, optimiser = start()
    steps(layer, optimiser, range(3))
    stopped = Checkpoint(tmp_path)
    stopped.save(
        {
            "weight": layer.weight.detach(),
            "bias": layer.bias.detach(),
            **optimiser_tensors("adam.", optimiser),
        },
        {},
    )
    steps(layer, optimiser, range(3, 6))
    resumed, its_optimiser = start()
    tensors, _ = stopped.load()
    resumed.load_state_dict({name: tensors[name] for name in ("weight", "bias")})
    restore_optimiser(its_optimiser, "adam.", tensors)
    assert all(
        moments["exp_avg"].stride() == weight.stride() and int(moments["step"]) == 3
        for weight, moments in its_optimiser.state.items()
    )
    steps(resumed, its_optimiser, range(3, 6))
    assert torch.equal(resumed.weight, layer.weight)
    assert torch.equal(resumed.bias, layer.bias)
