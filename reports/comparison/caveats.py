"""What a reader must know about a group besides its numbers: how they are made, and what is wrong
with them. `notes_on_numbers` holds for sound results too; `warnings` is empty for them."""

from benchmark.core.texts import one_line
from benchmark.metrics.definitions import METRICS
from benchmark.spec.protocol import Protocol
from reports.comparison.defects import listed
from reports.comparison.labels import plain_value
from reports.comparison.summaries import Summary, headline_columns
from reports.records.load import commit_of

_NO_TRAININGS = (
    "; here no method has two seeds, so the intervals leave out that another training would give"
    " other values"
)
_SPREAD = {
    "cases": "mean and SD (n - 1) over all cases",
    "folds": "mean of the fold means and root mean square of the fold SDs (n - 1; switch aggregate"
    " = folds, Q19)",
}


def notes_on_numbers(summary: Summary) -> list[str]:
    """How the numbers of the tables are made, in sentences that stand under them."""
    group, protocol = summary.group, summary.group.spec.protocol
    over = (
        f"; a case's value is first averaged over its seeds ({listed(group.seeds)})"
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
        " are means per run; a stage that several runs share counts in each of them.",
    ]
    if group.none_label is None:
        notes.append(
            "No run of method none stands in this table, so no difference or gain is stated."
        )
    else:
        notes.append(
            "Difference and gain are taken between runs of the same fold and seed, over the cases"
            " that both the method and none have; so they may differ from the difference of the"
            " means, which take in all seeds. The interval is a t interval over cases and"
            " trainings. It holds for one pair; verdicts are corrected for all pairs. The variance"
            " of trainings is pooled over the methods of this table, so a method with one seed"
            f" borrows it{_NO_TRAININGS if not summary.dice.trainings_known else ''}."
        )
    if reasons := group.not_comparable:
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
    found = list(group.defects)
    if summary.unit is None and not summary.cases.empty:
        found.append(
            "Cases with distances in different units stand in this group; distances and NSD are"
            " not averaged."
        )
    if group.contradicting:
        keys = listed(key[:12] for key in group.contradicting)
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
