"""A plain PyTorch training loop of the released design, written from the facts of the protocol (Q3,
Q6, Q7, Q14-Q16, Q20-Q22): one npz file per slice, a DataLoader whose workers load, augment and
normalise on the CPU, MONAI's network and loss as they come, two forward passes for merging at the
logits. What bench_training.py compares our loop with.

Where the facts leave a choice, the faster one is taken: files are not compressed and already have
the working size, workers stay alive between epochs. Nothing of the release is copied.
"""

from pathlib import Path

import numpy as np
import torch
from monai.losses import DiceCELoss
from monai.networks.nets import AttentionUnet, UNet
from scipy.ndimage import gaussian_filter, map_coordinates
from torch.utils.data import DataLoader, Dataset

CHANNELS, STRIDES = (16, 32, 64, 128, 128, 256), (2, 2, 2, 2, 2)  # Q20
NETWORKS = {"unet": UNet, "attention-unet": AttentionUnet}
BATCH, LEARNING_RATE, ALPHA = 8, 1e-3, 0.6  # Q15, Q16


def write_slices(folder: Path, images: np.ndarray, masks: np.ndarray, variants: np.ndarray) -> None:
    """One npz per slice and one per synthetic variant; images uint8 (N, S, S), variants (n, N, S,
    S)."""
    for row, (image, mask) in enumerate(zip(images, masks, strict=True)):
        np.savez(
            folder / f"real_{row:04d}.npz", image=image.astype(np.float32) / 127.5 - 1, label=mask
        )
        for number, synthetic in enumerate(variants[:, row]):
            np.savez(
                folder / f"synthetic_{row:04d}_{number:02d}.npz",
                image=synthetic.astype(np.float32) / 127.5 - 1,
            )


class Slices(Dataset):
    """Items (real image, label[, synthetic image]) as float32 and int64 tensors."""

    def __init__(self, folder: Path, method: str):
        self.method = method
        self.real = sorted(folder.glob("real_*.npz"))
        self.synthetic = [
            sorted(folder.glob(f"synthetic_{row:04d}_*.npz")) for row in range(len(self.real))
        ]

    def __len__(self) -> int:
        return len(self.real)

    def __getitem__(self, row: int):
        with np.load(self.real[row]) as file:
            image, label = file["image"], file["label"]
        if self.method == "deepstack":
            image, label = augmented(image, label)
        item = [full_range(image)[None], label[None].astype(np.int64)]
        if self.method == "emitdiff":  # one of the variants, at random (Q14)
            with np.load(self.synthetic[row][np.random.randint(len(self.synthetic[row]))]) as file:
                item.append(full_range(file["image"])[None])
        return tuple(map(torch.from_numpy, item))


def full_range(image: np.ndarray) -> np.ndarray:
    """Min-max normalisation to [-1, 1], the last step of every sample (Q3)."""
    low, high = image.min(), image.max()
    return ((image - low) / max(high - low, 1e-8) * 2 - 1).astype(np.float32)


def augmented(image: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The stack of Q22, one slice at a time, as batchgenerators works: a coordinate grid, splines
    of order 3 and 0."""
    rng, size = np.random, image.shape[0]
    grid = np.stack(np.meshgrid(*[np.arange(size) - (size - 1) / 2] * 2, indexing="ij")).astype(
        np.float32
    )
    moved = False
    if rng.random() < 0.2:
        alpha, sigma = rng.uniform(0, 200), rng.uniform(9, 13)
        grid = grid + np.stack(
            [gaussian_filter(rng.uniform(-1, 1, image.shape), sigma) * alpha for _ in "yx"]
        )
        moved = True
    if rng.random() < 0.2:
        angle = rng.uniform(-np.pi, np.pi)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        grid, moved = np.einsum("ab,bij->aij", turn, grid), True
    if rng.random() < 0.2:
        grid, moved = (
            grid * (rng.uniform(0.85, 1) if rng.random() < 0.5 else rng.uniform(1, 1.25)),
            True,
        )
    if moved:
        at = grid + (size - 1) / 2
        image, label = (
            map_coordinates(image, at, order=3, mode="nearest"),
            map_coordinates(label, at, order=0),
        )
    if rng.random() < 0.3:
        gamma = rng.uniform(0.7, 1) if rng.random() < 0.5 else rng.uniform(1, 1.5)
        mean, sd, low = image.mean(), image.std(), image.min()
        span = max(image.max() - low, 1e-7)
        image = ((image - low) / span) ** gamma * span + low
        image = (image - image.mean()) / (image.std() + 1e-8) * sd + mean
    for axis in (0, 1):
        if rng.random() < 0.5:
            image, label = np.flip(image, axis), np.flip(label, axis)
    return np.ascontiguousarray(image), np.ascontiguousarray(label)


class PlainLoop:
    """The loop for one method: "none", "deepstack" or "emitdiff". `epoch()` shows every slice
    once."""

    def __init__(
        self, folder: Path, method: str, architecture: str, size: int, workers: int, device: str
    ):
        self.method, self.device, self.patch = method, device, max(1, size // 6)
        self.loader = DataLoader(
            Slices(folder, method),
            batch_size=BATCH,
            shuffle=False,  # Q7
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=device != "cpu",
        )
        self.network = NETWORKS[architecture](2, 1, 2, CHANNELS, STRIDES).to(device)
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=LEARNING_RATE)
        self.loss = DiceCELoss(include_background=False, to_onehot_y=True, softmax=True)

    def epoch(self) -> float:
        """Mean loss of one pass."""
        losses = []
        self.network.train()
        for image, label, *synthetic in self.loader:
            image, label = image.to(self.device), label.to(self.device)
            logits = self.network(image)
            if synthetic:  # two passes, masked sum of their outputs (Q6)
                cells = -(-image.shape[-1] // self.patch)
                real = (torch.rand(len(image), 1, cells, cells, device=self.device) < ALPHA).float()
                real = torch.nn.functional.interpolate(real, image.shape[2:])
                logits = real * logits + (1 - real) * self.network(synthetic[0].to(self.device))
            loss = self.loss(logits, label)
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            losses.append(loss.item())
        return float(np.mean(losses))
