"""A submission of one run with any change in it, for the tests of what its check says."""

import json

import pytest

from reports.records.load import load_records
from reports.submission.pack import pack
from reports.submission.reference_data import Library
from tests.reports.submission import mutations
from tests.reports.submission.made import check, tiny_store


@pytest.fixture(scope="package")
def emitdiff_submission(tmp_path_factory):
    """(entries of a submission of `emitdiff` without masks, the name of its record, a folder)."""
    folder = tmp_path_factory.mktemp("emitdiff")
    store = tiny_store(folder / "s", ("emitdiff",), (0,))
    records = load_records([store.root]).records
    pack(records, store, folder / "a.zip", owner="", note="", with_masks=False)
    entries = mutations.entries_of((folder / "a.zip").read_bytes())
    (name,) = [name for name in entries if name.startswith("records/")]
    return entries, name, folder


@pytest.fixture(scope="package")
def edited(emitdiff_submission):
    """edited(change) -> the check of that submission with this change in its record, signed
    again."""
    entries, name, folder = emitdiff_submission
    library = Library()

    def make(change, rekey=False):
        record = json.loads(entries[name])
        change(record)
        (folder / "b.zip").write_bytes(mutations.signed(entries, name, record, rekey))
        return check(folder / "b.zip", library)

    return make


@pytest.fixture(scope="package")
def stated(emitdiff_submission):
    """stated(change) -> the check of that submission with this change in its manifest."""
    entries, _, folder = emitdiff_submission

    def make(change):
        manifest = json.loads(entries["manifest.json"])
        change(manifest)
        made = entries | {"manifest.json": mutations.dumped(manifest)}
        (folder / "c.zip").write_bytes(mutations.zipped(made.items()))
        return check(folder / "c.zip")

    return make
