"""The check of a submission, from the bytes of the file to the masks: nothing in it is believed
that can be computed.

    file        a zip as `submit` writes it, within the size limits (container.py)
    manifest    its table of contents: every entry announced, with its sha256, and no other
    records     canonical JSON of the schema; key = sha256 of the spec; parts agree (consistency.py)
    summaries   the manifest's averages, recomputed from the case rows
    cases       every test case of the fold exactly once
    values      no row that two masks cannot give (possible_rows.py); one truth per case
    split       the one that protocol, fold and seed draw from the cases (splits.py)
    stages      the keys that settings and split give: no other computation has them
    told        costs, curves, repeats and audits, which cannot be checked (as_told.py)
    leaks       no case trained and tested on; generators saw their fold's cases alone
    truth       true voxels and unit of every case, counted again where the images are at hand
    masks       case rows recomputed from predicted masks, where the images are at hand (masks.py)

Here are the first three, the others in checks.py. Not here: other submissions (merge.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from benchmark.core.texts import one_line
from benchmark.record.record import SCHEMA, Record
from reports.submission import manifest as contents
from reports.submission import strict_json
from reports.submission.as_told import check_told
from reports.submission.checks import (
    check_masks,
    check_records,
    check_stages,
    check_truth,
)
from reports.submission.consistency import KnownStages, contradictions
from reports.submission.container import Container
from reports.submission.extent import too_large
from reports.submission.findings import Finding, Findings, Refusal
from reports.submission.manifest import Manifest
from reports.submission.plain_names import claimed, flaw
from reports.submission.reference_data import Library, Sources
from reports.submission.same_run import title

# Of one file: checked within 30 s and 1 GB (docs/measurements.md).
MAX_MANIFEST_BYTES, MAX_MANIFEST_VALUES = 32 << 20, 1_000_000
MAX_RECORD_BYTES, MAX_RECORD_VALUES = 4 << 20, 300_000
MAX_RECORDS, MAX_RECORDS_BYTES = 1_000, 20 << 20
_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True)
class Checked:
    """A submission after its check. records: all of them, only if nothing was refused; verified:
    keys of records whose rows were all recomputed from masks."""

    path: Path
    findings: tuple[Finding, ...]
    reasons: tuple[str, ...]
    owner: str = ""
    note: str = ""
    made_on: str = ""
    records: tuple[Record, ...] = ()
    verified: frozenset[str] = field(default_factory=frozenset)

    @property
    def valid(self) -> bool:
        return not self.reasons


def validate(path: Path, library: Library, known: KnownStages) -> Checked:
    """Checks one file. Raises InputError only where the file cannot be read at all."""
    found, check = Findings(), "file"
    owner = note = made_on = ""
    records: tuple[Record, ...] = ()
    verified: frozenset[str] = frozenset()
    try:
        with Container(path) as container:
            found.passed("file", f"{len(container.names)} entries")
            check = "manifest"
            manifest = _manifest(container)
            owner, note, made_on = manifest.owner, manifest.note, manifest.made_on
            found.passed(
                "manifest", f"{len(manifest.records)} records, {len(manifest.masks)} masks"
            )
            check = "records"
            records = tuple(_records(container, manifest, known, found))
            if reason := too_large(records):
                raise Refusal(reason)
            if not found.reasons:
                sources = Sources(records, library)
                check_records(records, manifest, sources, found)
                check_stages(records, known, found)
                check_told(records, found)
                check = "truth"
                check_truth(records, sources, found)
                check = "masks"
                verified = check_masks(container, records, manifest, sources, found)
    except Refusal as refusal:
        found.refuse(check, str(refusal))
    if found.reasons:
        records, verified = (), frozenset()
    rows, reasons = tuple(found.rows()), found.reasons
    return Checked(path, rows, reasons, owner, note, made_on, records, verified)


def _manifest(container: Container) -> Manifest:
    """The manifest, if it and the entries of the file agree. Raises Refusal."""
    if not container.names or container.names[0] != contents.NAME:
        raise Refusal(f"the first entry is not {contents.NAME}.")
    if container.sizes[contents.NAME] > MAX_MANIFEST_BYTES:
        raise Refusal(f"{contents.NAME} has more than {MAX_MANIFEST_BYTES} bytes.")
    data = container.read(contents.NAME)
    strict_json.parse(data, contents.NAME, MAX_MANIFEST_VALUES)
    found = _validated(Manifest, data, contents.NAME)
    if found.owner and (wrong := flaw(found.owner) or claimed(found.owner)):
        raise Refusal(f"the owner '{one_line(found.owner)}' {wrong}.")
    if one_line(found.note) != found.note:
        raise Refusal("the note is not one line of text.")
    if len(found.records) > MAX_RECORDS:
        raise Refusal(
            f"it holds {len(found.records)} records; at most {MAX_RECORDS} are read from one file."
        )
    if sum(container.sizes.get(entry.name, 0) for entry in found.records) > MAX_RECORDS_BYTES:
        raise Refusal(
            f"its records have more than {MAX_RECORDS_BYTES} bytes together; give several files."
        )
    announced = found.names
    known = set(announced)
    if len(known) != len(announced):
        raise Refusal("the manifest names an entry twice.")
    if unexpected := [name for name in container.names if name not in known]:
        raise Refusal(
            f"the file holds '{one_line(unexpected[0])}', which the manifest does not name."
        )
    if missing := [name for name in announced if name not in container.sizes]:
        raise Refusal(f"the file lacks {missing[0]}, which the manifest names.")
    if announced != container.names:
        raise Refusal("the entries do not stand in the manifest's order.")
    if foreign := {entry.record for entry in found.masks} - {entry.key for entry in found.records}:
        raise Refusal(
            f"there are masks of run {min(foreign)[:12]}, whose record is not in the file."
        )
    return found


def _records(
    container: Container, manifest: Manifest, known: KnownStages, found: Findings
) -> Iterator[Record]:
    """The records that can be read; what is wrong with the others is noted."""
    for entry in manifest.records:
        try:
            if container.sizes[entry.name] > MAX_RECORD_BYTES:
                raise Refusal(f"{entry.name} has more than {MAX_RECORD_BYTES} bytes.")
            data = contents.read(container, entry)
            values = strict_json.parse(data, entry.name, MAX_RECORD_VALUES)
            schema = values.get("schema_version")
            if type(schema) is not int or schema != SCHEMA:
                raise Refusal(
                    f"{entry.name} has record schema {str(schema)[:20]}; this program can check"
                    f" the keys of schema {SCHEMA} alone: run it again with this program."
                )
            record = _validated(Record, data, entry.name)
            if not record.key == entry.key == record.spec.key:
                raise Refusal(
                    f"{entry.name}: the key is not the sha256 of the spec, which is"
                    f" {record.spec.key[:12]}…"
                )
            if wrong := [f"{title(record)}: {text}." for text in contradictions(record, known)]:
                for text in wrong:
                    found.refuse("records", text)
                continue
        except Refusal as refusal:
            found.refuse("records", str(refusal))
            continue
        yield record
    found.passed("records", "schema, keys, stages, budget and seeds fit")


def _validated(model: type[_Model], data: bytes, where: str) -> _Model:
    """The object of `model`; types as they are, nothing converted. Raises Refusal, which names the
    first wrong field."""
    try:
        return model.model_validate_json(data, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field_name = ".".join(str(part) for part in first["loc"])[:120] or "the whole"
        raise Refusal(
            f"{where}: field {one_line(field_name)}: {one_line(first['msg'])[:160]}."
        ) from error
