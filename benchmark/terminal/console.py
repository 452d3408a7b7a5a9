"""What the terminal shows: tables, sizes and durations. All texts are shown as they are, none is
markup. Not here: the stages at work (live.py), forecasts (forecast_tables.py)."""

import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

# A log file has no width of its own; 120 columns keep tables whole there.
WIDTH = None if sys.stdout.isatty() else 120
# What would move a terminal's cursor or change its colours, and stands for nothing in a text.
_CONTROLS = (*range(9), *range(11, 32), *range(127, 160))
_CONTROL = dict.fromkeys(_CONTROLS, "\N{REPLACEMENT CHARACTER}")


class PlainConsole(Console):
    """A console on which no text, such as the name of a file, can move the cursor."""

    def print(self, *objects: Any, **options: Any) -> None:
        texts = (one.translate(_CONTROL) if isinstance(one, str) else one for one in objects)
        super().print(*texts, **options)


out = PlainConsole(highlight=False, markup=False, width=WIDTH)
err = PlainConsole(stderr=True, highlight=False, markup=False, width=WIDTH, soft_wrap=True)


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], caption: str = ""
) -> None:
    """A table; columns whose name ends in '>' are right-aligned."""
    table = Table(
        title=Text(title.translate(_CONTROL), "table.title"),
        title_justify="left",
        caption=Text(caption.translate(_CONTROL), "table.caption") if caption else None,
        caption_justify="left",
    )
    for column in columns:
        table.add_column(
            column.rstrip(">"), justify="right" if column.endswith(">") else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(*(Text(str(cell).translate(_CONTROL)) for cell in row))
    out.print(table)


def size(count: float) -> str:
    """Bytes as '12 kB', '3.4 MB', '1.2 GB'."""
    power = 0
    while count >= 1000 and power < 4:
        count, power = count / 1000, power + 1
    return (
        f"{count:.0f}" + " B"
        if power == 0
        else f"{count:.3g} {('kB', 'MB', 'GB', 'TB')[power - 1]}"
    )


def duration(seconds: float) -> str:
    """'0.02 s', '48 s', '12 min', '3.5 h', '12 days'."""
    if 0 < seconds < 1:
        return f"{seconds:.1g} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 4 * 86400 else f"{seconds / 86400:.0f} days"
