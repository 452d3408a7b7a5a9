"""Statistics of a group as tables and sentences. The numbers are those of inference.py."""

from collections.abc import Sequence
from pathlib import Path

from reports.comparison.format import (
    ABSENT,
    p_text,
    points_text,
    rank_range,
    rounded,
    verdict_words,
    with_interval,
)
from reports.comparison.inference import Inference, Noise
from reports.statistics.paired import ALPHA
from reports.statistics.power import POWER
from reports.statistics.verdicts import LEAST_SEEDS
from reports.tables.csv_files import write_frame
from reports.tables.tables import Table


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
            "ties": row["ties"] or ABSENT,
            "rank": rank_range(row["rank_low"], row["rank_high"]),
        }
        for name, words in against.items():
            numbers = (row[f"{name}_{part}"] for part in ("difference", "low", "high"))
            cells[f"to {words}, points [95 % CI]"] = with_interval(*numbers)
            cells[f"p (Holm), {name.replace('_', ' ')}"] = p_text(row[f"{name}_p_holm"])
            verdict = verdict_words(row[f"{name}_verdict"], inference.margin)
            cells[f"verdict, {name.replace('_', ' ')}"] = verdict
            detectable = rounded(row[f"{name}_detectable"], 1, 100)
            cells[f"smallest detectable, {name.replace('_', ' ')}, points"] = detectable
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
    verdicts, margin = inference.verdicts, inference.margin
    tests, out = verdicts.tests, inference.out_of_reach
    notes = [
        f"Two methods are told apart if the p of a t test is below {ALPHA:g} after Holm's"
        f" correction over all {tests} pairs of methods with all folds and at least {LEAST_SEEDS}"
        " seeds. Verdicts, letters and ranks all follow from these tests: methods that share a"
        " letter have no clear difference, and a rank range leaves out the ranks that a verdict"
        " excludes."
        " Other methods have too few runs for a verdict.",
        "Runs of the same fold and seed are compared, case by case; cases of one patient count as"
        " one. The standard error holds the cases and the trainings: it says what other test cases"
        " of this kind and other seeds would change.",
        f"Smallest detectable: the true difference that these runs show in {100 * POWER:g} % of"
        f" repetitions, corrected for {max(tests, 1)} pairs. A smaller difference that is not told"
        " apart is no sign that there is none.",
        f"Equal: the 90 % interval lies within {points_text(margin)} of 0."
        + (
            f" For {out} of {tests} pairs that is out of reach: the interval is wider than that."
            if out
            else ""
        ),
        *_design_sentence(inference),
    ]
    if inference.best_classic:
        notes.append(
            "The best classic method is chosen by its mean on these same cases, which favours it a"
            " little."
        )
    return notes + noise_sentences(inference.noise)


def _design_sentence(inference: Inference) -> list[str]:
    """What more seeds would bring; nothing where the trainings' part is not known."""
    design, margin = inference.design, inference.margin
    if design is None or not design.training_degrees:
        return []
    one, three, many = (rounded(design.detectable(seeds), 1, 100) for seeds in (1, 3, None))
    text = (
        f"Two methods of average variance, as a single pair: 1 seed shows {one} points, 3 seeds"
        f" {three}, any number of seeds {many}, for then the {design.cases} cases are what limits"
        " it."
    )
    if not design.can_be_equal(margin):
        text += (
            f" With {design.cases} cases no number of seeds can show that two such methods are"
            f" equal within {points_text(margin)}."
        )
    return [text]


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
    write_frame(
        inference.rows.assign(margin=inference.margin, best_classic=inference.best_classic), path
    )
    return path
