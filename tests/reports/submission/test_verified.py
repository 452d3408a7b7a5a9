"""The badge "verified": only for runs of which every row was recomputed from a mask that matches
the images."""

import json

import numpy as np
import pytest

from reports.records.load import load_records
from reports.submission.checks import check_records
from reports.submission.findings import Findings
from reports.submission.manifest import Manifest, RecordEntry, averages
from reports.submission.pack import pack
from reports.submission.reference_data import Library, Sources
from tests.reports.submission import mutations
from tests.reports.submission.hostile import hostile
from tests.reports.submission.made import check, put, tiny_spec, tiny_store, write_run


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tiny_store(tmp_path_factory.mktemp("store"), ("none", "emitdiff"), (0,))


@pytest.fixture(scope="module")
def records(store):
    return sorted(load_records([store.root]).records, key=lambda one: one.spec.method.name)


@pytest.fixture
def changed(store, records, tmp_path):
    """changed(change) -> the check of a submission of `none` with masks after change(entries,
    manifest), its manifest written anew."""

    def make(change, given=records[1:]):
        pack(given, store, tmp_path / "a.zip", owner="A", note="", with_masks=True)
        entries = mutations.entries_of((tmp_path / "a.zip").read_bytes())
        manifest = json.loads(entries["manifest.json"])
        change(entries, manifest)
        entries["manifest.json"] = mutations.dumped(manifest)
        (tmp_path / "a.zip").write_bytes(mutations.zipped(entries.items()))
        return check(tmp_path / "a.zip")

    return make


def mask_name(entry):
    return f"masks/{entry['record']}/{entry['place']}.npy"


def test_as_it_is(changed, records):
    checked = changed(lambda entries, manifest: None)
    assert checked.valid and checked.verified == {records[1].key}


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_not_with_less_than_all_masks(changed, kept):
    def drop(entries, manifest):
        for entry in manifest["masks"][kept:]:
            del entries[mask_name(entry)]
        del manifest["masks"][kept:]

    checked = changed(drop)
    assert checked.valid and checked.verified == frozenset()


def test_not_with_masks_of_another_record(changed, records):
    def drop(entries, manifest):
        for entry in [one for one in manifest["masks"] if one["record"] == records[0].key]:
            del entries[mask_name(entry)]
            manifest["masks"].remove(entry)

    checked = changed(drop, records)
    assert checked.valid and checked.verified == {records[1].key}


@pytest.mark.parametrize("place", range(3))
def test_not_with_a_voxel_of_a_mask_changed(changed, place):
    def flip(entries, manifest):
        entry = manifest["masks"][place]
        bits = np.frombuffer(entries[mask_name(entry)], np.uint8).copy()
        bits[-1] ^= 1
        entries[mask_name(entry)] = bits.tobytes()
        entry["sha256"] = mutations.sha256(bits.tobytes())

    checked = changed(flip)
    assert "where the mask gives" in " ".join(checked.reasons)
    assert checked.verified == frozenset()


def test_not_with_a_mask_that_the_manifest_does_not_know(changed):
    def other(entries, manifest):
        manifest["masks"][1]["sha256"] = "0" * 64

    assert "is not the one of the manifest: its sha256 differs" in changed(other).reasons[0]


def test_not_with_a_mask_of_a_case_that_there_is_not(changed):
    def move(entries, manifest):
        entry = manifest["masks"][-1]
        data = entries.pop(mask_name(entry))
        entry["place"] = 3
        entries[mask_name(entry)] = data

    assert "the record has 3 cases" in changed(move).reasons[0]


def elsewhere(record, change=lambda record: None):
    """A change of a submission: its record is of images that are not here, and changed further."""

    def make(entries, manifest):
        disguised = json.loads(hostile(record).model_dump_json())
        change(disguised)
        name = f"records/{record.key}.json"
        made = mutations.entries_of(mutations.signed(entries, name, disguised, rekey=True))
        entries.clear()
        entries.update(made)
        manifest.clear()
        manifest.update(json.loads(made["manifest.json"]))

    return make


def test_not_without_the_images(changed, records):
    checked = changed(elsewhere(records[1]))
    assert checked.valid, checked.reasons
    assert checked.verified == frozenset()
    unchecked = {one.check: one.text for one in checked.findings if one.state == "not checked"}
    assert "no folder given by --data-root holds the images" in unchecked["truth"]
    assert "no folder given by --data-root holds the images" in unchecked["masks"]


def row_of(row, predicted, true, common):
    """The row with these voxels, and all that follows from them."""
    return row | {
        "prediction_voxels": predicted,
        "truth_voxels": true,
        "precision": common / predicted,
        "recall": common / true,
        "dice": 2 * common / (predicted + true),
        "volume_difference": (predicted - true) / true,
    }


def test_predicted_voxels_are_counted_without_the_images_too(changed, records):
    row = json.loads(records[1].cases[0].model_dump_json())
    predicted, true = row["prediction_voxels"], row["truth_voxels"]

    def more(record):
        row = record["cases"][0]
        common = round(row["precision"] * predicted)
        record["cases"][0] = row_of(row, predicted + 1, true, common)

    (reason,) = changed(elsewhere(records[1], more)).reasons
    assert f"{predicted + 1} predicted voxels where the mask has {predicted}" in reason


def test_a_stretched_mask_may_have_other_voxels_than_its_row(store, tmp_path, changed):
    """resize_z: the row counts the voxels of the stretched volume."""
    record = write_run(store, tiny_spec("none", 0, 0, "slices=foreground", "resize_z=true"))

    def more(record):
        row = record["cases"][0]
        common = round(row["precision"] * row["prediction_voxels"])
        record["cases"][0] = row_of(row, row["prediction_voxels"] + 1, row["truth_voxels"], common)

    assert changed(elsewhere(record, more), [record]).valid


def test_the_truth_of_the_images_at_hand_counts(edited):
    def other(record):
        row = record["cases"][0]
        common = round(row["precision"] * row["prediction_voxels"])
        record["cases"][0] = row_of(row, row["prediction_voxels"], row["truth_voxels"] + 1, common)

    (reason,) = edited(other).reasons
    assert "true voxels, in mm, where the images have" in reason


def test_a_distance_longer_than_the_images(edited):
    def missed(distance):
        def change(record):
            row = record["cases"][0]
            row |= {"missed": True, "prediction_voxels": 0, "volume_difference": -1.0}
            row |= dict.fromkeys(("dice", "precision", "recall", "nsd"), 0.0)
            row |= dict.fromkeys(("hd95", "hd95_max", "assd", "assd_mean"), distance)

        return change

    assert "a distance is longer than the images" in edited(missed(50_000.0)).reasons[0]
    assert edited(missed(50.0)).valid


def test_more_predicted_voxels_than_the_image_has(edited):
    def change(record):
        row = record["cases"][0]
        record["cases"][0] = row_of(row, 10**9, row["truth_voxels"], row["truth_voxels"])

    reasons = edited(change).reasons
    assert any("1000000000 predicted voxels are more than the image has" in one for one in reasons)


def test_two_records_of_one_file_that_contradict_each_other(changed, records):
    def other(entries, manifest):
        name = f"records/{records[1].key}.json"
        record = json.loads(entries[name])
        row = record["cases"][0]
        common = round(row["precision"] * row["prediction_voxels"])
        record["cases"][0] = row_of(row, row["prediction_voxels"], row["truth_voxels"] + 1, common)
        made = mutations.entries_of(mutations.signed(entries, name, record))
        entries.update(made)
        manifest.update(json.loads(made["manifest.json"]))

    checked = changed(other, records)
    told = [one.text for one in checked.findings if (one.check, one.state) == ("values", "refused")]
    assert "in another record" in told[0]


def test_one_run_twice_in_a_file_is_found_whatever_its_key(records, tmp_path, store):
    """An audit does not make it another run."""
    spec = records[0].spec.model_copy(update={"audit": True})
    again = records[0].model_copy(update={"spec": spec, "key": spec.key})
    both = [records[0], again]
    entries = [RecordEntry(key=one.key, sha256="0" * 64, averages=averages(one)) for one in both]
    found = Findings()
    check_records(both, Manifest(records=tuple(entries)), Sources(both, Library()), found)
    assert any("is there more than once" in reason for reason in found.reasons)


@pytest.mark.parametrize("patient", ["phantom_03", "x"])
def test_patients_are_those_of_the_known_cases(edited, patient):
    """Cases of one patient count once, so that nobody may choose them."""
    (reason,) = edited(put("cases", 0, "patient", to=patient)).reasons
    assert f"is not of the patient '{patient}'" in reason


def test_averages_are_those_of_the_rows(stated):
    for name, value in (("dice", 0.5), ("hd95", 0.0), ("missed", 1), ("cases", 4)):
        (reason,) = stated(put("records", 0, "averages", name, to=value)).reasons
        assert "the manifest's averages are not those of the case rows" in reason


def test_a_stage_that_the_settings_do_not_give(edited):
    def add(record):
        record["stages"].append({**record["stages"][2], "purpose": "audit", "key": "a" * 64})

    (reason,) = edited(add).reasons
    assert "is not the one that its settings and split give" in reason
