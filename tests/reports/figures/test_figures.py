"""Figures and panels: drawn, legible, the same each time."""

import itertools
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from reports.comparison.inference import infer
from reports.figures import drawing
from reports.figures.by_method import (
    compared_labels,
    dice_plot,
    difference_plot,
    figure_title,
    group_figures,
    hd95_plot,
)
from reports.figures.drawing import row_labels, rows_height
from reports.figures.panels import (
    PREDICTION_COLOUR,
    TRUTH_COLOUR,
    choose_cases,
    prediction_panel,
    synthesis_panel,
    transform_sheet,
)
from reports.figures.ranks import rank_figures
from tests.support.made_records import PHANTOM, case_row, make_record, summary_of, table2_records

SVG = "{http://www.w3.org/2000/svg}"


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB"))


def share_of(image, colour, tolerance=30):
    """Share of pixels near a colour."""
    target = np.array(mpl.colors.to_rgb(colour)) * 255
    return float((np.abs(image - target).max(-1) < tolerance).mean())


@pytest.fixture(scope="module")
def crowded():
    """All methods of Table II and one with a long label, one missed case, and a title full of
    traps."""
    source = PHANTOM.model_copy(
        update={"title": r"phantom $\frac{1}{$ <b>_x_</b> " + "of a long name " * 4}
    )
    records = table2_records(source=source)
    records += [make_record("emitdiff", source=source, ratio=5, alpha=0.3, patch_size=8)]
    lost = case_row("lost", 0.0, missed=True, hd95=60.0)
    records[0] = make_record("none", source=source, rows=[*records[0].cases, lost])
    return summary_of(records)


def test_every_figure_is_drawn_as_png_and_svg_with_content(crowded, tmp_path):
    drawings = group_figures(crowded, tmp_path)
    assert [made.png.stem.rsplit("-", 1)[1] for made in drawings] == ["dice", "hd95", "difference"]
    for made in drawings:
        image = pixels(made.png)
        assert image.shape[1] == round(drawing.WIDTH_INCHES * drawing.DPI)
        assert 0.02 < (image < 128).any(-1).mean() < 0.4
        assert share_of(image, "#ffffff", 2) > 0.5
        assert ElementTree.parse(made.svg).getroot().tag.endswith("svg")
        assert made.pdf.read_bytes().startswith(b"%PDF") and made.alt


def test_the_same_records_give_the_same_bytes(tmp_path):
    summary = summary_of([make_record("none"), make_record("emitdiff")])
    first, second = (group_figures(summary, tmp_path / name) for name in ("a", "b"))
    for a, b in zip(first, second, strict=True):
        assert a.png.read_bytes() == b.png.read_bytes()
        assert a.svg.read_bytes() == b.svg.read_bytes()
        assert a.pdf.read_bytes() == b.pdf.read_bytes()


@pytest.mark.parametrize("plot", [dice_plot, hd95_plot, difference_plot])
def test_labels_do_not_overlap_and_lie_inside(crowded, plot):
    with mpl.rc_context(drawing.STYLE):
        figure = Figure(
            figsize=(drawing.WIDTH_INCHES, 1.45 + 0.31 * len(crowded.labels)), layout="constrained"
        )
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        plot(crowded, axes)
        figure.draw_without_rendering()
        for labels in (axes.texts, axes.get_xticklabels()):
            boxes = [label.get_window_extent() for label in labels]
            assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
        for text in (*axes.texts, axes.xaxis.label):
            box = text.get_window_extent()
            assert box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y0 >= 0


def test_methods_stand_in_the_order_of_the_table(crowded):
    axes = Figure().add_subplot()
    dice_plot(crowded, axes)
    shown = [text.get_text().replace("\n", " ") for text in axes.texts]
    assert shown == [label.text for label in crowded.group.short.values()]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first on top


def test_points_are_the_case_values_and_missed_ones_are_crosses(crowded):
    axes = Figure().add_subplot()
    dice_plot(crowded, axes)
    found, lost = (np.asarray(some.get_offsets()) for some in axes.collections)
    first = [value for value, height in (*found, *lost) if abs(height) < 0.2]
    assert sorted(first) == pytest.approx(sorted(100 * crowded.of("none")["dice"]))
    assert lost[:, 0].tolist() == [0.0] and abs(lost[0, 1]) < 0.2
    assert "missed" in axes.get_xlabel()


def test_the_title_names_dataset_source_rules_and_n(crowded):
    title = figure_title(crowded.group, crowded.values).replace("\N{NO-BREAK SPACE}", " ")
    for words in (
        "prostate",
        "phantom",
        "synthetic images",
        "protocol rigorous",
        "preset smoke",
        "n = 4 to 13 cases",
    ):
        assert words in title


def test_figures_that_would_mislead_are_left_out(tmp_path):
    assert group_figures(summary_of([make_record(error="x")]), tmp_path) == []
    mixed = summary_of([make_record(rows=[case_row("a", 0.5), case_row("b", 0.7, unit="px")])])
    assert [made.png.stem.rsplit("-", 1)[1] for made in group_figures(mixed, tmp_path)] == ["dice"]
    apart = summary_of(
        [make_record("none", rows={"a": 0.5}), make_record("emitdiff", rows={"b": 0.5})]
    )
    assert compared_labels(apart) == []


@pytest.fixture
def slices():
    """k = 3 slices of 32 px with an ellipse, two variants each."""
    y, x = np.mgrid[:32, :32]
    masks = np.stack(
        [((y - 16) ** 2 / (6 + k) ** 2 + (x - 15) ** 2 / 36 < 1) for k in range(3)]
    ).astype(np.uint8)
    images = masks * 120 + 40
    variants = np.stack([images, images + 30], axis=1)
    return {
        "images": images,
        "masks": masks,
        "edges": masks * 255,
        "variants": variants,
        "titles": ["s 1", "s 2", "$s 3"],
    }


def test_synthesis_panel_shows_every_tile_and_the_mask(slices, tmp_path):
    image = pixels(synthesis_panel(slices, tmp_path / "new" / "panel.png"))
    assert image.shape[1] > image.shape[0]
    assert share_of(image, TRUTH_COLOUR) > 0.003
    # background and organ of the real slice and of the second variant
    for grey in (40, 160, 70, 190):
        assert share_of(image, (grey / 255,) * 3, 3) > 0.01


def test_synthesis_panel_refuses_arrays_that_do_not_belong_together(slices, tmp_path):
    with pytest.raises(ValueError, match="do not describe the same slices"):
        synthesis_panel(slices | {"masks": slices["masks"][:2]}, tmp_path / "panel.png")


@pytest.mark.parametrize("methods", [5, 8])
def test_prediction_panel_draws_truth_and_prediction(slices, tmp_path, methods):
    shifted = [np.roll(mask, 3, axis=1) for mask in slices["masks"]]
    cases = {
        "titles": ["best: a", "median: b", "worst: c"],
        "images": list(slices["images"]),
        "truth": list(slices["masks"]),
        "predictions": {f"method {number}": shifted for number in range(methods - 1)}
        | {"empty": [m * 0 for m in shifted]},
    }
    image = pixels(prediction_panel(cases, tmp_path / "panel.png"))
    assert share_of(image, TRUTH_COLOUR) > 0.003
    assert share_of(image, PREDICTION_COLOUR) > 0.001
    assert (image.shape[0] > image.shape[1]) == (methods > 6)


def test_transform_sheet_takes_draws_of_unequal_number(slices, tmp_path):
    sheet = {
        "original": slices["images"][0],
        "original_mask": slices["masks"][0],
        "transforms": {"contrast": slices["images"], "mirror": slices["images"][:1, :, ::-1]},
        "masks": {"mirror": slices["masks"][:1, :, ::-1]},
    }
    image = pixels(transform_sheet(sheet, tmp_path / "sheet.png"))
    assert share_of(image, TRUTH_COLOUR) > 0.002


def test_best_median_and_worst_case_are_among_those_that_all_methods_have():
    records = [
        make_record("none", rows={"a": 0.9, "b": 0.5, "c": 0.7, "only none": 0.1}),
        make_record("emitdiff", rows={"a": 0.8, "b": 0.6, "c": 0.7}),
    ]
    assert choose_cases(summary_of(records)) == [
        ("best", 0, "a"),
        ("median", 0, "c"),
        ("worst", 0, "b"),
    ]
    assert choose_cases(summary_of([make_record(rows={"a": 0.9})])) == [("best", 0, "a")]
    assert choose_cases(summary_of([make_record(error="x")])) == []


def test_labels_beside_a_figure_are_short_and_told_apart():
    long = (
        "emitdiff (generator steps = 800, generator channels = [32, 64, 96, 128], generator batch"
        " = 64, 9 more = {})"
    )
    labels = ["none", long.format("a1b2c3"), long.format("d4e5f6")]
    shown = row_labels(labels)
    assert shown[0] == "none" and len(set(shown)) == 3
    assert all(
        label.count("\n") <= 1 and max(map(len, label.splitlines())) <= 34 for label in shown
    )
    assert rows_height(shown, 0.2) > 0.6


def test_figures_of_many_long_labels_keep_their_axes(tmp_path, recwarn):
    records = [make_record(fold=fold) for fold in range(3)]
    for number in range(9):
        generator = {f"setting_with_a_long_name_{letter}": number for letter in "abcdefgh"}
        method = make_record("emitdiff").spec.method.model_copy(update={"generator": generator})
        records += [make_record(method, fold=fold) for fold in range(3)]
    summary = summary_of(records)
    drawings = [*group_figures(summary, tmp_path), *rank_figures(infer(summary), tmp_path)]
    assert len(drawings) >= 6 and len(set(summary.labels)) == 10
    assert not [warning for warning in recwarn if "collapsed" in str(warning.message)]


def test_an_svg_turns_its_greys_over_on_a_dark_screen_and_keeps_its_colours(crowded, tmp_path):
    text = group_figures(crowded, tmp_path)[0].svg.read_text(encoding="utf-8")
    usual, _, dark = text.partition("@media (prefers-color-scheme: dark){")
    assert dark.startswith("svg{fill:#e6e8ea}") and "#14171a" in dark.partition("</style>")[0]
    assert "#ffffff" in usual and "#ffffff" not in dark.partition("</style>")[0]
    assert "#56b4e9" in usual  # classic


def test_an_svg_says_the_look_of_many_points_once_and_keeps_every_point_and_word(tmp_path):
    words = "m0123456789 is a word"

    def plot(figure):
        axes = figure.add_subplot(title=words)
        axes.scatter(range(40), range(40), color="#56b4e9")
        axes.scatter(range(3), range(3), color=["#56b4e9", "#009e73", "#d55e00"])
        return "points"

    with drawing.only(("svg",)):
        path = drawing.draw(tmp_path, "points", "Points", "forty", 3, plot).svg
    tree, text = ElementTree.parse(path), path.read_text()
    points = [one.get("{http://www.w3.org/1999/xlink}href") for one in tree.iter(f"{SVG}use")]
    ids = {f"#{one.get('id')}" for one in tree.iter() if one.get("id")}
    assert set(points) <= ids and points.count(max(points, key=points.count)) >= 40
    assert len(ids) < 20 and f">{words}<" in text
    (group,) = (one for one in tree.iter(f"{SVG}g") if len(one.findall(f"{SVG}use")) == 40)
    style = next(part for part in text.split(".") if part.startswith(f"{group.get('class')}{{"))
    assert "#56b4e9" in style


def test_every_figure_has_its_title(crowded, tmp_path):
    for made in group_figures(crowded, tmp_path):
        assert made.title in made.svg.read_text(encoding="utf-8")
