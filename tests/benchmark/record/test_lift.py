"""Records of schema 1: the published ones load, and say the same as when they were published."""

import json
import math
from pathlib import Path

import pytest

from benchmark.core.identity import digest
from benchmark.record.lift import lift
from benchmark.record.record import DamagedRecord, load_record
from benchmark.spec.protocol import named_protocol
from datasets.tasks.breast import TASK as BREAST
from reports.comparison.groups import make_groups
from reports.comparison.links import run_page
from reports.comparison.study import Study
from reports.comparison.summaries import summarise
from reports.pages.build import build
from reports.records.load import load_records

PUBLISHED = Path(__file__).resolve().parents[3] / "reports" / "published"
SMOKE = "archive/smoke-64px"
FOLDERS = {
    SMOKE: 24,
    "archive/cpu-64px-per-image": 156,
    "cpu-64px": 69,
    "cpu-128px": 148,
    "gpu-384px": 6,
}
# (mean and SD of the Dice over cases, mean HD95, difference to none), as the
# program that published smoke-64px printed them.
COLUMNS = ("dice_mean", "dice_sd", "hd95_mean", "dice_difference")
PRINTED = {
    ("breast", "none"): (0.643309, 0.223953, 115.905268, None),
    ("breast", "classic deepstack"): (0.676700, 0.232732, 94.196527, 0.033390),
    ("breast", "unconditional"): (0.643485, 0.225498, 126.599232, 0.000176),
    ("breast", "emitdiff"): (0.651360, 0.224545, 104.170381, 0.008050),
    ("prostate", "none"): (0.628585, 0.156634, 9.598654, None),
    ("prostate", "classic deepstack"): (0.687473, 0.143938, 7.278427, 0.058888),
    ("prostate", "unconditional"): (0.625031, 0.163815, 8.137237, -0.003554),
    ("prostate", "emitdiff"): (0.647210, 0.138458, 7.922522, 0.018625),
}


def old_files(folder: str) -> list[Path]:
    return sorted((PUBLISHED / folder / "records").glob("*.json"))


@pytest.mark.parametrize("folder", FOLDERS)
def test_all_published_records_load_and_keep_their_keys(folder):
    loaded = load_records([PUBLISHED / folder / "records"])
    assert not loaded.problems and len(loaded.records) == FOLDERS[folder]
    for record, path in zip(loaded.records, old_files(folder), strict=True):
        assert record.schema_version == 2 and record.lifted_from == 1
        assert record.key == path.stem != record.spec.key
        assert record.provenance["git"]["commit"]
        assert "emitdiff" not in record.spec.method.label.replace("emitdiff (from scratch)", "")


def test_folds_were_dealt_image_by_image_and_copies_are_known_since():
    found = {}
    for path in old_files(SMOKE):
        record = load_record(path)
        found[record.spec.dataset] = (record.spec.protocol.copies, record.copies)
    assert found["prostate"] == ("grouped", None)  # of patients: no copies to keep together
    assert found["breast"] == ("per-image", BREAST.published.copies)


def test_nothing_but_the_method_is_touched():
    for path in old_files("cpu-64px")[:40]:
        old, new = json.loads(path.read_text()), load_record(path).model_dump(mode="json")
        for name in set(old) - {"schema_version", "spec", "stages", "samples", "cases"}:
            assert old[name] == new[name], name
        method = old["spec"].pop("method")
        grown = {"preset": 0, "protocol": 0}  # numbers and switches that came later
        for name in grown:
            assert old["spec"][name].items() <= new["spec"][name].items()
        assert {**old["spec"], **grown}.items() <= {**new["spec"], **grown}.items()
        for name in set(method) - {"generator"}:
            assert method[name] == new["spec"]["method"][name]


def test_settings_that_were_left_out_are_there_at_their_neutral_value():
    generators = [
        (json.loads(path.read_text())["spec"]["method"]["generator"], load_record(path).spec.method)
        for path in old_files(SMOKE)
    ]
    short = [(old, method) for old, method in generators if old and "control" not in old]
    assert short
    for old, method in short:
        given = {name: value for name, value in method.generator.items() if name != "sampling"}
        assert {name: old[name] for name in old if name != "sampling"}.items() <= given.items()
        assert (given["control"], given["style"], given["detail_weight"]) == ("net", False, 0.0)
        assert method.generator["sampling"]["noise_scale"] == 1.0


@pytest.mark.parametrize("protocol", ["rigorous", "released"])
def test_switches_that_came_later_have_the_values_of_the_code_of_that_time(protocol):
    later = {
        "selection_dice": "case",
        "loss": "dice-ce",
        "grey": "mean",
        "truth": "native",
    }
    old = json.loads(old_files("cpu-64px")[0].read_text())
    switches = named_protocol(protocol).model_dump(mode="json")
    old["spec"]["protocol"] = {name: switches[name] for name in switches if name not in later}
    assert lift(old)["spec"]["protocol"] == switches | later


def test_what_was_changed_is_found_out():
    changed = {}
    for path in old_files("cpu-128px"):
        record = load_record(path)
        if record.spec.method.name == "emitdiff":
            changed.setdefault(record.spec.dataset, record.spec.method.changed)
    assert changed["prostate"] == {}
    assert set(changed["breast"]) == {"channels", "edge_dropout", "learning_rate", "steps"}


def test_the_table_of_one_folder_is_the_one_that_was_printed():
    loaded = load_records([PUBLISHED / SMOKE / "records"])
    found = {}
    for group in make_groups(loaded.records):
        for row in summarise(group).rows.to_dict("records"):
            name = row["method"].partition(" (")[0]
            found[group.spec.dataset, name] = tuple(row[column] for column in COLUMNS)
    assert found.keys() == PRINTED.keys()
    for key, values in PRINTED.items():
        wanted = [math.nan if value is None else value for value in values]
        assert found[key] == pytest.approx(wanted, abs=5e-6, nan_ok=True), key


def test_the_page_of_a_run_names_the_commit_that_repeats_it(tmp_path):
    records = load_records([PUBLISHED / SMOKE / "records"]).records
    build(Study(records[:2], []), tmp_path, figures="page")
    for record in records[:2]:
        page = (tmp_path / run_page(record.key)).read_text()
        commit = record.provenance["git"]["commit"]
        assert f"Made by commit <code>{commit}</code>: check out that commit to repeat it" in page
        assert "python cli.py run" not in page


@pytest.mark.parametrize("spec", [None, {}, {"method": {"name": "nobody"}}])
def test_a_file_that_only_says_schema_1_is_damaged(tmp_path, spec):
    values = {"schema_version": 1, "key": "0" * 64, "status": "failed", "spec": spec}
    (tmp_path / "x.json").write_text(json.dumps(values))
    with pytest.raises(DamagedRecord, match="schema 1|not a valid record"):
        load_record(tmp_path / "x.json")


def test_the_old_key_was_that_of_the_old_spec():
    for path in old_files(SMOKE):
        spec = json.loads(path.read_text())["spec"]
        del spec["preset"]["name"]
        assert digest(spec) == path.stem
