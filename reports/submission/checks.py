"""The checks of records that could be read: of their numbers, splits, stages and masks, each noted
in Findings. Not here: the file and its parts (validate.py)."""

import math
from collections.abc import Iterator, Sequence

from benchmark.core.errors import InputError
from benchmark.core.texts import one_line
from benchmark.metrics.definitions import DISTANCES
from benchmark.record.record import Record
from reports.submission import manifest as contents
from reports.submission.consistency import KnownStages
from reports.submission.container import Container
from reports.submission.findings import Findings, Refusal
from reports.submission.manifest import Manifest, MaskEntry, averages
from reports.submission.masks import (
    ROW_WORK,
    differences,
    read_mask,
    recomputed,
    scoring_work,
    true_voxels,
)
from reports.submission.possible_rows import SLACK, impossible
from reports.submission.reference_data import Sources
from reports.submission.same_run import changed_methods, repeated, shared_facts, title
from reports.submission.splits import (
    can_be_drawn,
    leaks,
    wrong_cases,
    wrong_hash,
    wrong_patients,
    wrong_split,
)

MAX_WORK = 20_000_000  # microseconds that the masks of one file take, by masks.scoring_work


def check_records(
    records: Sequence[Record], manifest: Manifest, sources: Sources, found: Findings
) -> None:
    """Summaries, cases, leaks, values and splits."""
    for record, entry in zip(records, manifest.records, strict=True):
        if averages(record) != entry.averages:
            found.refuse(
                "summaries",
                f"{title(record)}: the manifest's averages are not those of the case rows.",
            )
    found.passed("summaries", "recomputed from the case rows")
    for check, texts_of in (("cases", wrong_cases), ("leaks", leaks), ("values", _wrong_values)):
        for record in records:
            for text in texts_of(record):
                found.refuse(check, f"{title(record)}: {text}.")
    for text in repeated(records):
        found.refuse("cases", f"{text} is there more than once.")
    for text in changed_methods(records):
        found.refuse("records", text)
    _check_one_truth(records, found)
    found.passed("cases", f"{sum(len(record.cases) for record in records)} rows")
    found.passed(
        "leaks",
        "by the cases that the records list; what a method really saw cannot be known from outside",
    )
    found.passed("values", "no row that two masks cannot give")
    _check_splits(records, sources, found)


def _check_splits(records: Sequence[Record], sources: Sources, found: Findings) -> None:
    origins: dict[str, None] = {}
    for record in records:
        if wrong_hash(record):
            found.refuse("split", f"{title(record)}: the split's hash is not that of its cases.")
            continue
        try:
            known = sources.of(record)
        except Refusal as refusal:
            found.refuse("split", f"{title(record)}: {refusal}")
            continue
        for text in wrong_patients(record, known):
            found.refuse("cases", f"{title(record)}: {text}.")
        if can_be_drawn(record, known):
            for text in wrong_split(record, known):
                found.refuse("split", f"{title(record)}: {text}.")
            origins.setdefault(known.origin)
        else:
            why = (
                known.origin
                if known.cases is None
                else "the order of the data set's own list is not known here"
            )
            found.unchecked("split", f"of {one_line(record.spec.source.title)}: {why}")
    if origins:
        found.passed("split", f"drawn again from {' and '.join(origins)}")


def check_stages(records: Sequence[Record], known: KnownStages, found: Findings) -> None:
    """The keys of all stages against those that settings and split give."""
    for record in records:
        try:
            expected = known.keys(record)
        except InputError as error:
            found.refuse("stages", f"{title(record)}: {str(error).removesuffix('.')}.")
            continue
        label = one_line(record.spec.method.label)
        if expected is None:
            found.unchecked(
                "stages",
                f"of {label}: its generator is the submitter's own, so their keys cannot be told",
            )
            continue
        held = [(stage.stage, stage.key, stage.version) for stage in record.stages]
        wanted = [(name, key, known.versions[name]) for name, key in expected]
        older = _first_older(record, expected, known)
        wrong = [
            place for place in range(older) if held[place : place + 1] != wanted[place : place + 1]
        ]
        all_of_today = older == len(held)
        if wrong or (all_of_today and len(held) != len(wanted)):
            name = held[wrong[0] if wrong else -1][0]
            found.refuse(
                "stages",
                f"{title(record)}: its stage {name} is not the one that its settings and split"
                f" give.",
            )
        elif older < len(held):
            found.unchecked(
                "stages", f"of {label} from {held[older][0]} on: an earlier version computed them"
            )
    found.passed("stages", "their keys follow from settings and split")


def _first_older(record: Record, expected: list[tuple[str, str]], known: KnownStages) -> int:
    """Place of the first stage of an earlier version, whose key, and those of the stages after it,
    cannot be told.

    A stage with the key of today's version is none, whatever version it names. The number of stages
    if there is none.
    """
    for place, stage in enumerate(record.stages):
        earlier = stage.version < known.versions[stage.stage]
        if earlier and (stage.stage, stage.key) not in expected:
            return place
    return len(record.stages)


def _wrong_values(record: Record) -> Iterator[str]:
    return (
        f"case {row.case}: {text}" for row in record.cases for text in impossible(row, record.spec)
    )


def _check_one_truth(records: Sequence[Record], found: Findings) -> None:
    """A case has as many true voxels in one record as in another that counts the same planes, and
    a fold as many slices."""
    seen: dict[tuple, int] = {}
    for record in records:
        for key, count in shared_facts(record):
            if seen.setdefault(key, count) != count:
                text = f"{key[-1]} {count}, and {seen[key]} in another record"
                found.refuse("values", f"{title(record)}: {text}.")


def check_truth(records: Sequence[Record], sources: Sources, found: Findings) -> None:
    """Needs records whose source is what it says, so that nothing may have been refused yet."""
    counted, made = 0, dict[tuple, tuple[int, str]]()
    for record in [] if found.reasons else records:
        spec, known = record.spec, sources.of(record)
        if known.images is None:
            found.unchecked("truth", known.absent or _nowhere(record))
            continue
        for row in record.cases:
            truth = sources.truth(record, row.case)
            key = spec.source.fingerprint, row.case, spec.protocol.slices, spec.protocol.resize_z
            if key not in made:
                made[key] = true_voxels(spec, truth), truth.unit
            counted += 1
            if row.prediction_voxels > math.prod(truth.shape):
                found.refuse(
                    "truth",
                    f"{title(record)}, case {row.case}: {row.prediction_voxels} predicted voxels"
                    f" are more than the image has.",
                )
            if max(row.measured(DISTANCES).values()) > truth.diagonal * (1 + SLACK):
                found.refuse(
                    "truth",
                    f"{title(record)}, case {row.case}: a distance is longer than the images.",
                )
            if (row.truth_voxels, row.unit) != made[key]:
                text = (
                    f"{row.truth_voxels} true voxels, in {row.unit}, where the images have"
                    f" {made[key][0]}, in {made[key][1]}"
                )
                found.refuse("truth", f"{title(record)}, case {row.case}: {text}.")
    if counted:
        found.passed("truth", f"true voxels of {counted} case rows counted again")


def _nowhere(record: Record) -> str:
    """Why there is no truth of a record, as a part of a sentence."""
    return (
        f"no folder given by --data-root holds the images of {one_line(record.spec.source.title)}"
    )


def check_masks(
    container: Container,
    records: Sequence[Record],
    manifest: Manifest,
    sources: Sources,
    found: Findings,
) -> frozenset[str]:
    """Recomputes every case row that has a mask; the keys of the records of which all rows were."""
    if not manifest.masks:
        found.unchecked(
            "masks", "the submission holds none, so the case rows stand as they were submitted"
        )
        return frozenset()
    if found.reasons:
        return frozenset()
    entries: dict[str, list[MaskEntry]] = {}
    for entry in manifest.masks:
        entries.setdefault(entry.record, []).append(entry)
    verified, rows, work = set(), 0, 0
    for record in records:
        known, agreeing = sources.of(record), 0
        for entry in entries.get(record.key, ()):
            if work > MAX_WORK:
                found.unchecked(
                    "masks",
                    "those after the first ones: to recompute them would take too long; put fewer"
                    " runs into one file",
                )
                break
            try:
                same, took = _mask_agrees(container, entry, record, sources, found)
                agreeing, work = agreeing + same, work + took
            except Refusal as refusal:
                found.refuse("masks", str(refusal))
        rows += agreeing
        if agreeing == len(record.cases):
            verified.add(record.key)
        if known.images is None:
            found.unchecked("masks", known.absent or _nowhere(record))
    if rows:
        found.passed(
            "masks",
            f"{rows} case rows recomputed, {len(verified)} of {len(records)} records in full",
        )
    return frozenset(verified)


def _mask_agrees(
    container: Container, entry: MaskEntry, record: Record, sources: Sources, found: Findings
) -> tuple[bool, int]:
    """Whether a case row was recomputed from its mask and is the same, and about how many
    microseconds that took. Raises Refusal for a file that is no such mask."""
    if entry.place >= len(record.cases):
        raise Refusal(f"{entry.name}: the record has {len(record.cases)} cases.")
    row, where = record.cases[entry.place], title(record)
    mask = read_mask(contents.read(container, entry), entry.shape, entry.name)
    if sources.of(record).images is None:
        stretched = record.spec.protocol.resize_z
        if not stretched and int(mask.sum()) != row.prediction_voxels:
            text = f"{row.prediction_voxels} predicted voxels where the mask has {int(mask.sum())}"
            found.refuse("masks", f"{where}, case {row.case}: {text}.")
        return False, ROW_WORK + mask.size // 100
    truth = sources.truth(record, row.case)
    expected_to_take = scoring_work(truth.mask, mask)
    wrong = differences(row, recomputed(record.spec, truth, mask, where))
    for text in wrong:
        found.refuse("masks", f"{where}, case {row.case}: {text}.")
    return not wrong, expected_to_take
