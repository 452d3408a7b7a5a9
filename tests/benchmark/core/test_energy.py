"""The energy of a stage: from the counter of its GPU, or not told. The library of the GPU is made
here; what a real one tells was not measured."""

import sys
import types

import pytest
import torch

from benchmark.core import provenance
from benchmark.core.energy import gpu_joules
from benchmark.core.provenance import Meter


@pytest.fixture
def nvml(monkeypatch):
    """A library whose one GPU has used `found.millijoules`."""
    found = types.SimpleNamespace(
        millijoules=5_000,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=lambda uuid: {b"GPU-abc": "handle"}[uuid],
        nvmlDeviceGetTotalEnergyConsumption=lambda handle: found.millijoules,
    )
    monkeypatch.setitem(sys.modules, "pynvml", found)
    device = types.SimpleNamespace(uuid="abc")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device_: device)
    return found


def test_a_cpu_tells_no_energy():
    with Meter("cpu") as meter:
        pass
    assert meter.cost()["energy_joules"] is None


def test_the_counter_of_the_gpu_is_in_joules(nvml):
    assert gpu_joules("cuda") == 5.0 and gpu_joules("cpu") is None


def test_a_gpu_without_a_counter_tells_none(nvml):
    def refuse(handle):
        raise RuntimeError("Not Supported")

    nvml.nvmlDeviceGetTotalEnergyConsumption = refuse
    assert gpu_joules("cuda") is None


def test_a_meter_tells_what_was_used_inside_its_block(nvml, monkeypatch):
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: None)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 2**20)
    assert provenance.gpu_joules is gpu_joules
    with Meter("cuda") as meter:
        nvml.millijoules += 1_250
    assert meter.cost()["energy_joules"] == 1.2 and meter.cost()["gpu_memory_mb"] == 1.0
