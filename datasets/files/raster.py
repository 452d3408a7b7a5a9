"""2D image files (PNG, BMP, JPEG, TIFF) as arrays.

Masks come as 1-bit, grey, palette, RGB and RGBA files; read without care and divided by 255, a
1-bit mask is all zero (Q29). Not here: which files belong together.
"""

import os
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from benchmark.core.errors import InputError
from benchmark.core.texts import one_line_of

SUFFIXES = (".png", ".bmp", ".jpg", ".jpeg", ".tif", ".tiff")
READ_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
_GREY_MODES = ("L", "I", "F", "I;16", "I;16B", "I;16L")


def _read(path: Path) -> Image.Image:
    try:
        with warnings.catch_warnings():
            # PIL only warns of an image of absurd size; that image is no medical slice.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                image.load()
                return image
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; restore the file.") from error
    except READ_ERRORS as error:
        raise InputError(
            f"cannot read the image {path}: {one_line_of(error)}; replace it by a good copy."
        ) from error


def read_grey(path: Path) -> np.ndarray:
    """The image as float32 (1, H, W); colour becomes ITU-R 601 luminance (0-255), 16-bit and float
    files stay as is."""
    image = _read(path)
    if image.mode not in _GREY_MODES:
        # Palette files go through RGB: their values are indices, not greys.
        image = (
            image.convert("RGB").convert("L") if image.mode in ("P", "PA") else image.convert("L")
        )
    return np.asarray(image, dtype=np.float32)[None]


def read_labels(path: Path) -> np.ndarray:
    """The mask's values as int32 (1, H, W): 0/1 for a 1-bit file, else its grey values;
    transparency is ignored."""
    image = _read(path)
    if image.mode == "1":
        return np.asarray(image, dtype=np.int32)[None]
    if image.mode in _GREY_MODES:
        values = np.asarray(image)
        if values.dtype.kind == "f" and not np.array_equal(values, np.rint(values)):
            raise InputError(f"the mask {path} holds fractions; store whole numbers.")
        return values.astype(np.int32)[None]
    if image.mode in ("P", "PA"):
        image = image.convert("RGB")
    return np.asarray(image.convert("L"), dtype=np.int32)[None]


def write_mask_png(mask: np.ndarray, out: Path) -> Path:
    """Writes uint8 (1, H, W) or (H, W) in {0, 1} as a grey PNG with 0 and 255; returns the path."""
    plane = np.asarray(mask).reshape(mask.shape[-2:])
    out = out if out.suffix == ".png" else out.with_name(out.name + ".png")
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.part")
    Image.fromarray((plane > 0).astype(np.uint8) * 255).save(temporary, format="PNG")
    os.replace(temporary, out)
    return out
