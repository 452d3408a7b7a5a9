"""Curves of running trainings for TensorBoard, as CSV, or for W&B or MLflow: a Report that also
writes to a logger of Lightning.

    tensorboard --logdir store/tensorboard

One folder per training: <logger>/<stage>/<network>-<key>. They are a view, not a result: nothing
reads them back, they enter no key, and `gc` drops those of stages that no run needs. W&B and MLflow
are told where to write by their own environment variables (WANDB_MODE, MLFLOW_TRACKING_URI).
Not here: curve.csv, which is a result.
"""

import contextlib
import json
import math
import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmark.core.errors import InputError
from benchmark.core.progress import Report
from benchmark.core.registry import check_name
from benchmark.core.texts import one_line_of

# What each needs beside the pinned packages.
NEEDED = {
    "tensorboard": (),
    "csv": (),
    "wandb": ("wandb", "pytorch_lightning"),
    "mlflow": ("mlflow", "pytorch_lightning"),
    "none": (),
}
LOGGERS = tuple(NEEDED)
PROJECT = "augbench"  # under which W&B and MLflow list the trainings


KEY_LETTERS = 12


def check_logger(name: str) -> str:
    """Returns the name of a logger. Raises InputError for another one, and where the packages that
    it needs are not installed."""
    missing = [one for one in NEEDED[check_name("logger", name, LOGGERS)] if not _is_installed(one)]
    if missing:
        names = " ".join(one.replace("_", "-") for one in missing)
        raise InputError(
            f"--logger {name} needs packages that are not installed; `pip install {names}`, or take"
            f" --logger tensorboard or csv."
        )
    return name


def _is_installed(package: str) -> bool:
    """Whether there is such a package; a folder of that name, as W&B makes one, is none."""
    found = find_spec(package)
    return found is not None and found.origin is not None


def curve_folder(root: Path, logger: str, stage: str, network: str, key: str) -> Path:
    """Where the curves of a training go; its name ends in the first letters of the key."""
    plain = network.replace(":", "-").rpartition("/")[2]
    return root / logger / stage / f"{plain}-{key[:KEY_LETTERS]}"


@contextlib.contextmanager
def with_curves(
    report: Report, logger: str, folder: Path, spec: dict[str, Any], resumed: bool
) -> Iterator[Report]:
    """`report`, which inside the block also writes every finite number to `folder`; `logger`: a
    name of LOGGERS other than "none".

    Curves of an earlier attempt at the stage are kept if this one goes on from its checkpoint
    (`resumed`), else removed.
    """
    if not resumed:
        shutil.rmtree(folder, ignore_errors=True)
    writer = _opened(logger, folder)
    text = json.dumps(spec, indent=1, sort_keys=True)
    if logger == "tensorboard":
        writer.experiment.add_text("spec", f"```\n{text}\n```")
    elif logger != "csv":
        writer.log_hyperparams({"spec": text})

    def both(done: int, total: int, **numbers: float) -> None:
        report(done, total, **numbers)
        finite = {name: value for name, value in numbers.items() if math.isfinite(value)}
        if finite:
            writer.log_metrics(finite, step=done)

    try:
        yield both
    finally:
        writer.finalize("success")
        if logger == "wandb":  # else the next training of this process joins the same run
            writer.experiment.finish()


def _opened(logger: str, folder: Path) -> Any:
    """The logger, ready to write. Raises InputError where it is not: the training did not fail, so
    it is tried again without being asked."""
    try:
        writer = _writer(logger, folder)
        _ = writer.experiment  # W&B and MLflow make their run at first use
    except Exception as error:  # whatever a package of somebody else raises
        raise InputError(
            f"--logger {logger} does not work here ({one_line_of(error)}); take --logger csv or"
            f" tensorboard."
        ) from error
    return writer


def _writer(logger: str, folder: Path) -> Any:
    if logger == "csv":
        from lightning_fabric.loggers import CSVLogger

        return CSVLogger(folder.parent, folder.name)  # version_0, version_1: one per attempt
    if logger == "tensorboard":
        from lightning_fabric.loggers import TensorBoardLogger

        return TensorBoardLogger(folder.parent, folder.name, version="")
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    if logger == "wandb":
        from pytorch_lightning.loggers import WandbLogger

        return WandbLogger(name=folder.name, save_dir=folder, project=PROJECT)
    from pytorch_lightning.loggers import MLFlowLogger

    # a data base: MLflow 3 writes no plain files any more
    address = os.environ.get("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    return MLFlowLogger(
        experiment_name=PROJECT,
        run_name=folder.name,
        tracking_uri=address,
        artifact_location=None if "MLFLOW_TRACKING_URI" in os.environ else folder.as_uri(),
    )
