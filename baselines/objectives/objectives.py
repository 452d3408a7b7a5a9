"""What one training step of a segmenter shows to the network, per method.

An objective owns the training images on the device and is called by the training loop
(benchmark/training/segmenter.py). All objectives present every real slice once per epoch, so that
methods differ in nothing but what is added to it:
    RealObjective     real slices alone (methods none and classic)
    MergedImages      patches mixed at the image: l(C(m x_0 + (1 - m) x_i), y)   (paper Alg. 1)
    MergedLogits      the same mask applied to the logits of two forward passes (the release, Q6)
    JoinedPairs       whole synthetic (image, mask) pairs beside the real ones
    SyntheticAlone    synthetic pairs in the place of the real slices
    Pretrained        synthetic pairs in the first epochs, real slices in the others
A classic augmenter, where there is one, sees the batch after merging.
"""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.objectives.merging import random_patch_mask
from baselines.objectives.variants import Variants
from benchmark.training.segmenter import Objective, Presented


class Augment(Protocol):
    """What a classic augmenter does (baselines/transforms/augmenter.py)."""

    def __call__(
        self, images: Tensor, masks: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Tensor]: ...

    def pair(
        self, images: Tensor, others: Tensor, masks: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]: ...


Loss = Callable[[Tensor, Tensor], Tensor]

SMOOTHING = 1e-5  # of numerator and denominator of the Dice, as in MONAI


def dice_ce(include_background: bool, of_batch: bool = False) -> Loss:
    """DiceCE on logits (B, 2, H, W) and labels (B, H, W); Dice with or without background (Q16).

    The Dice is that of each slice, mean over the batch: of a slice without foreground it is 1 with
    next to no gradient. With `of_batch` it is one Dice over all pixels of the batch, as nnU-Net has
    it in 2D. It is MONAI's DiceCELoss(to_onehot_y=True, softmax=True, batch=of_batch) to rounding.
    With two classes the
    sigmoid of the difference of logits equals the softmax, so no one-hot labels are needed: faster
    (docs/measurements.md).
    """

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        logits = logits.float()
        margin, truth = logits[:, 1] - logits[:, 0], labels.float()
        cross_entropy = functional.binary_cross_entropy_with_logits(margin, truth)
        found = margin.sigmoid()
        pooled = (0, 1, 2) if of_batch else (1, 2)
        both = (found * truth).sum(pooled)
        pixels = truth.numel() if of_batch else truth[0].numel()
        found, truth = found.sum(pooled), truth.sum(pooled)
        missed = 1 - (2 * both + SMOOTHING) / (found + truth + SMOOTHING)
        if include_background:
            neither = pixels - found - truth + both
            outside = 1 - (2 * neither + SMOOTHING) / (2 * pixels - found - truth + SMOOTHING)
            missed = (missed + outside) / 2
        return cross_entropy + missed.mean()

    return loss


def unit(images: Tensor) -> Tensor:
    """uint8 (B, S, S) -> float32 (B, 1, S, S) in [0, 1]."""
    return images[:, None].float().div_(255)


@dataclass(frozen=True, kw_only=True)
class SliceObjective(Objective):
    """What all objectives hold: images uint8 (N, S, S), masks uint8 {0, 1} (N, S, S), both on the
    training device; the loss; and a classic augmenter, if there is one."""

    images: Tensor
    masks: Tensor
    loss: Loss
    augment: Augment | None = None

    @abstractmethod
    def __call__(
        self, model: nn.Module, items: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Presented]: ...

    @property
    def items(self) -> int:
        """Items of an epoch."""
        return len(self.images)

    def batch(self, images: Tensor, masks: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Float (B, 1, S, S) in [0, 1] and masks -> the network's input in [-1, 1] and labels
        int64, augmented."""
        if self.augment is not None:
            images, masks = self.augment(images, masks, rng)
        return images * 2 - 1, masks.long()


class RealObjective(SliceObjective):
    """Real slices alone."""

    def __call__(
        self, model: nn.Module, items: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Presented]:
        images, labels = self.batch(unit(self.images[items]), self.masks[items], rng)
        return self.loss(model(images), labels), {"real": len(items)}


@dataclass(frozen=True, kw_only=True)
class Synthetic(SliceObjective):
    """Adds synthetic variants uint8 (n, N, S, S) of every real slice.

    With `all_variants` the items of an epoch are all (slice, variant) pairs, item = variant * N +
    slice; otherwise an item is a slice and its variant is drawn at random (Q14).
    """

    variants: Variants
    alpha: float = 0.5
    all_variants: bool = False

    @property
    def items(self) -> int:
        return len(self.images) * (len(self.variants) if self.all_variants else 1)

    def pair(self, items: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Slices and variants of the items."""
        if self.all_variants:
            return items % len(self.images), items // len(self.images)
        variant = torch.randint(len(self.variants), items.shape, generator=rng, device=items.device)
        return items, variant


@dataclass(frozen=True, kw_only=True)
class Merged(Synthetic):
    """Random patch merging (paper III-D): each pixel is that of the slice or that of its variant.

    patch_size: side of a patch, pixels. alpha: share of real patches.
    """

    patch_size: int = 1

    def real(self, items: Tensor, rng: torch.Generator) -> Tensor:
        """bool (B, 1, S, S): which pixels are real."""
        size = self.images.shape[-1]
        return random_patch_mask(len(items), size, self.patch_size, self.alpha, rng).bool()


class MergedImages(Merged):
    """Merging at the image (paper Alg. 1)."""

    def __call__(
        self, model: nn.Module, items: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Presented]:
        rows, variant = self.pair(items, rng)
        real = self.real(items, rng)
        merged = torch.where(real, unit(self.images[rows]), unit(self.variants[variant, rows]))
        images, labels = self.batch(merged, self.masks[rows], rng)
        return self.loss(model(images), labels), {"real": len(items), "synthetic": len(items)}


class MergedLogits(Merged):
    """Merging at the logits of two forward passes (Q6)."""

    def __call__(
        self, model: nn.Module, items: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Presented]:
        rows, variant = self.pair(items, rng)
        real = self.real(items, rng)
        images, synthetic = unit(self.images[rows]), unit(self.variants[variant, rows])
        masks = self.masks[rows]
        if self.augment is not None:
            images, synthetic, masks = self.augment.pair(images, synthetic, masks, rng)
        logits = torch.where(real, model(images * 2 - 1), model(synthetic * 2 - 1))
        return self.loss(logits, masks.long()), {"real": len(items), "synthetic": len(items)}


@dataclass(frozen=True, kw_only=True)
class JoinedPairs(Synthetic):
    """Synthetic pairs beside the real slices: loss = alpha * real + (1 - alpha) * synthetic, one
    forward pass.

    `alpha` is the share of the real images in the loss, as it is the share of real patches in
    random patch merging, so that methods are compared at the same share. variant_masks: uint8
    (n, N, S, S).
    """

    variant_masks: Variants

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


@dataclass(frozen=True, kw_only=True)
class SyntheticAlone(Synthetic):
    """Synthetic pairs in the place of the real slices, of which none is shown. variant_masks: uint8
    (n, N, S, S)."""

    variant_masks: Variants

    def __call__(
        self, model: nn.Module, items: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Presented]:
        rows, variant = self.pair(items, rng)
        masks = self.variant_masks[variant, rows]
        images, labels = self.batch(unit(self.variants[variant, rows]), masks, rng)
        return self.loss(model(images), labels), {"synthetic": len(items)}


@dataclass(frozen=True, kw_only=True)
class Pretrained(SliceObjective):
    """Synthetic pairs in the first epochs, then the real slices: one training with one optimiser
    and one schedule, of as many steps as any other. synthetic_epochs: how many are the first."""

    first: SyntheticAlone
    then: RealObjective
    synthetic_epochs: int

    def of_epoch(self, epoch: int) -> SliceObjective:
        """What the steps of an epoch, counted from 1, show."""
        return self.first if epoch <= self.synthetic_epochs else self.then

    def __call__(
        self, model: nn.Module, items: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Presented]:
        raise TypeError("its steps are those of `of_epoch`")
