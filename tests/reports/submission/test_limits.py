"""What is too much is refused, quickly and with little memory, before anything large is made."""

import copy
import struct
import time
import tracemalloc
import zipfile

import numpy as np
import pytest

from benchmark.planning.stage_keys import stage_keys
from reports.records.load import load_records
from reports.submission import checks, extent, reference_data
from reports.submission.findings import MAX_REASONS, Findings
from reports.submission.pack import pack
from tests.reports.submission import mutations
from tests.reports.submission.made import check, put, tiny_spec, tiny_store, write_run

FIT = ("stages", 3)  # fit-segmenter of the run that `edited` changes


def bounded(work, seconds=10, megabytes=200):
    """What `work` returns, if it takes no more time and memory than that."""
    tracemalloc.start()
    begun = time.process_time()
    found = work()
    took, peak = time.process_time() - begun, tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    assert took < seconds and peak < megabytes, (took, peak)
    return found


def many(kind, count):
    return b"[" + b",".join([kind] * count) + b"]"


@pytest.mark.parametrize("kind", [b"[]", b"{}", b"0", b'""', b'{"":[]}', b"[[[[]]]]"])
@pytest.mark.parametrize("field", ["records", "masks"])
def test_a_manifest_of_endless_values(emitdiff_submission, tmp_path, kind, field):
    entries, _, _ = emitdiff_submission
    data = b'{"' + field.encode() + b'":' + many(kind, 3_000_000) + b"}"
    made = entries | {"manifest.json": data}
    (tmp_path / "a.zip").write_bytes(mutations.zipped(made.items()))
    (reason,) = bounded(lambda: check(tmp_path / "a.zip")).reasons
    assert reason == "manifest.json holds more than 1000000 values."


def test_a_manifest_below_the_limit_gives_one_error(emitdiff_submission, tmp_path):
    """Else a wrong list of 900,000 would give millions of errors."""
    entries, _, _ = emitdiff_submission
    made = entries | {"manifest.json": b'{"records":' + many(b"{}", 400_000) + b"}"}
    (tmp_path / "a.zip").write_bytes(mutations.zipped(made.items()))
    (reason,) = bounded(lambda: check(tmp_path / "a.zip")).reasons
    assert reason.startswith("manifest.json: field records.0")


@pytest.mark.parametrize(
    "where", [("provenance",), ("stages", 0, "results"), ("stages", 0, "curve")]
)
@pytest.mark.parametrize("value", [[], 0, [[[]]], {"a": 1}])
def test_a_fat_record(edited, where, value):
    *path, last = where
    change = put(*path, last, to={"x": [copy.deepcopy(value) for _ in range(20_000)]})
    assert not bounded(lambda: edited(change)).valid
    assert not bounded(lambda: edited(put(*where, to={str(n): value for n in range(2_000)}))).valid


def test_a_record_may_tell_some_values_and_not_more(edited):
    assert edited(put("provenance", "x", to=list(range(1_500)))).valid
    (reason,) = edited(put("provenance", "x", to=list(range(2_000)))).reasons
    assert "tell 20" in reason and "at most 2000 are read" in reason


@pytest.mark.parametrize("count", [101, 3_000])
def test_repeats_are_bounded(edited, count):
    one = {"machine": "m", "deterministic": True, "dice": [0.5, 0.5, 0.5]}
    (reason,) = bounded(lambda: edited(put("repeats", to=[one] * count))).reasons
    assert f"it has {count} repeats; at most 100 are read" in reason
    assert edited(put("repeats", to=[one] * 100)).valid


@pytest.mark.parametrize("value", [0, [], {"a": []}])
def test_settings_of_a_generator_are_bounded(edited, value):
    """A user's own may have any, so that their keys cannot be told."""
    more = {f"s{number}": value for number in range(900)}

    def change(record):
        record["spec"]["method"]["generator"] |= more

    assert "settings; at most 200 are read" in edited(change, rekey=True).reasons[0]


def test_curves_are_those_of_trainings(edited):
    pairs = [[n, 0.5] for n in range(60)]
    assert edited(put(*FIT, "curve", to={"loss": pairs, "dice": pairs})).valid
    for curve in ({"loss": [*pairs, [60, 0.5]]}, {"x": pairs}):
        (reason,) = edited(put(*FIT, "curve", to=curve)).reasons
        assert "has a curve that no training writes" in reason


@pytest.mark.parametrize("size", [2**62 + 1, 10**8, 4097])
def test_an_image_side_beyond_all_networks(edited, size):
    (reason,) = bounded(lambda: edited(put("spec", "preset", "size", to=size), rekey=True)).reasons
    assert "field spec.preset.size" in reason


@pytest.mark.parametrize(
    "shape", [[0, 2**62, 2**62], [0, 2**31, 1], [0, 1, 2**62], [1, 2**62, 2**62], [2**62, 1, 1]]
)
def test_masks_of_giant_shapes(masked, tmp_path, shape):
    data, manifest = masked
    entries = mutations.entries_of(data)
    entry = manifest["masks"][0]
    name = f"masks/{entry['record']}/{entry['place']}.npy"
    entries[name] = mutations.saved(np.zeros(0, np.uint8))
    entry |= {"shape": shape, "sha256": mutations.sha256(entries[name])}
    entries["manifest.json"] = mutations.dumped(manifest)
    (tmp_path / "a.zip").write_bytes(mutations.zipped(entries.items()))
    assert "which no mask can be" in " ".join(check(tmp_path / "a.zip").reasons)


@pytest.fixture
def masked(tmp_path):
    """(bytes of a valid submission with masks, its manifest)."""
    import json

    store = tiny_store(tmp_path / "s", ("none",), (0,))
    records = load_records([store.root]).records
    pack(records, store, tmp_path / "m.zip", owner="", note="", with_masks=True)
    data = (tmp_path / "m.zip").read_bytes()
    return data, json.loads(mutations.entries_of(data)["manifest.json"])


def test_a_directory_behind_the_one_that_the_end_announces(tmp_path):
    """A zip64 end record: zipfile would list its million entries before anybody compares."""
    name, count = b"x", 50_000
    listed = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 8, 0, 33, 0, 0, 0, 1, *[0] * 6) + name
    directory = listed * count
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, len(directory), 0)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, len(directory), 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, 76, len(directory), 0)
    (tmp_path / "a.zip").write_bytes(directory + end64 + locator + end)
    assert len(zipfile.ZipFile(tmp_path / "a.zip").namelist()) == count  # what is to be avoided
    (reason,) = bounded(lambda: check(tmp_path / "a.zip"), seconds=1, megabytes=20).reasons
    assert "a second end record (zip64)" in reason


def test_as_many_entries_as_there_can_be(tmp_path):
    """None of the comparisons of the two lists is quadratic."""
    names = [f"masks/{'a' * 64}/{n}.npy" for n in range(20_000)]
    data = mutations.zipped([("manifest.json", b"{}"), *((name, b"") for name in names)])
    (tmp_path / "a.zip").write_bytes(data)
    assert bounded(lambda: check(tmp_path / "a.zip"), seconds=10).reasons


def test_all_records_together_are_bounded(emitdiff_submission, tmp_path, monkeypatch):
    from reports.submission import validate

    entries, _, _ = emitdiff_submission
    monkeypatch.setattr(validate, "MAX_RECORDS_BYTES", 1000)
    (tmp_path / "a.zip").write_bytes(mutations.zipped(entries.items()))
    assert check(tmp_path / "a.zip").reasons[0].startswith("its records have more than 1000 bytes")


def test_reasons_are_counted_and_not_kept():
    found = Findings()
    for number in range(20_000):
        found.refuse("values", f"wrong {number}.")
        found.unchecked("told", f"why {number % 7}")
    assert found.reasons[-1] == f"and {20_000 - MAX_REASONS} more of this kind."
    assert len(found.reasons) == MAX_REASONS + 1 == len(found._reasons["values"]) + 1
    assert [row.text for row in found.rows()][-1] == "and 2 more of this kind."


def test_phantoms_are_not_drawn_beyond_a_limit(tmp_path, monkeypatch):
    """The rows then stand as they were submitted, with or without masks."""
    store = tiny_store(tmp_path / "s", ("none",), (0,))
    records = load_records([store.root]).records
    pack(records, store, tmp_path / "a.zip", owner="", note="", with_masks=True)
    monkeypatch.setattr(reference_data, "MAX_PHANTOM_PIXELS", 6 * 64**2 - 1)
    monkeypatch.setattr(
        "datasets.sources.phantom.PhantomSource.load", lambda *_: pytest.fail("drawn")
    )
    checked = check(tmp_path / "a.zip")
    assert checked.valid and checked.verified == frozenset()
    assert {
        finding.check: finding.text
        for finding in checked.findings
        if finding.state == "not checked"
    }["truth"] == "to draw 6 phantoms of 64 px, beside others, takes too long"


def test_phantoms_are_drawn_after_all_other_checks(edited, monkeypatch):
    monkeypatch.setattr(
        "datasets.sources.phantom.PhantomSource.load", lambda *_: pytest.fail("drawn")
    )
    assert not edited(put("stages", 1, "key", to="0" * 64)).valid


def test_masks_are_recomputed_up_to_a_limit(tmp_path, monkeypatch):
    store = tiny_store(tmp_path / "s", ("none",), (0, 1))
    records = load_records([store.root]).records
    pack(records, store, tmp_path / "a.zip", owner="", note="", with_masks=True)
    monkeypatch.setattr(checks, "MAX_WORK", 2 * 2_000 + 1_000)
    checked = check(tmp_path / "a.zip")
    assert checked.valid and len(checked.verified) < 2
    assert any("would take too long" in finding.text for finding in checked.findings)


def test_a_comparison_can_grow_too_large_for_a_page(tmp_path, monkeypatch):
    monkeypatch.setattr(extent, "MAX_PLACES", 3)
    store = tiny_store(tmp_path / "s", ("none", "emitdiff"), (0,))
    records = load_records([store.root]).records
    pack(records, store, tmp_path / "a.zip", owner="", note="", with_masks=False)
    (reason,) = check(tmp_path / "a.zip").reasons
    assert "its comparison would have 2 methods and 4 runs" in reason
    monkeypatch.setattr(extent, "MAX_PLACES", 4)
    assert check(tmp_path / "a.zip").valid
    monkeypatch.setattr(extent, "MAX_COMPARISONS", 0)
    assert "belong to 1 comparisons; at most 0" in check(tmp_path / "a.zip").reasons[0]


def test_an_audited_stage_key_is_still_a_stage(tmp_path):
    """The fixtures' stages are those of the plan, so that the limits above are met by real runs."""
    store = tiny_store(tmp_path / "s", ("emitdiff",), (0,))
    (record,) = load_records([store.root]).records
    assert [(one.stage, one.key) for one in record.stages] == stage_keys(record)
    assert record.stages[FIT[1]].stage == "fit-segmenter"
    assert write_run(store, tiny_spec("none")).key != record.key
