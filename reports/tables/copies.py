"""The gains beside near copies as a table and a sentence, rounded. The arithmetic is in
comparison/copy_gains.py."""

from reports.comparison.copy_gains import CopyGains, Means
from reports.comparison.format import rounded, signed
from reports.comparison.summaries import Summary
from reports.tables.tables import Table


def copy_table(gains: CopyGains, summary: Summary) -> Table:
    """Per method: the gain over `none` in points of Dice on all cases, on those with a near copy,
    and on the clean ones; of `none`, the Dice itself."""
    heads = (
        f"all {gains.copied + gains.clean} cases",
        f"{gains.copied} with a near copy",
        f"{gains.clean} clean",
    )

    def row(label: str, means: Means, write) -> dict[str, str]:
        values = (means.all, means.copied, means.clean)
        cells = [write(value, 1, 100) for value in values]
        return {"method": label} | dict(zip(heads, cells, strict=True))

    return Table.of(
        [
            row(f"{summary.none_label}: Dice, %", gains.none, rounded),
            *(row(label, means, signed) for label, means in gains.gains.items()),
        ]
    )


def copy_sentence(gains: CopyGains) -> str:
    """What the table shows, and why it matters."""
    return (
        f"{gains.copied} of the {gains.copied + gains.clean} test images have a near copy among the"
        f" training or validation images of their fold: the same frame, or the same lesion with the"
        f" probe moved. Points of Dice over none, on equal folds, seeds and images; a method that"
        f" memorises gains on images with a copy, so the clean ones tell more of new patients."
    )
