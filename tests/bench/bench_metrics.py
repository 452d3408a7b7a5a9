"""Time of all our metrics of one case against MedPy, MONAI and surface-distance, on one core.

    python tests/bench/bench_metrics.py [--repeats 5] [--json FILE] [--compare FILE] [--quick]

Ours: every column of benchmark/metrics/case.py from one call. MedPy: hd95 and assd on the whole
arrays, as the authors' release calls them (Q24). MONAI: hd95, assd and surface dice.
surface-distance (s-d): one distance computation, then robust Hausdorff, average distance and
surface dice; it measures surface elements, so its values differ by definition, while MedPy's and
MONAI's are asserted equal to ours.

Masks are those of a usual segmenter: the truth displaced and ragged, with one false island. Tools
run in turn within one process that is pinned to one core; times are medians of CPU seconds (user
and system), which other work on the machine hardly changes; the slow tools get fewer repeats.
Wanted, ours against MedPy: 100x on the CT volume, 10x on the MRI volume, 10x on the image. --quick
(the gate of CI): without the CT volume, on which MedPy needs minutes.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import numpy as np
import surface_distance
import torch
from medpy.metric import binary as medpy
from monai.metrics import (
    compute_average_surface_distance,
    compute_hausdorff_distance,
    compute_surface_dice,
)
from scipy.ndimage import binary_dilation, binary_erosion

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmark.metrics.case import case_metrics
from benchmark.metrics.definitions import CaseMetrics
from tests.bench import ratios

TOLERANCE = 2.0
# name: (shape, spacing in mm, centre and radii of the truth in voxels, wanted ratio to MedPy)
CASES = {
    "CT spleen 100x512x512": ((100, 512, 512), (5.0, 0.8, 0.8), (52, 250, 370), (14, 62, 44), 100),
    "MRI prostate 20x320x320": (
        (20, 320, 320),
        (3.6, 0.625, 0.625),
        (10, 165, 160),
        (7, 38, 45),
        10,
    ),
    "ultrasound 384x384": ((384, 384), (1.0, 1.0), (170, 200), (45, 60), 10),
}
SLOW_S = 2.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--repeats", type=int, default=5, help="of MedPy; the fast tools get four times as many"
    )
    parser.add_argument("--quick", action="store_true", help="the gate of CI")
    ratios.add_options(parser)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    if options.quick:  # times are CPU seconds in any case
        options.repeats = 3
    cases = {
        name: case for name, case in CASES.items() if not (options.quick and name.startswith("CT"))
    }
    ratios.finish(lambda: measure(cases, options), options)


def measure(cases: dict[str, tuple], options: argparse.Namespace) -> ratios.Ratios:
    """Prints the table; the ratios of its rows."""
    times = f"{'ours ms':>9}{'MedPy ms':>10}{'MONAI ms':>10}{'s-d ms':>9}"
    print(f"{'case':26}{times}   ours faster than MedPy, MONAI, s-d")
    found = {}
    for name, (shape, spacing, centre, radii, wanted) in cases.items():
        truth, prediction = masks(shape, centre, radii)
        seconds = race(prediction, truth, spacing, options.repeats)
        faster = {tool: seconds[tool] / seconds["ours"] for tool in seconds if tool != "ours"}
        found |= {f"metrics {name}: {tool} / ours": ratio for tool, ratio in faster.items()}
        times = "".join(
            f"{seconds[tool] * 1e3:{width}.1f}"
            for tool, width in zip(seconds, (9, 10, 10, 9), strict=True)
        )
        verdict = "reached" if faster["medpy"] >= wanted else "MISSED"
        print(
            f"{name:26}{times}   {', '.join(f'{r:.1f}x' for r in faster.values())} (MedPy"
            f" {wanted}x wanted: {verdict})"
        )
    print()
    return found


def masks(shape, centre, radii) -> tuple[np.ndarray, np.ndarray]:
    """Truth and prediction, bool: a lobed ellipsoid; the same displaced, with a ragged border and
    one false island."""
    rng = np.random.default_rng(0)
    axes = np.ogrid[tuple(slice(n) for n in shape)]

    def blob(shift):
        scaled = [(axis - c - shift) / r for axis, c, r in zip(axes, centre, radii, strict=True)]
        angle = np.arctan2(scaled[-2], scaled[-1])
        return sum(s**2 for s in scaled) <= (1 + 0.12 * np.sin(3 * angle)) ** 2

    truth, prediction = blob(0), blob(2)
    border = binary_dilation(prediction) & ~binary_erosion(prediction)
    prediction ^= border & (rng.random(shape) < 0.25)
    island = tuple(
        slice(c + int(1.3 * r), c + int(1.3 * r) + 3) for c, r in zip(centre, radii, strict=True)
    )
    prediction[island] = True
    return truth, prediction


def race(prediction: np.ndarray, truth: np.ndarray, spacing, repeats: int) -> dict[str, float]:
    """Median CPU seconds per tool, after one untimed call that checks its values against ours."""
    tools: dict[str, Callable[[], object]] = {
        "ours": lambda: case_metrics(
            prediction, truth, spacing, empty_policy="penalty", nsd_tolerance=TOLERANCE
        ),
        "medpy": lambda: (
            medpy.hd95(prediction, truth, spacing),
            medpy.assd(prediction, truth, spacing),
        ),
        "monai": lambda: run_monai(prediction, truth, spacing),
        "surface_distance": lambda: run_surface_distance(prediction, truth, spacing),
    }
    check(tools["ours"](), tools["medpy"](), tools["monai"]())
    taken: dict[str, list[float]] = {tool: [] for tool in tools}
    for turn in range(4 * repeats):
        for tool, call in tools.items():
            if turn >= repeats and taken[tool][0] > SLOW_S:
                continue
            start = time.process_time()
            call()
            taken[tool].append(time.process_time() - start)
    return {tool: statistics.median(times) for tool, times in taken.items()}


def run_monai(prediction: np.ndarray, truth: np.ndarray, spacing) -> tuple[float, float, float]:
    one_hot = [torch.from_numpy(np.stack([~mask, mask])[None]) for mask in (prediction, truth)]
    return (
        compute_hausdorff_distance(*one_hot, percentile=95, spacing=spacing).item(),
        compute_average_surface_distance(*one_hot, symmetric=True, spacing=spacing).item(),
        compute_surface_dice(*one_hot, class_thresholds=[TOLERANCE], spacing=spacing).item(),
    )


def run_surface_distance(
    prediction: np.ndarray, truth: np.ndarray, spacing
) -> tuple[float, object, float]:
    distances = surface_distance.compute_surface_distances(truth, prediction, spacing)
    return (
        surface_distance.compute_robust_hausdorff(distances, 95),
        surface_distance.compute_average_surface_distance(distances),
        surface_distance.compute_surface_dice_at_tolerance(distances, TOLERANCE),
    )


def check(
    ours: CaseMetrics, from_medpy: tuple[float, float], from_monai: tuple[float, float, float]
) -> None:
    """MedPy to 1e-6 of the value; MONAI's float32 percentile to 1e-4, its mean and share to
    1e-6."""
    np.testing.assert_allclose((ours.hd95, ours.assd), from_medpy, rtol=1e-6)
    np.testing.assert_allclose(ours.hd95_max, from_monai[0], rtol=1e-4)
    np.testing.assert_allclose((ours.assd, ours.nsd), from_monai[1:], rtol=1e-6)


if __name__ == "__main__":
    main()
