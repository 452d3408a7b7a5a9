"""The check of a submission, from the bytes of the file to the masks: nothing in it is believed that can be computed.

    file        a zip as `submit` writes it, within the size limits (container.py)
    manifest    its table of contents: every entry announced, with its sha256, and no other
    records     canonical JSON of the record's schema; key = sha256 of the spec; parts agree (content.py)
    summaries   the manifest's averages, recomputed from the case rows
    cases       every test case of the fold exactly once
    values      no row that two masks cannot give (rows.py); one truth per case
    split       the one that protocol, fold and seed draw from the data set's cases (splits.py, known.py)
    stages      the keys that settings and split give: no other computation has them
    leaks       no case trained and tested on; generators saw their fold's cases alone
    masks       case rows recomputed from predicted masks, where those are given and the images are at hand (masks.py)

Callers: the `leaderboard` commands. Not here: other submissions (merge.py).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from benchmark.errors import InputError
from benchmark.record import Record
from reports.labels import one_line
from reports.submission import manifest as contents
from reports.submission import strict_json
from reports.submission.container import Container
from reports.submission.content import contradictions
from reports.submission.findings import Finding, Findings, Refusal
from reports.submission.identity import repeated, title, truths
from reports.submission.known import Known, Library
from reports.submission.manifest import Manifest, MaskEntry, averages
from reports.submission.masks import differences, read_mask, recomputed
from reports.submission.rows import impossible
from reports.submission.splits import can_be_drawn, leaks, wrong_cases, wrong_hash, wrong_split

MAX_MANIFEST_BYTES = 32 << 20
MAX_RECORD_BYTES = 4 << 20
MAX_RECORDS = 2_000


StageKeys = Callable[[Record], list[tuple[str, str]] | None]


@dataclass(frozen=True)
class Checked:
    """A submission after its check. records: all of them, only if nothing was refused; verified: keys of records whose
    rows were all recomputed from masks; sha256: of the whole file."""

    path: Path
    findings: tuple[Finding, ...]
    reasons: tuple[str, ...]
    owner: str = ""
    note: str = ""
    records: tuple[Record, ...] = ()
    verified: frozenset[str] = field(default_factory=frozenset)

    @property
    def valid(self) -> bool:
        return not self.reasons


def validate(path: Path, library: Library, stage_keys: StageKeys) -> Checked:
    """Checks one file. Raises InputError only where the file cannot be read at all.

    stage_keys: see benchmark/stage_keys.py, which knows how runs are planned.
    """
    found = Findings()
    records: tuple[Record, ...] = ()
    manifest, verified = Manifest.model_construct(owner="", note=""), frozenset()
    check = "file"
    try:
        with Container(path) as container:
            found.passed("file", f"{len(container.names)} entries")
            check = "manifest"
            manifest = _manifest(container)
            found.passed("manifest", f"{len(manifest.records)} records, {len(manifest.masks)} masks")
            check = "records"
            records = tuple(_records(container, manifest, found))
            if not found.reasons:
                _check_records(records, manifest, library, found)
                _check_stages(records, stage_keys, found)
                check = "masks"
                verified = _check_masks(container, records, manifest, library, found)
    except Refusal as refusal:
        found.refuse(check, str(refusal))
    reasons = found.reasons
    if reasons:
        return Checked(path, tuple(found.rows()), reasons, manifest.owner, manifest.note)
    return Checked(path, tuple(found.rows()), (), manifest.owner, manifest.note, records, verified)


def _manifest(container: Container) -> Manifest:
    """The manifest, if it and the entries of the file agree. Raises Refusal."""
    if not container.names or container.names[0] != contents.NAME:
        raise Refusal(f"the first entry is not {contents.NAME}.")
    if container.sizes[contents.NAME] > MAX_MANIFEST_BYTES:
        raise Refusal(f"{contents.NAME} has more than {MAX_MANIFEST_BYTES} bytes.")
    data = container.read(contents.NAME)
    found = _validated(Manifest, data, strict_json.parse(data, contents.NAME), contents.NAME)
    for name, text in (("owner", found.owner), ("note", found.note)):
        if one_line(text) != text:
            raise Refusal(f"the {name} is not one line of text.")
    if len(found.records) > MAX_RECORDS:
        raise Refusal(f"it holds {len(found.records)} records; at most {MAX_RECORDS} are read from one file.")
    announced = [contents.NAME, *(entry.name for entry in (*found.records, *found.masks))]
    if len(set(announced)) != len(announced):
        raise Refusal("the manifest names an entry twice.")
    if unexpected := [name for name in container.names if name not in set(announced)]:
        raise Refusal(f"the file holds '{one_line(unexpected[0])}', which the manifest does not name.")
    if missing := [name for name in announced if name not in container.sizes]:
        raise Refusal(f"the file lacks {missing[0]}, which the manifest names.")
    if announced != container.names:
        raise Refusal("the entries do not stand in the manifest's order.")
    if foreign := {entry.record for entry in found.masks} - {entry.key for entry in found.records}:
        raise Refusal(f"there are masks of run {min(foreign)[:12]}, whose record is not in the file.")
    return found


def _records(container: Container, manifest: Manifest, found: Findings) -> Iterator[Record]:
    """The records that can be read; what is wrong with the others is noted."""
    for entry in manifest.records:
        try:
            if container.sizes[entry.name] > MAX_RECORD_BYTES:
                raise Refusal(f"{entry.name} has more than {MAX_RECORD_BYTES} bytes.")
            data = container.read(entry.name)
            if contents.sha256(data) != entry.sha256:
                raise Refusal(f"{entry.name} is not the one of the manifest: its sha256 differs.")
            record = _validated(Record, data, strict_json.parse(data, entry.name), entry.name)
            if not record.key == entry.key == record.spec.key:
                raise Refusal(f"{entry.name}: the key is not the sha256 of the spec, which is {record.spec.key[:12]}…")
            if wrong := [f"{title(record)}: {text}." for text in contradictions(record)]:
                for text in wrong:
                    found.refuse("records", text)
                continue
        except Refusal as refusal:
            found.refuse("records", str(refusal))
            continue
        yield record
    found.passed("records", "schema, keys, stages, budget and seeds fit")


def _validated(model: type, data: bytes, parsed: dict[str, Any], where: str) -> Any:
    """The object of `model`; types as they are, nothing converted. Raises Refusal, which names the first wrong field."""
    try:
        return model.model_validate_json(data, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field_name = ".".join(str(part) for part in first["loc"])[:120] or "the whole"
        raise Refusal(f"{where}: field {one_line(field_name)}: {one_line(first['msg'])[:160]}.") from error


def _check_records(records: Sequence[Record], manifest: Manifest, library: Library, found: Findings) -> None:
    for record, entry in zip(records, manifest.records, strict=True):
        if averages(record) != entry.averages:
            found.refuse("summaries", f"{title(record)}: the manifest's averages are not those of the case rows.")
    found.passed("summaries", "recomputed from the case rows")
    for check, texts_of in (("cases", wrong_cases), ("leaks", leaks), ("values", _wrong_values)):
        for record in records:
            for text in texts_of(record):
                found.refuse(check, f"{title(record)}: {text}.")
    for text in repeated(records):
        found.refuse("cases", f"{text} is there more than once.")
    _check_one_truth(records, found)
    found.passed("cases", f"{sum(len(record.cases) for record in records)} rows")
    found.passed("leaks", "by the cases that the records list; what a method really saw cannot be known from outside")
    found.passed("values", "no row that two masks cannot give")
    _check_splits(records, library, found)


def _check_splits(records: Sequence[Record], library: Library, found: Findings) -> None:
    origins: dict[str, None] = {}
    for record in records:
        if wrong_hash(record):
            found.refuse("split", f"{title(record)}: the split's hash is not that of its cases.")
            continue
        try:
            known = _known(record, records, library)
        except Refusal as refusal:
            found.refuse("split", f"{title(record)}: {refusal}")
            continue
        if can_be_drawn(record, known):
            for text in wrong_split(record, known):
                found.refuse("split", f"{title(record)}: {text}.")
            origins.setdefault(known.origin)
        else:
            why = known.origin if known.cases is None else "the order of the data set's own list is not known here"
            found.unchecked("split", f"of {one_line(record.spec.source.title)}: {why}")
    if origins:
        found.passed("split", f"drawn again from {' and '.join(origins)}")


def _check_stages(records: Sequence[Record], stage_keys: StageKeys, found: Findings) -> None:
    known = 0
    for record in records:
        try:
            expected = stage_keys(record)
        except InputError as error:
            found.refuse("stages", f"{title(record)}: {error}.")
            continue
        if expected is None:
            why = "its generator is the submitter's own" if record.spec.method.own else "an earlier version computed them"
            found.unchecked("stages", f"of {one_line(record.spec.method.label)}: {why}, so their keys cannot be told")
            continue
        known += 1
        held = [(stage.stage, stage.key) for stage in record.stages]
        if held != expected:
            other = next((name for name, key in expected if (name, key) not in held), held[-1][0])
            found.refuse("stages", f"{title(record)}: its stage {other} is not the one that its settings and split give.")
    if known:
        found.passed("stages", "their keys follow from settings and split")


def _wrong_values(record: Record) -> Iterator[str]:
    return (f"case {row.case}: {text}" for row in record.cases for text in impossible(row, record.spec))


def _check_one_truth(records: Sequence[Record], found: Findings) -> None:
    """A case has as many true voxels in one record as in another that counts the same planes."""
    seen: dict[tuple, int] = {}
    for record in records:
        for key, count in truths([record]):
            if seen.setdefault(key, count) != count:
                text = f"case {key[-1]} has {count} true voxels, {seen[key]} in another record"
                found.refuse("values", f"{title(record)}: {text}.")


def _known(record: Record, records: Sequence[Record], library: Library) -> Known:
    source = record.spec.source
    return library.known(record.spec, [one for one in records if one.spec.source == source])


def _check_masks(
    container: Container, records: Sequence[Record], manifest: Manifest, library: Library, found: Findings
) -> frozenset[str]:
    """Recomputes every case row that has a mask; the keys of the records of which all rows were."""
    if not manifest.masks:
        found.unchecked("masks", "the submission holds none, so the case rows stand as they were submitted")
        return frozenset()
    if found.reasons:
        return frozenset()
    entries: dict[str, list[MaskEntry]] = {}
    for entry in manifest.masks:
        entries.setdefault(entry.record, []).append(entry)
    verified, rows = set(), 0
    for record in records:
        known, agreeing = _known(record, records, library), 0
        for entry in entries.get(record.key, ()):
            try:
                agreeing += _mask_agrees(container, entry, record, known, library, found)
            except Refusal as refusal:
                found.refuse("masks", str(refusal))
        rows += agreeing
        if agreeing == len(record.cases):
            verified.add(record.key)
        if known.images is None:
            found.unchecked("masks", f"the images of {one_line(record.spec.source.title)} are not here (--data-root)")
    if rows:
        found.passed("masks", f"{rows} case rows recomputed, {len(verified)} of {len(records)} records in full")
    return frozenset(verified)


def _mask_agrees(
    container: Container, entry: MaskEntry, record: Record, known: Known, library: Library, found: Findings
) -> bool:
    """Whether a case row was recomputed from its mask and is the same. Raises Refusal for a file that is no such mask."""
    if entry.place >= len(record.cases):
        raise Refusal(f"{entry.name}: the record has {len(record.cases)} cases.")
    row, where = record.cases[entry.place], title(record)
    data = container.read(entry.name)
    if contents.sha256(data) != entry.sha256:
        raise Refusal(f"{entry.name} is not the one of the manifest: its sha256 differs.")
    mask = read_mask(data, entry.shape, entry.name)
    if known.images is None:
        stretched = record.spec.protocol.resize_z
        if not stretched and int(mask.sum()) != row.prediction_voxels:
            text = f"{row.prediction_voxels} predicted voxels where the mask has {int(mask.sum())}"
            found.refuse("masks", f"{where}, case {row.case}: {text}.")
        return False
    truth = library.truth(known, record.spec.source.fingerprint, row.case)
    wrong = differences(row, recomputed(record.spec, truth, mask, where))
    for text in wrong:
        found.refuse("masks", f"{where}, case {row.case}: {text}.")
    return not wrong
