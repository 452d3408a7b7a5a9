"""What each knob of the from-scratch generator does to agreement, likeness and diversity, and what
each solver costs.

    python cli.py run --dataset prostate --method emitdiff --set audit=true --data-root DIR \\
        --store STORE
    python tests/bench/bench_knobs.py STORE [--slices 96] [--variants 2] [--part training] \\
        [--only solver] [--base N=V ...]

Takes one generator and one segmenter (of method none) from the store and samples the same slices of
one part with one setting changed at a time: by default test slices, with the plain prompt. Columns:
volume Dice of the segmenter's mask with the label, and its share of the segmenter's own validation
Dice; SSIM and MS-SSIM with the source slice; diversity (1 - MS-SSIM between variants), pixel SD
between variants; grey mean; ms per sample, which a busy machine changes. Solvers are compared with
DDIM at 50 steps. Wanted (128 px): at least 0.85 of the validation Dice, SSIM 0.636, MS-SSIM 0.667;
dpm-solver++ at 10 steps within 5 % of ddim at 50, in a fifth of the time.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from baselines.generators.base import Conditions
from baselines.generators.catalogue import generator_class
from baselines.scratch.phrases import join_phrase
from baselines.scratch.settings import GeneratorSettings, SamplingSettings
from benchmark.core.files import read_json
from benchmark.metrics.overlap import volume_dice
from benchmark.planning.settings import name_and_value
from benchmark.stages.audit import SegmenterJudge
from benchmark.stages.fidelity import diversity, image_metrics
from benchmark.store.store import Store
from datasets.slices.preparation import Prepared
from tests.support.one_variant import sample_variant

PHRASE = "phrase"
KNOBS = (
    {},
    {"edge_dropout": 0.0},
    {"edge_dropout": 0.3},
    {"edge_dropout": 0.6},
    {"edge_dropout": 1.0},
    {"edge_thinning": 0.5},
    {"edge_warp": 0.03},
    {"edge_warp": 0.06},
    {"style": "none"},
    {"style": "other"},
    {"guidance_scale": 1.0},
    {"guidance_scale": 3.0},
    {"noise_scale": 0.5},
    {"noise_scale": 0.0},
    {PHRASE: "darkened image"},
    {PHRASE: "enhanced contrast"},
    {"edge_dropout": 0.3, "edge_warp": 0.04, "style": "other"},
)
SOLVERS = tuple(
    {"sampler": sampler, "steps": steps}
    for sampler, steps in (
        ("ddim", 50),
        ("ddim", 20),
        ("ddim", 10),
        ("dpm-solver++", 20),
        ("dpm-solver++", 10),
        ("dpm-solver++", 6),
        ("unipc", 10),
    )
)
COLUMNS = ("agreement", "ssim", "ms_ssim", "diversity", "pixel_sd", "mean", "ms")


class Lab:
    """One generator, one segmenter and some slices of a store's audited run."""

    def __init__(self, store: Store, part: str, slices: int, variants: int):
        audits = [key for stage, key in store.all_stages() if stage == "audit"]
        if not audits:
            sys.exit(f"no audited run in {store.root}; run emitdiff with --set audit=true first")
        audit = store.manifest("audit", audits[-1])
        inputs, spec = audit["inputs"], audit["spec"]
        sample = store.manifest("synthesize", inputs["synthesize"][0])
        folder = store.folder("fit-generator", sample["inputs"]["fit-generator"])
        self.key = folder.name
        self.data = Prepared(store.folder("prepare", inputs["prepare"]))
        self.generator = generator_class(spec["generator"]).load(folder, torch.device("cpu"))
        self.judge = SegmenterJudge.load(
            store.folder("fit-segmenter", inputs["fit-segmenter"]), self.data.size, "cpu"
        )
        self.sampling = SamplingSettings(**sample["spec"]["sampling"])
        self.styled = GeneratorSettings(**read_json(folder / "config.json")["settings"]).style
        every = self.data.rows(
            spec["held_out" if part == "held-out" else "cases"], spec["minimum_foreground"]
        )
        self.rows = every[np.linspace(0, len(every) - 1, min(slices, len(every))).astype(int)]
        held = self.data.rows(spec["validation"], spec["minimum_foreground"])
        self.reference = self.dice(held, self.data.images[held])
        self.real = self.dice(self.rows, self.data.images[self.rows])
        self.variants = variants

    def dice(self, rows: np.ndarray, images: np.ndarray) -> float:
        """Mean over cases of the volume Dice of the segmenter on `images` with the labels of
        `rows`."""
        masks, predicted, owners = (
            self.data.masks[rows],
            self.judge.masks(images),
            self.data.case_index[rows],
        )
        return float(
            np.nanmean(
                [volume_dice(predicted[owners == c], masks[owners == c]) for c in np.unique(owners)]
            )
        )

    def measured(self, change: dict) -> dict[str, float]:
        sampling = self.sampling.model_copy(update={k: v for k, v in change.items() if k != PHRASE})
        data, rows = self.data, self.rows
        prompts = [join_phrase(prompt, change.get(PHRASE, "")) for prompt in data.prompts(rows)]
        conditions = Conditions(data.slice_ids(rows), data.masks[rows], data.edges[rows], prompts)
        start = time.perf_counter()
        made = np.stack(
            [
                sample_variant(
                    self.generator,
                    conditions,
                    variant=v,
                    key=self.key,
                    batch_size=64,
                    sampling=sampling,
                )[0]
                for v in range(self.variants)
            ]
        )
        seconds = time.perf_counter() - start
        likeness = [image_metrics(images, data.images[rows]) for images in made]
        spread = diversity(made)
        return {
            "agreement": float(np.mean([self.dice(rows, images) for images in made])),
            **{
                name: float(np.mean([one[name] for one in likeness]))
                for name in ("ssim", "ms_ssim")
            },
            "diversity": float(spread["diversity"].mean()),
            "pixel_sd": float(spread["pixel_sd"].mean()),
            "mean": float(made.mean()) / 255,
            "ms": seconds * 1e3 / made[:, :, 0, 0].size,
        }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("store", type=Path)
    parser.add_argument("--part", choices=["held-out", "training"], default="held-out")
    parser.add_argument("--slices", type=int, default=96, help="evenly spread over the part")
    parser.add_argument("--variants", type=int, default=2)
    parser.add_argument("--only", choices=["knobs", "solver"])
    parser.add_argument(
        "--base", nargs="*", default=[], metavar="NAME=VALUE", help="sampling settings of all rows"
    )
    options = parser.parse_args()
    lab = Lab(Store(options.store), options.part, options.slices, options.variants)
    lab.sampling = SamplingSettings(
        **lab.sampling.model_dump() | dict(map(name_and_value, options.base))
    )
    print(
        f"{options.part}: {len(lab.rows)} slices of {lab.data.size} px, {lab.variants} variants;"
        f" segmenter's Dice on real"
    )
    print(
        f"images: {lab.reference:.3f} validation, {lab.real:.3f} these slices. All rows:"
        f" {lab.sampling.model_dump()}"
    )
    for part, rows in (("knobs", KNOBS), ("solver", SOLVERS)):
        if options.only in (None, part):
            print(
                f"\n{part:48}{'of val':>8}" + "".join(f"{name:>10}" for name in COLUMNS), flush=True
            )
            first: dict[str, float] = {}
            for change in rows:
                if change.get("style") and not lab.styled:
                    continue
                found = lab.measured(change)
                named = ", ".join(f"{name}={value}" for name, value in change.items()) or "as it is"
                ratio = f"{found['agreement'] / lab.reference:8.3f}"
                print(
                    f"{named:48}{ratio}" + "".join(f"{found[name]:10.3f}" for name in COLUMNS),
                    end="",
                )
                first = first or found
                if part == "solver":
                    print(
                        "   of ddim-50: "
                        + ", ".join(f"{n} {found[n] / first[n]:.3f}" for n in (*COLUMNS[:3], "ms")),
                        end="",
                    )
                print(flush=True)


if __name__ == "__main__":
    main()
