"""`compare` and `show`: two methods beside each other, and one run, from the records alone. Not
here: the arithmetic (reports/tables/pairs.py), many runs at once (report.py)."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean, stdev

from benchmark.core.errors import ExitCode, InputError
from benchmark.core.texts import some
from benchmark.record.record import Record
from benchmark.store.notes import checked_key
from benchmark.terminal.console import duration, err, out, print_table, size
from datasets.tasks.catalogue import TASKS

WORST = 5  # cases that `show` prints


def print_comparison(a: str, b: str, stores: Sequence[Path], datasets: Sequence[str]) -> ExitCode:
    """a minus b in every comparison of the stores that has both. Raises InputError for none."""
    from reports.comparison.study import Study
    from reports.tables.pairs import pair_table, pairs_by_group

    records = _read(stores)
    TASKS.check(datasets, (record.spec.dataset for record in records))
    chosen = [one for one in records if not datasets or one.spec.dataset in datasets]
    found = pairs_by_group(Study(chosen), a, b)
    for group, pairs in found:
        table = pair_table(group, pairs)
        head = [
            name if name in ("a", "b", "verdict on a") else f"{name}>" for name in table.columns
        ]
        print_table(group.title, head, table.rows)
        named = {group.by_label[label].method.name for one in pairs for label in (one.a, one.b)}
        for sentence in group.shared_settings:
            if sentence.partition(":")[0] in named:
                out.print(sentence)
    out.print(
        "Mean difference in Dice of the same cases, folds and seeds, with its 95 % interval over"
        " cases and trainings. Could show: the smallest true difference, in points, that such runs"
        " show in 80 of 100 repetitions."
    )
    if any(one.verdict.startswith("too few") for _, pairs in found for one in pairs):
        out.print("A verdict needs all folds and two seeds; `python cli.py power` counts them.")
    return ExitCode.DONE


def print_run(key: str, stores: Sequence[Path]) -> ExitCode:
    """One run: what it is, its result, worst cases, cost, provenance, and the command that repeats
    it. Raises InputError where no record, or several, have this key."""
    from reports.comparison.repeat_command import repeat_command

    checked_key(key)
    found = {one.key: one for one in _read(stores) if one.key.startswith(key)}
    if len(found) != 1:
        which = f"{len(found)} records have keys that begin" if found else "no record has a key"
        names = f" ({some([one[:12] for one in found])})" if found else " that begins"
        raise InputError(
            f"{which}{names} with '{key}'; `python cli.py status` lists the runs, and --store says"
            f" where the record lies."
        )
    (record,) = found.values()
    spec = record.spec
    print_table(f"run {record.key[:12]}", ("what", "value"), _facts(record))
    if record.status == "failed":
        err.print(f"error: {record.error}")
    if record.cases:
        _print_cases(record)
    if record.stages:
        _print_cost(record)
    for note in record.notes:
        out.print(f"note: {note}")
    commit = (record.provenance.get("git") or {}).get("commit")
    if record.lifted_from is not None and commit:
        out.print(f"Written by an older program: check out commit {commit} to repeat it.")
    out.print("Run it again:", repeat_command(spec), soft_wrap=True)
    return ExitCode.DONE


def _facts(record: Record) -> list[tuple[str, object]]:
    from reports.comparison.labels import preset_label, protocol_label, source_label

    spec, split, git = record.spec, record.split, record.provenance.get("git") or {}
    rows: list[tuple[str, object]] = [
        ("status", record.status),
        ("dataset", f"{spec.dataset}, {source_label(spec.source)} ({spec.source.licence})"),
        ("method", spec.method.label),
        ("architecture", spec.architecture),
        ("fold, seed", f"{spec.fold}, {spec.seed}"),
        ("protocol", protocol_label(spec.protocol)),
        ("preset", preset_label(spec.preset)),
    ]
    if split:
        counts = ", ".join(
            f"{len(getattr(split, name))} {name}" for name in ("train", "validation", "test")
        )
        rows.append(("cases", counts))
    if record.cases:
        chosen = [100 * row.dice for row in record.cases]
        rows.append(("Dice, %, mean ± SD over cases", _mean_sd(chosen)))
        rows.append(("cases missed", sum(row.missed for row in record.cases)))
    rows.append(("commit", f"{git.get('commit') or 'not recorded'}{_dirty(git)}"))
    rows.append(("machine", "; ".join(dict.fromkeys(one.machine for one in record.stages)) or "-"))
    return rows


def _dirty(git: dict) -> str:
    return " (with changes)" if git.get("dirty") else ""


def _mean_sd(values: Sequence[float]) -> str:
    mean = f"{fmean(values):.1f}"
    return f"{mean} ± {stdev(values):.1f}" if len(values) > 1 else mean


def _print_cases(record: Record) -> None:
    worst = sorted(record.cases, key=lambda row: row.dice)[:WORST]
    rows = [
        (row.case, f"{100 * row.dice:.1f}", f"{row.hd95:.3g} {row.unit}", f"{100 * row.nsd:.1f}")
        for row in worst
    ]
    title = f"the {len(worst)} worst of {len(record.cases)} cases"
    print_table(title, ("case", "Dice, %>", "HD95>", "NSD, %>"), rows)


def _print_cost(record: Record) -> None:
    rows = [
        (
            stage,
            len(ones),
            duration(sum(one.seconds for one in ones)),
            size(max(one.peak_memory_mb for one in ones) * 2**20),
            size(gpu * 2**20) if (gpu := max(one.gpu_memory_mb for one in ones)) else "-",
            "; ".join(dict.fromkeys(one.machine for one in ones)),
        )
        for stage, ones in _by_stage(record)
    ]
    head = ("stage", "number>", "time>", "memory>", "GPU memory>", "machine")
    print_table(
        f"cost: {duration(record.seconds)}, stages shared with other runs included", head, rows
    )

    for line in _cost_lines(record):
        out.print(line)


def _cost_lines(record: Record) -> Iterable[str]:
    """What each machine spent, apart: hours, energy where it is told, reference units where the
    machine was measured. Machines are never added up."""
    known = (record.provenance.get("reference") or {}).get("machines", {})
    by_machine: dict[str, list] = {}
    for one in record.stages:
        by_machine.setdefault(one.machine, []).append(one)
    for machine, ones in by_machine.items():
        seconds = sum(one.seconds for one in ones)
        unit = "GPU hours" if any(one.gpu_memory_mb for one in ones) else "hours"
        parts = [f"{seconds / 3600:.3g} {unit}"]
        told = [one.energy_joules for one in ones if one.energy_joules is not None]
        if told:
            parts.append(f"{sum(told) / 1000:.3g} kJ in {len(told)} of {len(ones)} stages")
        if machine in known:
            parts.append(f"{seconds / known[machine]['seconds']:.3g} reference units")
        yield f"{machine}: {', '.join(parts)}"


def _by_stage(record: Record) -> Iterable[tuple[str, list]]:
    found: dict[str, list] = {}
    for one in record.stages:
        found.setdefault(one.stage, []).append(one)
    return found.items()


def _read(stores: Sequence[Path]) -> list[Record]:
    from reports.records.load import load_records

    loaded = load_records(stores, small=True)
    for problem in loaded.problems:
        err.print(f"left out: {problem}")
    return loaded.records
