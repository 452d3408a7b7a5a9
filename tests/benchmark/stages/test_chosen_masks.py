"""Samples that are made from chosen masks carry these as labels, and say whose they are."""

import json

import numpy as np
import pytest

from baselines.generators.base import Conditions
from baselines.generators.fit_folder import write_training_ids
from baselines.generators.mask_sampler import MaskSampling
from benchmark.core.errors import InputError
from benchmark.stages.leaks import SOURCES_FILE, refuse_leaks
from benchmark.stages.sampling import Block, sample_block

SIDE = 16
IDS = [f"case_{n // 2}/z{n % 2:03d}" for n in range(8)]


class Copy:
    """Images that show the mask they are made from."""

    def sample(self, conditions, *, variants, key, batch_size, sampling):
        return conditions.masks * 200, conditions.masks


def block(masks: MaskSampling | None, key: str = "k", phrases=("", "", "")) -> Block:
    stack = np.zeros((len(IDS), SIDE, SIDE), np.uint8)
    for number in range(len(IDS)):
        stack[number, 4:7, 4 : 6 + number] = 1
    return Block(Conditions(IDS, stack, stack, [""] * len(IDS)), 0, phrases, masks, key)


def sampled(chosen: Block, key: str = "k") -> tuple[np.ndarray, np.ndarray]:
    return sample_block(Copy(), chosen, key=key, sampling=MaskSampling())


def test_a_sample_of_another_case_carries_its_mask_and_names_its_slice():
    chosen = block(MaskSampling(mask="other"))
    images, masks = sampled(chosen)
    assert np.array_equal(images, masks * 200)
    sources = chosen.sources()
    assert len(sources) == 3 and len({tuple(row) for row in sources}) == 3
    own = chosen.slices.masks
    for variant, row in enumerate(sources):
        for place, source in enumerate(row):
            assert np.array_equal(masks[variant, place], own[IDS.index(source)])
            assert source.split("/")[0] != IDS[place].split("/")[0]


def test_a_moved_mask_is_that_of_its_slice():
    chosen = block(MaskSampling(mask="moved"))
    _, masks = sampled(chosen)
    assert chosen.sources() == [IDS] * 3
    assert not np.array_equal(masks[0], chosen.slices.masks)
    assert not np.array_equal(masks[0], masks[1])
    assert (masks.reshape(3, len(IDS), -1).max(-1) == 1).all()


def test_variants_of_a_later_block_are_those_of_one_long_block():
    whole = sampled(block(MaskSampling(mask="moved")))[1]
    slices = block(None).slices
    later = Block(slices, 1, ("", ""), MaskSampling(mask="moved"), "k")
    assert np.array_equal(sampled(later)[1], whole[1:])


def test_the_key_of_the_generator_is_part_of_the_address():
    one, other = (block(MaskSampling(mask="other"), key).sources() for key in "kl")
    assert one != other


def test_without_a_choice_masks_are_those_of_the_slices():
    for masks in (None, MaskSampling()):
        assert np.array_equal(sampled(block(masks))[1][2], block(None).slices.masks)


def test_the_mask_of_a_test_case_is_refused(tmp_path):
    write_training_ids(tmp_path, ["a/z000", "b/z000"])
    refuse_leaks([tmp_path], ["t"])
    (tmp_path / SOURCES_FILE).write_text(json.dumps([["b/z000", "a/z000"]]))
    refuse_leaks([tmp_path], ["t"])
    (tmp_path / SOURCES_FILE).write_text(json.dumps([["b/z000", "t/z003"]]))
    with pytest.raises(InputError, match=r"masks of 1 of the test cases \(t\)"):
        refuse_leaks([tmp_path], ["t"])
