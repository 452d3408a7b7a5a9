"""Picture panels: real and synthetic slices side by side, predictions against the truth, and what
transforms do.

Input are plain arrays, so that whoever holds the images (cli) chooses and loads them. Grey values
are shown as they are (0 black, 255 white); contours lie on the mask's border. Not here: reading a
store.
"""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from reports.comparison.summaries import Summary
from reports.figures.drawing import DPI, STYLE

TILE_INCHES = 1.35
MOST_COLUMNS = 6
LABEL_INCHES = 1.25
HEAD_INCHES = 0.42
TRUTH_COLOUR = "#f0e442"
PREDICTION_COLOUR = "#56b4e9"
DARK_GROUND, DARK_INK = "#14171a", "#e6e8ea"  # of the pages on a dark screen


@dataclass(frozen=True)
class Panel:
    """A picture for the page: a PNG or JPEG anywhere on disk, a heading, what is to be seen on it,
    and the names of the methods whose pages show it too."""

    path: Path
    title: str
    caption: str
    methods: tuple[str, ...] = ()


def synthesis_panel(rows: Mapping[str, Any], out: Path) -> Path:
    """k real slices, their edge maps and v synthetic variants each, one slice per row; writes the
    PNG `out`.

    rows: `images`, `masks`, `edges` (k, S, S) and `variants` (k, v, S, S), uint8, masks {0, 1};
    `titles`: k names; `variant_titles`: v headings, for example the phrases ('variant 1' ... if
    absent). The mask is drawn on all but the edge map. Raises ValueError where the shapes do not
    fit together.
    """
    images, masks, edges = (np.asarray(rows[name]) for name in ("images", "masks", "edges"))
    variants, titles = np.asarray(rows["variants"]), list(rows["titles"])
    count = variants.shape[1] if variants.ndim == 4 else -1
    if not images.shape == masks.shape == edges.shape == variants[:, 0].shape or len(titles) != len(
        images
    ):
        raise ValueError(
            f"images {images.shape}, masks {masks.shape}, edges {edges.shape}, variants"
            f" {variants.shape} and {len(titles)} titles do not describe the same slices"
        )
    heads = [
        "real",
        "edge map",
        *rows.get("variant_titles", [f"variant {number + 1}" for number in range(count)]),
    ]
    grid = _Grid(titles, heads)
    for row in range(len(images)):
        grid.show(row, 0, images[row], masks[row])
        grid.show(row, 1, edges[row])
        for column in range(count):
            grid.show(row, 2 + column, variants[row, column], masks[row])
    return grid.save(out, {"mask": (TRUTH_COLOUR, "-")})


def prediction_panel(cases: Mapping[str, Any], out: Path) -> Path:
    """Truth and prediction as contours on the image, one case per row and one method per column;
    writes the PNG `out`.

    With more than MOST_COLUMNS methods the sheet is turned: one method per row, one case per
    column. cases: `titles`: one per case ('worst: prostate_16'); `images`: uint8 (H, W) and
    `truth`: {0, 1} (H, W) per case; `predictions`: {method label: masks {0, 1} (H, W) per case};
    `dice`: {method label: Dice per case}, written on the tiles, may be absent. Cases may differ in
    size.
    """
    predictions: Mapping[str, Sequence[np.ndarray]] = cases["predictions"]
    names = (list(cases["titles"]), list(predictions))
    upright = len(predictions) > MOST_COLUMNS
    grid = _Grid(*reversed(names)) if upright else _Grid(*names)
    dice: Mapping[str, Sequence[float]] = cases.get("dice", {})
    for method, (label, masks) in enumerate(predictions.items()):
        for case, (image, truth, mask) in enumerate(
            zip(cases["images"], cases["truth"], masks, strict=True)
        ):
            place = (method, case) if upright else (case, method)
            axes = grid.show(*place, image, truth)
            _contour(axes, mask, PREDICTION_COLOUR, "--")
            if label in dice:
                _on_tile(axes, f"Dice {100 * dice[label][case]:.1f} %")
    return grid.save(out, {"truth": (TRUTH_COLOUR, "-"), "prediction": (PREDICTION_COLOUR, "--")})


def prompt_title(phrase: str, number: int) -> str:
    """The heading of a variant: 'prompt: "high resolution"', or its number where its prompt adds no
    phrase."""
    return f'prompt: "{phrase}"' if phrase else f"variant {number}"


def transform_sheet(sheet: Mapping[str, Any], out: Path) -> Path:
    """What each transform makes of one slice: one transform per row, k draws beside the original;
    writes the PNG `out`.

    sheet: `original` uint8 (S, S); `transforms`: {name: uint8 (k, S, S)}; optionally
    `original_mask` (S, S) and `masks`: {name: (k, S, S)} in {0, 1}, drawn as contours.
    """
    transforms: Mapping[str, np.ndarray] = sheet["transforms"]
    masks: Mapping[str, np.ndarray] = sheet.get("masks", {})
    draws = max(len(images) for images in transforms.values())
    grid = _Grid(list(transforms), ["original", *(f"draw {number + 1}" for number in range(draws))])
    for row, (name, images) in enumerate(transforms.items()):
        grid.show(row, 0, sheet["original"], sheet.get("original_mask"))
        for column, image in enumerate(images):
            grid.show(row, 1 + column, image, masks[name][column] if name in masks else None)
    legend = {"mask": (TRUTH_COLOUR, "-")} if masks else {}
    return grid.save(out, legend)


def choose_cases(summary: Summary) -> list[tuple[str, int, str]]:
    """(rank, fold, case) of the best, the median and the worst case by mean Dice, among cases that
    all methods have."""
    counts = summary.values.groupby(["fold", "case"])["dice"].agg(["mean", "size"])
    ranked = (
        counts[counts["size"] == len(summary.labels)]
        .sort_values("mean", ascending=False, kind="stable")
        .index
    )
    if ranked.empty:
        return []
    places = {"best": 0, "median": len(ranked) // 2, "worst": len(ranked) - 1}
    # one case may be the best and the worst
    chosen = {place: rank for rank, place in reversed(places.items())}
    return [(rank, *ranked[place]) for place, rank in sorted(chosen.items())]


class _Grid:
    """Tiles with names at the rows and headings at the columns."""

    def __init__(self, rows: Sequence[str], columns: Sequence[str]):
        self._shape = len(rows), len(columns)
        width = LABEL_INCHES + TILE_INCHES * len(columns)
        height = HEAD_INCHES + TILE_INCHES * len(rows) + 0.3
        with mpl.rc_context(STYLE):
            self._figure = Figure(figsize=(width, height))
            self._tiles = self._figure.subplots(len(rows), len(columns), squeeze=False)
            self._figure.subplots_adjust(
                left=LABEL_INCHES / width,
                right=1 - 0.05 / width,
                top=1 - HEAD_INCHES / height,
                bottom=0.3 / height,
                wspace=0.04,
                hspace=0.04,
            )
            for axes in self._tiles.flat:
                axes.set_axis_off()
            self._words = [
                _label(axes, 0.5, 1.05, textwrap.fill(text, 20), ha="center", va="bottom")
                for axes, text in zip(self._tiles[0], columns, strict=True)
            ]
            self._words += [
                _label(axes, -0.06, 0.5, textwrap.fill(text, 17), ha="right", va="center")
                for axes, text in zip(self._tiles[:, 0], rows, strict=True)
            ]

    def show(
        self, row: int, column: int, image: np.ndarray, mask: np.ndarray | None = None
    ) -> Axes:
        axes = self._tiles[row, column]
        axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        if mask is not None:
            _contour(axes, mask, TRUTH_COLOUR, "-")
        return axes

    def save(self, out: Path, legend: Mapping[str, tuple[str, str]]) -> Path:
        out.parent.mkdir(parents=True, exist_ok=True)
        with mpl.rc_context(STYLE):
            if legend:
                lines = [
                    Line2D([], [], color=colour, linestyle=style, path_effects=_OUTLINE)
                    for colour, style in legend.values()
                ]
                key = self._figure.legend(
                    lines,
                    list(legend),
                    loc="lower center",
                    ncols=len(lines),
                    frameon=False,
                    fontsize=8,
                )
                self._words += key.get_texts()
            self._figure.savefig(out, dpi=DPI)
            self._figure.set_facecolor(DARK_GROUND)
            for text in self._words:
                text.set_color(DARK_INK)
            self._figure.savefig(dark_twin(out), dpi=DPI)
        return out


def dark_twin(path: Path) -> Path:
    """Where the same panel for dark screens lies."""
    return path.with_name(f"{path.stem}-dark{path.suffix}")


# A dark edge keeps a light contour visible on white.
_OUTLINE: list[patheffects.AbstractPathEffect] = [
    patheffects.withStroke(linewidth=2.4, foreground="black")
]


def _contour(axes: Axes, mask: np.ndarray, colour: str, style: str) -> None:
    if np.any(mask) and not np.all(mask):
        lines = axes.contour(
            np.asarray(mask, float), levels=[0.5], colors=[colour], linestyles=style, linewidths=1.2
        )
        lines.set_path_effects(_OUTLINE)


def _label(axes: Axes, x: float, y: float, text: str, *, ha: str, va: str) -> Text:
    words = axes.text(x, y, text, ha=ha, va=va, fontsize=8, transform=axes.transAxes)
    words.set_parse_math(False)
    return words


def _on_tile(axes: Axes, text: str) -> None:
    """Words in the lower left corner of a picture, legible on any grey."""
    words = axes.text(0.03, 0.03, text, fontsize=7, color="white", transform=axes.transAxes)
    words.set_path_effects([patheffects.withStroke(linewidth=2, foreground="black")])
