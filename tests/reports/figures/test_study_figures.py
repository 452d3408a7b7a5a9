"""Figures over settings and of ranks: drawn where the records hold them, with the values that they
show."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from benchmark.spec.protocol import differences, named_protocol
from reports.comparison.inference import infer
from reports.comparison.setting_curves import audit_family
from reports.comparison.study import Study
from reports.figures.by_setting import audit_figure, audit_figures, scarcity_figure, setting_figures
from reports.figures.ranks import (
    cost_plot,
    crosswalk_plot,
    dice_hd95_plot,
    rank_figures,
    ranks_plot,
    ties_plot,
)
from reports.pages.build import joined_groups
from tests.support.made_records import case_row, make_record, summary_of
from tests.support.study import architectures, audit, scarcity, settings, table2


@pytest.fixture(scope="module")
def study():
    """Two seeds of Table II, the settings, networks, training shares and the audit, all on the
    prostate."""
    records = [
        *table2(seeds=2),
        *settings(seeds=2),
        *architectures(seeds=2),
        *scarcity(seeds=2),
        *audit(seeds=1),
    ]
    return Study(list({record.key: record for record in records}.values()))


@pytest.fixture(scope="module")
def inference(study):
    return max(study.comparisons, key=lambda one: len(one.summary.labels)).inference


def ink(path):
    return float((np.asarray(Image.open(path).convert("L")) < 128).mean())


def test_every_suite_has_its_figure_as_png_svg_and_pdf(study, tmp_path):
    drawings = setting_figures(study, tmp_path) + audit_figures(study, tmp_path)
    names = [
        drawing.png.stem.split("-")[-1 if drawing.png.stem.startswith("prostate") else 0]
        for drawing in drawings
    ]
    assert names == ["ratio", "alpha", "size", "architectures", "scarcity", "audit"]
    for drawing in drawings:
        assert 0.005 < ink(drawing.png) < 0.3
        assert drawing.svg.stat().st_size and drawing.pdf.read_bytes().startswith(b"%PDF")
    assert "10: +" in drawings[0].alt and "swin-unetr: +" in drawings[3].alt


def test_figures_over_settings_need_their_runs(tmp_path):
    assert setting_figures(Study(table2(seeds=1)), tmp_path) == []
    without = [record for record in settings(seeds=1) if record.spec.method.ratio]
    assert setting_figures(Study(without), tmp_path) == []  # no none to be held against


def test_the_audit_shows_each_switch_and_scarcity_only_methods_that_all_shares_have(
    study, tmp_path
):
    (protocols,) = study.families["protocol"]
    alt = audit_figure(audit_family(protocols), tmp_path).alt
    steps = 2 + len(differences(named_protocol("released")))
    assert alt.count(":") == 1 + steps and "selection = test: +" in alt and "released: +" in alt
    (shares,) = study.families["training_share"]
    drawing = scarcity_figure(shares, tmp_path)
    text = drawing.svg.read_text(encoding="utf-8")
    assert ">classic deepstack</text>" in text and ">classic gamma</text>" not in text


def test_small_groups_that_a_joined_figure_shows_are_brief(study):
    brief = joined_groups(study)
    whole = [one.group for one in study.comparisons if one.group.id not in brief]
    assert [len(group.methods) for group in whole] == [32]
    assert len(brief) == len(study.comparisons) - 1


def test_rank_figures_are_drawn_once_there_is_enough_to_rank(inference, tmp_path):
    drawings = rank_figures(inference, tmp_path)
    names = [drawing.png.stem.rsplit("-", 1)[1] for drawing in drawings]
    assert names == ["ties", "ranks", "hd95", "crosswalk", "cost"]
    assert all(0.005 < ink(drawing.png) < 0.4 for drawing in drawings)
    few = infer(
        summary_of(
            [make_record(method, fold=fold) for method in ("none", "emitdiff") for fold in range(3)]
        )
    )
    assert rank_figures(few, tmp_path) == []


def test_methods_without_a_common_case_have_no_mean_ranks(tmp_path):
    records = [
        make_record(
            *("classic", name) if name else ("none",),
            rows={f"{name} {fold} {number}": 0.7 + number / 50 for number in range(8)},
            fold=fold,
            seed=seed,
        )
        for name in ("", "noise", "gamma", "mirror", "scale")
        for fold in range(3)
        for seed in (0, 1)
    ]
    drawings = rank_figures(infer(summary_of(records)), tmp_path)
    kinds = [drawing.svg.stem.rpartition("-")[2] for drawing in drawings]
    assert "ranks" in kinds and "ties" not in kinds


def test_rank_figures_without_one_unit_leave_distances_out(tmp_path):
    rows = [case_row(f"c{k}", 0.5 + k / 50, unit="px" if k else "mm") for k in range(8)]
    records = [
        make_record("classic", name, rows=rows, seed=seed, fold=fold)
        for name in ("gamma", "noise", "scale", "rotate", "mirror")
        for seed in (0, 1)
        for fold in range(3)
    ]
    drawings = rank_figures(infer(summary_of(records)), tmp_path)
    assert [drawing.png.stem.rsplit("-", 1)[1] for drawing in drawings] == ["ties", "ranks"]


def test_ties_and_ranks_show_every_method_and_their_numbers(inference):
    figure = Figure()
    ties_plot(figure, inference)
    texts = " ".join(text.get_text() for text in figure.axes[0].texts)
    short = inference.summary.group.short
    assert all(short[label].text in texts for label in inference.labels)
    bars = [line for line in figure.axes[0].lines if line.get_linewidth() == 3]
    assert len(bars) == sum(len(group) > 1 for group in inference.groups)
    figure = Figure()
    ranks_plot(figure, inference)
    rows = inference.rows.sort_values("dice_mean", ascending=False)
    assert [list(line.get_xdata()) for line in figure.axes[0].lines] == rows[
        ["rank_low", "rank_high"]
    ].to_numpy().tolist()
    assert figure.axes[0].texts[0].get_text() == "emitdiff, n = 10"


def test_points_stand_where_the_table_says(inference):
    figure = Figure()
    dice_hd95_plot(figure, inference)
    rows = inference.summary.rows.set_index("method").loc[list(inference.labels)]
    points = np.array([found.get_offsets()[0] for found in figure.axes[0].collections])
    np.testing.assert_allclose(
        points, np.stack([100 * rows["dice_mean"], rows["hd95_mean"]], axis=1)
    )
    figure = Figure()
    cost_plot(figure, inference)
    widths = [bar.get_width() for bar in figure.axes[1].patches]
    segmenter, generator = np.split(np.array(widths), 2)
    assert (segmenter[-1], generator[-1]) == (20.0, 40.0)
    assert (segmenter[0], generator[0]) == (20.0, 0.0)
    figure = Figure()
    alt = crosswalk_plot(figure, inference)
    assert len(figure.axes[0].collections[0].get_offsets()) == len(inference.summary.cases)
    assert "0.875 times ASSD" in alt
