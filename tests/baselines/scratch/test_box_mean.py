"""Windows taken one axis at a time against torch's square pooling."""

import pytest
import torch
import torch.nn.functional as F

from baselines.scratch.box_mean import near, window_mean


@pytest.mark.parametrize("margin", [1, 4])
def test_means_are_those_of_square_windows_also_at_the_border(margin):
    planes = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    wanted = F.avg_pool2d(planes, 2 * margin + 1, 1, margin, count_include_pad=False)
    torch.testing.assert_close(window_mean(planes, margin), wanted, rtol=1e-6, atol=1e-6)


def test_near_a_mask_is_what_a_maximum_over_the_window_says():
    masks = torch.zeros(1, 1, 16, 16)
    masks[0, 0, 3, 12] = masks[0, 0, 15, 0] = 1
    assert torch.equal(near(masks, 4), F.max_pool2d(masks, 9, 1, 4) > 0)
    assert not near(torch.zeros(1, 1, 16, 16), 4).any()
