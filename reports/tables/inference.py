"""Statistics of a group as tables and sentences. The numbers are those of inference.py."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reports.comparison.format import (
    ABSENT,
    p_equation,
    p_text,
    rank_range,
    rounded,
    with_interval,
)
from reports.comparison.inference import BETTER, EQUAL, OPEN, WORSE, Inference, Noise
from reports.statistics.paired import ALPHA, MARGIN, POWER
from reports.statistics.resampling import RESAMPLES
from reports.tables.csv_files import write_frame
from reports.tables.tables import Table

VERDICT_WORDS = {
    BETTER: "better",
    WORSE: "worse",
    EQUAL: f"equal within {100 * MARGIN:g} point",
    OPEN: "not told apart",
    "": ABSENT,
}


def verdict_table(inference: Inference) -> Table:
    """Per method: tie letters, likely ranks, and the verdicts against `none` and against the best
    classic method."""
    best = (inference.best_classic or "").removeprefix("classic ")
    against = {"none": "none", "best_classic": f"best classic ({best})"}
    if inference.best_classic is None:
        del against["best_classic"]
    if inference.rows["none_difference"].isna().all():
        del against["none"]
    rows = []
    for row in inference.rows.to_dict("records"):
        cells = {
            "method": row["method"],
            "Dice, %": rounded(row["dice_mean"], 1, 100),
            "ties": row["ties"],
            "rank": rank_range(row["rank_low"], row["rank_high"]),
        }
        for name, words in against.items():
            numbers = (row[f"{name}_{part}"] for part in ("difference", "low", "high"))
            cells[f"to {words}, points [95 % CI]"] = with_interval(*numbers)
            cells[f"p (Holm), {name.replace('_', ' ')}"] = p_text(row[f"{name}_p_holm"])
            cells[f"verdict, {name.replace('_', ' ')}"] = VERDICT_WORDS[row[f"{name}_verdict"]]
        if "none" in against:
            cells["smallest detectable, points"] = rounded(row["none_detectable"], 1, 100)
        rows.append(cells)
    return Table.of(rows)


def variance_table(inference: Inference) -> Table:
    """Per method: the share of the variance of Dice that lies between folds, cases, trainings, and
    the rest, %."""
    names = {
        "fold": "folds",
        "case": "cases of a fold",
        "training": "trainings of a fold (seeds)",
        "rest": "rest",
    }
    rows = [
        {"method": row["method"]}
        | {f"{words}, %": rounded(row[f"variance_{name}"], 0, 100) for name, words in names.items()}
        for row in inference.rows.to_dict("records")
    ]
    return Table.of(rows)


def statistics_notes(inference: Inference) -> list[str]:
    """How to read the statistics, and the noise floor, in sentences."""
    notes = [
        "Methods that share a letter are not told apart. Two methods are told apart if the 95 %"
        " interval of their difference excludes 0 and Wilcoxon's signed-rank test by case has p <"
        f" {ALPHA:g} after Holm's correction over all pairs. Ranks by mean Dice: the range that"
        f" holds 95 % of {RESAMPLES:,} resamples of seeds, folds, cases.",
        "Better or worse: the same, with Holm's correction over the methods of the table. Equal:"
        f" the 90 % interval lies within {100 * MARGIN:g} Dice point and two one-sided t tests"
        " agree. The tests take the trained networks as given; only the interval takes in that"
        " another training would give other values.",
        "Smallest detectable: the true difference to none that this design finds in"
        f" {100 * POWER:g} % of repetitions, at the interval's standard error.",
    ]
    if inference.best_classic:
        notes.append(
            "The best classic method is chosen by its mean on these same cases, which favours it a"
            " little."
        )
    if np.isfinite(inference.friedman):
        notes.append(
            f"Friedman's test that all methods rank alike: {p_equation(inference.friedman)}."
        )
    return notes + noise_sentences(inference.noise)


def noise_sentences(noises: Sequence[Noise]) -> list[str]:
    """The noise floor: what runs that should be equal differ by, beside that of the printed
    table."""
    found = []
    for noise in noises:
        size = f"{100 * noise.typical:.2f} points"
        largest = f" (root mean square of {noise.comparisons}; largest {100 * noise.largest:.2f})"
        many = largest if noise.comparisons > 1 else ""
        found.append(f"Noise floor, {noise.what}: mean Dice differs by {size}{many}.")
    if found:
        found.append(
            "In the paper's Table II, three rows that are one configuration in the released code"
            " differ by 0.72 (prostate), 0.76 (spleen) and 0.93 points (breast) (Q4)."
        )
    return found


def write_statistics(inference: Inference, folder: Path) -> Path:
    """The statistics of every method as CSV in full precision; fractions of 1, not points."""
    path = folder / f"{inference.summary.group.slug}-statistics.csv"
    write_frame(inference.rows.assign(margin=MARGIN, best_classic=inference.best_classic), path)
    return path
