"""Stage predict: masks of the test cases on their native grid."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.core.files import write_json
from benchmark.stages.context import Context, Inputs


def predict(spec: dict, inputs: Inputs, out: Path, context: Context) -> dict[str, Any]:
    """Masks of the test cases on their native grid, bit-packed: predictions/<n>.npy and
    index.json."""
    from safetensors.torch import load_file

    from baselines.networks.architectures import build
    from benchmark.training.segmenter import foreground_probability, make_fabric
    from datasets.slices.preparation import Prepared

    data = Prepared(inputs["prepare"])
    trained = json.loads((inputs["fit-segmenter"] / "manifest.json").read_text(encoding="utf-8"))
    fabric = make_fabric(context.device, trained["spec"]["precision"])
    model = build(trained["spec"]["architecture"], data.images.shape[-1], seed=0)
    model.load_state_dict(load_file(inputs["fit-segmenter"] / "weights.safetensors"))
    model = fabric.setup_module(model)
    (out / "predictions").mkdir()
    index = []
    for number, case in enumerate(spec["cases"]):
        rows = data.rows([case], spec["minimum_foreground"])
        probability = foreground_probability(model, data.images[rows], fabric)
        mask = data.to_native(case, probability)
        np.save(out / "predictions" / f"{number}.npy", np.packbits(mask))
        index.append({"case": case, "z": data.z_index[rows].tolist(), "shape": list(mask.shape)})
        context.report(number + 1, len(spec["cases"]))
    write_json(out / "index.json", index)
    return {"cases": len(index)}
