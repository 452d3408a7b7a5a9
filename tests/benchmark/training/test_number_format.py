"""bfloat16 against float32: nearly the same samples, the same ones for every batch size, and the
format on record."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from baselines.generators.catalogue import generator_class
from baselines.generators.job import TrainingJob
from benchmark.training import number_format
from tests.baselines.generators.discs import (
    CPU,
    NAMES,
    SETTINGS,
    conditions_of,
    disc_slices,
)
from tests.support.one_variant import sample_variant


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    made = {name: tmp_path_factory.mktemp(name) for name in NAMES}
    for name, folder in made.items():
        generator_class(name).fit(
            disc_slices(), SETTINGS, TrainingJob(seed=0, device=CPU, out=folder)
        )
    yield made
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", NAMES)
def test_bfloat16_moves_a_sample_by_less_than_a_grey_level(name, folders, monkeypatch):
    def sampled(dtype, batch_size=8):
        monkeypatch.setattr(number_format, "native_dtype", lambda device: dtype)
        generator = generator_class(name).load(folders[name], CPU)
        conditions = conditions_of(disc_slices(8))
        return sample_variant(generator, conditions, variant=0, key="k", batch_size=batch_size)[
            0
        ].astype(int)

    exact, rounded = sampled(torch.float32), sampled(torch.bfloat16)
    assert not np.array_equal(exact, rounded), "bfloat16 was not used"
    difference = np.abs(exact - rounded)
    assert difference.mean() < 1
    assert np.quantile(difference, 0.99) <= 4
    alone = np.abs(rounded - sampled(torch.bfloat16, batch_size=3))
    assert alone.mean() < 0.05, (
        "a batch changes the order of sums, and with it here and there a rounding"
    )


def test_the_format_is_that_of_the_device(folders, monkeypatch):
    name = NAMES[0]
    for supported, wanted in ((lambda: True, "bfloat16"), (lambda: False, "float32")):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", supported)
        assert generator_class(name).load(folders[name], CPU).number_format == wanted
        assert number_format.native_format(CPU) == wanted
        with number_format.autocast(CPU):
            assert str((torch.ones(2, 2) @ torch.ones(2, 2)).dtype) == f"torch.{wanted}"
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported")
    assert number_format.native_dtype(CPU) == torch.float32


@pytest.mark.parametrize(("generation", "wanted"), [(7, torch.float32), (8, torch.bfloat16)])
def test_a_gpu_that_would_emulate_bfloat16_computes_in_float32(monkeypatch, generation, wanted):
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda device: SimpleNamespace(major=generation)
    )
    monkeypatch.setattr(
        torch.cuda, "_check_bf16_tensor_supported", lambda device: True, raising=False
    )
    assert number_format.native_dtype(torch.device("cuda")) == wanted
