"""Stage score: one row of metrics per test case."""

from pathlib import Path
from typing import Any

from benchmark.core.files import write_json
from benchmark.stages.context import Context, Inputs, read_predictions


def score(spec: dict, inputs: Inputs, out: Path, context: Context) -> dict[str, Any]:
    """One row of metrics per test case: cases.json."""
    from benchmark.metrics.scoring import score_case
    from datasets.slices.preparation import Prepared

    data = Prepared(inputs["prepare"])
    rows = []
    predictions = read_predictions(inputs["predict"])
    for number, (case, z, prediction) in enumerate(predictions):
        native = data.case(case)
        row = score_case(
            case, prediction, z, data.truth(case), native.spacing, native.spacing_unit, **spec
        )
        rows.append(row.model_dump(mode="json"))
        context.report(number + 1, len(predictions), dice=row.dice)
    write_json(out / "cases.json", rows)
    return {"cases": len(rows)}
