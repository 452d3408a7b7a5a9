"""Finished records of a store -> one submission file. The same records give the same bytes.

Texts that name a folder of this machine are shortened before they leave it. Not here: the check of
a submission (validate.py), which the caller runs on the new file at once.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.core.errors import InputError
from benchmark.core.identity import canonical
from benchmark.core.texts import one_line
from benchmark.record.record import Record
from benchmark.store.store import DamagedStage, Store
from reports.submission import manifest as contents
from reports.submission.container import write
from reports.submission.manifest import Manifest, MaskEntry, RecordEntry, averages
from reports.submission.masks import mask_file

# Two or more folders from the root on, of any system; addresses such as https://a/b stay.
_FOLDER = re.compile(
    r"""(?<![\w/:.~-])(?:~|[A-Za-z]:(?=[\\/])|file:/{2})?"""
    r"""(?:[\\/][^\s\\/:;,'"()\[\]<>|]+){2,}[\\/]?"""
)
SHOWN_FOLDER = "FOLDER"


def pack(
    records: Sequence[Record],
    store: Store,
    out: Path,
    *,
    owner: str,
    note: str,
    with_masks: bool,
    made_on: str = "",
    check: Callable[[Path], None] | None = None,
) -> Manifest:
    """Writes `out` and returns its manifest; made_on: a day, '2026-11-27'.

    Raises InputError for texts that are too long and for missing predictions, and what `check`
    raises of the finished file before it takes its place.
    """
    owner, note = one_line(owner), one_line(note)
    for name, text, most in (
        ("--owner", owner, contents.MAX_OWNER),
        ("--note", note, contents.MAX_NOTE),
    ):
        if len(text) > most:
            raise InputError(f"{name} has {len(text)} letters; give at most {most}.")
    if lifted := [record for record in records if record.lifted_from]:
        raise InputError(
            f"run {lifted[0].key[:12]} was recorded with record schema {lifted[0].lifted_from};"
            f" only runs of this program can be submitted: run it again."
        )
    files: dict[str, bytes] = {}
    entries: list[RecordEntry] = []
    masks: list[MaskEntry] = []
    for record in sorted(records, key=lambda record: record.key):
        data = canonical(without_folders(record).model_dump(mode="json")).encode()
        entries.append(
            RecordEntry(key=record.key, sha256=contents.sha256(data), averages=averages(record))
        )
        files[entries[-1].name] = data
        for place, shape, packed in _masks(record, store) if with_masks else ():
            data = mask_file(packed)
            masks.append(
                MaskEntry(record=record.key, place=place, shape=shape, sha256=contents.sha256(data))
            )
            files[masks[-1].name] = data
    manifest = Manifest(
        owner=owner, note=note, made_on=made_on, records=tuple(entries), masks=tuple(masks)
    )
    files[contents.NAME] = canonical(manifest.model_dump(mode="json")).encode()
    write(out, ((name, files[name]) for name in manifest.names), check)
    return manifest


def without_folders(record: Record) -> Record:
    """The record with FOLDER in place of every absolute path, in one-line texts; its spec, which
    holds none, as it is."""
    values = record.model_dump(mode="json")
    cleaned = {
        name: value if name in ("spec", "cases", "split") else _cleaned(value)
        for name, value in values.items()
    }
    return Record.model_validate(cleaned)


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return _FOLDER.sub(SHOWN_FOLDER, one_line(value))
    if isinstance(value, dict):
        return {_cleaned(name): _cleaned(item) for name, item in value.items()}
    return [_cleaned(item) for item in value] if isinstance(value, list) else value


def _masks(record: Record, store: Store) -> Iterator[tuple[int, tuple[int, int, int], np.ndarray]]:
    """(place of the case in the record, shape of its planes, packed bits) of every prediction.
    Raises InputError."""
    key = next((stage.key for stage in record.stages if stage.stage == "predict"), "")
    hint = "run the same command with --force predict, or leave out --with-masks"
    if not key or not store.has("predict", key):
        raise InputError(
            f"the predictions of run {record.key[:12]} are not in the store {store.root}; {hint}."
        )
    try:
        store.check("predict", key)
    except DamagedStage as error:
        raise InputError(
            f"the predictions of run {record.key[:12]} are damaged ({error}); {hint}."
        ) from error
    folder = store.folder("predict", key)
    places = {row.case: place for place, row in enumerate(record.cases)}
    for number, entry in enumerate(json.loads((folder / "index.json").read_text(encoding="utf-8"))):
        packed = np.load(folder / "predictions" / f"{number}.npy", allow_pickle=False)
        yield places[entry["case"]], tuple(entry["shape"]), packed
