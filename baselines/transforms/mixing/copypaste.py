"""CopyPaste: the lesion of another image, put on top."""

import torch
from torch import Tensor

from baselines.transforms.base import Drawn, Transform, chance, on_chosen, uniform
from baselines.transforms.geometry import resample, rotation, stretch
from baselines.transforms.partners import lesion_partners
from baselines.transforms.single.gamma import adjust_gamma
from benchmark.training.to_device import written


class CopyPaste(Transform):
    """TumorCP (Yang et al. 2021, arXiv 2107.09843), in 2D: into an image (p 0.8) the foreground of
    another image of the batch (p 0.8; else its own once more) is pasted with its label, without
    blending. The object is changed about its centre, each with p 0.5: rotation +-180 degrees, scale
    0.85-1.25, each axis mirrored, gamma 0.7-1.5. It lands where it was, shifted by up to a quarter
    of the side, where TumorCP takes a place inside the organ, which is not marked here. Left out:
    its elastic deformation and blur, whose pixels are those of CT volumes. An image without a
    partner that has foreground stays as it is."""

    name, version = "copypaste", 1

    def draw(self, images: Tensor, rng: torch.Generator) -> Drawn:
        n = len(images)
        return {
            "pasted": chance(rng, n, 0.8),
            "from_other": chance(rng, n, 0.8),
            "preference": uniform(rng, (n, n), 0.0, 1.0),
            "angle_deg": uniform(rng, n, -180.0, 180.0) * chance(rng, n, 0.5),
            "scale": torch.where(chance(rng, n, 0.5), uniform(rng, n, 1 / 1.25, 1 / 0.85), 1.0),
            "mirror_x": chance(rng, n, 0.5),
            "mirror_y": chance(rng, n, 0.5),
            "gamma": torch.where(chance(rng, n, 0.5), uniform(rng, n, 0.7, 1.5), 1.0),
            "shift_of_side": uniform(rng, (n, 2), -0.25, 0.25),
        }

    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        partner, found = lesion_partners(masks, drawn["preference"])
        mine = torch.arange(len(images), device=images.device)
        source = torch.where(drawn["from_other"], partner, mine)
        pasted = drawn["pasted"] & (found | ~drawn["from_other"])
        objects, labels = _moved(images[source], masks[source], drawn)
        objects = on_chosen(objects, drawn["gamma"] != 1, adjust_gamma, drawn["gamma"])
        here = (labels != 0) & pasted[:, None, None]
        return torch.where(here[:, None], objects, images), torch.where(here, labels, masks)


def _moved(images: Tensor, masks: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
    """Images and masks turned about the centre of their foreground, then shifted."""
    mirror = stretch(1.0 - 2.0 * drawn["mirror_x"], 1.0 - 2.0 * drawn["mirror_y"])
    scale = drawn["scale"][:, None, None]
    # a pixel p of the result is read at centre + forth (p - shift - centre)
    forth = scale * (rotation(drawn["angle_deg"]) @ mirror)
    back = mirror @ rotation(-drawn["angle_deg"]) / scale
    centre = _centres(masks, images)
    height, width = images.shape[2:]
    shift = drawn["shift_of_side"] * written(drawn["shift_of_side"], width, height)
    offset_px = (back @ centre[..., None])[..., 0] - centre - shift
    return resample(images, masks, forth, offset_px=offset_px[..., None, None], outside="edge")


def _centres(masks: Tensor, like: Tensor) -> Tensor:
    """(B, 2): the mean place of the foreground, x and y, pixels from the image centre; 0 without
    any."""
    inside = (masks != 0).float()
    count = inside.sum((1, 2)).clamp_min(1)
    height, width = masks.shape[1:]
    x = torch.arange(width, device=like.device) - (width - 1) / 2
    y = torch.arange(height, device=like.device) - (height - 1) / 2
    return (
        torch.stack([(inside.sum(1) * x).sum(1), (inside.sum(2) * y).sum(1)], -1) / count[:, None]
    )
