"""Fidelity and diversity against scikit-image, torchmetrics and answers known beforehand."""

import numpy as np
import pytest
import torch

from benchmark.stages.fidelity import FIDELITY, diversity, image_metrics, ms_ssim_betas


def pictures(count=3, size=64, seed=0):
    """Smooth random grey images, uint8."""
    from scipy.ndimage import gaussian_filter

    noise = np.random.default_rng(seed).normal(size=(count, size, size))
    smooth = np.stack([gaussian_filter(one, 3) for one in noise])
    return (127 + 900 * smooth).clip(0, 255).astype(np.uint8)


def test_an_image_is_itself():
    found = image_metrics(pictures(), pictures())
    assert set(found) == set(FIDELITY)
    for name in ("mae", "mse", "rmse"):
        assert np.all(found[name] == 0)
    for name in ("ssim", "ms_ssim"):
        assert found[name] == pytest.approx(1, abs=1e-5)


def test_errors_are_in_grey_range_one_and_per_image():
    real = np.full((2, 64, 64), 51, np.uint8)
    made = np.stack([np.full((64, 64), 102, np.uint8), np.full((64, 64), 0, np.uint8)])
    made[1, :32] = 51
    found = image_metrics(made, real)
    assert found["mae"] == pytest.approx([0.2, 0.1])
    assert found["mse"] == pytest.approx([0.04, 0.02])
    assert found["rmse"] == pytest.approx([0.2, 0.02**0.5])


def test_ssim_is_that_of_scikit_image():
    from skimage.metrics import structural_similarity

    """But for the border: scikit-image leaves 5 px out, torchmetrics mirrors the image there."""
    real, made = pictures(size=320), pictures(size=320, seed=1)
    made = ((made.astype(int) + 2 * real) // 3).astype(np.uint8)
    wanted = [
        structural_similarity(
            a, b, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        for a, b in zip(made, real, strict=True)
    ]
    found = image_metrics(made, real)["ssim"]
    assert found == pytest.approx(wanted, abs=6e-3)
    assert 0.1 < found.min() < 0.95


def test_ms_ssim_is_that_of_torchmetrics_at_the_papers_size():
    """At 384 px: five scales with the weights of Wang et al., torchmetrics' own default."""
    from torchmetrics.functional.image import (
        multiscale_structural_similarity_index_measure as theirs,
    )

    real, made = pictures(2, 384), pictures(2, 384, seed=1)
    made = ((made.astype(int) + real) // 2).astype(np.uint8)
    tensors = [torch.from_numpy(stack[:, None] / np.float32(255)) for stack in (made, real)]
    wanted = theirs(*tensors, data_range=1.0, reduction="none").numpy()
    assert image_metrics(made, real)["ms_ssim"] == pytest.approx(wanted, abs=1e-3)


def wang(made, real):
    """MS-SSIM of two uint8 images by the formulas of Wang et al. 2003, written out; torchmetrics'
    choice at the border: mirrored, and the contrast of all scales but the coarsest without the
    outer 5 px."""
    from scipy.ndimage import correlate1d

    window = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))

    def smooth(image):
        for axis in (0, 1):
            image = correlate1d(image, window / window.sum(), axis=axis, mode="mirror")
        return image

    a, b, found = made / 255.0, real / 255.0, 1.0
    betas = ms_ssim_betas(len(made))
    for scale, beta in enumerate(betas):
        mean_a, mean_b = smooth(a), smooth(b)
        contrast = (2 * (smooth(a * b) - mean_a * mean_b) + 0.03**2) / (
            smooth(a * a) - mean_a**2 + smooth(b * b) - mean_b**2 + 0.03**2
        )
        luminance = (2 * mean_a * mean_b + 0.01**2) / (mean_a**2 + mean_b**2 + 0.01**2)
        last = scale == len(betas) - 1
        found *= max((contrast * luminance if last else contrast[5:-5, 5:-5]).mean(), 0) ** beta
        a, b = (image.reshape(len(image) // 2, 2, -1, 2).mean((1, 3)) for image in (a, b))
    return found


@pytest.mark.parametrize("size", [64, 128])
def test_ms_ssim_of_small_images_is_that_of_the_formulas(size):
    real, made = pictures(size=size), pictures(size=size, seed=1)
    made = ((made.astype(int) + 2 * real) // 3).astype(np.uint8)
    found = image_metrics(made, real)["ms_ssim"]
    assert found == pytest.approx([wang(*pair) for pair in zip(made, real, strict=True)], abs=1e-5)
    assert 0.1 < found.min() < found.max() < 0.9


@pytest.mark.parametrize("size", [64, 128, 384])
def test_the_ends_of_the_grey_range_are_0_and_1(size):
    black, white = np.zeros((1, size, size), np.uint8), np.full((1, size, size), 255, np.uint8)
    found = image_metrics(black, white)
    assert [found[name][0] for name in ("mae", "mse", "rmse")] == pytest.approx([1, 1, 1])
    assert 0 <= found["ssim"][0] < 1e-3 and 0 <= found["ms_ssim"][0] < 1
    noise = np.random.default_rng(0).integers(0, 256, (4, size, size), dtype=np.uint8)
    for name, values in image_metrics(noise, noise[::-1].copy()).items():
        assert np.all((values >= (-1 if name == "ssim" else 0)) & (values <= 1)), name


def test_errors_are_those_of_torchmetrics():
    from torchmetrics.functional import mean_absolute_error, mean_squared_error

    real, made = pictures(3), pictures(3, seed=1)
    found = image_metrics(made, real)
    for place in range(3):
        pair = [
            torch.from_numpy(stack[place] / np.float32(255)).flatten() for stack in (made, real)
        ]
        assert found["mae"][place] == pytest.approx(mean_absolute_error(*pair).item(), rel=1e-5)
        assert found["mse"][place] == pytest.approx(mean_squared_error(*pair).item(), rel=1e-5)
        assert found["rmse"][place] == pytest.approx(
            mean_squared_error(*pair, squared=False).item(), rel=1e-5
        )


@pytest.mark.parametrize(
    ("size", "scales"), [(16, 1), (32, 2), (64, 3), (128, 4), (175, 4), (176, 5), (384, 5)]
)
def test_the_coarsest_scale_holds_the_window(size, scales):
    betas = ms_ssim_betas(size)
    assert len(betas) == scales and sum(betas) == pytest.approx(1)
    assert size // 2 ** (scales - 1) >= 11
    real = pictures(1, size)
    assert image_metrics(real, real)["ms_ssim"] == pytest.approx([1.0], abs=1e-5)


def test_alike_variants_have_no_diversity_and_unlike_ones_some():
    alike = diversity(np.stack([pictures()] * 3))
    assert alike["diversity"] == pytest.approx(0, abs=1e-5) and np.all(alike["pixel_sd"] == 0)
    near = diversity(
        np.stack([pictures(), np.clip(pictures().astype(int) + 5, 0, 255).astype(np.uint8)])
    )
    far = diversity(np.stack([pictures(), pictures(seed=1)]))
    assert np.all(near["diversity"] < 0.02) and np.all(far["diversity"] > 0.3)
    flat = diversity(np.stack([np.full((1, 32, 32), level, np.uint8) for level in (0, 51)]))
    assert flat["pixel_sd"] == pytest.approx(0.2 / 2**0.5)
