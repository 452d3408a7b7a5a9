"""A generator is added by one file: as a built-in it goes the whole way, from the plan to the
report and the check of a submission."""

from pathlib import Path

import pytest

import baselines
from baselines.generators.catalogue import generator_class, method_names
from benchmark.planning.options import Request
from benchmark.planning.settings import fitting_sets
from benchmark.planning.stage_keys import stage_keys
from reports.records.load import load_records
from tests.support.runs import TINY

FILES = Path(__file__).resolve().parent / "support" / "generators"
SETS = [word for text in TINY if "generator" not in text for word in ("--set", text)]
RUN = (
    *("run", "--preset", "smoke", "--device", "cpu", "--architecture", "unet", "--fold", "0"),
    *("--dataset", "prostate", "--source", "phantom", *SETS),
)


@pytest.fixture
def shifted(monkeypatch):
    """tests/support/generators as a further folder of baselines."""
    monkeypatch.setattr(baselines, "__path__", [*baselines.__path__, str(FILES)])


@pytest.mark.slow
def test_one_file_is_a_built_in_generator(shifted, call, tmp_path):
    assert method_names().index("pix2pix") < method_names().index("shifted")
    words = (*RUN, "--method", "shifted", "--set", "generator.sampling.shift=2")
    code, out, err = call(*words, "--dry-run")
    assert code == 0 and "1 run" in out, err
    code, out, err = call(*words)
    assert code == 0 and "shifted" in out, err
    (record,) = load_records([tmp_path / "store"]).records
    method = record.spec.method
    assert (method.name, method.kind, method.version, method.own) == (
        "shifted",
        "shifted",
        1,
        False,
    )
    assert (method.joins, method.look.colour) == ("pairs", "#0072b2")
    assert method.generator == {"sampling": {"shift": 2}}
    assert method.changed == {"sampling.shift": 2}
    assert record.budget is not None and record.budget.synthetic_presentations > 0
    keys = stage_keys(record)
    assert keys == [(stage.stage, stage.key) for stage in record.stages]
    assert call(*RUN, "--method", "none")[0] == 0
    code, _, err = call("report")
    assert code == 0, err
    assert "shifted" in (tmp_path / "report" / "index.html").read_text()
    pages = [page.read_text() for page in (tmp_path / "report").rglob("*.html")]
    assert any("sampling.shift" in page for page in pages)
    assert "shifted" in call("doctor")[1]


def test_its_presets_and_settings_are_known(shifted):
    assert generator_class("shifted").numbers("smoke", "rigorous", "") == {"sampling": {"shift": 3}}
    asked = Request(dataset="prostate", method="emitdiff", sets=("generator.sampling.shift=2",))
    assert fitting_sets(asked).sets == ()


def test_a_generator_that_is_not_there_is_refused(call):
    code, _, err = call(*RUN, "--method", "shifted")
    assert code == 2 and "unknown method 'shifted'" in err
