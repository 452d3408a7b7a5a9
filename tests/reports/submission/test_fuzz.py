"""Mutated submissions: none is accepted unless it says the same, none raises, writes a file, or
needs more than a check may take.

Many times as many, with what each kind took (docs/measurements.md):

    AUGBENCH_FUZZ=7 python -m pytest -s tests/reports/submission/test_fuzz.py -k say_the_same
"""

import json
import os
import pickle
import random
import resource
import struct
import sys
import time
import tracemalloc
import zlib

import numpy as np
import pytest

from reports.comparison.study import Study
from reports.pages.build import build
from reports.records.load import load_records
from reports.submission.manifest import sha256
from reports.submission.merge import merge
from reports.submission.pack import pack
from reports.submission.reference_data import Library
from tests.reports.submission import mutations
from tests.reports.submission.made import check, tiny_store

SCALE = int(os.environ.get("AUGBENCH_FUZZ", "1"))
KINDS = {"bytes": 150, "zip": 120, "record": 300, "manifest": 80, "masks": 80, "told": 80}
BUILDS = {"told": 8, "record": 4, "manifest": 2}
MOST_SECONDS, MOST_MB = 30, 1000  # of a check


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    """(bytes of a valid submission of two runs with masks, its check, a library that knows its
    phantom)."""
    folder = tmp_path_factory.mktemp("valid")
    store = tiny_store(folder / "store", folds=(0,))
    pack(
        load_records([store.root]).records,
        store,
        folder / "a.zip",
        owner="A",
        note="n",
        with_masks=True,
    )
    library = Library()
    return (folder / "a.zip").read_bytes(), check(folder / "a.zip", library), library


def peak_mb():
    """The most memory that this process has had at once."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def said(checked):
    """What a submission says of runs and their results: all but costs, machines, notes, owner."""
    return [
        (
            r.cases,
            r.split,
            r.budget,
            r.seeds,
            r.status,
            r.spec.method,
            r.spec.dataset,
            r.spec.fold,
            r.spec.seed,
            [(stage.stage, stage.key, stage.version) for stage in r.stages],
        )
        for r in checked.records
    ]


@pytest.mark.timeout(300 * SCALE)
@pytest.mark.parametrize("kind", KINDS)
def test_mutations_are_refused_unless_they_say_the_same(valid, tmp_path, monkeypatch, kind):
    data, original, library = valid
    assert original.valid and len(original.verified) == 2
    monkeypatch.chdir(tmp_path)
    mutate = getattr(mutations, f"of_{kind}")
    file, accepted, longest, before = tmp_path / "mutated.zip", 0, 0.0, peak_mb()
    for seed in range(KINDS[kind] * SCALE):
        mutated = mutate(data, random.Random(f"{kind} {seed}"))
        file.write_bytes(mutated)
        began = time.process_time()
        checked = check(file, library)  # anything raised here fails the test, with the seed below
        longest = max(longest, time.process_time() - began)
        assert longest < MOST_SECONDS and peak_mb() - before < MOST_MB, seed
        assert sorted(os.listdir(tmp_path)) == ["mutated.zip"], seed
        if checked.valid:
            accepted += mutated != data
            assert said(checked) == said(original), (kind, seed)
            assert checked.verified <= original.verified | {
                record.key for record in checked.records
            }
        else:
            assert all(
                text.endswith((".", "…")) and text.isprintable() and len(text) <= 400
                for text in checked.reasons
            ), seed
    print(
        f"{KINDS[kind] * SCALE} files of kind {kind}: {accepted} accepted, which say the same;"
        f" longest {longest:.2f} s of the processor, {peak_mb():.0f} MB at most in all"
    )
    # What may differ in an accepted one: costs, machines, notes and owner, which nobody can check,
    # and padding bits.
    most = {"record": 0.2, "manifest": 0.1, "told": 1.0}.get(kind, 0.02)
    assert accepted <= KINDS[kind] * SCALE * most, f"{accepted} accepted"


@pytest.mark.timeout(300 * SCALE)
@pytest.mark.parametrize("kind", BUILDS)
def test_pages_can_be_made_of_whatever_is_accepted(valid, tmp_path, kind):
    """Every page of the board: front, comparisons, runs, claims, audits, tables and figures."""
    data, _, library = valid
    file, built, mutate = tmp_path / "mutated.zip", 0, getattr(mutations, f"of_{kind}")
    for seed in range(1000 * SCALE):
        if built == BUILDS[kind] * SCALE:
            break
        mutated = mutate(data, random.Random(f"build {seed}"))
        file.write_bytes(mutated)
        checked = check(file, library)
        if checked.valid and mutated != data:
            board = merge([checked], [])
            study = Study(board.records, marks=board.marks, refused=board.refused)
            build(study, tmp_path / "page", figures="page")
            runs = {path.stem for path in (tmp_path / "page" / "runs").glob("*.html")}
            assert len(runs) >= len(board.records), seed
            built += 1
    assert built == BUILDS[kind] * SCALE


def test_a_bomb_is_refused_before_it_is_unpacked(valid, tmp_path, monkeypatch):
    from reports.submission import container

    monkeypatch.setattr(container, "MAX_ENTRY_BYTES", 1 << 20)
    data, _, library = valid
    entries = mutations.entries_of(data)
    entries["manifest.json"] = bytes(8 << 20)
    (tmp_path / "a.zip").write_bytes(mutations.zipped(entries.items()))
    monkeypatch.setattr("zipfile.ZipFile.read", lambda *_: pytest.fail("unpacked"))
    assert (
        check(tmp_path / "a.zip", library)
        .reasons[0]
        .startswith("the entries unpack to more than is allowed")
    )


def test_a_stream_that_unpacks_to_more_than_it_says_is_not_unpacked(valid, tmp_path):
    """256 MiB of zeros behind a header that says 500 bytes, with the checksum of those."""
    data, _, library = valid
    size, name, wrong = 256 << 20, b"manifest.json", 500
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    stream = b"".join(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)) + packer.flush()
    numbers = (20, 0, 8, 0, 33, zlib.crc32(bytes(wrong)), len(stream), wrong, len(name), 0)
    head = struct.pack("<4s5H3I2H", b"PK\x03\x04", *numbers) + name + stream
    listed = (
        struct.pack("<4s2B5H3I5H2I", b"PK\x01\x02", 20, 3, *numbers, 0, 0, 0, 0o100644 << 16, 0)
        + name
    )
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, len(listed), len(head), 0)
    (tmp_path / "a.zip").write_bytes(head + listed + end)
    tracemalloc.start()
    (reason,) = check(tmp_path / "a.zip", library).reasons
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert reason.startswith("manifest.json is not JSON") and peak < 16 << 20, (reason, peak)


class Touch:
    """Writes a file when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("unpickled",)


@pytest.mark.parametrize("where", ["masks/", "records/", "manifest"])
def test_nothing_of_it_is_unpickled(valid, tmp_path, monkeypatch, where):
    monkeypatch.chdir(tmp_path)
    data, _, library = valid
    entries = mutations.entries_of(data)
    name = next(name for name in entries if name.startswith(where))
    evil = (
        pickle.dumps(Touch())
        if where != "masks/"
        else mutations.saved(np.array([Touch()], dtype=object))
    )
    manifest = json.loads(entries["manifest.json"])
    for entry in (*manifest["masks"], *manifest["records"]):
        if entry["sha256"] == sha256(entries[name]):
            entry["sha256"] = sha256(evil)
    entries["manifest.json"], entries[name] = mutations.dumped(manifest), evil
    (tmp_path / "a.zip").write_bytes(mutations.zipped(entries.items()))
    assert not check(tmp_path / "a.zip", library).valid
    assert os.listdir(tmp_path) == ["a.zip"]
    with pytest.raises(FileExistsError):  # it would have worked
        pickle.loads(pickle.dumps(Touch())), pickle.loads(pickle.dumps(Touch()))
