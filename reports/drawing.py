"""How every figure looks and is written: size, style, colours, and the same drawing as PNG, SVG and PDF.

On white, readable in print, and told apart without colour by labels and markers. The same records give the same bytes.
Callers: figures, ablations, rank_figures, panels.
"""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

# Okabe and Ito's colours, told apart with every common colour blindness.
COLOURS = {
    "none": "#8c8c8c",
    "classic": "#56b4e9",
    "unconditional": "#e69f00",
    "pix2pix": "#cc79a7",
    "emitdiff": "#009e73",
    "own": "#d55e00",
}
MARKERS = {"none": "s", "classic": "o", "unconditional": "^", "pix2pix": "v", "emitdiff": "D", "own": "P"}
WIDTH_INCHES = 6.4
DPI = 160
KINDS = ("png", "svg", "pdf")
STYLE = {
    **sns.axes_style("ticks"),
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.labelsize": 9.5,
    "axes.linewidth": 0.8,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "axes.labelpad": 6,
    "svg.hashsalt": "report",  # ids in the SVG follow from the drawing, not from a random number
}
_METADATA = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


@dataclass(frozen=True)
class Drawing:
    """A figure on disk: one drawing as PNG, SVG and PDF, a heading, and a sentence for those who cannot see it."""

    png: Path
    svg: Path
    pdf: Path
    title: str
    alt: str


def draw(
    folder: Path, stem: str, title: str, heading: str, height_inches: float, plot: Callable[[Figure], str]
) -> Drawing:
    """Draws one figure into `folder`, which is made if absent.

    plot: fills the figure and returns the text for those who cannot see it. heading: small text on top, in lines that
    fit the figure.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
        figure = Figure(figsize=(WIDTH_INCHES, height_inches), layout=layout)
        FigureCanvasAgg(figure)
        alt = plot(figure)
        text = textwrap.fill(heading, 98)
        figure.suptitle(text, x=0.012, ha="left", fontsize=9, color="0.25", parse_math=False)
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # the layout found once holds for every file
        paths = {kind: folder / f"{stem}.{kind}" for kind in KINDS}
        for kind, path in paths.items():
            figure.savefig(path, dpi=DPI, metadata=_METADATA[kind])
    return Drawing(**paths, title=title, alt=alt)


def tidy(axes: Axes, grid: str) -> None:
    """No frame on top and right, faint grid lines along "x", "y" or "both", behind the data."""
    sns.despine(ax=axes)
    axes.grid(axis=grid, color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
