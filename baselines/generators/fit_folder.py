"""The folder that a training leaves: what is written into it, and read back. Imports no torch at
once.

    weights.safetensors   the network (Stable Diffusion: folders in the layout of diffusers)
    config.json           generator, size in pixels, settings, and what else the generator needs
    curve.csv             step, mean loss since the row before, learning rate
    training_ids.json     the slices that were trained on, for the check of leaks
    shortage.json         only where memory was short (benchmark/training/microbatch.py)
    graphs.json           only on a GPU: how the steps were run (benchmark/training/graphs.py)
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from baselines.generators.base import TrainingSlices
from baselines.generators.settings import BaseSettings

if TYPE_CHECKING:
    import torch
    from torch import nn

    from baselines.generators.loop import CurveRow, TrainingState

IDS_FILE = "training_ids.json"
SettingsT = TypeVar("SettingsT", bound=BaseSettings)
Network = TypeVar("Network", bound="nn.Module")


def write(
    folder: Path,
    name: str,
    data: TrainingSlices,
    settings: BaseSettings,
    network: nn.Module,
    state: TrainingState,
    more: Mapping[str, Any] | None = None,
) -> None:
    """All that a training of `network` on `data` leaves; `more`: see `write_config`."""
    write_config(folder, name, data.size, settings, more)
    write_weights(folder, network)
    write_curve(folder, state.curve)
    write_training_ids(folder, data.ids)
    write_shortage(folder, state)
    state.graphs.write(folder)


def write_config(
    folder: Path,
    name: str,
    size: int,
    settings: BaseSettings,
    more: Mapping[str, Any] | None = None,
) -> None:
    """`size`: side of a slice in pixels; `more`: further JSON values that `read_config` returns."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"generator": name, "size": size, "settings": settings.model_dump(mode="json")}
    (folder / "config.json").write_text(json.dumps(config | dict(more or {}), indent=1))


def read_config(folder: Path, kind: type[SettingsT]) -> tuple[SettingsT, dict[str, Any]]:
    """(settings, whole config) that `write_config` left."""
    config = json.loads((folder / "config.json").read_text())
    return kind(**config["settings"]), config


def write_curve(folder: Path, curve: Sequence[CurveRow]) -> None:
    with (folder / "curve.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("step", "loss", "learning_rate"), *curve])


def write_shortage(folder: Path, state: TrainingState) -> None:
    """Leaves what the record has to say of a shortage of memory, if there was one."""
    from benchmark.training.microbatch import SHORTAGE_FILE

    if state.shortage:
        lowered = {**state.shortage, "batch": state.batch, "batch_statistics": False}
        (folder / SHORTAGE_FILE).write_text(json.dumps({"micro_batch": lowered}))


def write_training_ids(folder: Path, ids: Sequence[str]) -> None:
    (folder / IDS_FILE).write_text(json.dumps(list(ids)), encoding="utf-8")


def training_ids(folder: Path) -> list[str]:
    """Slice ids that the generator in `folder` was trained on, so that a stage can prove that none
    is a test slice."""
    return json.loads((folder / IDS_FILE).read_text(encoding="utf-8"))


def write_weights(folder: Path, network: nn.Module) -> None:
    from safetensors.torch import save_file

    weights = {key: tensor.contiguous().cpu() for key, tensor in network.state_dict().items()}
    save_file(weights, folder / "weights.safetensors")


def read_weights(folder: Path, network: Network, device: torch.device) -> Network:
    """`network` with the weights in `folder`, on `device`, in eval mode."""
    from safetensors.torch import load_file

    from benchmark.training.to_device import on_device

    network.load_state_dict(load_file(folder / "weights.safetensors"))
    return on_device(network.eval(), device)
