"""Stage predict: masks of the test cases on their native grid."""

import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from benchmark.core.files import write_json
from benchmark.stages.base import Context, Inputs, StageSpec
from benchmark.stages.fit_segmenter import FitSegmenterSpec


class PredictSpec(StageSpec):
    """cases: those that are predicted; minimum_foreground: as in fit-segmenter."""

    stage: ClassVar[str] = "predict"
    version: ClassVar[int] = 1
    counts: ClassVar[str] = "cases"

    cases: tuple[str, ...]
    minimum_foreground: int | None

    def describe(self) -> str:
        return f"{len(self.cases)} cases"

    def work(self) -> int:
        return len(self.cases)


def run(spec: PredictSpec, inputs: Inputs, out: Path, context: Context) -> dict[str, Any]:
    """Masks of the test cases on their native grid, bit-packed: predictions/<n>.npy and
    index.json."""
    from safetensors.torch import load_file

    from baselines.networks.architectures import build
    from benchmark.training.prediction import foreground_probability
    from benchmark.training.segmenter import make_fabric
    from benchmark.training.to_device import on_device
    from datasets.slices.preparation import Prepared

    data = Prepared(inputs["prepare"])
    trained = FitSegmenterSpec.read(inputs["fit-segmenter"])
    fabric = make_fabric(context.device, trained.precision)
    model = build(trained.architecture, data.images.shape[-1], seed=0)
    model.load_state_dict(load_file(inputs["fit-segmenter"] / "weights.safetensors"))
    model = fabric.setup_module(on_device(model, fabric.device))
    (out / "predictions").mkdir()
    index = []
    for number, case in enumerate(spec.cases):
        rows = data.rows([case], spec.minimum_foreground)
        probability = foreground_probability(model, data.images[rows], fabric)
        mask = data.to_native(case, probability)
        np.save(out / "predictions" / f"{number}.npy", np.packbits(mask))
        index.append({"case": case, "z": data.z_index[rows].tolist(), "shape": list(mask.shape)})
        context.report(number + 1, len(spec.cases))
    write_json(out / "index.json", index)
    return {"cases": len(index)}


def read_predictions(folder: Path) -> list[tuple[str, list[int], np.ndarray]]:
    """(case id, native slice numbers, mask uint8 (len(z), y, x)) of every test case of a predict
    stage."""
    found = []
    for number, entry in enumerate(json.loads((folder / "index.json").read_text(encoding="utf-8"))):
        packed = np.load(folder / "predictions" / f"{number}.npy", allow_pickle=False)
        mask = np.unpackbits(packed, count=int(np.prod(entry["shape"]))).reshape(entry["shape"])
        found.append((entry["case"], entry["z"], mask))
    return found
