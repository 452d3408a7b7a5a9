"""Stage score: one row of metrics per test case."""

from pathlib import Path
from typing import Any, ClassVar, Literal

from benchmark.core.files import write_json
from benchmark.stages.base import Context, Inputs, StageSpec
from benchmark.stages.predict import read_predictions


class ScoreSpec(StageSpec):
    """The protocol's rules of scoring; nsd_tolerance: in the case's unit."""

    stage: ClassVar[str] = "score"
    version: ClassVar[int] = 2
    counts: ClassVar[str] = "cases"

    empty_mask: str
    resize_z: bool
    truth: Literal["native", "resampled"]
    nsd_tolerance: float


def run(spec: ScoreSpec, inputs: Inputs, out: Path, context: Context) -> dict[str, Any]:
    """One row of metrics per test case: cases.json."""
    from benchmark.metrics.scoring import score_case
    from datasets.slices.intensity import resampled_mask
    from datasets.slices.preparation import Prepared

    data = Prepared(inputs["prepare"])
    rows = []
    predictions = read_predictions(inputs["predict"])
    for number, (case, z, prediction) in enumerate(predictions):
        native, truth = data.case(case), data.truth(case)
        if spec.truth == "resampled":
            truth = resampled_mask(truth, data.size)
        row = score_case(
            case,
            prediction,
            z,
            truth,
            native.spacing,
            native.spacing_unit,
            **spec.model_dump(exclude={"truth"}),
        )
        if native.group != case:
            row = row.model_copy(update={"patient": native.group})
        rows.append(row.model_dump(mode="json"))
        context.report(number + 1, len(predictions), dice=row.dice)
    write_json(out / "cases.json", rows)
    return {"cases": len(rows)}
