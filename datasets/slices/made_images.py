"""A folder of synthetic images with masks, from any tool.

    FOLDER/images/a.png    grey or colour, 8 bits or deeper; any size
    FOLDER/masks/a.png     the mask of that image, of the same size
    FOLDER/manifest.yaml   if wanted:
        tool: plain diffusers, DDPM          what made them
        training_ids: [case_1, case_2]       the real cases that the tool was trained on
        sources: {a: case_1/z007}            the real slice that an image was made from

Images become slices as a source's do: scaled to a square of the working size. Not here: training
with them (baselines/folder.py), judging them (benchmark/results/folder_audit.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmark.core.errors import InputError
from benchmark.core.text_files import plain_text
from benchmark.core.texts import some
from benchmark.core.yaml_text import entries, is_null, is_text, line_of, read_yaml, shown
from datasets.cases import natural_key
from datasets.files import raster
from datasets.files.fingerprint import file_digests, fingerprint_of
from datasets.files.masks import read_mask
from datasets.files.names import is_left_behind
from datasets.slices.intensity import grey_rule, resize_linear, resize_nearest

MANIFEST = "manifest.yaml"
MOST_IMAGES = 100_000
_KEYS = ("tool", "training_ids", "sources")


@dataclass(frozen=True)
class MadeFolder:
    """What lies in the folder, nothing decoded yet.

    names: of the images, in natural order; training_ids: None where none are declared; sources:
    name of an image -> id of the slice that it was made from.
    """

    path: Path
    images: Mapping[str, Path]
    masks: Mapping[str, Path]
    tool: str = ""
    training_ids: tuple[str, ...] | None = None
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return list(self.images)

    def fingerprint(self, cache: Path | None = None) -> str:
        """sha256 of images, masks and manifest, wherever they lie; `cache`: a file of known
        digests. Raises InputError where an image is the same file as a mask."""
        files = {f"images/{name}": path for name, path in self.images.items()}
        files |= {f"masks/{name}": path for name, path in self.masks.items()}
        declared = None if self.training_ids is None else list(self.training_ids)
        digests = file_digests(files, cache)
        masks = {digests[f"masks/{name}"]: path for name, path in self.masks.items()}
        for name, path in self.images.items():
            if mask := masks.get(digests[f"images/{name}"]):
                raise InputError(
                    f"the image {path} is the same file as the mask {mask}; give the image that"
                    f" belongs to it."
                )
        return fingerprint_of(digests, {"training_ids": declared})

    def load(self, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Images and masks uint8 (N, size, size), the masks in {0, 1}, in the order of the names.
        Raises InputError for a damaged file and for a mask of another shape than its image."""
        images = np.empty((len(self.images), size, size), np.uint8)
        masks = np.empty_like(images)
        for row, name in enumerate(self.images):
            images[row], masks[row] = _pair(self.images[name], self.masks[name], size)
        return images, masks


def open_made_folder(path: Path) -> MadeFolder:
    """The folder of synthetic images. Raises InputError for whatever is wrong with it."""
    if not path.is_dir():
        raise InputError(f"{path}: there is no such folder; give one with images/ and masks/.")
    images, masks = (_pictures(path / part) for part in ("images", "masks"))
    if bare := [name for name in images if name not in masks]:
        raise InputError(
            f"{path}: {len(bare)} of {len(images)} images have no mask in masks/"
            f" ({some(bare)}); give each image a mask of its name."
        )
    if not images:
        raise InputError(f"{path}/images holds no image; give PNG files and their masks.")
    if len(images) > MOST_IMAGES:
        raise InputError(f"{path} holds {len(images)} images; at most {MOST_IMAGES} are read.")
    told = _manifest(path / MANIFEST)
    if unknown := [name for name in told.get("sources", {}) if name not in images]:
        raise InputError(
            f"{path / MANIFEST}: sources names {len(unknown)} images that are not there"
            f" ({some(unknown)}); remove them."
        )
    return MadeFolder(path, images, {name: masks[name] for name in images}, **told)


def _pictures(folder: Path) -> dict[str, Path]:
    """Image files by their name without the file type, in natural order."""
    if not folder.is_dir():
        raise InputError(f"{folder.parent} has no folder {folder.name}/; give images/ and masks/.")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir(), key=lambda path: natural_key(path.name)):
        if is_left_behind(path):
            continue
        raster.check_entry(path)
        if not raster.is_image_file(path):
            continue
        name = plain_text(path.stem)
        if name in found:
            raise InputError(f"{folder} holds two files for '{name}'; remove one.")
        found[name] = path
    return found


def _pair(image: Path, mask: Path, size: int) -> tuple[np.ndarray, np.ndarray]:
    (grey,) = raster.read_native(image)
    drawn = read_mask(mask).mask
    if grey.shape != drawn.shape:
        raise InputError(
            f"{mask} is a mask of {_shape(drawn)} px, and its image {image.name} has {_shape(grey)}"
            f" px; give masks of the size of their images."
        )
    if grey.dtype != np.uint8:
        if not np.isfinite(grey).all():
            raise InputError(f"the image {image} holds NaN or infinity; remove it.")
        grey = grey_rule("slice-percentile", "", grey)(grey.astype(np.float32))
    scaled = resize_linear(grey.astype(np.float32), (size, size))
    return (
        np.rint(scaled.clip(0, 255)).astype(np.uint8),
        resize_nearest(drawn.astype(np.uint8), (size, size)),
    )


def _shape(plane: np.ndarray) -> str:
    return " x ".join(map(str, plane.shape))


def _manifest(path: Path) -> dict[str, Any]:
    """The values of the manifest; {} without one."""
    if not path.is_file():
        return {}
    what = f"manifest {path}"
    found: dict[str, Any] = {}
    for key, (_, node) in entries(read_yaml(path, what), _KEYS, what).items():
        line = line_of(node)
        if key == "tool" and is_text(node):
            found[key] = " ".join(node.value.split())[:200]
        elif key == "training_ids" and isinstance(node, yaml.SequenceNode):
            names = [_name(part, f"{what}, line {line}: {key}") for part in node.value]
            found[key] = tuple(dict.fromkeys(names))
        elif key == "sources" and isinstance(node, yaml.MappingNode):
            where = f"{what}, line {line}: {key}"
            found[key] = {
                _name(name, where): _name(slice_id, where) for name, slice_id in node.value
            }
        else:
            form = {"tool": "text", "training_ids": "a list of ids", "sources": "name: slice id"}
            raise InputError(f"{what}, line {line}: {key} must be {form[key]}.")
    return found


def _name(node: yaml.Node, where: str) -> str:
    """A name by its letters: YAML alone would take 010 for 8, and no for false. Raises
    InputError."""
    if not isinstance(node, yaml.ScalarNode) or is_null(node) or not node.value.strip():
        raise InputError(f"{where} holds {shown(node) or 'nothing'} where a name is meant.")
    return plain_text(node.value.strip())
