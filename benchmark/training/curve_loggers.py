"""Curves of running trainings for TensorBoard, or as CSV: a Report that also writes to a logger of
Lightning Fabric.

    tensorboard --logdir store/tensorboard

One folder per training: <logger>/<stage>/<network>-<key>. They are a view, not a result: nothing
reads them back, they enter no key, and `gc` drops those of stages that no run needs. Not here:
curve.csv, which is a result.
"""

import contextlib
import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmark.core.progress import Report

LOGGERS = ("tensorboard", "csv", "none")


KEY_LETTERS = 12


def curve_folder(root: Path, logger: str, stage: str, network: str, key: str) -> Path:
    """Where the curves of a training go; its name ends in the first letters of the key."""
    plain = network.replace(":", "-").rpartition("/")[2]
    return root / logger / stage / f"{plain}-{key[:KEY_LETTERS]}"


@contextlib.contextmanager
def with_curves(
    report: Report, logger: str, folder: Path, spec: dict[str, Any], resumed: bool
) -> Iterator[Report]:
    """`report`, which inside the block also writes every finite number to `folder`; `logger`:
    "tensorboard" or "csv".

    Curves of an earlier attempt at the stage are kept if this one goes on from its checkpoint
    (`resumed`), else removed.
    """
    if not resumed:
        shutil.rmtree(folder, ignore_errors=True)
    writer = _writer(logger, folder)
    if logger == "tensorboard":
        writer.experiment.add_text(
            "spec", f"```\n{json.dumps(spec, indent=1, sort_keys=True)}\n```"
        )

    def both(done: int, total: int, **numbers: float) -> None:
        report(done, total, **numbers)
        finite = {name: value for name, value in numbers.items() if math.isfinite(value)}
        if finite:
            writer.log_metrics(finite, step=done)

    try:
        yield both
    finally:
        writer.finalize("success")


def _writer(logger: str, folder: Path):
    if logger == "csv":
        from lightning_fabric.loggers import CSVLogger

        return CSVLogger(folder.parent, folder.name)  # version_0, version_1: one per attempt
    from lightning_fabric.loggers import TensorBoardLogger

    return TensorBoardLogger(folder.parent, folder.name, version="")
