"""Files as hypothesis draws them, each with what a right reading of it is."""

import json
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
from hypothesis import strategies as st
from PIL import Image, ImageOps

ORIENTATION = 274  # EXIF tag


@dataclass(frozen=True)
class Picture:
    """shown: bool (H, W), the foreground of the mask as every viewer shows it."""

    path: Path
    shown: np.ndarray


def _masks(draw) -> np.ndarray:
    height, width = draw(st.integers(2, 9)), draw(st.integers(2, 9))
    seed = draw(st.integers(0, 99))
    mask = np.random.default_rng(seed).random((height, width)) < 0.4
    mask[0, 0], mask[-1, -1] = False, True
    return mask


def _stored(mask: np.ndarray, mode: str, value: int) -> Image.Image:
    """A mask in a mode of PIL; value 1 ... 255, of the foreground."""
    plane = mask.astype(np.uint8) * np.uint8(value)
    empty, full = np.zeros_like(plane), np.full_like(plane, 255)
    if mode == "1":
        return Image.fromarray(mask)
    if mode == "L":
        return Image.fromarray(plane)
    if mode == "I;16":
        return Image.fromarray(plane.astype(np.uint16) * 257)
    if mode == "I":
        return Image.fromarray(plane.astype(np.int32) * 1000)
    if mode == "F":
        return Image.fromarray(plane.astype(np.float32) + np.float32(1e-5) * mask)
    if mode == "P":
        image = Image.fromarray(mask.astype(np.uint8), "P")
        image.putpalette([0, 0, 0, 0, 0, value])
        return image
    if mode == "LA":
        return Image.fromarray(np.dstack([plane, full]))
    if mode == "alpha":
        return Image.fromarray(np.dstack([full, full, full, plane]))
    if mode == "LA alpha":
        return Image.fromarray(np.dstack([empty, plane]))
    order = {"red": 0, "green": 1, "blue": 2}[mode]
    planes = [empty, empty, empty]
    planes[order] = plane
    return Image.fromarray(np.dstack(planes))


MODES = {
    "png": ("1", "L", "I;16", "P", "LA", "alpha", "LA alpha", "red", "green", "blue"),
    "tif": ("1", "L", "I;16", "I", "F", "LA", "alpha", "red", "green", "blue"),
    "bmp": ("1", "L", "P", "red", "green", "blue"),
}


@st.composite
def pictures(draw, folder: Path) -> Picture:
    """A mask that can be read in one way only, in any mode, colour and orientation."""
    kind = draw(st.sampled_from(sorted(MODES)))
    mode, value = draw(st.sampled_from(MODES[kind])), draw(st.integers(1, 255))
    orientation = draw(st.integers(1, 8)) if kind != "bmp" else 1
    mask = _masks(draw)
    image = _stored(mask, mode, value)
    path = folder / f"a.{kind}"
    options: dict = {}
    if orientation > 1:
        # stored as the inverse turn of what is shown
        image.getexif()[ORIENTATION] = {6: 8, 8: 6}.get(orientation, orientation)
        image = ImageOps.exif_transpose(image)
        tag = Image.Exif()
        tag[ORIENTATION] = orientation
        options["exif"] = tag
    image.save(path, **options)
    return Picture(path, mask)


@st.composite
def damaged(draw, whole: bytes) -> bytes:
    """A file with bytes changed, cut or doubled."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(data) - 1))
        action = draw(st.sampled_from(("change", "cut", "double")))
        if action == "change":
            data[place] = draw(st.integers(0, 255))
        elif action == "cut" and place > 4:
            del data[place:]
        else:
            data[place:place] = data[place : place + 16]
    return bytes(data)


@dataclass(frozen=True)
class Volume:
    """foreground: bool (x, y, z) as stored; spacing_mm: along the stored axes; problem: whether the
    file must be refused as a label."""

    path: Path
    foreground: np.ndarray
    spacing_mm: np.ndarray
    refused: bool


DTYPES = ("u1", "i2", "u2", "i4", "u4", "f4", "f8", "i8", "c8", "rgb")


@st.composite
def volumes(draw, folder: Path) -> Volume:
    """A label map with any type, scale, unit, affine, and pixdim beside it."""
    shape = tuple(draw(st.lists(st.integers(2, 5), min_size=3, max_size=3)))
    channels = draw(st.sampled_from((0, 0, 0, 1, 2)))
    dtype = draw(st.sampled_from(DTYPES))
    foreground = np.random.default_rng(draw(st.integers(0, 99))).random(shape) < 0.4
    data = foreground.astype("u1")
    if dtype == "rgb":
        stored = np.zeros(shape, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    else:
        stored = data.astype(dtype)
    if channels:
        stored = np.stack([stored] * channels, axis=-1)
    sides = np.array(draw(st.lists(st.sampled_from((0.5, 1, 3)), min_size=3, max_size=3)))
    flips = np.array(draw(st.lists(st.sampled_from((1, -1)), min_size=3, max_size=3)))
    order = draw(st.permutations(range(3)))
    affine = np.eye(4)
    affine[:3, :3] = np.diag(sides * flips)[order]
    affine[:3, 3] = (3, -4, 50)
    unit, per = draw(st.sampled_from((("mm", 1.0), ("micron", 0.001), ("meter", 1000.0))))
    image = nibabel.Nifti1Image(stored, affine, dtype=stored.dtype)
    image.header.set_xyzt_units(unit)
    by_qform = draw(st.booleans())  # whose sides are those of pixdim
    image.set_qform(affine, int(by_qform))
    image.set_sform(affine, int(not by_qform))
    if dtype not in ("rgb", "c8", "i8", "f8") and draw(st.booleans()):
        image.header.set_slope_inter(draw(st.sampled_from((1.0000001, 0.9999999, 1.0))), 0)
    kind = draw(st.sampled_from((".nii", ".nii.gz")))
    path = folder / f"a{kind}"
    nibabel.save(image, path)
    if kind == ".nii":
        raw = bytearray(path.read_bytes())
        pixdim = draw(st.sampled_from((None, (1, 1, 1), (0, 0, 0), (0.6, 0.6, 9))))
        if pixdim is not None:
            raw[80:92] = np.array(pixdim, "f4").tobytes()
            sides = np.array(pixdim, float) if by_qform else sides
        path.write_bytes(raw)
    refused = channels > 1 or dtype in ("c8", "rgb") or 0 in sides
    return Volume(path, foreground, np.round(sides * per, 6), refused)


KEYS = (
    "dataset title licence images masks image_suffix mask_suffix msd modality organ category group"
    " stratum spacing_mm labels other"
)
_SCALARS = st.one_of(
    st.text(max_size=12),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.sampled_from(
        ("breast", "pictures", "masks", "~nobody", "../..", "/", "(a+)+$", "^(p\\d)", "_m", "1e5")
    ),
)


@st.composite
def yaml_texts(draw) -> bytes:
    """Lines of known keys with values of any kind, sound or broken, in several encodings."""
    lines = ["dataset: breast", "title: ours", "images: pictures", "masks: masks"]
    lines = lines[draw(st.integers(0, 2)) :]
    for _ in range(draw(st.integers(0, 4))):
        key = draw(st.sampled_from(KEYS.split()))
        value = draw(st.one_of(_SCALARS, st.lists(_SCALARS, max_size=3)))
        form = draw(st.sampled_from(("json", "plain", "tag", "anchor")))
        shown = json.dumps(value) if form == "json" else str(value)
        mark = {"tag": "!!int ", "anchor": "&a "}.get(form, "")
        lines.append(f"{key}: {mark}{shown}")
    text = "\n".join(lines)
    encoding = draw(st.sampled_from(("utf-8", "utf-8-sig", "utf-16", "cp1252")))
    return text.encode(encoding, errors="replace")
