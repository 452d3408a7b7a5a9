"""Seeded mutations of a valid submission, for the fuzz test: of its bytes, its zip, its JSON and
its masks.

Those of JSON and masks are signed again (sha256, averages, and half of the time the key), as
somebody would do who knows the format, so that they get past the checksums to the checks behind
them.
"""

import contextlib
import copy
import io
import json
import random
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmark.core.identity import canonical
from benchmark.record.record import Record
from benchmark.spec.run import RunSpec
from reports.submission.manifest import averages, sha256
from tests.reports.submission.mutated_values import DEEP, NAMES, NUMBERS, TEXTS

Entries = dict[str, bytes]


def entries_of(data: bytes) -> Entries:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(
    entries: Iterator[tuple[str, bytes]],
    change: Callable[[zipfile.ZipInfo], None] = lambda info: None,
) -> bytes:
    """A zip as `submit` writes it, but for what `change` does to its headers."""
    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")  # of names that come twice
        for name, data in entries:
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.filename = name  # as it is, whatever the system's separator
            info.compress_type, info.create_system, info.external_attr = (
                zipfile.ZIP_DEFLATED,
                3,
                0o100644 << 16,
            )
            change(info)
            archive.writestr(info, data, compresslevel=9)
    return stream.getvalue()


def of_bytes(valid: bytes, rng: random.Random) -> bytes:
    """Bytes flipped, cut, doubled, moved or added."""
    data, place = bytearray(valid), rng.randrange(len(valid))
    kind = rng.randrange(8)
    if kind < 3:
        for _ in range(rng.choice((1, 1, 2, 20))):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == 3:
        del data[place:]
    elif kind == 4:
        del data[place : place + rng.randrange(1, 64)]
    elif kind == 5:
        data[place:place] = rng.randbytes(rng.randrange(1, 64))
    elif kind == 6:
        data += rng.choice((b"\0", b"PK\x05\x06" + bytes(18), rng.randbytes(30), bytes(valid)))
    else:
        data[:0] = rng.choice((b"#!/bin/sh\n", b"\0", bytes(valid[:50])))
    return bytes(data)


def of_zip(valid: bytes, rng: random.Random) -> bytes:
    """Other entries, names, attributes and sizes."""
    entries = list(entries_of(valid).items())
    chosen = rng.randrange(len(entries))
    name, data = entries[chosen]

    def flag(**values: Any) -> bytes:
        def change(info: zipfile.ZipInfo) -> None:
            if info.filename == name:
                for field, value in values.items():
                    setattr(info, field, value)

        return zipped(entries, change)

    kind = rng.randrange(12)
    if kind == 0:
        return zipped([*entries, (rng.choice(NAMES), data)])
    if kind == 1:
        return zipped(
            [
                (rng.choice(NAMES) if n == chosen else old, held)
                for n, (old, held) in enumerate(entries)
            ]
        )
    if kind == 2:
        return zipped([*entries, (name, rng.choice((data, b"{}")))])
    if kind == 3:
        return zipped(entries[:chosen] + entries[chosen + 1 :])
    if kind == 4:
        return zipped(rng.sample(entries, len(entries)) if chosen else entries[::-1])
    if kind == 5:
        return flag(external_attr=rng.choice((0o120777, 0o40755, 0o100755, 0o060644)) << 16)
    if kind == 6:
        return flag(
            compress_type=rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
        )
    if kind == 7:
        return flag(
            **rng.choice(
                (
                    {"comment": b"x"},
                    {"extra": b"\x01\x00\x02\x00ab"},
                    {"date_time": (2020, 1, 1, 0, 0, 0)},
                )
            )
        )
    if kind == 8:  # sizes in the directory that are not those of the data
        raw = bytearray(valid)
        place = raw.rindex(b"PK\x01\x02", 0, rng.randrange(raw.index(b"PK\x01\x02") + 4, len(raw)))
        at = place + rng.choice((8, 10, 16, 20, 24, 28, 42))
        raw[at : at + 4] = rng.choice(
            (b"\xff\xff\xff\x7f", b"\0\0\0\0", rng.randbytes(4), b"\x01\x00\x00\x00")
        )
        return bytes(raw)
    # a bomb: a megabyte of zeros in a kilobyte, announced as itself or as another entry
    if kind == 9:
        return zipped(
            [
                (old, bytes(5 << 20) if n == chosen else held)
                for n, (old, held) in enumerate(entries)
            ]
        )
    if kind == 10:
        raw = bytearray(valid)
        raw[-22 + rng.randrange(4, 22)] ^= 1 << rng.randrange(8)
        return bytes(raw)
    return zipped(
        [
            (old, rng.randbytes(200) if n == chosen else held)
            for n, (old, held) in enumerate(entries)
        ]
    )


def of_record(valid: bytes, rng: random.Random) -> bytes:
    """One record changed somewhere, and signed again."""
    entries = entries_of(valid)
    name = rng.choice([name for name in entries if name.startswith("records/")])
    record = json.loads(entries[name])
    if rng.random() < 0.4:
        _edit_rows(record, rng)
    else:
        _edit(record, rng)
    return signed(entries, name, record, rekey=rng.random() < 0.5)


def of_told(valid: bytes, rng: random.Random) -> bytes:
    """What a record tells without a check, filled in first: one to three values changed."""
    entries = entries_of(valid)
    name = rng.choice([name for name in entries if name.startswith("records/")])
    record = json.loads(entries[name])
    fitted = next(stage for stage in record["stages"] if stage["stage"] == "fit-segmenter")
    fitted["curve"] = {"loss": [[1, 0.5], [2, 0.25]], "dice": [[1, 0.1], [2, 0.2]]}
    fitted["results"] |= {"selected_epoch": 1, "precision": "32-true"}
    record["repeats"] = [
        {"machine": "m", "deterministic": False, "dice": [0.5] * len(record["cases"])}
        for _ in range(2)
    ]
    record["provenance"] |= {"packages": {"numpy": "2.0"}, "cpu": "c", "threads": 2}
    for _ in range(rng.randrange(1, 4)):
        tree = rng.choice(
            (
                {name: record[name] for name in ("provenance", "notes", "repeats")},
                rng.choice((fitted, *record["stages"])),
            )
        )
        _edit(tree, rng)
        record |= {name: tree[name] for name in ("provenance", "notes", "repeats") if name in tree}
    return signed(entries, name, record)


def of_manifest(valid: bytes, rng: random.Random) -> bytes:
    """The table of contents changed somewhere."""
    entries = entries_of(valid)
    manifest = json.loads(entries["manifest.json"])
    _edit(manifest, rng)
    entries["manifest.json"] = dumped(manifest)
    return zipped(entries.items())


def of_masks(valid: bytes, rng: random.Random) -> bytes:
    """One mask, or its announced shape, changed and signed again."""
    entries = entries_of(valid)
    manifest = json.loads(entries["manifest.json"])
    entry = rng.choice(manifest["masks"])
    name = f"masks/{entry['record']}/{entry['place']}.npy"
    kind = rng.randrange(10)
    array = np.load(io.BytesIO(entries[name]))
    if kind < 3:
        array[rng.randrange(len(array))] ^= 1 << rng.randrange(8)
        entries[name] = saved(array)
    elif kind == 3:
        entries[name] = saved(np.array([array, {"a": 1}], dtype=object))
    elif kind == 4:
        entries[name] = saved(
            rng.choice(
                (array.astype(np.float64), array.reshape(2, -1), array[:-1], array[::-1], array * 0)
            )
        )
    elif kind == 5:
        entry["shape"] = rng.choice(
            (
                [1, 2**31, 2**31],
                [0, 64, 64],
                [-1, 64, 64],
                [1, 64, 65],
                [64, 64, 1],
                [1, 64],
                [1, 128, 32],
            )
        )
    elif kind == 6:
        shape = rng.choice(
            (b"(10**9,)", b"(512,512)", b"(9999999999,)", b"__import__('os').getcwd()", b"()")
        )
        text = b"{'descr': '|u1', 'fortran_order': False, 'shape': " + shape + b", }"
        entries[name] = (
            b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + array.tobytes()
        )
    elif kind == 7:
        entries[name] = rng.choice(
            (b"", b"\x93NUMPY", entries[name] + b"\0", entries[name][:-1], b"\x80\x04N.")
        )
    elif kind == 8:
        entry["place"] = rng.choice((7, -1, 10**6, "0", 1.5))
    else:
        other = rng.choice([other for other in manifest["masks"] if other is not entry])
        entries[name] = entries[f"masks/{other['record']}/{other['place']}.npy"]
    entry["sha256"] = sha256(entries[name])
    entries["manifest.json"] = dumped(manifest)
    return zipped(entries.items())


def signed(entries: Entries, name: str, record: Any, rekey: bool = False) -> bytes:
    """The submission with this record in place of another, with sha256, averages and (`rekey`) key
    made to fit."""
    manifest = json.loads(entries["manifest.json"])
    (entry,) = [entry for entry in manifest["records"] if f"records/{entry['key']}.json" == name]
    old = entry["key"]
    if rekey and isinstance(record, dict):
        try:
            record["key"] = RunSpec.model_validate(record["spec"]).key
        except (ValueError, KeyError, TypeError, RecursionError):
            rekey = False
    data = dumped(record)
    # what no record can be has no averages
    with contextlib.suppress(ValueError, ArithmeticError, RecursionError):
        entry["averages"] = averages(Record.model_validate(json.loads(data))).model_dump()
    entry["sha256"] = sha256(data)
    entry["key"] = record["key"] if rekey else old
    for mask in manifest["masks"]:
        mask["record"] = entry["key"] if mask["record"] == old else mask["record"]
    made = {}
    for held, content in entries.items():
        made[held.replace(old, entry["key"])] = data if held == name else content
    made["manifest.json"] = dumped(manifest)
    return zipped(made.items())


def dumped(value: Any) -> bytes:
    """Canonical where that is possible; else as Python spells it (NaN). 'DEEP n' becomes a list of
    n lists."""
    try:
        text = canonical(value)
    except ValueError:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return re.sub(
        rf'"{DEEP} (\d+)"', lambda found: "[" * int(found[1]) + "]" * int(found[1]), text
    ).encode()


def saved(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def _edit_rows(record: dict, rng: random.Random) -> None:
    """Case rows: a metric edited a little or much, cases swapped, dropped, doubled, renamed."""
    rows = record["cases"]
    row, other = rng.sample(rows, 2)
    kind = rng.randrange(8)
    if kind < 3:
        name = rng.choice([name for name, value in row.items() if isinstance(value, float)])
        row[name] = row[name] * rng.choice((1 + 1e-6, 0.999, 1.1, 0.5)) + rng.choice((0, 0.01))
    elif kind == 3:
        row["case"], other["case"] = other["case"], row["case"]
    elif kind == 4:
        rows.remove(row)
        _also_in_the_split(record, rng, lambda test: test.remove(row["case"]))
    elif kind == 5:
        rows.append(copy.deepcopy(row))
    elif kind == 6:
        new = rng.choice((*record["split"]["train"], "phantom_99", *TEXTS))
        old, row["case"] = row["case"], new
        _also_in_the_split(record, rng, lambda test: test.__setitem__(test.index(old), new))
    else:
        row[rng.choice(("missed", "empty_truth", "unit", "truth_voxels", "prediction_voxels"))] = (
            rng.choice((True, "px", 7, 0))
        )


def _also_in_the_split(record: dict, rng: random.Random, change: Callable[[list], None]) -> None:
    if rng.random() < 0.5:
        change(record["split"]["test"])


def _edit(tree: Any, rng: random.Random) -> None:
    """One value anywhere in `tree` replaced, removed, doubled or nested."""
    places = list(_places(tree))
    holder, key = rng.choice(places)
    value = holder[key]
    kind = rng.randrange(9)
    if kind < 2:
        holder[key] = rng.choice(NUMBERS)
    elif kind == 2:
        holder[key] = rng.choice(TEXTS)
    elif kind == 3:
        del holder[key]
    elif kind == 4:
        holder[key] = rng.choice((None, [], {}, [value], {"a": value}))
    elif kind == 5:
        holder[key] = f"{DEEP} {rng.choice((20, 400, 3000, 200_000))}"
    elif kind == 6 and isinstance(value, int | float):
        holder[key] = value + rng.choice((1, -1, 0.25, 1e-9))
    elif kind == 7 and isinstance(holder, list):
        holder.append(copy.deepcopy(value))
    elif isinstance(holder, dict):
        holder[rng.choice((*TEXTS, "extra"))] = value
    else:
        rng.shuffle(holder)


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    for key in tree if isinstance(tree, dict) else range(len(tree)):
        yield tree, key
        if isinstance(tree[key], dict | list):
            yield from _places(tree[key])
