"""What the terminal shows: tables, forecasts, sizes and durations. All texts are shown as they are,
none is markup. Not here: the stages at work (live.py), what a record or a forecast means."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from benchmark.planning.forecast import Forecast

# A log file has no width of its own; 120 columns keep tables whole there.
WIDTH = None if sys.stdout.isatty() else 120
out = Console(highlight=False, markup=False, width=WIDTH)
err = Console(stderr=True, highlight=False, markup=False, width=WIDTH, soft_wrap=True)


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], caption: str = ""
) -> None:
    """A table; columns whose name ends in '>' are right-aligned."""
    table = Table(
        title=Text(title, "table.title"),
        title_justify="left",
        caption=Text(caption, "table.caption") if caption else None,
        caption_justify="left",
    )
    for column in columns:
        table.add_column(
            column.rstrip(">"), justify="right" if column.endswith(">") else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    out.print(table)


def print_forecast(
    rows: Sequence["Forecast"], runs: int, already: int, free_bytes: int, workers: int
) -> None:
    """What `--dry-run` says: per stage what is to do, and on every machine that measured such
    stages what that costs."""
    body = [
        (
            row.stage,
            row.total,
            row.shared,
            row.cached,
            row.todo,
            size(row.disk_bytes) if row.known else "-",
        )
        for row in rows
    ]
    print_table(
        f"{runs} runs, {already} of them done",
        ("stage", "stages>", "shared>", "cached>", "to do>", "disk>"),
        body,
    )
    machines = list(dict.fromkeys(machine for row in rows for machine in row.costs))
    for machine in machines:
        _print_costs(rows, machine, workers)
    todo, unknown = sum(row.todo for row in rows), sum(row.todo - row.known for row in rows)
    if not todo:
        out.print("Nothing to compute.")
    elif not machines:
        out.print("Forecast: unknown, no such stage was measured in this store.")
    elif unknown:
        out.print(
            f"Not in the forecast: {unknown} stages of kinds that were never measured in this"
            f" store."
        )
    _print_spared(rows)
    disk = sum(row.disk_bytes for row in rows)
    if disk:
        out.print(f"Disk: {size(disk)} more; {size(free_bytes)} are free where the store lies.")


def _print_costs(rows: Sequence["Forecast"], machine: str, workers: int) -> None:
    """One machine's table: the outstanding stages of measured kinds, their time and the largest
    memory of any one."""
    body = []
    for row in (row for row in rows if row.todo):
        cost = row.costs.get(machine)
        if cost is None:
            body.append((row.stage, row.todo, "never measured", "", "", ""))
            continue
        unmeasured = f" + {row.todo - cost.stages} never measured" if cost.stages < row.todo else ""
        each, gpu = (
            cost.seconds / cost.stages,
            size(cost.gpu_memory_mb * 2**20) if cost.gpu_memory_mb else "-",
        )
        body.append(
            (
                row.stage,
                row.todo,
                duration(each),
                f"{duration(cost.seconds)}{unmeasured}",
                size(cost.memory_mb * 2**20),
                gpu,
            )
        )
    costs = [row.costs[machine] for row in rows if machine in row.costs]
    seconds = sum(cost.seconds for cost in costs)
    most = max(
        size(cost.memory_mb * 2**20)
        for cost in costs
        if cost.memory_mb == max(one.memory_mb for one in costs)
    )
    at_once = (
        f"; {workers} at once: {duration(seconds / workers)} at best and {workers} x {most}"
        if workers > 1
        else ""
    )
    print_table(
        f"Forecast on {machine}",
        ("stage", "to do>", "each>", "time>", "memory>", "GPU memory>"),
        body,
        f"One stage at a time: {duration(seconds)}{at_once}.",
    )


def _print_spared(rows: Sequence["Forecast"]) -> None:
    """How many stages serve several runs, and what computing them for each run alone would cost."""
    spared = sum(row.spared for row in rows)
    if not spared:
        return
    seconds: dict[str, float] = {}
    for row in rows:
        for machine, cost in row.spared_costs.items():
            seconds[machine] = seconds.get(machine, 0.0) + cost.seconds
    measured = " and ".join(f"{duration(value)} on {machine}" for machine, value in seconds.items())
    out.print(
        f"Shared: {sum(row.shared for row in rows)} stages serve more than one run; that saves"
        f" {spared} computations" + (f", {measured}." if measured else ".")
    )


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
    """'0.02 s', '48 s', '12 min', '3.5 h'."""
    if 0 < seconds < 1:
        return f"{seconds:.1g} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
