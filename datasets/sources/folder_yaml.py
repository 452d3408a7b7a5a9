"""The YAML file that describes a user's own images, read and checked key by key.

A mistake is named with its key and line. Not here: the images.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from benchmark.core.errors import InputError
from benchmark.core.registry import LONGEST_NAME, PLAIN_NAME
from benchmark.core.texts import QUICK_LOOK, one_line_of
from benchmark.core.yaml_text import entries, is_text, read_yaml, shown, value_of
from datasets.files.names import as_on_disk
from datasets.sources.id_expression import check_expression
from datasets.tasks.catalogue import TASKS
from datasets.tasks.task import Task

_TEXT_KEYS = (
    "dataset",
    "title",
    "licence",
    "images",
    "masks",
    "image_suffix",
    "mask_suffix",
    "msd",
    "modality",
    "organ",
    "category",
    "group",
    "stratum",
    "centre",
)
_LIST_KEYS = ("spacing_mm", "labels")
KEYS = (*_TEXT_KEYS, *_LIST_KEYS, "parts")
_OF_PARTS = ("dataset", "title", "licence", "modality", "organ", "category", "parts")
_SHOWN_KEYS = ("title", "licence", "modality", "organ", "category")
_MOST_NUMBERS, _LONGEST_NUMBER, _LONGEST_TEXT = 1000, 30, 500
_EXPONENT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][+-]?[0-9]+")
_Fail = Callable[[str, str], InputError]


@dataclass(frozen=True)
class FolderSpec:
    """A user's images as one YAML file describes them.

    task: a built-in one that they stand for, or one of the user's own; the words of the file
    replace its words. title and licence: shown with every result. place: a folder with
    dataset.json, or two folders, of 2D images and of masks (may be the same one), paired by name:
    what is left of a file name without image_suffix equals what is left of its mask's name without
    mask_suffix; None means the file type. group, stratum: regular expressions whose first bracket,
    searched in the case's id, is the patient, or the class that folds are stratified by; centre:
    such an expression for the place where it was taken. spacing_mm: (z, row, column), z = 1 for 2D
    images, or None. labels: the mask values that are foreground; None: any one value. parts: other
    such files, whose images are joined; then there is no place.
    """

    task: Task
    title: str
    licence: str
    place: Path | tuple[Path, Path] | None
    image_suffix: str | None = None
    mask_suffix: str | None = None
    group: str | None = None
    stratum: str | None = None
    spacing_mm: tuple[float, float, float] | None = None
    labels: tuple[int, ...] | None = None
    centre: str | None = None
    parts: tuple[Path, ...] = ()


def read_folder_spec(path: Path) -> FolderSpec:
    """Reads and checks the file; folders in it are relative to it. Raises InputError naming key and
    line."""
    values, lines = _read(path)

    def fail(key: str, problem: str) -> InputError:
        return InputError(f"{path}, line {lines[key]}: {key} {problem}.")

    for key in ("dataset", "title"):
        if key not in values:
            raise InputError(
                f"{path} lacks the key '{key}'; needed are dataset, title, and images and masks,"
                f" or msd."
            )
    if TASKS.is_release_title(values["title"]):
        raise fail("title", f"is '{values['title']}', the name of published images; choose another")
    if QUICK_LOOK in values["title"]:
        raise fail("title", f"says '{QUICK_LOOK}', as --limit does; choose another")
    for key in ("group", "stratum", "centre"):
        if key in values:
            _check_expression(key, values[key], fail)
    parts = _parts(path, values, fail)
    return FolderSpec(
        task=_task(values, fail),
        title=values["title"],
        licence=values.get("licence", "not stated"),
        place=None if parts else _place(path, values, fail),
        image_suffix=values.get("image_suffix"),
        mask_suffix=values.get("mask_suffix"),
        group=values.get("group"),
        stratum=values.get("stratum"),
        spacing_mm=_spacing(values, fail),
        labels=_labels(values, fail),
        centre=values.get("centre"),
        parts=parts,
    )


def is_yaml(source: str) -> bool:
    """Whether a --source names a file, not a reader."""
    return source.lower().endswith((".yaml", ".yml"))


def _task(values: dict[str, Any], fail: _Fail) -> Task:
    """The built-in task of this name, or a new one, with the words of the file."""
    name = values["dataset"]
    if not re.match(PLAIN_NAME, name) or len(name) > LONGEST_NAME:
        raise fail(
            "dataset",
            f"is '{name[:LONGEST_NAME]}'; give a name of letters, digits and hyphens, at most"
            f" {LONGEST_NAME}",
        )
    if name not in TASKS and name.lower() in TASKS:
        raise fail("dataset", f"is '{name}', which is easily taken for '{name.lower()}'; rename it")
    task = TASKS.of_results(name)
    modality, organ, category = task.words
    given = values.get("modality", modality), values.get("organ", organ)
    return replace(task, words=(*given, values.get("category", category)))


def _read(path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """The values of the file's keys and the line of each; unknown and repeated keys are errors."""
    try:
        tree = read_yaml(path, str(path))
    except FileNotFoundError as error:
        raise InputError(
            f"the source file {path} does not exist; give --source an existing YAML file."
        ) from error
    except OSError as error:
        raise InputError(
            f"cannot read {path} ({type(error).__name__}); give --source a YAML text file."
        ) from error
    if not isinstance(tree, yaml.MappingNode):
        raise InputError(f"{path} must hold 'key: value' lines; known keys: {', '.join(KEYS)}.")
    values, lines = {}, {}
    for key, (line, node) in entries(tree, KEYS, str(path)).items():
        read = _text if key in _TEXT_KEYS else _numbers if key in _LIST_KEYS else _names
        try:
            values[key], lines[key] = read(key, node), line
        except ValueError as error:
            raise InputError(f"{path}, line {line}: {key} {error}.") from error
    return values, lines


def _text(key: str, node: yaml.Node) -> str:
    """A text; one that is shown with results has no letter that a page or a table cannot show."""
    if not is_text(node) or not node.value.strip():
        quotes = "; put it in quotes" if isinstance(node, yaml.ScalarNode) and node.value else ""
        raise ValueError(f"must be text, not {shown(node) or 'empty'}{quotes}")
    text = node.value.strip()
    if key in _SHOWN_KEYS and not text.isprintable():
        wrong = next(letter for letter in text if not letter.isprintable())
        raise ValueError(
            f"holds the letter U+{ord(wrong):04X}, which does not show; write it on one line with"
            f" plain blanks"
        )
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"is longer than {_LONGEST_TEXT} letters; shorten it")
    if "\0" in text:
        raise ValueError("holds a letter of code 0; remove it")
    return text


def _numbers(key: str, node: yaml.Node) -> Any:
    """A list of plain values; what they must be depends on other keys."""
    parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
    for part in parts:
        if not isinstance(part, yaml.ScalarNode):
            raise ValueError(f"holds {shown(part)} where a number is meant")
    if len(parts) > _MOST_NUMBERS or any(len(part.value) > _LONGEST_NUMBER for part in parts):
        raise ValueError("must be a short list of numbers")
    if not isinstance(node, yaml.SequenceNode):
        return value_of(node)
    return [_number(part) for part in parts]


def _number(node: yaml.Node) -> Any:
    """A value of a list. YAML takes 5e-1 for text, which the command line reads as 0.5."""
    plain = isinstance(node, yaml.ScalarNode) and node.style is None and is_text(node)
    if plain and _EXPONENT.fullmatch(node.value):
        return float(node.value)
    return value_of(node)


def _names(key: str, node: yaml.Node) -> list[str]:
    """A list of texts."""
    if not isinstance(node, yaml.SequenceNode):
        raise ValueError("must be a list of files, such as [ours.yaml, theirs.yaml]")
    return [_text(key, part) for part in node.value]


def _parts(path: Path, values: dict[str, Any], fail: _Fail) -> tuple[Path, ...]:
    """The files that a file joins; () for one that describes images of its own."""
    if "parts" not in values:
        return ()
    for key in values:
        if key not in _OF_PARTS:
            raise fail(key, "does not go with parts, each of which has its own; remove one of them")
    files = tuple(path.parent / Path(name).expanduser() for name in values["parts"])
    if len({file.stem.lower() for file in files}) < len(files) or len(files) < 2:
        raise fail("parts", "must be two files or more, of different names")
    return files


def _place(path: Path, values: dict[str, Any], fail: _Fail) -> Path | tuple[Path, Path]:
    names: tuple[str, ...]
    if "msd" in values:
        for key in ("images", "masks", "image_suffix", "mask_suffix", "labels", "stratum"):
            if key in values:
                raise fail(
                    key,
                    "does not go with msd, whose dataset.json lists images and labels; remove one"
                    " of them",
                )
        names = ("msd",)
    else:
        for key in ("images", "masks"):
            if key not in values:
                raise InputError(f"{path} lacks the key '{key}'; give images and masks, or msd.")
        names = ("images", "masks")
    folders = {}
    for name in names:
        try:
            folder = path.parent / Path(values[name]).expanduser()
            folders[name] = as_on_disk(folder)
            found = folders[name].is_dir()
        except (RuntimeError, OSError) as error:  # no such user's home; a name that is too long
            raise fail(name, f"names no folder ({one_line_of(error)})") from error
        if not found:
            raise fail(name, f"names the folder {folder}, which does not exist")
    if (
        len({folder.resolve() for folder in folders.values()}) < len(folders)
        and "mask_suffix" not in values
    ):
        raise fail(
            "masks",
            "is the folder of the images too; give mask_suffix, how a mask's file name ends",
        )
    return folders["msd"] if "msd" in folders else (folders["images"], folders["masks"])


def _check_expression(key: str, expression: str, fail: _Fail) -> None:
    try:
        check_expression(expression)
    except ValueError as error:
        raise fail(key, str(error)) from error


def _spacing(values: dict[str, Any], fail: _Fail) -> tuple[float, float, float] | None:
    if "spacing_mm" not in values:
        return None
    spacing, names = (
        values["spacing_mm"],
        ("z, row, column") if "msd" in values else ("row, column"),
    )
    numbers = isinstance(spacing, list) and all(
        isinstance(v, int | float) and not isinstance(v, bool) for v in spacing
    )
    if (
        not numbers
        or len(spacing) != len(names.split(", "))
        or not all(0 < value < 1000 for value in spacing)
    ):
        raise fail("spacing_mm", f"must be a list of positive mm, [{names}], not {spacing!r}")
    row, column = (float(value) for value in spacing[-2:])
    return (float(spacing[0]) if "msd" in values else 1.0), row, column


def _labels(values: dict[str, Any], fail: _Fail) -> tuple[int, ...] | None:
    if "labels" not in values:
        return None
    labels = values["labels"]
    if (
        not isinstance(labels, list)
        or not labels
        or not all(type(value) is int and value > 0 for value in labels)
    ):
        raise fail(
            "labels",
            f"must be a list of the mask values that are foreground, such as [1], not {labels!r}",
        )
    return tuple(labels)
