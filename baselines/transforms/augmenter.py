"""An Augmenter: one transform, and what the protocol does after it, as a training step calls it.
Not here: the transforms themselves."""

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from baselines.generators.catalogue import own_class
from baselines.transforms.base import Drawn, Transform
from baselines.transforms.catalogue import make_transform
from benchmark.core.errors import InputError
from benchmark.spec.method import OWN_PREFIX
from benchmark.training.to_device import sent


class Augmenter:
    """Applies a transform to batches; with `renormalise` (the protocol switch, Q3), every sample is
    then stretched to [0, 1]: an image by its own range, a pair by the range of both.

    own: what the transform draws from, on the device of the images, so that nothing in a step
    leaves it. None: a generator on the CPU that follows from the step's in each call, as on a CPU
    and for a user's own transform.
    """

    def __init__(
        self, transform: Transform, *, renormalise: bool, own: torch.Generator | None = None
    ):
        self.transform = transform
        self.renormalise = renormalise
        self.own = own

    def __call__(
        self, images: Tensor, masks: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """images: float32 (B, 1, H, W) in [0, 1]; masks: uint8 or long (B, H, W), on the same
        device. Returns both in the same shapes and dtypes.

        rng may be on any device. It advances alike whatever the transform (not at all where there
        is a generator of its own): runs that differ only in their transform share all other random
        decisions.
        """
        changed, labels = self._changed([images], masks, rng)
        return changed[0], labels

    def pair(
        self, images: Tensor, others: Tensor, masks: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """As a call, of two images of each sample, which are changed exactly alike (Q6)."""
        (images, others), labels = self._changed([images, others], masks, rng)
        return images, others, labels

    def _changed(
        self, stacks: Sequence[Tensor], masks: Tensor, rng: torch.Generator
    ) -> tuple[list[Tensor], Tensor]:
        first = stacks[0]
        drawn = self.transform.draw(first, self.own or _own_generator(rng))
        drawn = {name: sent(values, first.device) for name, values in drawn.items()}
        # In float64 a shifted image is exact, and its normalisation is bit for bit that of the
        # image itself.
        exact = torch.float64 if self.renormalise else first.dtype
        # Mixed precision is for the network: half precision would coarsen the grid and the blurred
        # image.
        with torch.autocast(first.device.type, enabled=False):
            made = [self.transform.apply(images.to(exact), masks, drawn) for images in stacks]
            changed, labels = [images for images, _ in made], made[0][1]
            if self.renormalise:  # side by side, so that they share their range
                whole = stretch_to_full_range(torch.cat(changed, dim=3))
                changed = list(whole.to(first.dtype).chunk(len(stacks), dim=3))
        return changed, labels


class Identity(Transform):
    """Leaves the batch as it is."""

    def draw(self, images: Tensor, rng: torch.Generator) -> Drawn:
        return {}

    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        return images, masks


class OwnTransform(Transform):
    """A user's own transform; what it returns is checked in each step, since nobody else has tested
    it."""

    def __init__(self, reference: str):
        self.method = reference.removeprefix(OWN_PREFIX)
        self.inner: Transform = own_class(reference).cls()

    def draw(self, images: Tensor, rng: torch.Generator) -> Drawn:
        return self.inner.draw(images, rng)

    def apply(self, images: Tensor, masks: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
        found = self.inner.apply(images, masks, drawn)
        if not isinstance(found, tuple | list) or len(found) != 2:
            raise InputError(
                f"method {self.method} returned {_what(found)}; a transform returns images and"
                f" masks."
            )
        for what, before, after in zip(("images", "masks"), (images, masks), found, strict=True):
            if _what(before) != _what(after):
                raise InputError(
                    f"method {self.method} made {what} of {_what(after)} from {_what(before)}; a"
                    f" transform keeps shape, type and device."
                )
        if not (images.is_cuda and torch.cuda.is_current_stream_capturing()):
            self._check_values(*found)
        return found[0], found[1]

    def _check_values(self, images: Tensor, masks: Tensor) -> None:
        if not (torch.isfinite(images).all() & ((masks == 0) | (masks == 1)).all()):
            raise InputError(
                f"method {self.method} made images that are not finite, or masks with other values"
                f" than 0 and 1; a transform keeps grey levels and labels."
            )


def _what(value: object) -> str:
    """'torch.float32 (8, 1, 64, 64) on cpu', the type of what is no tensor."""
    if isinstance(value, tuple | list):
        return f"{type(value).__name__} of {len(value)}"
    if not isinstance(value, Tensor):
        return type(value).__name__
    return f"{value.dtype} {tuple(value.shape)} on {value.device}"


def _own_generator(rng: torch.Generator) -> torch.Generator:
    """A CPU generator that follows from the state of `rng`, which moves on by one draw. The state
    lies on the host even for a GPU generator: a number drawn there would have to be waited for, and
    with it all that the GPU has to do."""
    state = rng.get_state().numpy().tobytes()
    torch.rand((), generator=rng, device=rng.device)
    return torch.Generator().manual_seed(
        int.from_bytes(hashlib.blake2b(state, digest_size=7).digest())
    )


def stretch_to_full_range(images: Tensor) -> Tensor:
    """Min-max normalisation of each image of (B, 1, H, W) to [0, 1]; an image of one grey value
    becomes 0."""
    low = images.amin(dim=(2, 3), keepdim=True)
    span = images.amax(dim=(2, 3), keepdim=True) - low
    return (images - low) / torch.where(span > 0, span, 1.0)


def make_augmenter(
    transform: str | None, *, renormalise: bool = False, own: torch.Generator | None = None
) -> Augmenter:
    """The Augmenter of a built-in transform ("deepstack", "deepstack@1"), of a user's own
    ("own:NAME@VERSION"), or of none. Raises InputError for an unknown transform.

    own: see Augmenter. A user's own transform is not given it: nobody has tested that it draws on
    a GPU.
    """
    if transform is None:
        return Augmenter(Identity(), renormalise=renormalise, own=own)
    if transform.startswith(OWN_PREFIX):
        return Augmenter(OwnTransform(transform), renormalise=renormalise)
    return Augmenter(make_transform(transform), renormalise=renormalise, own=own)


def sheet_samples(
    transform: str,
    image: np.ndarray,
    mask: np.ndarray,
    n: int,
    seed: int,
    others: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray, list[dict[str, float]]]:
    """n augmented versions of one slice, for a contact sheet.

    image: float32 (H, W) in [0, 1]; mask: uint8 (H, W). others: images (K, H, W) and masks of other
    slices, which stand beside it in each batch; without them a transform that mixes images mixes
    the slice with itself. Returns images float32 (n, H, W), which
    brightness and noise may take out of [0, 1], masks uint8 (n, H, W), and the scalar parameters
    drawn for each, by name.
    """
    chosen, rng = make_augmenter(transform).transform, torch.Generator().manual_seed(seed)
    if others is None:
        shown = np.repeat(image[None], n, axis=0), np.repeat(mask[None], n, axis=0)
        return _sheet(chosen, *shown, rng)
    shown = np.stack([image, *others[0]]), np.stack([mask, *others[1]])
    found = [_sheet(chosen, *shown, rng) for _ in range(n)]
    images = np.stack([first[0] for first, _, _ in found])
    masks = np.stack([first[0] for _, first, _ in found])
    return images, masks, [drawn[0] for _, _, drawn in found]


def _sheet(
    chosen: Transform, images: np.ndarray, masks: np.ndarray, rng: torch.Generator
) -> tuple[np.ndarray, np.ndarray, list[dict[str, float]]]:
    """`sheet_samples` of a batch."""
    batch, labels = torch.from_numpy(images)[:, None], torch.from_numpy(masks)
    drawn = chosen.draw(batch, rng)
    batch, labels = chosen.apply(batch, labels, drawn)
    scalars = {name: values for name, values in drawn.items() if values.ndim == 1}
    of_each = [
        {name: float(values[i]) for name, values in scalars.items()} for i in range(len(images))
    ]
    return batch[:, 0].numpy(), labels.numpy(), of_each
