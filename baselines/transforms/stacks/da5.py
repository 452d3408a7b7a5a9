"""DA5: the strongest augmentation that nnU-Net's authors ship, in 2D.

nnUNetTrainerDA5 of nnunetv2 2.8.1, with batchgeneratorsv2 0.3.6, of which each part is tested
(tests/baselines/transforms); no paper. Not here: patches of 1.x times the size.
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
from baselines.transforms.nnunet import local
from baselines.transforms.nnunet.filters import blurred, median_filtered, sharpened
from baselines.transforms.nnunet.intensity import (
    contrasted,
    gamma_of_inverted,
    shifted,
    with_noise,
)
from baselines.transforms.nnunet.low_resolution import at_low_resolution
from baselines.transforms.nnunet.spatial import (
    from_layers,
    mirrored,
    quarter_turned,
    to_layers,
    turned_and_scaled,
    widest_angle_deg,
)
from baselines.transforms.scores import flags, from_scores, to_scores

CHANNEL = 0.5  # of most parts: the chance that a channel of a chosen sample is changed


class DA5(Transform):
    """In this order, on z-scores: rotation +-180 degrees (p 0.4 x 0.5, that of an axis; +-15 where
    the image is longer than 1.5 times its width) and scale 0.7-1.43, drawn for each axis (p 0.2),
    read once; 0-3 quarter turns (p 0.5) and the exchange of the axes (p 0.5 x 0.5) of a square
    image; one of median filter 2-7 pixels and blur of sigma 0.3-1.5 pixels (each p 0.2 x 0.5);
    noise of SD 0-0.1 (p 0.1); a number of SD 0.5 added (p 0.1 x 0.5); contrast 0.5-2, range kept
    or not (p 0.2 x 0.5); resolution 0.25-1, nearest down and linear up (p 0.15 x 0.5); gamma
    0.7-1.5 of the inverted image, mean and SD kept, twice (p 0.1 each); each axis mirrored
    (p 0.5); 1-4 rectangles filled with their mean (p 0.4 x 0.5); a gradient of brightness of
    +-1 to 5 (p 0.3 x 0.5); a local gamma of 0.01-0.8 or 1.5-4 (p 0.3 x 0.5); sharpening 0.1-1
    (p 0.2 x 0.5). "p 0.2 x 0.5" is the chance of the sample times that of its channel."""

    name, version = "da5", 1

    def draw(self, images: Tensor, rng: torch.Generator) -> Drawn:
        n, widest = len(images), widest_angle_deg(images)
        square = images.shape[2] == images.shape[3]
        median = chance(rng, n, 0.5)
        gradient_centre, gradient_sd = local.draw_bump(images, rng)
        gamma_centre, gamma_sd = local.draw_bump(images, rng)
        return {
            "turned": chance(rng, n, 0.4 * 0.5),
            "angle_deg": uniform(rng, n, -widest, widest),
            "scaled": chance(rng, n, 0.2),
            "scale_x": uniform(rng, n, 0.7, 1.43),
            "scale_y": uniform(rng, n, 0.7, 1.43),
            "quarter_turned": chance(rng, n, 0.5 * square),
            "quarter_turns": torch.randint(4, (n,), generator=rng, device=rng.device),
            "exchanged": chance(rng, n, 0.5 * 0.5 * square),
            "median": chance(rng, n, 0.2 * CHANNEL) & median,
            "median_side_px": torch.randint(2, 8, (n,), generator=rng, device=rng.device),
            "blurred": chance(rng, n, 0.2 * CHANNEL) & ~median,
            "sigma_px": uniform(rng, n, 0.3, 1.5),
            "noisy": chance(rng, n, 0.1),
            "noise_sd": uniform(rng, n, 0.0, 0.1),
            "shifted": chance(rng, n, 0.1 * CHANNEL),
            "shift": 0.5 * torch.randn(n, generator=rng, device=rng.device),
            "contrasted": chance(rng, n, 0.2 * CHANNEL),
            "contrast": around_one(rng, n, 0.5, 2.0),
            "keeps_range": uniform(rng, n, 0.0, 1.0),  # below 0.5 it does
            "coarse": chance(rng, n, 0.15 * CHANNEL),
            "resolution": uniform(rng, n, 0.25, 1.0),
            "gamma_on": chance(rng, n, 0.1),
            "gamma": around_one(rng, n, 0.7, 1.5),
            "again_on": chance(rng, n, 0.1),
            "again": around_one(rng, n, 0.7, 1.5),
            "mirror_x": chance(rng, n, 0.5),
            "mirror_y": chance(rng, n, 0.5),
            "blanked": chance(rng, n, 0.4 * CHANNEL),
            **local.draw_rectangles(images, rng),
            "gradient_on": chance(rng, n, 0.3 * CHANNEL),
            "gradient": local.either(rng, n, (-5.0, -1.0), (1.0, 5.0)),
            "gradient_centre_px": gradient_centre,
            "gradient_sd_px": gradient_sd,
            "local_on": chance(rng, n, 0.3 * CHANNEL),
            "local_gamma": local.either(rng, n, (0.01, 0.8), (1.5, 4.0)),
            "local_centre_px": gamma_centre,
            "local_sd_px": gamma_sd,
            "sharpened": chance(rng, n, 0.2 * CHANNEL),
            "sharpness": uniform(rng, n, 0.1, 1.0),
            "noise": normal_field(images, rng),
        }

    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        scores, sd, mean = to_scores(images)
        layers = _moved(to_layers(scores, masks), drawn)
        scores = _intensity(layers[:, :1], drawn)
        layers = torch.cat([scores, layers[:, 1:]], dim=1)
        layers = mirrored(layers, drawn["mirror_x"], drawn["mirror_y"])
        scores, labels = from_layers(layers, masks)
        scores = _parts(scores, drawn)
        return from_scores(scores, sd, mean, images, ~flags(drawn)), labels


def _moved(layers: Tensor, drawn: Drawn) -> Tensor:
    """The geometry before the grey values change."""
    turned, scaled = drawn["turned"], drawn["scaled"]
    scale_x, scale_y = (torch.where(scaled, drawn[f"scale_{axis}"], 1.0) for axis in "xy")
    geometry = drawn["angle_deg"] * turned, scale_x, scale_y
    layers = on_chosen(layers, turned | scaled, turned_and_scaled, *geometry)
    if layers.shape[2] == layers.shape[3]:
        turns = drawn["quarter_turns"] * drawn["quarter_turned"]
        layers = quarter_turned(layers, turns, drawn["exchanged"])
    return layers


def _intensity(scores: Tensor, drawn: Drawn) -> Tensor:
    """Filters, noise and grey values of the whole image."""
    scores = on_chosen(scores, drawn["median"], median_filtered, drawn["median_side_px"])
    scores = on_chosen(scores, drawn["blurred"], blurred, drawn["sigma_px"], drawn["sigma_px"])
    scores = on_chosen(scores, drawn["noisy"], with_noise, drawn["noise"], drawn["noise_sd"])
    scores = on_chosen(scores, drawn["shifted"], shifted, drawn["shift"])
    contrast = drawn["contrast"], drawn["keeps_range"] < 0.5
    scores = on_chosen(scores, drawn["contrasted"], contrasted, *contrast)
    scores = on_chosen(scores, drawn["coarse"], at_low_resolution, drawn["resolution"])
    scores = on_chosen(scores, drawn["gamma_on"], gamma_of_inverted, drawn["gamma"])
    return on_chosen(scores, drawn["again_on"], gamma_of_inverted, drawn["again"])


def _parts(scores: Tensor, drawn: Drawn) -> Tensor:
    """What changes a part of an image, and sharpening."""
    rectangles = drawn["rectangle_rows"], drawn["rectangle_columns"]
    scores = on_chosen(scores, drawn["blanked"], local.blanked, *rectangles)
    gradient = [drawn[f"gradient{part}"] for part in ("_centre_px", "_sd_px", "")]
    scores = on_chosen(scores, drawn["gradient_on"], local.with_gradient, *gradient)
    gamma = [drawn[f"local_{part}"] for part in ("centre_px", "sd_px", "gamma")]
    scores = on_chosen(scores, drawn["local_on"], local.with_local_gamma, *gamma)
    return on_chosen(scores, drawn["sharpened"], sharpened, drawn["sharpness"])
