"""Records in the formats of others: the schema is current and every published record fits it; the
metadata names every folder of records; results are written as the hub reads them."""

import json

import pytest
import yaml

from benchmark.core.errors import InputError
from benchmark.record.record import load_record
from reports.comparison.study import Study
from reports.formats.croissant import croissant_text
from reports.formats.hub_results import hub_results
from reports.formats.record_schema import FILE, record_schema, schema_text
from reports.tables.named_numbers import PUBLISHED, NamedNumbers
from tests.support.made_records import MSD_PROSTATE, PHANTOM, make_record

jsonschema = pytest.importorskip("jsonschema")


def test_the_schema_is_that_of_the_model():
    assert FILE.read_text("utf-8") == schema_text(), (
        f"run `python cli.py cite --format schema > {FILE.name}`"
    )


@pytest.mark.parametrize("folder", NamedNumbers().folders)
def test_published_records_fit_the_schema(folder):
    validator = jsonschema.Draft202012Validator(record_schema())
    paths = sorted((NamedNumbers().folders[folder] / "records").glob("*.json"))[::8]
    for path in paths:
        validator.validate(json.loads(load_record(path).model_dump_json()))
    assert paths


def test_what_is_no_record_does_not_fit_the_schema():
    validator = jsonschema.Draft202012Validator(record_schema())
    good = json.loads(make_record(source=MSD_PROSTATE).model_dump_json())
    assert validator.is_valid(good)
    for wrong in ({"status": "maybe"}, {"key": 3}, {"schema_version": 1}, {"cases": [{}]}):
        assert not validator.is_valid(good | wrong), wrong


def test_the_metadata_of_the_published_records_is_current():
    text = (PUBLISHED / "croissant.json").read_text("utf-8")
    assert text == croissant_text(PUBLISHED), (
        "run `python cli.py cite --format croissant --store reports/published"
        " > reports/published/croissant.json`"
    )


def test_the_metadata_is_croissant():
    mlcroissant = pytest.importorskip("mlcroissant")
    metadata = mlcroissant.Dataset(jsonld=str(PUBLISHED / "croissant.json")).metadata
    folders = {path.parent.name for path in PUBLISHED.glob("*/records")}
    assert {one.name for one in metadata.record_sets} == folders


def test_the_hub_gets_one_entry_per_method_of_real_images():
    records = [
        make_record(name, fold=fold, source=source)
        for source in (MSD_PROSTATE, PHANTOM)
        for name in ("none", "emitdiff")
        for fold in range(3)
    ]
    entries = yaml.safe_load(hub_results(Study(records), "me/prostate", "2026-11-27"))
    assert [entry["dataset"] for entry in entries] == 2 * [
        {"id": "me/prostate", "task_id": "prostate_dice"}
    ]
    assert all(0 < entry["value"] < 1 and entry["date"] == "2026-11-27" for entry in entries)
    assert "minus none: +" in entries[1]["notes"] and "minus none" not in entries[0]["notes"]
    only = yaml.safe_load(hub_results(Study(records), "me/prostate", "2026-11-27", ["none"]))
    assert len(only) == 1
    with pytest.raises(InputError, match="needs --hub-dataset OWNER/NAME"):
        hub_results(Study(records), "prostate", "2026-11-27")
    with pytest.raises(InputError, match="no finished run of real images"):
        hub_results(Study(records[6:]), "me/prostate", "2026-11-27")


def test_formats_are_printed_by_cite(call):
    code, out, _ = call("cite", "--format", "schema")
    assert code == 0 and '"title": "augbench record, schema 2"' in out
    code, _, err = call("cite", "--format", "hff")
    assert code == 2 and "did you mean 'hf'?" in err
    code, _, err = call("cite", "--format", "croissant", "--store", "gone")
    assert code == 2 and "holds no folders of records" in err
