"""A submission from a store to a valid file and back: what is in it, what is not, and what its
check says."""

import json
import zipfile

import pytest

from benchmark.core.errors import InputError
from benchmark.core.identity import canonical
from reports.records.load import load_records
from reports.submission.pack import pack, without_folders
from tests.reports.submission.made import check, tiny_spec, tiny_store, write_run


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tiny_store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def records(store):
    return load_records([store.root]).records


def outcomes(checked):
    return {finding.check: finding.state for finding in checked.findings}


def test_a_submission_with_masks_is_valid_and_verified(store, records, tmp_path):
    pack(
        records, store, tmp_path / "a.zip", owner="A. Author", note="of a tiny run", with_masks=True
    )
    checked = check(tmp_path / "a.zip")
    assert checked.valid and checked.reasons == ()
    assert {name for name, state in outcomes(checked).items() if state != "passed"} == {"told"}
    assert list(outcomes(checked)) == [
        "file",
        "manifest",
        "records",
        "summaries",
        "cases",
        "leaks",
        "values",
        "split",
        "stages",
        "told",
        "truth",
        "masks",
    ]
    assert checked.verified == {record.key for record in records} and len(checked.verified) == 4
    assert (checked.owner, checked.note) == ("A. Author", "of a tiny run")
    assert {r.key: (r.spec, r.cases, r.split, r.stages) for r in checked.records} == {
        r.key: (r.spec, r.cases, r.split, r.stages) for r in records
    }


def test_without_masks_it_is_valid_but_nothing_is_verified(store, records, tmp_path):
    pack(records[:1], store, tmp_path / "a.zip", owner="", note="", with_masks=False)
    checked = check(tmp_path / "a.zip")
    assert (
        checked.valid
        and checked.verified == frozenset()
        and outcomes(checked)["masks"] == "not checked"
    )


def test_equal_records_give_equal_bytes(store, records, tmp_path):
    for name, given in (("a.zip", records), ("b.zip", records[::-1])):
        pack(given, store, tmp_path / name, owner="A", note="", with_masks=True)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_no_folder_of_the_machine_is_in_it(store, records, tmp_path):
    assert "/home/somebody" in records[0].notes[0]
    pack(records, store, tmp_path / "a.zip", owner="A", note="", with_masks=True)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        texts = b"".join(archive.read(name) for name in archive.namelist())
    assert (
        b"somebody" not in texts
        and b"Opened FOLDER for this." in texts
        and str(tmp_path).encode() not in texts
    )


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("BUSI in /home/x y/data", "BUSI in FOLDER y/data"),
        ("in '/mnt/a/b.nii.gz'; go", "in 'FOLDER'; go"),
        (r"C:\Users\me\data is here", "FOLDER is here"),
        ("~/data/x", "FOLDER"),
        ("file:///home/me/x", "FOLDER"),
        (
            "https://a.org/b/c and 128x128x32, mm/px, 4/5",
            "https://a.org/b/c and 128x128x32, mm/px, 4/5",
        ),
        ("two\nlines\x00", "two lines"),
    ],
)
def test_texts_that_name_a_folder_are_shortened(records, text, cleaned):
    record = records[0].model_copy(
        update={"notes": (text,), "provenance": {"where": [text], "n": 3}}
    )
    found = without_folders(record)
    assert found.notes == (cleaned,) and found.provenance == {"where": [cleaned], "n": 3}
    assert (found.spec, found.cases) == (record.spec, record.cases)


def test_its_json_is_canonical_and_its_entries_are_plain(store, records, tmp_path):
    pack(records, store, tmp_path / "a.zip", owner="Ä", note="", with_masks=True)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        for info in archive.infolist():
            assert info.date_time == (1980, 1, 1, 0, 0, 0) and info.filename.endswith(
                (".json", ".npy")
            )
            data = archive.read(info)
            assert (
                not info.filename.endswith(".json") or canonical(json.loads(data)).encode() == data
            )
        assert archive.namelist()[0] == "manifest.json" and len(archive.namelist()) == 1 + 4 + 12


def test_other_protocols_are_verified_too(tmp_path):
    """Folds in the data set's own order, and another rule for empty masks."""
    from benchmark.store.store import Store

    store = Store(tmp_path / "s")
    record = write_run(store, tiny_spec("none", 0, 1, "folds=dataset", "empty_mask=centre-pixel"))
    pack([record], store, tmp_path / "a.zip", owner="", note="", with_masks=True)
    assert check(tmp_path / "a.zip").verified == {record.key}


def test_predictions_that_are_gone_or_damaged_are_said(records, tmp_path):
    store = tiny_store(tmp_path / "s", ("none",), (0,))
    record = load_records([store.root]).records[0]
    key = next(stage.key for stage in record.stages if stage.stage == "predict")
    file = store.folder("predict", key) / "predictions" / "0.npy"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(InputError, match="are damaged .* or leave out --with-masks"):
        pack([record], store, tmp_path / "a.zip", owner="", note="", with_masks=True)
    store.remove("predict", key)
    with pytest.raises(InputError, match="are not in the store .* --force predict"):
        pack([record], store, tmp_path / "a.zip", owner="", note="", with_masks=True)
    assert not list(tmp_path.glob("*.zip"))


def test_records_of_an_older_schema_cannot_be_submitted(tmp_path):
    from benchmark.store.store import Store
    from reports.tables.named_numbers import ARCHIVE, PUBLISHED

    folder = PUBLISHED / ARCHIVE / "smoke-64px"
    records = load_records([folder]).records
    with pytest.raises(InputError, match="was recorded with record schema 1.*run it again"):
        pack(
            records,
            Store(folder, write=False),
            tmp_path / "a.zip",
            owner="",
            note="",
            with_masks=False,
        )
