"""Variants in memory and mapped from disk give the same images, and so the same training."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from baselines.objectives import variants as module
from baselines.objectives.objectives import MergedImages, dice_ce
from baselines.objectives.variants import MappedVariants, load_variants
from benchmark.training.budget import Training
from benchmark.training.segmenter import fit, make_fabric
from tests.benchmark.training.test_segmenter import Tiny

CPU = torch.device("cpu")


@pytest.fixture
def paths(tmp_path):
    rng = np.random.default_rng(0)
    for number, variants in enumerate((2, 1)):
        block = rng.integers(0, 256, (variants, 10, 16, 16), dtype=np.uint8)
        np.save(tmp_path / f"{number}.npy", block)
    return [tmp_path / f"{number}.npy" for number in range(2)]


def test_what_does_not_fit_stays_on_disk(paths):
    size = 3 * 10 * 16 * 16
    assert isinstance(load_variants(paths, CPU, size), torch.Tensor)
    assert isinstance(load_variants(paths, CPU, size - 1), MappedVariants)
    assert isinstance(load_variants(paths, CPU), torch.Tensor)


def test_mapped_variants_train_to_the_same_weights(paths):
    images = torch.randint(
        0, 256, (10, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    training = Training(
        epochs=2,
        batch_size=4,
        learning_rate=1e-2,
        weight_decay=0.0,
        lr_schedule="cosine",
        shuffle=True,
        validate_every=1,
    )
    states = []
    for limit in (None, 0):
        variants = load_variants(paths, CPU, limit)
        assert len(variants) == 3
        objective = MergedImages(
            images=images,
            masks=(images > 99).to(torch.uint8),
            loss=dice_ce(False),
            variants=variants,
            patch_size=4,
        )
        states.append(
            fit(
                Tiny(), objective, 10, training, select=None, fabric=make_fabric("cpu"), seed=0
            ).state
        )
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_blocks_stand_one_after_the_other(paths):
    whole = np.concatenate([np.load(path) for path in paths])
    loaded, mapped = load_variants(paths, CPU), load_variants(paths, CPU, 0)
    variant, rows = torch.tensor([0, 1, 2]), torch.tensor([3, 0, 9])
    for variants in (loaded, mapped):
        assert np.array_equal(variants[variant, rows].numpy(), whole[variant, rows])


def test_without_a_limit_variants_may_take_half_of_the_free_memory(paths, monkeypatch):
    size = 3 * 10 * 16 * 16
    for free, kind in ((2 * size, torch.Tensor), (2 * size - 1, MappedVariants)):
        monkeypatch.setattr(module, "_free_bytes", lambda device, free=free: free)
        assert isinstance(load_variants(paths, CPU), kind)


def test_the_free_memory_is_the_device_s_or_what_the_kernel_calls_available(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (7, 40))
    assert module._free_bytes(torch.device("cuda", 0)) == 7
    kernel = "MemTotal: 9 kB\nMemFree: 2 kB\nMemAvailable:   5 kB\nBuffers: 1 kB\n"
    monkeypatch.setattr(Path, "exists", lambda self: str(self) == "/proc/meminfo")
    monkeypatch.setattr(Path, "read_text", lambda self: kernel)
    assert module._free_bytes(CPU) == 5 * 1024
    sizes = {"SC_PHYS_PAGES": 11, "SC_PAGE_SIZE": 4097}
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__)
    monkeypatch.setattr(Path, "read_text", lambda self: "MemFree: 2 kB\n")
    half = 11 * 4097 // 2
    assert module._free_bytes(CPU) == half
    monkeypatch.setattr(Path, "exists", lambda self: False)
    assert module._free_bytes(CPU) == half
