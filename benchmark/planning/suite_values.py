"""The values of a suite file: each means what its letters mean on the command line.

YAML alone would take `no` for false, 5e-1 for a text and 08 for a number of base eight. Not here:
keys, lines and crossing (suite.py).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_type_hints

import yaml

from baselines.generators.catalogue import method_names
from baselines.generators.user_method import is_own
from baselines.transforms.catalogue import check_transform
from benchmark.core.errors import InputError
from benchmark.core.options import check_once, options_of
from benchmark.core.registry import check_name
from benchmark.core.yaml_text import is_null, shown
from benchmark.planning.options import Request
from benchmark.planning.settings import name_and_value
from benchmark.spec.presets import PRESETS
from benchmark.spec.protocol import PROTOCOL_NAMES

_TYPES = get_type_hints(Request)
_OPTIONS = options_of(Request)
_WHOLE = ("folds", "seeds")  # lists that belong to every run, not crossed
_SINGLE = ("towards", "data_root")
_TRUE, _FALSE = ("true", "yes", "on"), ("false", "no", "off")
_NAMES: dict[str, Callable[[str], Any]] = {
    "method": lambda name: is_own(name) or check_name("method", name, method_names()),
    "match_compute": lambda name: check_name("method", name, method_names()),
    "protocol": lambda name: check_name("protocol", name, PROTOCOL_NAMES),
    "towards": lambda name: check_name("protocol", name, PROTOCOL_NAMES),
    "preset": lambda name: check_name("preset", name, PRESETS),
    "transform": check_transform,
    "busi_class": lambda name: check_name("class", name, get_args(_TYPES["busi_class"])),
}


def read_value(key: str, node: yaml.Node) -> Any:
    """The value of a key: a tuple for `sets`, `folds` (None: all) and `seeds`, one value for
    `towards` and `data_root`, else the list of values that are crossed. Raises InputError, without
    saying where."""
    words = _words(node)
    if key == "sets":
        for word in words:
            name_and_value(str(word))
        check_once("--set", map(str, words))
        return tuple(words)
    if key in _WHOLE:
        parse = _OPTIONS[key].parse
        assert parse is not None
        return parse(",".join(_given(word) for word in words))
    values = [_value(key, word) for word in words]
    if key not in _SINGLE:
        return values
    if len(values) != 1:
        raise InputError("give one value, not a list.")
    return values[0]


def _words(node: yaml.Node) -> list[str | None]:
    """The letters of a value or of each value of a list; None for null and ~."""
    parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
    if not parts:
        raise InputError("the list is empty; give values, or remove the key.")
    for part in parts:
        if not isinstance(part, yaml.ScalarNode):
            raise InputError(f"holds {shown(part)} where one value is meant.")
        if not part.value.strip():
            raise InputError("has no value; give one, or remove the key.")
        if not part.value.isprintable():
            raise InputError(f"'{shown(part)}' holds a line break or an invisible letter.")
    return [None if is_null(part) else part.value.strip() for part in parts]


def _given(word: str | None) -> str:
    if word is None:
        raise InputError("null is no value of it; give one, or remove the key.")
    return word


def _value(key: str, word: str | None) -> Any:
    types = get_args(_TYPES.get(key, str)) or (_TYPES.get(key, str),)
    if word is None and type(None) in types and key != "data_root":
        return None
    word = _given(word)
    if key in _NAMES:
        _NAMES[key](word)
    if key == "patch_size_at_384" or int in types:
        number = _number(int, word, "a whole number such as 2")
        least = _OPTIONS[key].least if key in _OPTIONS else None
        if least is not None and number < least:
            raise InputError(f"{number} is less than {least}.")
        return number
    if float in types:
        return _number(float, word, "a number such as 0.5")
    if bool in types:
        return _truth(word)
    return Path(word) if key == "data_root" else word


def _number(kind: type, word: str, wanted: str) -> Any:
    try:
        if "_" in word or not word.isascii():
            raise ValueError
        return kind(word)
    except ValueError:
        raise InputError(f"'{word[:60]}' is not {wanted}.") from None


def _truth(word: str) -> bool:
    if word.lower() not in (*_TRUE, *_FALSE):
        raise InputError(f"'{word[:60]}' is not true or false.")
    return word.lower() in _TRUE
