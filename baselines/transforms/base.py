"""What all transforms share: drawing parameters is one step, applying them another.

`draw` makes every random decision for a batch and returns it as data, so that the same parameters
can be applied again, shown beside a picture, or set by hand; `apply` is a pure function.

Every strength is the release's (Q21, Q22), converted from its data range [-1, 1] to ours, [0, 1]:
additive quantities are halved; factors, exponents, angles and pixels stay. Transforms are torch
operations on whole batches, written here because the known libraries draw from global state or
handle one image at a time.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

Drawn = dict[str, Tensor]


class Transform(ABC):
    """A random change of a batch that keeps labels right. Transforms hold no state.

    name: lower-case letters, digits and hyphens; of a built-in, its file's name. version: a whole
    number from 1; raise it when the class gives other results, and they are computed anew.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    # it mixes images by patches, and is made with their side (patch_size) and share (alpha)
    on_patches: ClassVar[bool] = False

    @abstractmethod
    def draw(self, images: Tensor, rng: torch.Generator) -> Drawn:
        """Random parameters for a batch.

        images: (B, 1, H, W); only its shape and device are used. rng: a generator on the CPU or on
        that device; how much is drawn depends on the shape alone. Returns tensors with B rows, on
        the device of `rng` or of the images: scalar parameters are (B,), with the unit in the name
        where there is one; noise fields have more axes.
        """

    @abstractmethod
    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        """images: float (B, 1, H, W) in [0, 1]; masks: integer (B, H, W); drawn: on their device.
        Returns new or unchanged tensors of the same shapes and dtypes, never written in place.
        Brightness and noise may leave [0, 1], as in the release."""


def uniform(rng: torch.Generator, shape: int | tuple[int, ...], low: float, high: float) -> Tensor:
    """float32 of `shape`, uniform in [low, high), on the generator's device."""
    shape = (shape,) if isinstance(shape, int) else shape
    return torch.rand(shape, generator=rng, device=rng.device).mul_(high - low).add_(low)


def around_one(rng: torch.Generator, n: int, low: float, high: float) -> Tensor:
    """float32 (n,): half of the draws uniform in [low, 1), half in [1, high), as batchgenerators
    draws all factors."""
    below = chance(rng, n, 0.5)
    return torch.where(below, uniform(rng, n, low, 1.0), uniform(rng, n, 1.0, high))


def chance(rng: torch.Generator, n: int, probability: float) -> Tensor:
    """bool (n,), each true with `probability`."""
    return torch.rand(n, generator=rng, device=rng.device) < probability


def normal_field(images: Tensor, rng: torch.Generator) -> Tensor:
    """Standard normal float32 of the images' shape, drawn on their device: by `rng` if it lies on a
    GPU, where a step waits for no number; else from a seed that `rng` gives, since a field is far
    too large to be drawn on the CPU and copied in each step."""
    if on_gpu(rng):
        return torch.randn(images.shape, generator=rng, device=images.device)
    seed = int(torch.randint(2**62, (), generator=rng, device=rng.device))
    own = torch.Generator(images.device).manual_seed(seed)
    return torch.randn(images.shape, generator=own, device=images.device)


def on_gpu(what: Tensor | torch.Generator) -> bool:
    """Whether it must not be asked for its values: what asks, waits for the GPU."""
    return what.device.type != "cpu"


def per_image(values: Tensor) -> Tensor:
    """(B,) -> (B, 1, 1, 1), to meet (B, 1, H, W)."""
    return values.view(-1, 1, 1, 1)


def on_chosen(
    images: Tensor,
    chosen: Tensor,
    change: Callable[..., Tensor],
    *drawn: Tensor,
    in_company: bool = False,
) -> Tensor:
    """change(images, *drawn) where `chosen` (B,) is true, the images themselves elsewhere.

    A CPU computes the chosen images alone, and is the faster for it; a device that must not be
    asked which they are computes all. `change` treats each image by itself.

    in_company: never one image alone where the batch has more. torch convolves one image by another
    algorithm, and splits its sums over threads: with it, rounding is that of the whole batch.
    """
    if on_gpu(images):
        each = chosen.unflatten(0, (len(chosen), *[1] * (images.dim() - 1)))
        return torch.where(each, change(images, *drawn), images)
    rows = chosen.nonzero()[:, 0]
    if not len(rows):
        return images
    computed = rows
    if in_company and len(rows) == 1 < len(images):
        computed = torch.cat([rows, (rows + 1) % len(images)])
    changed = change(*(values.index_select(0, computed) for values in (images, *drawn)))
    return images.index_copy(0, rows, changed[: len(rows)])
