"""dataset.json of a Medical Segmentation Decathlon folder, read and checked.

The file comes from outside: names in it may be absolute or climb out of the folder, and such a file
is refused.
"""

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from unicodedata import category

from benchmark.core.errors import InputError
from benchmark.core.text_files import plain_text, read_text
from benchmark.core.texts import one_line

_LONGEST = 200  # letters of a name
_NO_FOREGROUND = ("background", "ignore", "ignored", "void", "unlabeled", "unlabelled")


@dataclass(frozen=True)
class Entry:
    """One training case: id, and its image and label relative to the folder
    ("imagesTr/prostate_16.nii.gz")."""

    id: str
    image: str
    label: str


@dataclass(frozen=True)
class Description:
    """name, licence, the channels' names in order, labels: value -> name without background, and
    training cases."""

    name: str
    licence: str
    channels: tuple[str, ...]
    labels: dict[int, str]
    training: tuple[Entry, ...]


def read_description(folder: Path) -> Description:
    """Reads folder/dataset.json. Raises InputError where it is absent, broken, or names files
    outside the folder."""
    path = folder / "dataset.json"
    try:
        raw = json.loads(read_text(path), object_pairs_hook=_once)
    except FileNotFoundError as error:
        raise InputError(
            f"{folder} holds no dataset.json; a folder in MSD layout has dataset.json, imagesTr"
            f" and labelsTr."
        ) from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}: {error.msg}"
        raise InputError(f"{path} is not JSON ({where}); restore the published file.") from error
    except _Twice as error:
        raise InputError(f"{path} gives {error} twice; remove one of them.") from error
    except (RecursionError, ValueError) as error:
        raise InputError(
            f"cannot read {path} ({type(error).__name__}); restore the published file."
        ) from error
    if not isinstance(raw, dict):
        raise InputError(f"{path} holds no JSON object; restore the published file.")
    training = raw.get("training")
    if {"channel_names", "file_ending", "numTraining"} & raw.keys() and "modality" not in raw:
        raise InputError(
            f'{path} is that of nnU-Net version 2; write the MSD form, with "modality",'
            f' "labels": {{"0": "background", "1": "..."}} and "training".'
        )
    if not isinstance(training, list) or not training:
        raise InputError(
            f'{path} lists no cases under "training"; it must be a list of image and label files.'
        )
    entries = tuple(_entry(item, index, path) for index, item in enumerate(training))
    twice = [name for name, count in Counter(entry.id for entry in entries).items() if count > 1]
    if twice:
        raise InputError(f"{path} lists case {twice[0]} more than once; each case may appear once.")
    description = Description(
        name=one_line(plain_text(str(raw.get("name") or folder.resolve().name)))[:_LONGEST],
        licence=one_line(plain_text(str(raw.get("licence") or raw.get("license") or "not stated")))[
            :_LONGEST
        ],
        channels=_channels(raw.get("modality", {}), path),
        labels=_labels(raw.get("labels"), path),
        training=entries,
    )
    _check_pairs(entries, path)
    return description


class _Twice(Exception):
    """A key that stands twice in one object: JSON's reader would keep the last alone."""


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    counts = Counter(key for key, _ in pairs)
    if twice := [key for key, count in counts.items() if count > 1]:
        raise _Twice(f'the key "{one_line(twice[0])[:_LONGEST]}"')
    return dict(pairs)


def _check_pairs(entries: tuple[Entry, ...], path: Path) -> None:
    """Raises InputError where a case has the label of another, or no label but its image."""
    own = {entry.id for entry in entries}
    for entry in entries:
        label = stem_of(entry.label)
        if entry.image == entry.label:
            raise InputError(
                f"{path} gives case {entry.id} the same file as image and label; name its label."
            )
        if label != entry.id and label in own:
            raise InputError(
                f"{path} gives case {entry.id} the label of case {label}; name its own label."
            )


def _entry(item: object, index: int, path: Path) -> Entry:
    given = [item.get(key) for key in ("image", "label")] if isinstance(item, dict) else []
    names = [name for name in given if isinstance(name, str) and name]
    if len(names) != 2:
        raise InputError(
            f'{path}: entry {index + 1} under "training" needs an "image" and a "label" file name.'
        )
    if odd := [name for name in names if any(category(letter) == "Cc" for letter in name)]:
        raise InputError(f"{path} names the file {odd[0]!r} with a control letter; rename it.")
    image, label = (_inside(name, path) for name in names)
    return Entry(stem_of(image), image, label)


def stem_of(name: str) -> str:
    """The name of a case or label: "prostate_16" of "imagesTr/prostate_16.nii.gz"."""
    return plain_text(re.sub(r"(\.nii)?(\.gz)?$", "", PurePosixPath(name).name, flags=re.I))


def _inside(name: str, path: Path) -> str:
    """The name as a plain relative path, of Windows too; raises InputError where it leaves the
    folder."""
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    if (
        posix.is_absolute()
        or windows.drive
        or windows.root
        or ".." in posix.parts
        or ".." in windows.parts
    ):
        raise InputError(
            f"{path} names a file outside its folder ('{name}'); only relative names inside it are"
            f" read."
        )
    return PurePosixPath(name.replace("\\", "/")).as_posix()


def _is_number(key: str) -> bool:
    return re.fullmatch(r"[0-9]{1,9}", key) is not None


def _channels(modality: object, path: Path) -> tuple[str, ...]:
    if not isinstance(modality, dict) or not all(map(_is_number, modality)):
        raise InputError(
            f'{path}: "modality" must map channel numbers to names, such as {{"0": "MRI"}}.'
        )
    return tuple(str(modality[key]) for key in sorted(modality, key=int))


def _labels(labels: object, path: Path) -> dict[int, str]:
    if not isinstance(labels, dict) or not all(map(_is_number, labels)):
        raise InputError(
            f'{path}: "labels" must map values to names, such as {{"0": "background", "1":'
            f' "spleen"}}.'
        )
    foreground = {int(key): str(name) for key, name in labels.items() if int(key) > 0}
    if len({int(key) for key in labels}) < len(labels):
        raise InputError(f'{path}: "labels" names one value twice; name each once.')
    for value, name in foreground.items():
        if name.strip().lower() in _NO_FOREGROUND:
            raise InputError(
                f'{path}: "labels" calls value {value} "{one_line(name)}", but all values above 0'
                f" are foreground; store such pixels as 0 and remove the name."
            )
    if not foreground:
        raise InputError(
            f'{path}: "labels" names no foreground; at least one label above 0 is needed.'
        )
    return foreground
