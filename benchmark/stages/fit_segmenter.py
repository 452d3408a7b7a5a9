"""Stage fit-segmenter: a segmenter, with the checkpoint that the selection rule chose."""

import csv
from pathlib import Path
from typing import Any

from benchmark.core.errors import InputError
from benchmark.core.identity import named_seed
from benchmark.stages.context import Context, Inputs
from benchmark.stages.leaks import refuse_leaks


def fit_segmenter(spec: dict, inputs: Inputs, out: Path, context: Context) -> dict[str, Any]:
    """The segmenter with the checkpoint that the selection rule chose: weights.safetensors,
    curve.csv."""
    from safetensors.torch import save_file

    from baselines.networks.architectures import build
    from benchmark.metrics.overlap import mean_case_dice
    from benchmark.stages.objective import objective_of
    from benchmark.training.segmenter import (
        Training,
        fit,
        foreground_probability,
        make_fabric,
    )
    from datasets.slices.preparation import Prepared

    data = Prepared(inputs["prepare"])
    fabric = make_fabric(context.device, spec["precision"])
    rows = data.rows(spec["train"], spec["minimum_foreground"])
    if not data.masks[rows].any():
        raise InputError(
            "no training slice has any foreground, so there is nothing to learn; add cases with a"
            " mask."
        )
    refuse_leaks(inputs["synthesize"], context.location.get("test", ()))
    objective, counts = objective_of(spec, data, rows, inputs, fabric.device)
    held_out = data.rows(spec["select_on"], spec["minimum_foreground"])

    def select(model) -> float:
        probability = foreground_probability(model, data.images[held_out], fabric)
        return mean_case_dice(probability, data.masks[held_out], data.case_index[held_out])

    model = build(
        spec["architecture"],
        data.images.shape[-1],
        seed=named_seed(spec["seed"], "segmenter", "weights"),
    )
    fitted = fit(
        model,
        objective,
        objective.items,
        Training(**spec["training"]),
        select=select if len(held_out) else None,
        fabric=fabric,
        seed=spec["seed"],
        report=context.report,
        checkpoint=context.checkpoint,
    )
    save_file(fitted.state, out / "weights.safetensors")
    with (out / "curve.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["epoch", "step", "loss", "dice"], restval="")
        writer.writeheader()
        writer.writerows(fitted.curve)
    return {
        "steps": fitted.steps,
        "presented": fitted.presented,
        "selected_epoch": fitted.epoch,
        "slices": len(rows),
        **counts,
        "precision": fabric.strategy.precision.precision,
        **fitted.shortage,
    }
