"""What the terminal shows: progress of stages, tables at the end. The only module that prints.

On a terminal, two bars: all stages, and the stage at work with its step, loss, Dice and time left. Elsewhere (a log
file, CI), one line per finished stage. Callers: cli. Not here: what a record or a forecast means.
"""

import contextlib
import sys
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
    """Draws the stages of one call. `with StageProgress(todo) as watch: engine.run(..., watch.stage)`."""

    def __init__(self, todo: int):
        self.todo = todo
        self.done = 0
        self.live = out.is_terminal
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
        """Shows one stage while the block computes it."""
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
            finally:
                self._bars.remove_task(task)
                self._bars.advance(self._all)
        self.done += 1
        took = time.perf_counter() - start
        out.print(f"[{self.done}/{self.todo}] {title}: {took:.1f} s", markup=False, soft_wrap=True)


def describe(node: "Node") -> str:
    """A stage in a few words: 'fit-segmenter attention-unet 3f2a91bc'."""
    spec = node.spec
    detail = {
        "prepare": lambda: f"{spec['dataset']} at {spec['size']} px",
        "fit-generator": lambda: f"{spec['generator']}, {len(spec['cases'])} cases",
        "synthesize": lambda: f"{spec['generator']}, variant {spec['variant'] + 1}",
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


def print_forecast(rows: Sequence["Forecast"], runs: int, already: int) -> None:
    """What `--dry-run` says."""
    body, seconds, unknown = [], 0.0, 0
    for row in rows:
        seconds += row.seconds
        unknown += row.todo - row.measured
        if not row.todo:
            cost = "-"
        elif row.measured == row.todo:
            cost = duration(row.seconds)
        else:
            cost = f"{row.todo - row.measured} never measured" + (f" + {duration(row.seconds)}" if row.measured else "")
        body.append((row.stage, row.total, row.cached, row.todo, cost))
    print_table(f"{runs} runs, {already} of them done", ("stage", "stages>", "cached>", "to do>", "forecast>"), body)
    rest = f", plus {unknown} stages of kinds that this store has never measured" if unknown else ""
    out.print(f"Forecast on this machine, one stage at a time: {duration(seconds)}{rest}.")


def duration(seconds: float) -> str:
    """'48 s', '12 min', '3.5 h'."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
