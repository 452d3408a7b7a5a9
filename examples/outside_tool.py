"""A tool of somebody else's: plain diffusers, an unconditional DDPM over (image, mask) pairs,
trained for a few steps on images with masks, which writes a folder that this program can audit and
train with. It imports nothing of this program.

    python examples/outside_tool.py REAL OUT --steps 200 --count 32
    python cli.py audit OUT --dataset breast --source FILE.yaml
    python cli.py run --dataset breast --method folder:OUT --source FILE.yaml --fold 1

REAL holds images/*.png and masks/*.png of the same names; `--cases a,b` trains on these alone.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
from PIL import Image

SIZE = 64  # pixels


def read(path: Path) -> torch.Tensor:
    """float32 (SIZE, SIZE) in [-1, 1] of a grey picture."""
    grey = Image.open(path).convert("L").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(grey, np.float32)) / 127.5 - 1


def train(pairs: torch.Tensor, steps: int, seed: int) -> tuple[UNet2DModel, DDPMScheduler]:
    """pairs: (N, 2, SIZE, SIZE), image and mask."""
    torch.manual_seed(seed)
    network = UNet2DModel(
        sample_size=SIZE,
        in_channels=2,
        out_channels=2,
        layers_per_block=1,
        block_out_channels=(16, 32, 32),
        down_block_types=("DownBlock2D",) * 3,
        up_block_types=("UpBlock2D",) * 3,
        norm_num_groups=8,
    )
    schedule = DDPMScheduler(num_train_timesteps=200)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    for _ in range(steps):
        clean = pairs[torch.randint(len(pairs), (8,))]
        noise, times = torch.randn_like(clean), torch.randint(200, (8,))
        predicted = network(schedule.add_noise(clean, noise, times), times).sample
        loss = torch.nn.functional.mse_loss(predicted, noise)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    return network.eval(), schedule


def sample(
    network: UNet2DModel, schedule: DDPMScheduler, count: int, denoising: int
) -> torch.Tensor:
    """(count, 2, SIZE, SIZE) in [-1, 1], by the pipeline of diffusers."""
    pipeline = DDPMPipeline(network, schedule)
    pipeline.set_progress_bar_config(disable=True)
    made = pipeline(batch_size=count, num_inference_steps=denoising, output_type="np").images
    return torch.from_numpy(made).permute(0, 3, 1, 2) * 2 - 1


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("real", type=Path)
    words.add_argument("out", type=Path)
    words.add_argument("--cases", default="", help="names of images, with commas")
    words.add_argument("--steps", type=int, default=200)
    words.add_argument("--denoising", type=int, default=50)
    words.add_argument("--count", type=int, default=32)
    given = words.parse_args()
    found = sorted((given.real / "images").glob("*.png"))
    wanted = given.cases.split(",") if given.cases else [path.stem for path in found]
    names = [path.stem for path in found if path.stem in wanted]
    pairs = torch.stack(
        [
            torch.stack([read(given.real / part / f"{name}.png") for part in ("images", "masks")])
            for name in names
        ]
    )
    network, schedule = train(pairs, given.steps, seed=0)
    made = sample(network, schedule, given.count, given.denoising)
    for part, planes in (("images", made[:, 0] * 127.5 + 127.5), ("masks", 255 * (made[:, 1] > 0))):
        (given.out / part).mkdir(parents=True, exist_ok=True)
        for number, plane in enumerate(planes.clamp(0, 255).byte().numpy()):
            Image.fromarray(plane).save(given.out / part / f"sample_{number:03d}.png")
    lines = ["tool: plain diffusers, unconditional DDPM", "training_ids:"]
    lines += [f"  - {name}" for name in names]
    (given.out / "manifest.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
