"""How every figure looks and is written: size, style, colours, and the same drawing as SVG, PNG and
PDF.

On white, readable in print, and told apart without colour by labels and markers; an SVG turns dark
with its reader's screen. The same records give the same bytes. The SVG keeps its text as text:
small, and readable by machines; PNG and PDF carry their glyphs.
"""

import contextlib
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Literal

import matplotlib as mpl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

# Of what belongs to no single method. Methods bring colours of their own; all are Okabe and Ito's,
# told apart with every common colour blindness.
GREEN, BLUE = "#009e73", "#56b4e9"
WIDTH_INCHES = 6.0
WRAPPED = 88  # letters of a line above a figure
DPI = 160
KINDS = ("svg", "png", "pdf")
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
    "svg.fonttype": "none",
}
# Verdana has the widths of DejaVu, where that is not installed
_FONTS = "'DejaVu Sans', Verdana, Arial, sans-serif"
_STYLED = re.compile(r' style="([^"]*)"')
_GREY = re.compile(r"#([0-9a-f]{2})\1\1(?![0-9a-f])")
# where a hundredth of a point is enough
_PLACES = re.compile(r'\s(?:d|x|y|transform|points)="[^"]*"')
_NO_TURN = re.compile(r' transform="rotate\(-?0 [^"]*\)"')
_NAMED_GROUP = re.compile(r'<g id="[^"]*"')
_EMPTY_GROUP = re.compile(r"<g(?:/>|>\s*</g>)\n?")
_LONG_ID = re.compile(r"(?<=[#\"])[mp][0-9a-f]{10}(?=[\")])")
# points of one look: the look is said once, of their group
_POINTS = re.compile(r'<g( clip-path="[^"]*")?>\n((?:<use [^>]*? class="(s\d+)"/>\n)+)</g>')
_kinds: ContextVar[tuple[str, ...]] = ContextVar("kinds", default=KINDS)


@dataclass(frozen=True)
class Drawing:
    """A figure on disk, a heading, and a sentence for those who cannot see it. svg is always there;
    see `only`."""

    svg: Path
    png: Path | None
    pdf: Path | None
    title: str
    alt: str
    size: tuple[int, int]  # width and height, CSS pixels: a page leaves room before it loads it


@contextlib.contextmanager
def only(kinds: Sequence[str]) -> Iterator[None]:
    """Within it, figures are written as these kinds of KINDS alone; "svg" must be among them."""
    token = _kinds.set(tuple(kind for kind in KINDS if kind in kinds))
    try:
        yield
    finally:
        _kinds.reset(token)


def draw(
    folder: Path,
    stem: str,
    title: str,
    heading: str,
    height_inches: float,
    plot: Callable[[Figure], str],
) -> Drawing:
    """Draws one figure into `folder`, which is made if absent.

    plot: fills the figure and returns the text for those who cannot see it. heading: small text on
    top, in lines that fit the figure.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
        figure = Figure(figsize=(WIDTH_INCHES, height_inches), layout=layout)
        FigureCanvasAgg(figure)
        alt = plot(figure)
        whole = heading.replace(" = ", "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}")
        text = "\n" + textwrap.fill(whole, WRAPPED)  # the first line is left to the title
        below = figure.suptitle(text, x=0.012, ha="left", fontsize=9, color="0.25")
        below.set_parse_math(False)
        layout.execute(figure)
        figure.set_layout_engine("none")  # the layout found once holds for every file
        words = textwrap.shorten(title, WRAPPED, placeholder=" …")
        above = figure.text(0.012, below.get_position()[1], words, ha="left", va="top")
        above.set(fontsize=10, fontweight="bold", parse_math=False)
        paths = {kind: folder / f"{stem}.{kind}" for kind in _kinds.get()}
        for kind, path in paths.items():
            _WRITERS[kind](figure, path)
    size = round(96 * WIDTH_INCHES), round(96 * height_inches)
    return Drawing(paths["svg"], paths.get("png"), paths.get("pdf"), title, alt, size)


def _write_svg(figure: Figure, path: Path) -> None:
    drawn = StringIO()
    FigureCanvasSVG(figure).print_svg(drawn, metadata={"Date": None})
    bare = re.sub(r"<metadata>.*?</metadata>", "", drawn.getvalue(), flags=re.DOTALL)
    small = re.sub(r"\n\s+", "\n", bare).replace("'DejaVu Sans'", _FONTS)
    text = _with_classes(_PLACES.sub(_hundredths, small))
    path.write_text(_shorter(text), encoding="utf-8")


def _shorter(svg: str) -> str:
    """The same picture in less than two thirds of the bytes: without names of groups, which
    nothing asks for, empty groups and turns by nothing; ids of two letters; one look for many
    points."""
    bare = _NAMED_GROUP.sub("<g", _NO_TURN.sub("", svg))
    while (fewer := _EMPTY_GROUP.sub("", bare)) != bare:
        bare = fewer
    ids = {name: f"i{place}" for place, name in enumerate(dict.fromkeys(_LONG_ID.findall(bare)))}
    return _POINTS.sub(_of_one_look, _LONG_ID.sub(lambda found: ids[found[0]], bare))


def _of_one_look(found: re.Match) -> str:
    clip, points, last = found.groups()
    alone = f' class="{last}"'
    if points.count(alone) != points.count("<use "):
        return found[0]
    return f"<g{clip or ''}{alone}>\n{points.replace(alone, '')}</g>"


def _with_classes(svg: str) -> str:
    """Styles that many elements repeat, which are half of a file, as classes of one style sheet;
    and those with a grey, which turns over where the reader's screen is dark."""
    counts = Counter(_STYLED.findall(svg)).most_common()
    kept = [style for style, count in counts if count > 2 or _for_dark(style) != style]
    names = {style: f"s{number}" for number, style in enumerate(kept)}
    sheet = "".join(f".{name}{{{style}}}" for style, name in names.items())
    dark = "".join(
        f".{name}{{{_for_dark(style)}}}"
        for style, name in names.items()
        if _for_dark(style) != style
    )
    sheet += f"@media (prefers-color-scheme: dark){{svg{{fill:{_turned('00')}}}{dark}}}"
    short = _STYLED.sub(
        lambda found: f' class="{names[found[1]]}"' if found[1] in names else found[0], svg
    )
    return short.replace("</defs>", f'<style type="text/css">{sheet}</style>\n</defs>', 1)


def _for_dark(style: str) -> str:
    """A style on a dark ground: its greys turned over, colours as they are."""
    return _GREY.sub(lambda found: _turned(found[1]), style)


def _turned(grey: str) -> str:
    """Black becomes nearly white and white the ground of the pages; grey: two hexadecimal
    digits."""
    share = int(grey, 16) / 255
    ends = zip((0xE6, 0xE8, 0xEA), (0x14, 0x17, 0x1A), strict=True)
    return "#" + "".join(f"{round(black + share * (white - black)):02x}" for black, white in ends)


def _hundredths(found: re.Match) -> str:
    return re.sub(r"(\.\d\d)\d+", r"\1", found[0])


def _write_png(figure: Figure, path: Path) -> None:
    figure.set_dpi(DPI)
    FigureCanvasAgg(figure).print_png(path)


def _write_pdf(figure: Figure, path: Path) -> None:
    from matplotlib.backends.backend_pdf import FigureCanvasPdf  # slow to import, and large

    FigureCanvasPdf(figure).print_pdf(path, metadata={"CreationDate": None})


# The canvases are called themselves: Figure.savefig draws each figure once more to lay it out,
# which is done already.
_WRITERS = {"svg": _write_svg, "png": _write_png, "pdf": _write_pdf}


def row_labels(labels: Sequence[str], *, width: int = 30, lines: int = 2) -> list[str]:
    """Labels as they fit beside a figure: wrapped, and cut after so many lines; those that become
    alike are numbered."""
    # of its settings; a column of a table has more room
    short = [label.replace("generator ", "") for label in labels]
    cut = [
        textwrap.fill(label, width, max_lines=lines, placeholder=" …", break_long_words=False)
        for label in short
    ]
    alike = Counter(cut)
    return [f"[{place + 1}] {text}" if alike[text] > 1 else text for place, text in enumerate(cut)]


def rows_height(labels: Sequence[str], each: float) -> float:
    """Inches of so many rows of such labels: `each` for one line, more for labels of two."""
    return sum(max(each, 0.16 * (1 + label.count("\n")) + 0.04) for label in labels)


def name_rows(axes: Axes, labels: Sequence[str]) -> None:
    """Names at the left of a figure whose rows stand at 0, 1, ... from the top.

    They are texts, not the labels of ticks: a tick has two texts and three lines, and is measured
    eight times.
    """
    axes.set_yticks([])
    axes.set_ylim(len(labels) - 0.5, -0.5)
    beside, up, across = axes.get_yaxis_text1_transform(mpl.rcParams["ytick.major.pad"])
    look = {"fontsize": mpl.rcParams["ytick.labelsize"], "color": mpl.rcParams["ytick.color"]}
    for place, label in enumerate(labels):
        text = axes.text(0, place, label, transform=beside, va=up, ha=across, **look)
        text.set_parse_math(False)


def broken_line(ends: Sequence[tuple[float, float]]) -> list[float]:
    """Pairs of ends as the coordinates of one line that is interrupted between them: one line is
    drawn much faster than many."""
    return [value for low, high in ends for value in (low, high, float("nan"))]


def tidy(axes: Axes, grid: Literal["x", "y", "both"]) -> None:
    """No frame on top and right, faint grid lines along "x", "y" or "both", behind the data."""
    sns.despine(ax=axes)
    axes.grid(axis=grid, color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
