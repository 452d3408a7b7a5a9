"""nnU-Net's stacks put together from batchgeneratorsv2, as its trainers do: the reference of the
tests of ours."""

import numpy as np
import torch
from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform
from batchgeneratorsv2.transforms.intensity.brightness import (
    BrightnessAdditiveTransform,
    MultiplicativeBrightnessTransform,
)
from batchgeneratorsv2.transforms.intensity.contrast import BGContrast, ContrastTransform
from batchgeneratorsv2.transforms.intensity.gamma import GammaTransform
from batchgeneratorsv2.transforms.intensity.gaussian_noise import GaussianNoiseTransform
from batchgeneratorsv2.transforms.local.brightness_gradient import (
    BrightnessGradientAdditiveTransform,
)
from batchgeneratorsv2.transforms.local.local_gamma import LocalGammaTransform
from batchgeneratorsv2.transforms.noise.blank_rectangle import BlankRectangleTransform
from batchgeneratorsv2.transforms.noise.gaussian_blur import GaussianBlurTransform
from batchgeneratorsv2.transforms.noise.median_filter import MedianFilterTransform
from batchgeneratorsv2.transforms.noise.sharpen import SharpeningTransform
from batchgeneratorsv2.transforms.spatial.low_resolution import SimulateLowResolutionTransform
from batchgeneratorsv2.transforms.spatial.mirroring import MirrorTransform
from batchgeneratorsv2.transforms.spatial.rot90 import Rot90Transform
from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform
from batchgeneratorsv2.transforms.spatial.transpose import TransposeAxesTransform
from batchgeneratorsv2.transforms.utils.compose import ComposeTransforms
from batchgeneratorsv2.transforms.utils.random import OneOfTransform, RandomTransform
from batchgeneratorsv2.transforms.utils.remove_label import RemoveLabelTansform

ALONE = {"synchronize_channels": False}


def spatial(size: int, **more) -> SpatialTransform:
    return SpatialTransform(
        (size, size),
        patch_center_dist_from_border=0,
        random_crop=False,
        p_elastic_deform=0,
        rotation=(-np.pi, np.pi),
        bg_style_seg_sampling=False,
        border_mode_seg="constant",
        padding_value_seg=-1,
        **more,
    )


def noise() -> RandomTransform:
    return RandomTransform(GaussianNoiseTransform((0, 0.1), 1, synchronize_channels=True), 0.1)


def gamma(share: float, inverted: int) -> RandomTransform:
    changed = GammaTransform(
        BGContrast((0.7, 1.5)), inverted, p_per_channel=1, p_retain_stats=1, **ALONE
    )
    return RandomTransform(changed, share)


def low_resolution(share: float, least: float) -> RandomTransform:
    changed = SimulateLowResolutionTransform(
        (least, 1), synchronize_axes=True, ignore_axes=None, p_per_channel=0.5, **ALONE
    )
    return RandomTransform(changed, share)


def nnunet_v2(size: int) -> BasicTransform:
    """nnUNetTrainer.get_training_transforms, in 2D."""
    blur = GaussianBlurTransform((0.5, 1.0), synchronize_axes=False, p_per_channel=0.5, **ALONE)
    brightness = MultiplicativeBrightnessTransform(
        BGContrast((0.75, 1.25)), p_per_channel=1, **ALONE
    )
    contrast = ContrastTransform(BGContrast((0.75, 1.25)), True, p_per_channel=1, **ALONE)
    moved = {"p_rotation": 0.2, "p_scaling": 0.2, "scaling": (0.7, 1.4)}
    return ComposeTransforms(
        [
            spatial(size, **moved, p_synchronize_scaling_across_axes=1),
            noise(),
            RandomTransform(blur, 0.2),
            RandomTransform(brightness, 0.15),
            RandomTransform(contrast, 0.15),
            low_resolution(0.25, 0.5),
            gamma(0.1, 1),
            gamma(0.3, 0),
            MirrorTransform((0, 1)),
            RemoveLabelTansform(-1, 0),
        ]
    )


def local_sd(sides, axis: int) -> float:
    return np.exp(np.random.uniform(np.log(sides[axis] // 6), np.log(sides[axis])))


def strength(*_) -> float:
    return np.random.uniform(-5, -1) if np.random.uniform() < 0.5 else np.random.uniform(1, 5)


def local_gamma() -> float:
    return np.random.uniform(0.01, 0.8) if np.random.uniform() < 0.5 else np.random.uniform(1.5, 4)


def contrast_of_da5(keeps_range: bool) -> RandomTransform:
    changed = ContrastTransform(BGContrast((0.5, 2)), keeps_range, p_per_channel=0.5, **ALONE)
    return RandomTransform(changed, 0.2)


def da5(size: int) -> BasicTransform:
    """nnUNetTrainerDA5.get_training_transforms, in 2D."""
    moved = {"p_rotation": 0.4, "p_rot_per_axis": 0.5, "p_scaling": 0.2, "scaling": (0.7, 1.43)}
    turned = Rot90Transform(1, (0, 1, 2, 3), {0, 1})
    median = MedianFilterTransform((2, 8), 0, p_per_channel=0.5)
    blur = GaussianBlurTransform((0.3, 1.5), synchronize_axes=True, p_per_channel=0.5, **ALONE)
    brightness = BrightnessAdditiveTransform(0, 0.5, False, 0.5)
    sides = [[max(1, size // 10), size // 3]] * 2
    blank = BlankRectangleTransform(sides, torch.mean, (1, 5), False, 0.5)
    gradient = BrightnessGradientAdditiveTransform(
        local_sd, (-0.5, 1.5), strength, False, False, p_per_channel=0.5
    )
    power = LocalGammaTransform(local_sd, (-0.5, 1.5), local_gamma, False, 0.5)
    return ComposeTransforms(
        [
            spatial(size, **moved, p_synchronize_scaling_across_axes=0),
            RandomTransform(turned, 0.5),
            RandomTransform(TransposeAxesTransform({0, 1}), 0.5),
            OneOfTransform([RandomTransform(median, 0.2), RandomTransform(blur, 0.2)]),
            noise(),
            RandomTransform(brightness, 0.1),
            OneOfTransform([contrast_of_da5(True), contrast_of_da5(False)]),
            low_resolution(0.15, 0.25),
            gamma(0.1, 1),
            gamma(0.1, 1),
            MirrorTransform((0, 1)),
            RandomTransform(blank, 0.4),
            RandomTransform(gradient, 0.3),
            RandomTransform(power, 0.3),
            RandomTransform(SharpeningTransform((0.1, 1), 0, 0.5), 0.2),
            RemoveLabelTansform(-1, 0),
        ]
    )
