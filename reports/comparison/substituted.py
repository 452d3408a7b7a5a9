"""What stands in the place of something of the paper's in the runs of a group, as rows of a table.
Not here: how the ledger of a run is made (benchmark/planning/substitutions.py)."""

from collections import Counter

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
        (*row, "all" if len(labels) == len(group.methods) else _named(labels, group))
        for row, labels in methods.items()
    ]


def _named(labels: list[str], group: Group) -> str:
    """'emitdiff, emitdiff + deepstack': a name alone where all its settings are meant."""
    names: dict[str, list[str]] = {}
    for label in labels:
        names.setdefault(group.short[label].name, []).append(group.short[label].text)
    every = Counter(one.name for one in group.short.values())
    words = (
        name if len(texts) == every[name] else ", ".join(texts) for name, texts in names.items()
    )
    return one_line(", ".join(words))


def ledger_notes(group: Group) -> list[str]:
    """The same in sentences, for texts that have no table of it."""
    return [
        f"In place of the paper's {part} ({paper}): {used}; {why} (methods: {methods})."
        for part, paper, used, why, methods in ledger_rows(group)
    ]
