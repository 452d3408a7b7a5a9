"""What the terminal shows: progress of stages, tables at the end. The only module that prints.

On a terminal, two bars: all stages, and the stage at work with its step, loss, Dice and time left. Elsewhere (a log
file, CI), one line per finished stage. Callers: cli. Not here: what a record or a forecast means.
"""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from benchmark.progress import Report

if TYPE_CHECKING:
    from benchmark.forecast import Forecast
    from benchmark.plan import Node

# A log file has no width of its own; 120 columns keep tables whole there.
WIDTH = None if sys.stdout.isatty() else 120
out = Console(highlight=False, width=WIDTH)
err = Console(stderr=True, highlight=False, width=WIDTH, soft_wrap=True)


class StageProgress:
    """Draws the stages of one call, several at once. `with StageProgress(todo) as watch: engine(..., watch.stage)`."""

    def __init__(self, todo: int):
        self.todo = todo
        self.done = 0
        self.live = out.is_terminal
        self._lock = threading.Lock()
        self._bars = Progress(
            TextColumn("{task.description}", table_column=None), BarColumn(bar_width=24), MofNCompleteColumn(),
            TextColumn("{task.fields[numbers]}"), TimeRemainingColumn(compact=True), console=out, transient=True,
        )  # fmt: skip

    def __enter__(self) -> "StageProgress":
        if self.live:
            self._bars.start()
            self._all = self._bars.add_task("stages", total=self.todo, numbers="")
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            self._bars.stop()

    @contextlib.contextmanager
    def stage(self, node: "Node") -> Iterator[Report]:
        """Shows one stage while the block computes it; a block that raises leaves no line."""
        title, start = describe(node), time.perf_counter()
        if not self.live:
            yield lambda done, total, **numbers: None
        else:
            task = self._bars.add_task(title, total=None, numbers="")

            def report(done: int, total: int, **numbers: float) -> None:
                shown = "  ".join(f"{name} {value:.3f}" for name, value in numbers.items() if value == value)
                self._bars.update(task, completed=done, total=total, numbers=shown)

            try:
                yield report
                self._bars.advance(self._all)
            finally:
                self._bars.remove_task(task)
        took = time.perf_counter() - start
        with self._lock:
            self.done += 1
            out.print(f"[{self.done}/{self.todo}] {title}: {took:.1f} s", markup=False, soft_wrap=True)


def describe(node: "Node") -> str:
    """A stage in a few words: 'fit-segmenter attention-unet 3f2a91bc'."""
    spec = node.spec
    detail = {
        "prepare": lambda: f"{spec['dataset']} at {spec['size']} px",
        "pretrain": lambda: f"{spec['generator']} at {spec['size']} px",
        "fit-generator": lambda: f"{spec['generator']}, {len(spec['cases'])} cases",
        "synthesize": lambda: f"{spec['generator']}, variant {spec['variant'] + 1}",
        "audit": lambda: f"{spec['generator']}, {spec['variants']} variants",
        "fit-segmenter": lambda: f"{spec['architecture']}, {_shown(spec)}",
        "predict": lambda: f"{len(spec['cases'])} cases",
        "score": lambda: "",
    }[node.stage]()
    return " ".join(part for part in (node.stage, detail, f"({node.key[:8]})") if part)


def _shown(spec: dict) -> str:
    parts = [spec["transform"]] if spec["transform"] else []
    if spec["synthetic"]:
        parts.append(f"synthetic joined by {spec['synthetic']['merge']}")
    return " + ".join(parts) or "real slices alone"


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], caption: str = "") -> None:
    """A table; columns whose name ends in '>' are right-aligned."""
    table = Table(title=title, title_justify="left", caption=caption or None, caption_justify="left")
    for column in columns:
        table.add_column(column.rstrip(">"), justify="right" if column.endswith(">") else "left", overflow="fold")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    out.print(table)


def print_forecast(rows: Sequence["Forecast"], runs: int, already: int, free_bytes: int) -> None:
    """What `--dry-run` says: per stage what is to do, its time on every machine that measured it, disk and memory."""
    machines = list(dict.fromkeys(machine for row in rows for machine in row.seconds))
    body = []
    for row in rows:
        times = [_time(row, machine) for machine in machines] or [_time(row, "")]
        body.append((
            row.stage, row.total, row.cached, row.todo, *times, size(row.disk_bytes) if row.known else "-",
            size(row.memory_mb * 2**20) if row.known else "-", size(row.gpu_memory_mb * 2**20) if row.gpu_memory_mb else "-",
        ))  # fmt: skip
    columns = [f"time on {machine}>" for machine in machines] or ["time>"]
    print_table(
        f"{runs} runs, {already} of them done",
        ("stage", "stages>", "cached>", "to do>", *columns, "disk>", "memory>", "GPU memory>"), body,
    )  # fmt: skip
    unknown = sum(row.todo - row.known for row in rows)
    rest = f", plus {unknown} stages of kinds that this store has never measured" if unknown else ""
    for machine in machines:
        foreign = sum(row.known - row.measured[machine] for row in rows)
        apart = f", plus {foreign} stages measured on other machines alone" if foreign else ""
        total = duration(sum(row.seconds[machine] for row in rows))
        out.print(f"Forecast on {machine}, one stage at a time: {total}{apart}{rest}.", markup=False)
    if not machines:
        out.print("Forecast: unknown, no such stage was measured in this store." if unknown else "Forecast: nothing to do.")
    disk = sum(row.disk_bytes for row in rows)
    if disk:
        out.print(f"Disk: {size(disk)} more; {size(free_bytes)} are free where the store lies.")


def _time(row: "Forecast", machine: str) -> str:
    measured = row.measured.get(machine, 0)
    if not row.todo:
        return "-"
    unmeasured = f"{row.todo - measured} never measured" if measured < row.todo else ""
    return " + ".join(part for part in (unmeasured, duration(row.seconds[machine]) if measured else "") if part)


def size(count: float) -> str:
    """Bytes as '12 kB', '3.4 MB', '1.2 GB'."""
    power = 0
    while count >= 1000 and power < 4:
        count, power = count / 1000, power + 1
    return f"{count:.0f}" + " B" if power == 0 else f"{count:.3g} {('kB', 'MB', 'GB', 'TB')[power - 1]}"


def duration(seconds: float) -> str:
    """'48 s', '12 min', '3.5 h'."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
