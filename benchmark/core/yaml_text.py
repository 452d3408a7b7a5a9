"""YAML that a user wrote, read within bounds: every value keeps its line and its own letters.

A hostile or broken text ends in one sentence after a short time: it may be 200 kB long, 20 levels
deep and 20,000 values large with all its aliases written out. Tags such as !!int are refused. Not
here: what the values mean.
"""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml

from benchmark.core.errors import InputError
from benchmark.core.files import check_file
from benchmark.core.text_files import decoded
from benchmark.core.texts import did_you_mean, one_line, one_line_of

MOST_BYTES = 200_000
MOST_LEVELS = 20
MOST_VALUES = 20_000
_ODD_NUMBER = re.compile(r"[+-]?(0\d|.*[:_])")  # of base 8 or 60, or with marks inside
_SHOWN_LETTERS = 60
_NULL, _TEXT = "tag:yaml.org,2002:null", "tag:yaml.org,2002:str"


def read_yaml(path: Path, what: str) -> yaml.Node | None:
    """The tree of a YAML file; None for an empty one. Raises InputError, which starts with `what`
    and names the line."""
    check_file(path)
    with path.open("rb") as file:
        text = file.read(MOST_BYTES + 1)
    if len(text) > MOST_BYTES:
        raise InputError(f"{what} is longer than {MOST_BYTES // 1000} kB; shorten it.")
    return parse_yaml(decoded(text, what), what)


def parse_yaml(text: bytes | str, what: str) -> yaml.Node | None:
    """As read_yaml, of a text."""
    try:
        _check_bounds(text, what)
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise InputError(f"{what}{where} is not YAML: {error.problem or error.context}.") from error
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"{what} is not YAML: {one_line_of(error)}.") from error


def line_of(node: yaml.Node) -> int:
    return node.start_mark.line + 1


def entries(
    node: yaml.Node | None, known: Collection[str], what: str
) -> dict[str, tuple[int, yaml.Node]]:
    """Key -> (line, value) of a mapping. Raises InputError for anything else, and for a key that is
    unknown or stands there twice."""
    names = ", ".join(known)
    if not isinstance(node, yaml.MappingNode):
        line = line_of(node) if node is not None else 1
        raise InputError(f"{what}, line {line}: expected `name: value` lines; known: {names}.")
    found: dict[str, tuple[int, yaml.Node]] = {}
    for key, value in node.value:
        line, name = line_of(key), key.value
        if not isinstance(name, str) or name not in known:
            raise InputError(
                f"{what}, line {line}: unknown key '{shown(key)}'"
                f"{did_you_mean(shown(key), known)}; known: {names}."
            )
        if name in found:
            raise InputError(
                f"{what}, line {line}: key '{name}' appears again; it stands in line"
                f" {found[name][0]} already."
            )
        found[name] = line, value
    return found


def is_null(node: yaml.Node) -> bool:
    """Whether the value is left out, or written as null or ~."""
    return node.tag == _NULL


def is_text(node: yaml.Node) -> bool:
    """Whether YAML takes the value for text, not for a number, a date, a list or the like."""
    return node.tag == _TEXT


def value_of(node: yaml.Node) -> Any:
    """What YAML takes the value for. Raises ValueError for one that it cannot make, such as
    2024-13-45, and for a number that it takes for another than its reader does: 010 is 8, 1:30 is
    90."""
    _check_numbers(node)
    try:
        return yaml.SafeLoader("").construct_document(node)
    except yaml.YAMLError as error:
        raise ValueError(one_line_of(error)) from error


def _check_numbers(node: yaml.Node) -> None:
    if isinstance(node, yaml.ScalarNode):
        number = node.tag.endswith((":int", ":float"))
        if number and _ODD_NUMBER.match(node.value):
            raise ValueError(f"holds {shown(node)}, which YAML reads otherwise; write it plainly")
        return
    for part in node.value:
        for one in part if isinstance(part, tuple) else (part,):
            _check_numbers(one)


def shown(node: yaml.Node) -> str:
    """The value in a message: on one line, and short."""
    if not isinstance(node, yaml.ScalarNode):
        return "a list" if isinstance(node, yaml.SequenceNode) else "a group of keys"
    text = one_line(node.value[: _SHOWN_LETTERS + 1])
    return text if len(text) <= _SHOWN_LETTERS else f"{text[:_SHOWN_LETTERS]}..."


def _check_bounds(text: bytes | str, what: str) -> None:
    """Reads the text as a stream of events, which needs no deep calls and writes no alias out."""
    sizes: dict[str, int] = {}  # of finished values with an anchor
    open_values: list[tuple[str | None, int]] = []
    count = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        mark, tag = event.start_mark, getattr(event, "tag", None)
        where = f"{what}, line {mark.line + 1 if mark else 1}"
        if tag:
            raise InputError(f"{where}: tags such as {tag[:40]!r} are not read; remove it.")
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise InputError(f"{where}: *{event.anchor} stands for no finished value above it.")
            count += sizes[event.anchor]
        elif isinstance(event, yaml.ScalarEvent):
            count += 1
            if event.anchor:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            open_values.append((event.anchor, count))
            count += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_values.pop()
            if anchor:
                sizes[anchor] = count - before
        if len(open_values) > MOST_LEVELS:
            raise InputError(f"{where}: values lie in each other more than {MOST_LEVELS} deep.")
        if count > MOST_VALUES:
            raise InputError(f"{where}: it holds more than {MOST_VALUES} values.")
