"""What stands in the place of something of the paper's in the runs of a group, as rows of a table.
Not here: how the ledger of a run is made (benchmark/planning/substitutions.py)."""

from benchmark.core.texts import one_line
from reports.comparison.groups import Group


def ledger_rows(group: Group) -> list[tuple[str, ...]]:
    """(part, in the paper, here, why, methods) of each substitution once; methods are those whose
    records hold it, or "all"."""
    methods: dict[tuple[str, ...], list[str]] = {}
    for runs in group.methods:
        for record in (*runs.done, *runs.failed):
            for entry in record.substitutions:
                row = tuple(
                    one_line(text) for text in (entry.part, entry.paper, entry.used, entry.why)
                )
                labels = methods.setdefault(row, [])
                labels += [runs.label] if runs.label not in labels else []
    return [
        (*row, "all" if len(labels) == len(group.methods) else one_line(", ".join(labels)))
        for row, labels in methods.items()
    ]


def ledger_notes(group: Group) -> list[str]:
    """The same in sentences, for texts that have no table of it."""
    return [
        f"In place of the paper's {part} ({paper}): {used}; {why} (methods: {methods})."
        for part, paper, used, why, methods in ledger_rows(group)
    ]
