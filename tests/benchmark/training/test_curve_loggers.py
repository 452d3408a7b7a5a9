"""Curves of trainings beside the result: where they go, and what a missing package says."""

import importlib.util
import sqlite3

import pytest

from benchmark.core.errors import InputError
from benchmark.core.progress import silent
from benchmark.training import curve_loggers
from benchmark.training.curve_loggers import check_logger, curve_folder, with_curves


def write(logger, folder):
    with with_curves(silent, logger, folder, {"size": 64}, resumed=False) as report:
        report(1, 2)
        report(1, 2, loss=0.5, dice=float("nan"))
        report(2, 2, loss=0.25, dice=0.75)


def test_numbers_go_to_csv_and_nothing_else_does(tmp_path):
    folder = curve_folder(tmp_path, "csv", "fit-segmenter", "smp:unet:resnet18", "abcdef0123456789")
    assert folder == tmp_path / "csv" / "fit-segmenter" / "smp-unet-resnet18-abcdef012345"
    write("csv", folder)
    lines = (folder / "version_0" / "metrics.csv").read_text().splitlines()
    assert sorted(lines[0].split(",")) == ["dice", "loss", "step"] and len(lines) == 3


@pytest.mark.parametrize("logger", ["wandb", "mlflow"])
def test_a_logger_whose_package_is_missing_says_how_to_install_it(logger, monkeypatch):
    there = importlib.util.find_spec
    lacking = {"wandb", "mlflow", "pytorch_lightning"}
    monkeypatch.setattr(
        curve_loggers, "find_spec", lambda name: None if name in lacking else there(name)
    )
    with pytest.raises(InputError, match=f"pip install {logger} pytorch-lightning`, or take"):
        check_logger(logger)
    assert check_logger("tensorboard") == "tensorboard"
    with pytest.raises(InputError, match="did you mean 'wandb'"):
        check_logger("wandbb")


def test_a_logger_that_cannot_start_is_a_matter_of_the_call(tmp_path):
    (tmp_path / "csv").write_text("no folder")
    with pytest.raises(InputError, match="--logger csv does not work here .*; take --logger"):
        write("csv", tmp_path / "csv" / "fit-segmenter" / "run")


def test_wandb_gets_the_numbers_where_it_is_installed(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    pytest.importorskip("pytorch_lightning")
    monkeypatch.setenv("WANDB_MODE", "offline")
    write("wandb", tmp_path / "run")
    assert list((tmp_path / "run").glob("wandb/offline-run-*/*.wandb"))


def test_mlflow_gets_the_numbers_where_it_is_installed(tmp_path, monkeypatch):
    pytest.importorskip("mlflow")
    pytest.importorskip("pytorch_lightning")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    write("mlflow", tmp_path / "run")
    base = sqlite3.connect(tmp_path / "run" / "mlflow.db")
    rows = base.execute("select key, value, step from metrics order by step, key").fetchall()
    assert rows == [("loss", 0.5, 1), ("dice", 0.75, 2), ("loss", 0.25, 2)]
