"""A CPU computes the chosen images alone, other devices the whole batch: both give one result."""

import pytest
import torch

from baselines.transforms import base
from baselines.transforms.catalogue import make_transform, transforms
from baselines.transforms.nnunet import filters
from tests.support.augment_data import generator

BATCH, SIZE, SEEDS = 8, 32, 12
# Their blur convolves the chosen images only; one image alone is convolved by another algorithm.
ROUNDED = ("nnunet-v2", "da5")


@pytest.mark.parametrize("name", transforms())
def test_the_whole_batch_gives_what_the_chosen_images_alone_give(name, monkeypatch):
    transform = make_transform(name)
    for seed in range(SEEDS):
        images = torch.rand(BATCH, 1, SIZE, SIZE, generator=generator(seed))
        masks = (images[:, 0] > 0.7).to(torch.uint8)
        drawn = transform.draw(images, generator(100 + seed))
        ours, labels = transform.apply(images, masks, drawn)
        with monkeypatch.context() as elsewhere:
            for module in (base, filters):
                elsewhere.setattr(module, "on_gpu", lambda what: True)
            whole, whole_labels = transform.apply(images, masks, drawn)
        assert torch.equal(labels, whole_labels)
        if name in ROUNDED:
            assert torch.allclose(ours, whole, rtol=0, atol=1e-4)
        else:
            assert torch.equal(ours, whole)
