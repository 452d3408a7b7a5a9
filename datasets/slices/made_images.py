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

from benchmark.core.errors import InputError
from benchmark.core.texts import some
from benchmark.core.yaml_text import entries, line_of, read_yaml, value_of
from datasets.cases import natural_key
from datasets.files import raster
from datasets.files.fingerprint import folder_fingerprint
from datasets.files.masks import read_mask
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
        digests."""
        files = {f"images/{name}": path for name, path in self.images.items()}
        files |= {f"masks/{name}": path for name, path in self.masks.items()}
        declared = None if self.training_ids is None else list(self.training_ids)
        return folder_fingerprint(files, {"training_ids": declared}, cache)

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
        if not raster.is_image_file(path):
            continue
        if path.stem in found:
            raise InputError(f"{folder} holds two files for '{path.stem}'; remove one.")
        found[path.stem] = path
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
        try:
            value = value_of(node)
        except ValueError as error:
            raise InputError(
                f"{what}, line {line}: {key} {error}; quote what is a name."
            ) from error
        if key == "tool" and isinstance(value, str):
            found[key] = " ".join(value.split())[:200]
        elif key == "training_ids" and isinstance(value, list):
            found[key] = tuple(dict.fromkeys(map(str, value)))
        elif key == "sources" and isinstance(value, dict):
            found[key] = {str(name): str(source) for name, source in value.items()}
        else:
            form = {"tool": "text", "training_ids": "a list of ids", "sources": "name: slice id"}
            raise InputError(f"{what}, line {line}: {key} must be {form[key]}.")
    return found
