"""A contact sheet: cases of a source with their masks drawn in, to see at once that images and masks belong together.

Callers: `data preview`. Images are shown as a viewer shows them (anterior up, patient right on the left) with the
pixels' true aspect ratio. Not here: figures of results (reports).
"""

import os
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmark.errors import InputError
from benchmark.progress import Report, silent
from datasets.cases import Case
from datasets.intensity import grey_rule
from datasets.source import Source

_OUTLINE, _TEXT, _PAPER = "#ff9f1c", "#d8dee4", "#14181d"
_SLICES, _COLUMNS_2D = 5, 4
_TILE_INCH = 2.1


def contact_sheet(source: Source, out: Path, n: int = 8, report: Report = silent) -> Path:
    """Writes a PNG with `n` cases spread over the source: volumes as five slices through the organ, 2D images as tiles.

    Returns the path. Raises InputError for n below 1 and for damaged cases.
    """
    if n < 1:
        raise InputError(f"a contact sheet needs at least 1 case, not {n}.")
    infos = source.cases()
    places = np.linspace(0, len(infos) - 1, min(n, len(infos))).round().astype(int)
    chosen = [infos[place] for place in places]
    first = source.load(chosen[0].id)
    slices = _SLICES if first.image.shape[0] > 1 else 1
    columns = slices if slices > 1 else _COLUMNS_2D
    rows = -(-len(chosen) * slices // columns)
    figure, axes = _canvas(source, columns, rows, len(chosen), len(infos))
    tiles, modality = iter(axes), source.triplet()[0].upper()
    for done, info in enumerate(chosen, start=1):
        case = first if done == 1 else source.load(info.id)
        grey = grey_rule("ct-window" if modality == "CT" else "volume-percentile", modality, case.image)
        for z in _slices_through_organ(case, slices):
            _draw(next(tiles), case, int(z), grey(case.image[z]))
        report(done, len(chosen))
    return _save(figure, out)


def _canvas(source: Source, columns: int, rows: int, shown: int, total: int) -> tuple[Figure, list[Axes]]:
    width, header = columns * _TILE_INCH + 0.2, 0.62
    height = rows * (_TILE_INCH + 0.2) + header
    figure = Figure(figsize=(width, height), facecolor=_PAPER)
    grid = figure.subplots(rows, columns, squeeze=False)
    figure.subplots_adjust(
        left=0.1 / width, right=1 - 0.1 / width, bottom=0.05 / height, top=1 - header / height - 0.12 / height,
        wspace=0.04, hspace=0.2 / _TILE_INCH,
    )  # fmt: skip
    for axes in grid.flat:
        axes.set_axis_off()
        axes.set_anchor("NW")
    left, top = 0.1 / width, 1 - 0.12 / height
    figure.text(left, top, f"{source.dataset}: {source.title}", color="white", fontsize=11, weight="bold", va="top")
    detail = f"{shown} of {total} cases · mask outlined · licence: {source.licence}"
    figure.text(left, top - 0.24 / height, detail, color=_TEXT, fontsize=7.5, va="top")
    return figure, list(grid.flat)


def _slices_through_organ(case: Case, count: int) -> np.ndarray:
    """`count` slice numbers evenly through the organ, or through the whole volume where the mask is empty."""
    held = np.flatnonzero(case.mask.any(axis=(1, 2)))
    first, last = (held[0], held[-1]) if len(held) else (0, len(case.mask) - 1)
    inset = (last - first) / (2 * count)
    return np.linspace(first + inset, last - inset, count).round().astype(int)


def _draw(axes: Axes, case: Case, z: int, grey: np.ndarray) -> None:
    _, row_spacing, column_spacing = case.spacing
    axes.imshow(grey, cmap="gray", vmin=0, vmax=255, aspect=row_spacing / column_spacing, interpolation="antialiased")
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
