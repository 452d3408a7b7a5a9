"""Named grids of runs in YAML: reading, checking (with line numbers) and crossing them into
requests.

A suite file holds `about`, `hardware`, `expected` (texts) and `runs`, a list of entries. An entry
gives the options of `run` by their names; a list is crossed with all other lists. A `data_root` in
an entry is a folder below the one that the command line names, so that a suite can take each
dataset from a source of its own. Three keys are short for many:
    folds: all                 every fold of the preset
    patch_size_at_384: [...]   the paper's patch sizes, scaled to the nearest divisor of the size
    towards: released          the base protocol, each differing switch alone, the whole of it

Not here: what a run is (spec/run.py), resolving it (request.py).
"""

import dataclasses
import itertools
import math
from pathlib import Path
from typing import Any

import yaml

from benchmark.core.errors import InputError
from benchmark.core.registry import check_name
from benchmark.core.texts import one_line, one_line_of
from benchmark.core.yaml_text import entries, line_of, read_yaml, shown
from benchmark.planning.options import Request
from benchmark.planning.settings import fitting_sets
from benchmark.planning.suite_values import read_value
from benchmark.spec.presets import preset
from benchmark.spec.protocol import differences, named_protocol
from datasets.tasks.catalogue import TASKS

FOLDER = Path(__file__).parents[1] / "suites"
TEXT_KEYS = ("about", "hardware", "expected")
TOP_KEYS = (*TEXT_KEYS, "runs")
SHORTHANDS = ("patch_size_at_384", "towards")
ENTRY_KEYS = tuple(f.name for f in dataclasses.fields(Request) if f.name != "origin") + SHORTHANDS
PAPER_SIZE = 384
MOST_RUNS = 20_000
MOST_PIXELS = 4096  # of a slice's side, where patch sizes are looked for


@dataclasses.dataclass(frozen=True)
class Suite:
    """A suite file, checked. `entries` are the mappings under `runs`, their values read."""

    name: str
    about: str
    hardware: str
    expected: str
    entries: tuple[dict[str, Any], ...]


def suite_names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_suite(name: str) -> Suite:
    """The built-in suite called `name`, or the one in the YAML file `name`. Raises InputError
    naming the line."""
    path = (
        Path(name)
        if name.endswith((".yaml", ".yml"))
        else FOLDER / f"{check_name('suite', name, suite_names())}.yaml"
    )
    what = f"suite file {path}"
    try:
        tree = read_yaml(path, what)
    except OSError as error:
        raise InputError(
            f"{what} cannot be read ({error.strerror}); give a suite's name or a YAML file."
        ) from error
    top = entries(tree, TOP_KEYS, what)
    _, runs = top.get("runs", (0, None))
    if not isinstance(runs, yaml.SequenceNode) or not runs.value:
        raise InputError(f"{what} has no list `runs`; each entry gives options of `run`.")
    texts = {key: _text_of(key, *top[key], what) for key in TEXT_KEYS if key in top}
    return Suite(
        name=path.stem,
        entries=tuple(_entry(node, what) for node in runs.value),
        **dict.fromkeys(TEXT_KEYS, "") | texts,
    )


def requests(
    suite: Suite, options: dict[str, Any], datasets: tuple[str, ...] = ()
) -> list[Request]:
    """All requests of a suite; `options` given on the command line win over the file's; `datasets`
    narrows it."""
    TASKS.check(datasets, [name for entry in suite.entries for name in entry["dataset"]])
    found: list[Request] = []
    count = 0
    for entry in suite.entries:
        values = {**entry, **options}
        if "data_root" in entry:
            values["data_root"] = options.get("data_root", Path()) / entry["data_root"]
        # of two values of one setting the later one counts
        sets = (*entry.get("sets", ()), *options.get("sets", ()))
        protocols, towards = _as_list(values.get("protocol", "rigorous")), values.get("towards")
        at_384 = values.pop("patch_size_at_384", None)
        if at_384 is not None and "patch_size" not in values:
            numbers = _as_list(values.get("preset", "smoke"))
            values["patch_size"] = scaled_patch_sizes(at_384, _size(_only(numbers, entry), sets))
        walk = _protocol_steps(towards, _only(protocols, entry) if towards else "", sets)
        whole = {name: values[name] for name in ("folds", "seeds", "origin") if name in values}
        whole.setdefault("folds", (0,))
        crossed = {
            name: _as_list(value)
            for name, value in values.items()
            if name not in ("sets", "towards", *whole)
        }
        each = len(walk) * len(whole["folds"] or (0,)) * len(whole.get("seeds", (0,)))
        count += math.prod(map(len, crossed.values())) * each
        if count > MOST_RUNS:
            raise InputError(
                f"{entry['origin']}: the lists cross to more than {MOST_RUNS} runs; shorten them."
            )
        for combination in itertools.product(*crossed.values()):
            chosen: dict[str, Any] = dict(zip(crossed, combination, strict=True)) | whole
            one = Request(**chosen, sets=sets)
            found += [dataclasses.replace(one, **step) for step in walk]
    if datasets:
        found = [request for request in found if request.dataset in datasets]
    if not found:
        raise InputError(f"suite {suite.name} has no run for --dataset {', '.join(datasets)}.")
    return list(dict.fromkeys(fitting_sets(request) for request in found))


def _entry(node: yaml.Node, what: str) -> dict[str, Any]:
    """The values of an entry by key; "origin" says where it stands."""
    found: dict[str, Any] = {"origin": f"{what}, line {line_of(node)}"}
    for key, (line, value) in entries(node, ENTRY_KEYS, what).items():
        try:
            found[key] = read_value(key, value)
        except InputError as error:
            raise InputError(f"{what}, line {line}: {key}: {error}") from error
    for key in ("dataset", "method"):
        if key not in found:
            raise InputError(f"{found['origin']}: the entry lacks the key '{key}'.")
    return found


def _text_of(key: str, line: int, node: yaml.Node, what: str) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise InputError(f"{what}, line {line}: {key} must be text, not {shown(node)}.")
    return one_line(node.value)


def _only(values: list[Any], entry: dict[str, Any]) -> Any:
    if len(values) != 1:
        raise InputError(
            f"{entry['origin']}: `towards` needs one protocol and `patch_size_at_384` one preset;"
            " write an entry for each of them."
        )
    return values[0]


def scaled_patch_sizes(at_384: list[int], size: int) -> list[int]:
    """The paper's patch sizes (of 384 px) at `size` px: the nearest divisor of `size`, each once,
    ascending."""
    divisors = [side for side in range(1, size + 1) if size % side == 0]
    return sorted(
        {min(divisors, key=lambda side: abs(side - patch * size / PAPER_SIZE)) for patch in at_384}
    )


def scaling_notes(suite: Suite, options: dict[str, Any]) -> list[str]:
    """Sentences on settings that were scaled from the paper's 384 px to the preset's size."""
    notes = []
    for entry in suite.entries:
        at_384 = entry.get("patch_size_at_384")
        if not at_384 or "patch_size" in {**entry, **options}:
            continue
        numbers = _as_list(options.get("preset", entry.get("preset", "smoke")))
        size = _size(_only(numbers, entry), (*entry.get("sets", ()), *options.get("sets", ())))
        if size != PAPER_SIZE:
            scaled = ", ".join(map(str, scaled_patch_sizes(at_384, size)))
            notes.append(
                f"patch sizes {', '.join(map(str, at_384))} of {PAPER_SIZE} px are scaled to"
                f" {scaled} of {size} px:"
                " the nearest divisors, each once."
            )
    return notes


def _protocol_steps(towards: str | None, start: str, sets: tuple[str, ...]) -> list[dict[str, Any]]:
    if towards is None:
        return [{}]
    target = differences(named_protocol(towards), start)
    alone = [(f"{name}={_text(value)}", *_needed(name, target)) for name, value in target.items()]
    return [{}, *({"sets": (*sets, *step)} for step in alone), {"protocol": towards}]


def _needed(name: str, target: dict[str, Any]) -> tuple[str, ...]:
    """Switches that `name` cannot do without: stretching z needs slices that were left out
    (Q23)."""
    return (f"slices={target['slices']}",) if name == "resize_z" else ()


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _size(name: str, sets: tuple[str, ...]) -> int:
    """Pixels of a slice's side at a preset, as `sets` changes it."""
    for text in reversed(sets):
        key, _, value = text.partition("=")
        if key.strip() == "size":
            try:
                return min(max(1, int(value)), MOST_PIXELS)
            except ValueError as error:
                raise InputError(f"--set {text}: {one_line_of(error)}.") from error
    return preset(name).size


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
