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
from pathlib import Path
from typing import Any

import yaml

from benchmark.core.errors import InputError
from benchmark.core.registry import check_name
from benchmark.core.texts import did_you_mean
from benchmark.planning.options import Request
from benchmark.planning.settings import fitting_sets
from benchmark.spec.presets import preset
from benchmark.spec.protocol import PROTOCOL_NAMES, differences, named_protocol
from datasets.tasks.catalogue import TASKS

FOLDER = Path(__file__).parents[1] / "suites"
TOP_KEYS = ("about", "hardware", "expected", "runs")
SHORTHANDS = ("patch_size_at_384", "towards")
ENTRY_KEYS = tuple(f.name for f in dataclasses.fields(Request)) + SHORTHANDS
PAPER_SIZE = 384


@dataclasses.dataclass(frozen=True)
class Suite:
    """A suite file, checked. `entries` are the mappings under `runs`."""

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
    try:
        text = path.read_text(encoding="utf-8")
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except OSError as error:
        raise InputError(
            f"suite file {path} cannot be read ({error.strerror}); give a suite's name or a YAML"
            f" file."
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise InputError(
            f"suite file {path}{where} is not YAML: {getattr(error, 'problem', error)}."
        ) from error
    top = _check_keys(path, tree, TOP_KEYS)
    if not isinstance(data.get("runs"), list) or not data["runs"]:
        raise InputError(
            f"suite file {path} has no list `runs`; each entry gives options of `run`."
        )
    entries = (node for key, node in top if key.value == "runs")
    for entry in next(entries).value:
        _check_keys(path, entry, ENTRY_KEYS)
    texts = {key: str(data.get(key, "")).strip() for key in ("about", "hardware", "expected")}
    return Suite(name=path.stem, entries=tuple(data["runs"]), **texts)


def requests(
    suite: Suite, options: dict[str, Any], datasets: tuple[str, ...] = ()
) -> list[Request]:
    """All requests of a suite; `options` given on the command line win over the file's; `datasets`
    narrows it."""
    named = [name for entry in suite.entries for name in _as_list(entry.get("dataset", []))]
    TASKS.check(datasets, named)
    found: list[Request] = []
    for entry in suite.entries:
        values = {**entry, **options}
        if "data_root" in entry:
            values["data_root"] = options.get("data_root", Path()) / str(entry["data_root"])
        # of two values of one setting the later one counts
        sets = (*entry.get("sets", ()), *options.get("sets", ()))
        values.pop("sets", None)
        base = Request(dataset="", method="", folds=(0,), sets=sets)
        walk = _protocol_steps(
            values.pop("towards", None), values.get("protocol", base.protocol), sets
        )
        at_384 = values.pop("patch_size_at_384", None)
        if at_384 is not None and "patch_size" not in values:
            values["patch_size"] = scaled_patch_sizes(
                at_384, _size(values.get("preset", base.preset), sets)
            )
        whole = ("folds", "seeds")
        values = {name: _as_list(value) for name, value in values.items() if name not in whole}
        fixed = {
            name: _number_tuple(entry, options, name)
            for name in whole
            if name in entry or name in options
        }
        for combination in itertools.product(*values.values()):
            chosen: dict[str, Any] = dict(zip(values, combination, strict=True)) | fixed
            one = dataclasses.replace(base, **chosen)
            found += [dataclasses.replace(one, **step) for step in walk]
    if datasets:
        found = [request for request in found if request.dataset in datasets]
    if not found:
        raise InputError(f"suite {suite.name} has no run for --dataset {', '.join(datasets)}.")
    return list(dict.fromkeys(fitting_sets(request) for request in found))


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
        size = _size(
            options.get("preset", entry.get("preset", "smoke")),
            (*entry.get("sets", ()), *options.get("sets", ())),
        )
        if at_384 and "patch_size" not in options and size != PAPER_SIZE:
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
    check_name("protocol", towards, PROTOCOL_NAMES)
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
    for text in reversed(sets):
        if text.startswith("size="):
            return int(text.removeprefix("size="))
    return preset(name).size


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _number_tuple(entry: dict, options: dict, name: str) -> tuple[int, ...] | None:
    value = options.get(name, entry.get(name))
    if value is None or value == "all":
        return None
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


def _check_keys(
    path: Path, node: yaml.Node | None, known: tuple[str, ...]
) -> list[tuple[yaml.Node, yaml.Node]]:
    """(name, value) of a mapping. Raises InputError naming the line of an unknown name."""
    if not isinstance(node, yaml.MappingNode):
        line = node.start_mark.line + 1 if node is not None else 1
        raise InputError(
            f"suite file {path}, line {line}: expected `name: value` lines; known:"
            f" {', '.join(known)}."
        )
    for key, _ in node.value:
        if key.value not in known:
            raise InputError(
                f"suite file {path}, line {key.start_mark.line + 1}: unknown key '{key.value}'"
                f"{did_you_mean(str(key.value), known)}; known: {', '.join(known)}."
            )
    return node.value
