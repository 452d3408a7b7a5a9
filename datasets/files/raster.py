"""2D image files (PNG, BMP, JPEG, TIFF) as arrays, turned as viewers show them.

Masks come as 1-bit, grey, palette, RGB and RGBA files; read without care and divided by 255, a
1-bit mask is all zero (Q29). What cannot be read in one way only is refused: several pages, soft
transparency, colours of 16 bits, channels without a meaning. Not here: which files belong together.
"""

import os
import warnings
from pathlib import Path
from typing import BinaryIO
from unicodedata import category

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from benchmark.core.errors import InputError
from datasets.files.labels import readable, whole_numbers
from datasets.files.names import is_file, is_folder, is_left_behind

SUFFIXES = (".png", ".bmp", ".jpg", ".jpeg", ".tif", ".tiff")
_FORMATS = ("PNG", "BMP", "JPEG", "MPO", "TIFF")
_GREY_MODES = ("L", "I", "F", "I;16", "I;16B", "I;16L")
_COLOUR_MODES = ("L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX")
_STEP, _WHITE_IS_0 = "grey levels per stored level", "white is 0"  # kept in the info of an image
# Labels of colours lie above all grey levels: this plus red, green and blue in a byte each.
COLOUR = 1 << 24
_PHOTOMETRIC, _SAMPLES, _EXTRA_SAMPLES, _SAMPLE_FORMAT, _DEPTH = 262, 277, 338, 339, 32997  # TIFF


def is_image_file(path: Path) -> bool:
    """Whether a file is an image by its name ("._a.png" of macOS is none)."""
    return path.suffix.lower() in SUFFIXES and not is_left_behind(path) and is_file(path)


def check_entry(path: Path) -> None:
    """Raises InputError for the name of an image that leads to no file, and for one that would
    break the lines of a table."""
    if path.suffix.lower() in SUFFIXES and not is_file(path) and not is_folder(path):
        raise InputError(
            f"{path} leads to no file that can be opened; restore what it links to, allow it to be"
            f" read, or remove it."
        )
    if any(category(letter) == "Cc" for letter in path.name):
        raise InputError(
            f"{path.parent} holds the name {path.name!r} with a control letter; rename the file."
        )


def read_grey(path: Path) -> np.ndarray:
    """The image as float32 (1, H, W); colour becomes ITU-R 601 luminance (0-255), 16-bit and float
    files stay as is."""
    return read_native(path).astype(np.float32)


def read_native(path: Path) -> np.ndarray:
    """The image (1, H, W): uint8 for files of 8 bits and fewer, and for colours their ITU-R 601
    luminance; deeper grey files in their own type. Raises InputError for transparent pixels, whose
    grey level is nobody's."""
    image = _read(path)
    if image.mode in _GREY_MODES and not _is_transparent(image):
        return np.asarray(image)[None]
    with readable(path, f"cannot read the colours of the image {path}"):
        if _is_transparent(image):
            image = image.convert("RGBA")
            if np.asarray(image)[..., 3].min() < 255:
                raise InputError(
                    f"the image {path} has transparent pixels, whose grey level is not defined;"
                    f" store it without transparency."
                )
        if image.mode in ("P", "PA", "RGBX"):  # the values of palette files are no grey levels
            image = image.convert("RGB")
        return np.asarray(image.convert("L"))[None]


def read_labels(path: Path) -> np.ndarray:
    """The mask's labels as int32 (1, H, W): 0/1 for a 1-bit file, grey levels, the numbers of a
    palette's entries, and for each colour a number of its own above `COLOUR`; transparent pixels
    are 0.

    A file of one colour carries its mask in the transparency. Raises InputError where colours and
    transparency can be read in more than one way.
    """
    image = _read(path)
    if image.mode == "1" and image.info[_WHITE_IS_0]:
        # tifffile and scikit-image write True as black.
        raise InputError(
            f"the mask {path} has 1 bit and stores white as 0, so either of the two may be the"
            f" foreground; store it with 8 bits and 0 outside."
        )
    if image.mode == "P" and not image.has_transparency_data and _is_by_number(image):
        return np.asarray(image).astype(np.int32)[None]
    if image.mode == "1" or (image.mode in _GREY_MODES and not _is_transparent(image)):
        levels = whole_numbers(np.asarray(image), path).astype(np.int32)
        return levels[None] // image.info[_STEP]
    if image.mode not in _COLOUR_MODES:
        raise InputError(
            f"the mask {path} has colours of mode {image.mode}; store it as grey or RGB."
        )
    with readable(path, f"cannot read the colours of the mask {path}"):
        if image.mode == "RGBX":
            image = image.convert("RGB")
        rgba = np.asarray(image.convert("RGBA")).astype(np.int32)
    return _colour_labels(rgba, path)[None]


def _is_by_number(image: Image.Image) -> bool:
    """Whether the numbers of a palette's entries are the labels, and its colours are for the eye.

    They are not where the colours are grey levels, or where black is another entry than the first,
    which is then the background: programs that shrink files sort palettes anew. Entries of one
    colour can be told apart by their numbers alone.
    """
    numbers = np.unique(np.asarray(image))
    palette = np.zeros((256, 3), np.uint8)
    given = np.asarray(image.getpalette() or [], np.uint8).reshape(-1, 3)[:256]
    palette[: len(given)] = given
    used = palette[numbers]
    if len(np.unique(used, axis=0)) < len(used):
        return True
    is_grey = bool((used == used[:, :1]).all())
    black = numbers[(used == 0).all(1)]
    return not is_grey and not black.any()


def write_mask_png(mask: np.ndarray, out: Path) -> Path:
    """Writes uint8 (1, H, W) or (H, W) in {0, 1} as a grey PNG with 0 and 255; returns the path."""
    plane = np.asarray(mask).reshape(mask.shape[-2:])
    out = out if out.suffix == ".png" else out.with_name(out.name + ".png")
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.part")
    Image.fromarray((plane > 0).astype(np.uint8) * 255).save(temporary, format="PNG")
    os.replace(temporary, out)
    return out


def _read(path: Path) -> Image.Image:
    """The decoded picture, turned by its orientation tag."""
    with warnings.catch_warnings(), readable(path, f"cannot read the image {path}"):
        # PIL only warns of an image of absurd size; that image is no medical slice.
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        # Of a path, PIL maps plain TIFF files into memory in the size after their orientation tag,
        # which scrambles them; of a stream it does not.
        with path.open("rb") as file, _opened(file, path) as image:
            if problem := _ambiguity(image):
                raise InputError(f"the image {path} {problem}.")
            stored = _stored_as(image)
            white_is_0 = _tiff_tag(image, _PHOTOMETRIC, 1) == 0
            unsigned = image.mode == "I" and _tiff_tag(image, _SAMPLE_FORMAT, 1) == 1
            image.load()
            if unsigned and np.asarray(image).min() < 0:  # PIL has no unsigned numbers of 32 bits
                raise InputError(f"the image {path} holds numbers above 2147483647; scale it down.")
            turned = ImageOps.exif_transpose(image)
            turned.info[_WHITE_IS_0] = white_is_0
            # PIL spreads the levels of 2 and 4 bits over 0 to 255.
            turned.info[_STEP] = 85 if "L;2" in stored else 17 if "L;4" in stored else 1
            return turned


def _opened(file: BinaryIO, path: Path) -> Image.Image:
    """The file as PIL opens it, not yet decoded."""
    try:
        return Image.open(file)
    except UnidentifiedImageError:
        is_empty = os.fstat(file.fileno()).st_size == 0
        kind = "the file is empty" if is_empty else "it is damaged or of a kind that is not read"
        raise InputError(
            f"cannot read the image {path}: {kind}; store it anew as PNG, or as TIFF of one channel"
            f" or RGB and at most 32 bits."
        ) from None


def _ambiguity(image: Image.Image) -> str | None:
    """What of an opened, not yet decoded file PIL would drop or turn around without a word."""
    if image.format not in _FORMATS:
        return f"is {image.format}; store it as PNG"
    pages = getattr(image, "n_frames", 1)
    if pages > 1 and image.format != "MPO":  # the first picture of a MPO is the photograph
        return f"holds {pages} pages; store one image per file"
    if (planes := _tiff_tag(image, _DEPTH, 1)) not in (None, 1):
        return f"is a volume of {planes} planes; store one image per file"
    nameless = _nameless_channels(image)
    if nameless:
        return (
            f"has {nameless} of {_tiff_tag(image, _SAMPLES, 1)} channels without a meaning, which"
            f" would be left out; store one channel, or RGB"
        )
    # In BMP, 16 bits are those of all three colours.
    deep = image.format != "BMP" and ";16" in _stored_as(image)
    if deep and not image.mode.startswith("I"):
        return (
            "has colours of 16 bits, of which only 8 would be read; store it as grey of 16 bits"
            " or as colours of 8 bits"
        )
    if image.mode not in ("1", "L") and _tiff_tag(image, _PHOTOMETRIC, 1) == 0:
        return "stores white as 0; store it with black as 0"
    if image.mode == "L" and _tiff_tag(image, _SAMPLE_FORMAT, 1) == 2:
        return "holds signed numbers of 8 bits, which would be read as unsigned; store 16 bits"
    return None


def _stored_as(image: Image.Image) -> str:
    """How the file stores its samples, in PIL's words: "L;4" is grey of 4 bits."""
    return " ".join(str(tile[3]) for tile in getattr(image, "tile", ()))


def _nameless_channels(image: Image.Image) -> int:
    """How many channels of a TIFF are neither a colour nor transparency: PIL drops them, though
    they may be the classes of a mask."""
    samples = _tiff_tag(image, _SAMPLES, 1)
    if samples is None:
        return 0
    extra = getattr(image, "tag_v2", {}).get(_EXTRA_SAMPLES, ())
    named = sum(kind in (1, 2) for kind in extra)
    colours = {2: 3, 5: 4, 6: 3, 8: 3}.get(_tiff_tag(image, _PHOTOMETRIC, 1) or 0, 1)
    return max(0, samples - colours - named)


def _tiff_tag(image: Image.Image, number: int, default: int) -> int | None:
    """The first value of a tag; None for a file that is no TIFF."""
    if image.format != "TIFF":
        return None
    found = getattr(image, "tag_v2", {}).get(number, default)
    return found[0] if isinstance(found, tuple) else found


def _is_transparent(image: Image.Image) -> bool:
    """Whether the file has transparency; that of a single deep grey level says nothing of masks."""
    return image.has_transparency_data and not image.mode.startswith(("I", "F", "1"))


def _colour_labels(rgba: np.ndarray, path: Path) -> np.ndarray:
    """int32 (H, W) of a picture int32 (H, W, 4)."""
    red, green, blue, alpha = np.moveaxis(rgba, -1, 0)
    is_grey = (red == green) & (green == blue)
    labels = np.where(is_grey, red, COLOUR | red << 16 | green << 8 | blue)
    visible = alpha > 0
    if visible.all() and (alpha == alpha[0, 0]).all():
        return labels
    if (labels == labels[0, 0]).all():
        return alpha
    if np.unique(alpha[visible]).size > 1:
        raise InputError(
            f"the mask {path} is partly transparent in several degrees; store it without soft"
            f" edges."
        )
    shown = np.where(visible, labels, 0)
    if not shown.any():
        raise InputError(
            f"the mask {path} has colours that are transparent and nothing but black that is"
            f" not; store it without transparency."
        )
    return shown
