"""CarveMix: the region around another image's lesion, with its surroundings."""

import torch
from torch import Tensor

from baselines.transforms.base import Drawn, Transform, chance, on_chosen, uniform
from baselines.transforms.distance import signed_distance
from baselines.transforms.partners import lesion_partners


class CarveMix(Transform):
    """Zhang et al. 2021, arXiv 2108.06883: d is the distance to the border of the other image's
    lesion, negative inside. With equal chance lambda is uniform in [-|min d| / 2, 0] or in
    [0, |min d|]; pixels with d < lambda are the other image's, grey value and label. The paper
    makes a set of mixed images beforehand; here half of the images of a batch are mixed (p 0.5),
    with another one that has foreground, and where there is none they stay as they are."""

    name, version = "carvemix", 1

    def draw(self, images: Tensor, rng: torch.Generator) -> Drawn:
        n = len(images)
        smaller = chance(rng, n, 0.5)
        return {
            "mixed": chance(rng, n, 0.5),
            "preference": uniform(rng, (n, n), 0.0, 1.0),
            # lambda in units of |min d|
            "depth": torch.where(smaller, uniform(rng, n, -0.5, 0.0), uniform(rng, n, 0.0, 1.0)),
        }

    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        partner, found = lesion_partners(masks, drawn["preference"])
        mixed, others = drawn["mixed"] & found, masks[partner]
        none = torch.zeros_like(others, dtype=torch.bool)
        carved = on_chosen(none, mixed, _carved, others, drawn["depth"])
        return (
            torch.where(carved[:, None], images[partner], images),
            torch.where(carved, others, masks),
        )


def _carved(_: Tensor, masks: Tensor, depth: Tensor) -> Tensor:
    """bool (B, H, W): which pixels come from the image of these masks."""
    distance = signed_distance(masks != 0, outwards=depth > 0)
    return distance < depth[:, None, None] * -distance.amin(dim=(1, 2), keepdim=True)
