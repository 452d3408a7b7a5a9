"""The stages at work, as the terminal shows them.

On a terminal: a line for the whole call (stages, runs, failures, time gone and left) and one for
each stage at work with its step, loss, Dice and time left. Elsewhere (a log file, CI): one line
per finished stage. Not here: how long things take (time_left.py).
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress_bar import ProgressBar
from rich.table import Column, Table

from benchmark.core.progress import Report
from benchmark.terminal.console import duration, out

if TYPE_CHECKING:
    from benchmark.stages.catalogue import Node
    from benchmark.terminal.time_left import TimeLeft

BAR_WIDTH = 12  # columns
STARTING = "starting"  # until the first step is done, which may compile for long
COUNTED = ("slices",)  # numbers of a stage's report that are counts
SPEED_SECONDS = 600.0  # a step's speed is its mean over so long: single steps differ much


class StageProgress:
    """Draws the stages of one call, several at once. `with StageProgress(todo) as watch:
    engine(..., watch.stage)`.

    left: tells the time left. runs: (runs that are done, all runs), asked again and again. noted:
    the seconds that a finished stage notes of itself, None where that is not known.
    """

    def __init__(
        self,
        todo: int,
        left: "TimeLeft | None" = None,
        runs: Callable[[], tuple[int, int]] | None = None,
        noted: Callable[["Node"], float | None] = lambda _: None,
    ):
        self.todo, self.done, self.failed, self.running = todo, 0, 0, 0
        self.live = out.is_terminal
        self._left, self._runs, self._noted = left, runs, noted
        self._start = time.monotonic()
        self._lock = threading.Lock()
        self._bars = _Bars(
            self._whole,
            TextColumn(
                "{task.description}",
                table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"),
            ),
            BarColumn(bar_width=BAR_WIDTH),
            TextColumn("{task.fields[far]}"),
            TextColumn("{task.fields[numbers]}"),
            TimeRemainingColumn(compact=True),
            console=out,
            transient=True,
            expand=True,
            speed_estimate_period=SPEED_SECONDS,
        )

    def __enter__(self) -> "StageProgress":
        if self.live:
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            self._bars.stop()

    @contextlib.contextmanager
    def stage(self, node: "Node") -> Iterator[Report]:
        """Shows one stage while the block computes it; a block that raises leaves no line."""
        title, start, computed = node.describe(), time.perf_counter(), False
        counts, total_work = node.spec.counts, node.spec.work()
        far = how_far(0, total_work, counts)
        task = self._bars.add_task(title, total=total_work, far=far, numbers=STARTING)

        def report(done: int, total: int, **numbers: float) -> None:
            shown = numbers_text(numbers) or ("" if done else STARTING)
            far = how_far(done, total, counts)
            self._bars.update(task, completed=done, total=total, far=far, numbers=shown)
            if self._left and total:
                self._left.progress(node.key, done / total)

        with self._lock:
            self.running += 1
        if self._left:
            self._left.start(node.key)
        try:
            yield report
            computed = True
        finally:
            if self._left:
                self._left.end(node.key, computed)
            self._bars.remove_task(task)
            with self._lock:
                self.running -= 1
                self.done, self.failed = self.done + computed, self.failed + (not computed)
        left = (
            f"; {text}"
            if not self.live and self.done < self.todo and (text := self._time_left())
            else ""
        )
        took = took_text(time.perf_counter() - start, self._noted(node))
        with self._lock:
            out.print(
                f"[{self.done}/{self.todo}] {title}: {took}{left}",
                markup=False,
                soft_wrap=True,
            )

    def _whole(self) -> RenderableType:
        """The line of the whole call."""
        parts = [f"{self.done}/{self.todo} stages"]
        if self._runs:
            done, asked = self._runs()
            parts.append(f"{done}/{asked} runs")
        parts += [f"{self.failed} failed or put off"] if self.failed else []
        parts.append(f"{duration(round(time.monotonic() - self._start))} gone")
        parts += [text] if (text := self._time_left()) else []
        line = Table.grid(padding=(0, 1))
        line.add_row(ProgressBar(self.todo, self.done, width=BAR_WIDTH), "  ".join(parts))
        return line

    def _time_left(self) -> str:
        if not self._left:
            return ""
        seconds, unknown = self._left.estimate()
        known = f"about {duration(seconds)} left" if seconds else ""
        return " + ".join(
            [known] * bool(known) + [f"{unknown} stages never measured"] * bool(unknown)
        )


def took_text(passed: float, noted: float | None) -> str:
    """'24.6 s + 37.6 s start': the seconds that the record will show, and what passed before: a
    process that starts, imports. A start below a second is not told apart."""
    before = passed - noted if noted is not None else 0.0
    return f"{noted:.1f} s + {before:.1f} s start" if before >= 1 else f"{passed:.1f} s"


def how_far(done: int, total: int | None, counts: str) -> str:
    """'2/12 cases', or '' while nothing is known."""
    return "" if total is None else f"{done}/{total} {counts}"


def numbers_text(numbers: Mapping[str, float]) -> str:
    """'loss 0.412  dice 0.801', and counts as '37 slices'; what is nan is left out."""
    known = [(name, value) for name, value in numbers.items() if value == value]
    return "  ".join(
        f"{value:.0f} {name}" if name in COUNTED else f"{name} {value:.3f}" for name, value in known
    )


class _Bars(Progress):
    """A Progress with a line above its bars."""

    def __init__(
        self, above: Callable[[], RenderableType], *columns: ProgressColumn, **options: Any
    ):
        self._above = above
        super().__init__(*columns, **options)

    def get_renderables(self) -> Iterable[RenderableType]:
        yield self._above()
        yield from super().get_renderables()
