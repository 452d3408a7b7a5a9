"""What `--dry-run` prints: the stages, what they cost as this store measured it, and what the rest
costs by the published records. Not here: how that is found out (planning/forecast.py)."""

from collections.abc import Mapping, Sequence

from benchmark.planning.forecast import Forecast, Outlook
from benchmark.planning.reference import Share, published_table
from benchmark.terminal.console import duration, out, print_table, size


def print_forecast(
    outlook: Outlook, runs: int, already: int, free_bytes: int, workers: int
) -> None:
    """What `--dry-run` says: per stage what is to do, and on every machine that measured such
    stages what that costs."""
    rows = outlook.rows
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
    if already == runs:
        out.print("Nothing to do: every run is done.")
    elif not todo:
        out.print("Nothing to compute: all stages are there.")
    elif unknown:
        out.print(f"Never measured in this store: {unknown} of {todo} outstanding stages.")
        for machine, shares in outlook.published.items():
            _print_published(machine, shares, workers)
        if not outlook.published:
            out.print("Forecast: unknown, no published run holds such stages either.")
    _print_spared(rows)
    disk = sum(row.disk_bytes for row in rows)
    if disk:
        out.print(f"Disk: {size(disk)} more; {size(free_bytes)} are free where the store lies.")


def _print_costs(rows: Sequence[Forecast], machine: str, workers: int) -> None:
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
    todo, known = sum(row.todo for row in rows), sum(cost.stages for cost in costs)
    least = "at least " if known < todo else ""
    missing = f"; {todo - known} of {todo} stages unknown" if known < todo else ""
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
        f"One stage at a time: {least}{duration(seconds)}{at_once}{missing}.",
    )


def _print_published(machine: str, shares: Mapping[str, Share], workers: int) -> None:
    """What the stages that this store knows nothing of cost on one machine of published records."""
    body = [
        (
            stage,
            share.stages,
            duration(share.seconds / share.stages),
            duration(share.seconds),
            _source_of(share),
        )
        for stage, share in shares.items()
    ]
    seconds = sum(share.seconds for share in shares.values())
    guessed = sum(share.estimated for share in shares.values())
    at_once = f"; {workers} at once: {duration(seconds / workers)} at best" if workers > 1 else ""
    part = "all" if guessed == seconds else duration(guessed)
    estimate = f", {part} of it an estimate" if guessed else ""
    note = published_table().notes.get(machine)
    print_table(
        f"Forecast from published runs, {machine}",
        ("stage", "to do>", "each>", "time>", "how"),
        body,
        f"One stage at a time: about {duration(seconds)}{estimate}{at_once}."
        + (f" Note: {note}." if note else ""),
    )


def _source_of(share: Share) -> str:
    if not share.estimated:
        return "measured"
    return "estimate" if share.estimated == share.seconds else "in part an estimate"


def _print_spared(rows: Sequence[Forecast]) -> None:
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
