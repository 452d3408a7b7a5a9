"""What one training step of a segmenter shows to the network, per method.

An objective owns the training images on the device and answers the training loop of
benchmark/training/segmenter.py. All objectives present every real slice once per epoch, so that
methods differ in nothing but what is added to it:
    RealObjective     real slices alone (methods none and classic)
    MergedImages      patches mixed at the image: l(C(m x_0 + (1 - m) x_i), y)   (paper Alg. 1)
    MergedLogits      the same mask applied to the logits of two forward passes (the release, Q6)
    JoinedPairs       whole synthetic (image, mask) pairs beside the real ones
A classic augmenter, where there is one, sees the batch after merging.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.objectives.merging import random_patch_mask
from baselines.objectives.variants import MappedVariants

Augmenter = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]
Presented = dict[str, int]


SMOOTHING = 1e-5  # of numerator and denominator of the Dice, as in MONAI


def dice_ce(include_background: bool) -> Callable[[Tensor, Tensor], Tensor]:
    """DiceCE on logits (B, 2, H, W) and labels (B, H, W), mean over the batch; Dice with or without
    background (Q16).

    It is MONAI's DiceCELoss(to_onehot_y=True, softmax=True) to rounding. Of two classes one
    difference of logits says all, so that no one-hot labels and no softmax are stored: 1.2 instead
    of 3.4 ms for 8 slices of 128 px on a CPU.
    """

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        logits = logits.float()
        margin, truth = logits[:, 1] - logits[:, 0], labels.float()
        cross_entropy = functional.binary_cross_entropy_with_logits(margin, truth)
        found = margin.sigmoid()
        both, found, truth, pixels = (
            (found * truth).sum((1, 2)),
            found.sum((1, 2)),
            truth.sum((1, 2)),
            truth[0].numel(),
        )
        missed = 1 - (2 * both + SMOOTHING) / (found + truth + SMOOTHING)
        if include_background:
            neither = pixels - found - truth + both
            outside = 1 - (2 * neither + SMOOTHING) / (2 * pixels - found - truth + SMOOTHING)
            missed = (missed + outside) / 2
        return cross_entropy + missed.mean()

    return loss


@dataclass(frozen=True)
class Shown:
    """What all objectives hold: images uint8 (N, S, S), masks uint8 {0, 1} (N, S, S), both on the
    training device."""

    images: Tensor
    masks: Tensor
    loss: Callable[[Tensor, Tensor], Tensor]
    augment: Augmenter | None = None

    def batch(self, images: Tensor, masks: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Float (B, 1, S, S) in [0, 1] and masks -> the network's input in [-1, 1] and labels
        int64, augmented."""
        if self.augment is not None:
            images, masks = self.augment(images, masks, rng)
        return images * 2 - 1, masks.long()


def unit(images: Tensor) -> Tensor:
    """uint8 (B, S, S) -> float32 (B, 1, S, S) in [0, 1]."""
    return images[:, None].float().div_(255)


@dataclass(frozen=True)
class RealObjective(Shown):
    """Real slices alone."""

    def __call__(
        self, model: nn.Module, items: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Presented]:
        images, labels = self.batch(unit(self.images[items]), self.masks[items], rng)
        return self.loss(model(images), labels), {"real": len(items)}


@dataclass(frozen=True)
class Synthetic(Shown):
    """Adds synthetic variants uint8 (n, N, S, S) of every real slice, on the device or mapped from
    disk (variants.py).

    With `all_variants` the items of an epoch are all (slice, variant) pairs, item = variant * N +
    slice; otherwise an item is a slice and its variant is drawn at random (Q14).
    """

    variants: Tensor | MappedVariants = None
    alpha: float = 0.5
    all_variants: bool = False

    @property
    def items(self) -> int:
        """Presentations of an epoch."""
        return len(self.images) * (len(self.variants) if self.all_variants else 1)

    def pair(self, items: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Slices and variants of the items."""
        if self.all_variants:
            return items % len(self.images), items // len(self.images)
        return items, torch.randint(
            len(self.variants), items.shape, generator=rng, device=items.device
        )


@dataclass(frozen=True)
class MergedImages(Synthetic):
    """Random patch merging at the image (paper III-D, Alg. 1)."""

    patch_size: int = 1

    def __call__(
        self, model: nn.Module, items: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Presented]:
        rows, variant = self.pair(items, rng)
        real = random_patch_mask(
            len(items), self.images.shape[-1], self.patch_size, self.alpha, rng
        )
        merged = torch.where(
            real.bool(), unit(self.images[rows]), unit(self.variants[variant, rows])
        )
        images, labels = self.batch(merged, self.masks[rows], rng)
        return self.loss(model(images), labels), {"real": len(items), "synthetic": len(items)}


@dataclass(frozen=True)
class MergedLogits(Synthetic):
    """Random patch merging at the logits of two forward passes (Q6)."""

    patch_size: int = 1

    def __call__(
        self, model: nn.Module, items: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Presented]:
        rows, variant = self.pair(items, rng)
        real = random_patch_mask(
            len(items), self.images.shape[-1], self.patch_size, self.alpha, rng
        )
        state = rng.get_state()
        images, labels = self.batch(unit(self.images[rows]), self.masks[rows], rng)
        rng.set_state(state)  # the synthetic image of a pair is augmented exactly as the real one
        synthetic, _ = self.batch(unit(self.variants[variant, rows]), self.masks[rows], rng)
        logits = torch.where(real.bool(), model(images), model(synthetic))
        return self.loss(logits, labels), {"real": len(items), "synthetic": len(items)}


@dataclass(frozen=True)
class JoinedPairs(Synthetic):
    """Synthetic pairs beside the real slices: loss = alpha * real + (1 - alpha) * synthetic, one
    forward pass.

    `alpha` is the share of the real images in the loss, as it is the share of real patches in
    random patch merging, so that methods are compared at the same share.
    """

    variant_masks: Tensor | MappedVariants = None

    def __call__(
        self, model: nn.Module, items: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Presented]:
        rows, variant = self.pair(items, rng)
        images = torch.cat([unit(self.images[rows]), unit(self.variants[variant, rows])])
        masks = torch.cat([self.masks[rows], self.variant_masks[variant, rows]])
        images, labels = self.batch(images, masks, rng)
        logits = model(images)
        count = len(items)
        real = self.loss(logits[:count], labels[:count])
        synthetic = self.loss(logits[count:], labels[count:])
        return self.alpha * real + (1 - self.alpha) * synthetic, {"real": count, "synthetic": count}
