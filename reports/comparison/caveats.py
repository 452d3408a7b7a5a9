"""What a reader must know about a group besides its numbers: how they are made, and what is wrong
with them. `notes_on_numbers` holds for sound results too; `warnings` is empty for them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from weakref import WeakKeyDictionary

from benchmark.core.texts import one_line, some
from benchmark.metrics.definitions import METRICS
from benchmark.record.record import Record
from benchmark.spec.protocol import Protocol
from reports.comparison.groups import Group
from reports.comparison.labels import plain_value
from reports.comparison.paper_numbers import not_comparable
from reports.comparison.summaries import Summary, headline_columns, none_label
from reports.records.load import commit_of
from reports.statistics.resampling import RESAMPLES

SHOWN_DEFECTS = 5
SHOWN_NAMES = 20
_DEFECTS: WeakKeyDictionary[Group, list[str]] = WeakKeyDictionary()

_SPREAD = {
    "cases": "mean and SD (n - 1) over all cases",
    "folds": "mean of the fold means and root mean square of the fold SDs (n - 1; switch aggregate"
    " = folds, Q19)",
}


def notes_on_numbers(summary: Summary) -> list[str]:
    """How the numbers of the tables are made, in sentences that stand under them."""
    group, protocol = summary.group, summary.group.spec.protocol
    over = (
        f"; a case's value is first averaged over its seeds ({_listed(group.seeds)})"
        if len(group.seeds) > 1
        else ""
    )
    unit = summary.unit or "of each case's unit"
    tolerance = f"{plain_value(group.spec.preset.nsd_tolerance)} {unit}"
    notes = [
        f"± stands for {_SPREAD[protocol.aggregate]}{over}.",
        f"HD95 is the {_meaning('hd95', protocol)}, ASSD the {_meaning('assd', protocol)}; NSD has"
        f" a tolerance of {tolerance}.",
        "Missed counts predictions that are empty where the truth is not, over all runs. Seconds"
        " are means per run; a"
        " stage that several runs share counts in each of them.",
    ]
    if none_label(group) is None:
        notes.append(
            "No run of method none stands in this table, so no difference or gain is stated."
        )
    else:
        notes.append(
            "Difference and gain are taken over the cases that both the method and none have. The"
            " interval is a"
            f" hierarchical percentile bootstrap over seeds, folds and cases ({RESAMPLES:,}"
            f" resamples, fixed seed); it"
            " is not corrected for several comparisons, and with one seed it cannot hold the"
            " spread of seeds."
        )
    if reasons := not_comparable(group):
        notes.append(f"Not comparable with the paper's values: {'; '.join(reasons)}.")
    if summary.unit == "voxel":
        notes.append(
            "Distances are in voxels: the source does not record its voxel spacing. They are not"
            " millimetres."
        )
    return notes + sorted({one_line(note) for record in group.records for note in record.notes})


def _meaning(name: str, protocol: Protocol) -> str:
    """What a distance of the tables is under the protocol, with the switch that chose it."""
    metric = METRICS[headline_columns(protocol)[name]]
    switch = metric.in_place_of
    return f"{metric.meaning} (switch {switch[0]} = {switch[1]})" if switch else metric.meaning


def warnings(summary: Summary) -> list[str]:
    """What makes the group's numbers doubtful; [] for a sound group."""
    group = summary.group
    found = defects(group)
    if summary.unit is None and not summary.cases.empty:
        found.append(
            "Cases with distances in different units stand in this group; distances and NSD are"
            " not averaged."
        )
    if group.contradicting:
        keys = _listed(key[:12] for key in group.contradicting)
        found.append(
            f"Records that contradict another record of the same run were left out: {keys}."
        )
    dirty = [record for record in group.records if commit_of(record)[1]]
    if dirty:
        found.append(
            f"{len(dirty)} of {len(group.records)} runs were made from a checkout with uncommitted"
            f" changes."
        )
    if group.spec.protocol.selection == "test":
        found.append(
            "Test cases choose the checkpoint (switch selection = test, Q1), so the results are"
            " optimistic."
        )
    return found


def defects(group: Group) -> list[str]:
    """What forbids any conclusion from a group: leaks, rows that are not the test cases, runs made
    on unequal terms."""
    if group not in _DEFECTS:  # every claim asks
        sentences = (
            _some(list(_leaks(group.records))),
            _some(list(_incomplete(group.records))),
            _unequal(group),
        )
        _DEFECTS[group] = [sentence for part in sentences for sentence in part]
    return list(_DEFECTS[group])


def _some(sentences: list[str]) -> list[str]:
    """A long list of like sentences, cut: it would stand on many pages."""
    more = len(sentences) - SHOWN_DEFECTS
    return sentences[:SHOWN_DEFECTS] + (
        [f"The same is wrong with {more} more runs."] if more > 0 else []
    )


def _leaks(records: Iterable[Record]) -> Iterator[str]:
    """Test cases that the run's own training, selection or generator saw."""
    for record in records:
        split = record.split
        shown = {*split.train, *split.validation, *split.generator} if split else set()
        if leaked := sorted(shown & set(split.test) if split else ()):
            yield f"Run {record.key[:12]} was trained on test cases of its fold: {_listed(leaked)}."


def _incomplete(records: Iterable[Record]) -> Iterator[str]:
    """Done runs whose rows are not exactly their test cases."""
    for record in records:
        if record.status != "done" or record.split is None:
            continue
        rows = [row.case for row in record.cases]
        lacking, foreign = set(record.split.test) - set(rows), set(rows) - set(record.split.test)
        if lacking or foreign or len(rows) != len(set(rows)):
            which = (
                f"lacking: {_listed(sorted(lacking)) or '-'}; foreign:"
                f" {_listed(sorted(foreign)) or '-'}"
            )
            cases = len(record.split.test)
            yield f"Run {record.key[:12]} has {len(rows)} rows for {cases} test cases ({which})."


def _unequal(group: Group) -> list[str]:
    """Runs of one fold that were not given the same cases or the same number of optimiser steps."""
    splits, steps = defaultdict(set), defaultdict(set)
    for record in group.records:
        if record.split:
            splits[record.spec.fold].add(record.split.hash)
        if record.budget:
            steps[record.spec.fold].add(record.budget.optimiser_steps)
    found = []
    if mixed := [fold for fold, hashes in sorted(splits.items()) if len(hashes) > 1]:
        found.append(f"Runs of one fold were made on different splits: fold {_listed(mixed)}.")
    if uneven := [fold for fold, counts in sorted(steps.items()) if len(counts) > 1]:
        found.append(
            f"Runs of one fold had different numbers of optimiser steps: fold {_listed(uneven)}."
        )
    return found


def _listed(words: Iterable[object]) -> str:
    return one_line(some([str(word) for word in words], SHOWN_NAMES))
