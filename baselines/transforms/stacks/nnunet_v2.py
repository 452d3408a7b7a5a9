"""nnU-Net v2's default augmentation of 2D patches.

Isensee et al. 2021, doi 10.1038/s41592-020-01008-z; the stack is that of nnUNetTrainer in nnunetv2
2.8.1 with batchgeneratorsv2 0.3.6, of which each part is tested (tests/baselines/transforms). Not
here: its patches of 1.x times the size, from which it cuts the middle; a slice is read as it is.
"""

import torch
from torch import Tensor

from baselines.transforms.base import (
    Drawn,
    Transform,
    around_one,
    chance,
    normal_field,
    on_chosen,
    uniform,
)
from baselines.transforms.nnunet.filters import blurred
from baselines.transforms.nnunet.intensity import (
    gamma_kept,
    gamma_of_inverted,
    multiplied,
    with_noise,
)
from baselines.transforms.nnunet.low_resolution import at_low_resolution
from baselines.transforms.nnunet.spatial import (
    from_layers,
    mirrored,
    to_layers,
    turned_and_scaled,
    widest_angle_deg,
)
from baselines.transforms.scores import flags, from_scores, to_scores
from baselines.transforms.single.contrast import adjust_contrast


class NNUNetV2(Transform):
    """In this order, on z-scores: rotation +-180 degrees (p 0.2; +-15 where the image is longer
    than 1.5 times its width) and scale 0.7-1.4 (p 0.2), read once; noise of SD 0-0.1 (p 0.1; the
    trainer's "variance" is used as SD); blur of sigma 0.5-1 pixels, drawn for each axis (p 0.2 x
    0.5); brightness x 0.75-1.25 (p 0.15); contrast 0.75-1.25, range kept (p 0.15); resolution
    0.5-1, nearest down and linear up (p 0.25 x 0.5); gamma 0.7-1.5 of the inverted image (p 0.1),
    then of the image (p 0.3), mean and SD kept; each axis mirrored (p 0.5). Factors are drawn
    from their lower and upper half alike often; p 0.2 x 0.5 is that of the sample times that of
    its channel."""

    name, version = "nnunet-v2", 1

    def draw(self, images: Tensor, rng: torch.Generator) -> Drawn:
        n, widest = len(images), widest_angle_deg(images)
        return {
            "turned": chance(rng, n, 0.2),
            "angle_deg": uniform(rng, n, -widest, widest),
            "scaled": chance(rng, n, 0.2),
            "scale": uniform(rng, n, 0.7, 1.4),
            "noisy": chance(rng, n, 0.1),
            "noise_sd": uniform(rng, n, 0.0, 0.1),
            "blurred": chance(rng, n, 0.2 * 0.5),
            "sigma_y_px": uniform(rng, n, 0.5, 1.0),
            "sigma_x_px": uniform(rng, n, 0.5, 1.0),
            "brightened": chance(rng, n, 0.15),
            "brightness": around_one(rng, n, 0.75, 1.25),
            "contrasted": chance(rng, n, 0.15),
            "contrast": around_one(rng, n, 0.75, 1.25),
            "coarse": chance(rng, n, 0.25 * 0.5),
            "resolution": uniform(rng, n, 0.5, 1.0),
            "gamma_inverted_on": chance(rng, n, 0.1),
            "gamma_inverted": around_one(rng, n, 0.7, 1.5),
            "gamma_on": chance(rng, n, 0.3),
            "gamma": around_one(rng, n, 0.7, 1.5),
            "mirror_x": chance(rng, n, 0.5),
            "mirror_y": chance(rng, n, 0.5),
            "noise": normal_field(images, rng),
        }

    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        scores, sd, mean = to_scores(images)
        angle_deg = drawn["angle_deg"] * drawn["turned"]
        scale = torch.where(drawn["scaled"], drawn["scale"], 1.0)
        chosen = drawn["turned"] | drawn["scaled"]
        layers = to_layers(scores, masks)
        layers = on_chosen(layers, chosen, turned_and_scaled, angle_deg, scale, scale)
        scores = layers[:, :1]
        scores = on_chosen(scores, drawn["noisy"], with_noise, drawn["noise"], drawn["noise_sd"])
        sigmas = drawn["sigma_y_px"], drawn["sigma_x_px"]
        scores = on_chosen(scores, drawn["blurred"], blurred, *sigmas)
        scores = on_chosen(scores, drawn["brightened"], multiplied, drawn["brightness"])
        scores = on_chosen(scores, drawn["contrasted"], adjust_contrast, drawn["contrast"])
        scores = on_chosen(scores, drawn["coarse"], at_low_resolution, drawn["resolution"])
        inverted = drawn["gamma_inverted_on"]
        scores = on_chosen(scores, inverted, gamma_of_inverted, drawn["gamma_inverted"])
        scores = on_chosen(scores, drawn["gamma_on"], gamma_kept, drawn["gamma"])
        layers = torch.cat([scores, layers[:, 1:]], dim=1)
        layers = mirrored(layers, drawn["mirror_x"], drawn["mirror_y"])
        scores, labels = from_layers(layers, masks)
        return from_scores(scores, sd, mean, images, ~flags(drawn)), labels
