"""Contact sheets: cases of a source with their masks drawn in, and slices with what each edge
detector finds there. Images are shown as a viewer shows them (anterior up, patient right on the
left) with the pixels' true aspect ratio. Not here: figures of results (reports)."""

import os
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from benchmark.core.errors import InputError
from benchmark.core.files import check_replaceable
from benchmark.core.progress import Report, silent
from datasets.cases import Case
from datasets.slices.edges import EDGES, HED, make_detector, mask_boundary
from datasets.slices.intensity import grey_rule, resize_linear, resize_nearest
from datasets.sources.base import Source

_OUTLINE, _TEXT, _PAPER = "#ff9f1c", "#d8dee4", "#14181d"
_SLICES, _COLUMNS_2D = 5, 4
_TILE_INCH = 2.1


def contact_sheet(source: Source, out: Path, n: int = 8, report: Report = silent) -> Path:
    """Writes a PNG with `n` cases spread over the source: volumes as five slices through the organ,
    2D images as tiles.

    Returns the path. Raises InputError for n below 1 and for damaged cases.
    """
    check_replaceable(out, b"\x89PNG", "picture")
    if n < 1:
        raise InputError(f"a contact sheet needs at least 1 case, not {n}.")
    infos = source.cases()
    places = np.linspace(0, len(infos) - 1, min(n, len(infos))).round().astype(int)
    chosen = [infos[place] for place in places]
    first = source.load(chosen[0].id)
    slices = _SLICES if first.image.shape[0] > 1 else 1
    columns = slices if slices > 1 else _COLUMNS_2D
    rows = -(-len(chosen) * slices // columns)
    detail = f"{len(chosen)} of {len(infos)} cases · mask outlined · licence: {source.licence}"
    figure, axes = _canvas(source, columns, rows, detail)
    tiles, modality = iter(axes), source.task.words[0].upper()
    for done, info in enumerate(chosen, start=1):
        case = first if done == 1 else source.load(info.id)
        grey = grey_rule(
            "ct-window" if modality == "CT" else "volume-percentile", modality, case.image
        )
        for z in _slices_through_organ(case, slices):
            _draw(next(tiles), case, int(z), grey(case.image[z]))
        report(done, len(chosen))
    return _save(figure, out)


def edge_sheet(
    source: Source,
    out: Path,
    n: int = 4,
    *,
    size: int,
    weights: Path | None = None,
    report: Report = silent,
) -> Path:
    """Writes a PNG with the fullest slice of `n` cases as a generator is conditioned on it, one
    detector per column.

    Slices are prepared at `size` px as runs prepare them; the mask boundary (Q18) stands in orange
    on the detected edges. HED joins with its `weights`. Returns the path. Raises InputError for n
    below 1 and for damaged cases.
    """
    check_replaceable(out, b"\x89PNG", "picture")
    if n < 1:
        raise InputError(f"a sheet of edges needs at least 1 case, not {n}.")
    infos = source.cases()
    chosen = [
        infos[place]
        for place in np.linspace(0, len(infos) - 1, min(n, len(infos))).round().astype(int)
    ]
    detectors = {name: make_detector(name) for name in EDGES} | (
        {HED: make_detector(HED, weights)} if weights else {}
    )
    figure, axes = _canvas(
        source,
        len(detectors) + 1,
        len(chosen),
        f"{len(chosen)} of {len(infos)} cases at {size} px · detected edges,"
        f" mask boundary in orange{'' if weights else ' · HED: data fetch hed'} · licence:"
        f" {source.licence}",
    )
    tiles, modality = iter(axes), source.task.words[0]
    for done, info in enumerate(chosen, start=1):
        case = source.load(info.id)
        z = int(np.argmax(case.mask.sum(axis=(1, 2))))
        image = grey_rule("slice-percentile", modality, case.image)(
            resize_linear(case.image[z], (size, size))
        )
        boundary = mask_boundary(resize_nearest(case.mask[z], (size, size)))
        place = f" · z {z}" if len(case.mask) > 1 else ""
        _tile(next(tiles), image, f"{info.id}{place}")
        for name, detect in detectors.items():
            _tile(next(tiles), _overlaid(detect(image), boundary), name)
        report(done, len(chosen))
    return _save(figure, out)


def _overlaid(edges: np.ndarray, boundary: np.ndarray) -> np.ndarray:
    """uint8 (H, W, 3): edges in grey, the boundary over them in orange, as strong as it is."""
    share = (boundary.astype(np.float32) / 255)[..., None]
    orange = 255 * np.array(to_rgb(_OUTLINE), np.float32)
    return ((1 - share) * edges[..., None] + share * orange).round().astype(np.uint8)


def _tile(axes: Axes, picture: np.ndarray, title: str) -> None:
    axes.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_title(title, color=_TEXT, fontsize=6.5, pad=2.5, loc="left")


def _canvas(source: Source, columns: int, rows: int, detail: str) -> tuple[Figure, list[Axes]]:
    width, header = columns * _TILE_INCH + 0.2, 0.62
    height = rows * (_TILE_INCH + 0.2) + header
    figure = Figure(figsize=(width, height), facecolor=_PAPER)
    grid = figure.subplots(rows, columns, squeeze=False)
    figure.subplots_adjust(
        left=0.1 / width,
        right=1 - 0.1 / width,
        bottom=0.05 / height,
        top=1 - header / height - 0.12 / height,
        wspace=0.04,
        hspace=0.2 / _TILE_INCH,
    )
    for axes in grid.flat:
        axes.set_axis_off()
        axes.set_anchor("NW")
    left, top = 0.1 / width, 1 - 0.12 / height
    figure.text(
        left,
        top,
        f"{source.task.name}: {source.title}",
        color="white",
        fontsize=11,
        weight="bold",
        va="top",
    )
    figure.text(left, top - 0.24 / height, detail, color=_TEXT, fontsize=7.5, va="top")
    return figure, list(grid.flat)


def _slices_through_organ(case: Case, count: int) -> np.ndarray:
    """`count` slice numbers evenly through the organ, or through the whole volume where the mask is
    empty."""
    held = np.flatnonzero(case.mask.any(axis=(1, 2)))
    first, last = (held[0], held[-1]) if len(held) else (0, len(case.mask) - 1)
    inset = (last - first) / (2 * count)
    return np.linspace(first + inset, last - inset, count).round().astype(int)


def _draw(axes: Axes, case: Case, z: int, grey: np.ndarray) -> None:
    _, row_spacing, column_spacing = case.spacing
    axes.imshow(
        grey,
        cmap="gray",
        vmin=0,
        vmax=255,
        aspect=row_spacing / column_spacing,
        interpolation="antialiased",
    )
    mask = case.mask[z]
    if mask.any():
        # A frame of background closes the outline of a mask that touches the border.
        framed = np.pad(mask, 1)
        rows, columns = np.arange(-1, framed.shape[0] - 1), np.arange(-1, framed.shape[1] - 1)
        axes.contour(columns, rows, framed, levels=[0.5], colors=[_OUTLINE], linewidths=0.9)
        axes.set_xlim(-0.5, grey.shape[1] - 0.5)
        axes.set_ylim(grey.shape[0] - 0.5, -0.5)
    place = f" · z {z}" if len(case.mask) > 1 else ""
    empty = " · empty mask" if not case.mask.any() else ""
    axes.set_title(f"{case.info.id}{place}{empty}", color=_TEXT, fontsize=6.5, pad=2.5, loc="left")


def _save(figure: Figure, out: Path) -> Path:
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.part")
    # A picture may have at most 65,535 rows.
    dpi = min(150, int(60_000 / figure.get_figheight()))
    figure.savefig(temporary, dpi=dpi, format="png", facecolor=figure.get_facecolor())
    os.replace(temporary, out)
    return out
