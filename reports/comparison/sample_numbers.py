"""The audits of a group's synthetic images in numbers: fidelity, diversity, label agreement,
memorisation.

Everything comes from `Record.samples`. A case's value is its mean over the runs that hold it: over
seeds, and in the training part over folds too, for a case trains the generators of all folds but
its own. Not here: rounding, layout, how the measures are computed (benchmark/stages/fidelity.py,
benchmark/stages/memorisation.py).
"""

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmark.core.texts import one_line
from benchmark.record.record import Record
from benchmark.record.samples import HELD_OUT, TRAINING, Part, SampleRow, Samples
from reports.comparison.groups import Group, MethodRuns
from reports.comparison.labels import is_as_preset
from reports.comparison.summaries import Summary

MEASURES = {"mae": "MAE", "mse": "MSE", "rmse": "RMSE", "ssim": "SSIM", "ms_ssim": "MS-SSIM"}
FIDELITY = tuple(MEASURES)
ERRORS = ("mae", "mse", "rmse")  # smaller is nearer; the other two grow with likeness
PARTS: tuple[Part, ...] = (HELD_OUT, TRAINING)
LOW_AGREEMENT = 0.7  # samples below it are counted
LEAST_OF_REFERENCE = 0.85  # of the segmenter's own Dice: what label agreement should reach
MOST_COPIED = 0.05  # 1 % is what real slices of other cases have by the threshold's definition
WEAK_JUDGE = 0.5
_ROW_FIELDS = tuple(SampleRow.model_fields)
_NUMBERS = tuple(name for name in _ROW_FIELDS if name not in ("case", "part"))


@dataclass(frozen=True, eq=False)
class AuditedSamples:
    """The audited runs of a group. rows: one row per run, part and case: method (label), fold, seed
    and the SampleRow."""

    summary: Summary
    rows: pd.DataFrame

    @property
    def group(self) -> Group:
        return self.summary.group

    @property
    def methods(self) -> list[MethodRuns]:
        """Those with an audited run, in the order of the table."""
        there = set(self.rows["method"])
        return [runs for runs in self.group.methods if runs.label in there]

    @functools.cached_property
    def distinct(self) -> list[MethodRuns]:
        """The methods without those whose samples are another one's: a filter changes the training,
        not the samples."""
        found: dict[tuple, MethodRuns] = {}
        for runs in self.methods:
            found.setdefault(tuple(one.model_dump_json() for one in samples_of(runs)), runs)
        return list(found.values())

    @functools.cached_property
    def _by_part(self) -> dict[tuple[str, str], pd.DataFrame]:
        return dict(iter(self.rows.groupby(["method", "part"], sort=False)))

    @functools.cached_property
    def _case_means(self) -> dict[tuple[str, str], pd.DataFrame]:
        return {
            key: rows.groupby("case", sort=True)[list(_NUMBERS)].mean()
            for key, rows in self._by_part.items()
        }

    def of(self, label: str, part: str) -> pd.DataFrame:
        return self._by_part.get((label, part), self.rows[:0])

    def case_means(self, label: str, part: str) -> pd.DataFrame:
        """One row per case of a part, every number averaged over the runs that hold the case."""
        return self._case_means.get(
            (label, part), self.rows.loc[self.rows.index[:0], list(_NUMBERS)]
        )

    def mean(self, label: str, part: str, name: str) -> float:
        """Mean over cases; nan where no case has the number."""
        return float(self.case_means(label, part)[name].mean())

    def over_images(self, label: str, part: str, name: str) -> tuple[float, float]:
        """Mean and SD (n - 1) over all images, put together from those of the cases."""
        found = self.of(label, part).dropna(subset=[name])
        count, means, sds = (
            found[column].to_numpy(float) for column in ("images", name, f"{name}_sd")
        )
        total = count.sum()
        if total < 1:
            return float("nan"), float("nan")
        mean = float((count * means).sum() / total)
        squares = float((count * (sds**2 + (means - mean) ** 2)).sum())
        return mean, float(np.sqrt(squares / (total - 1))) if total > 1 else float("nan")

    def histogram(self, label: str, kind: str, part: str) -> np.ndarray:
        """Counts of all runs of a method together; kind: "agreement" or "distance" (parts also
        "real ...")."""
        runs = self.group.by_label[label]
        held = [getattr(one, f"{kind}_histogram").get(part, ()) for one in samples_of(runs)]
        found = [np.array(counts) for counts in held if counts]
        return np.sum(found, axis=0) if found else np.zeros(0, int)

    def share_below(self, label: str, threshold: float, part: Part) -> float:
        """Share of the labelled samples of all runs whose agreement is below a threshold; nan where
        there is none."""
        below, total = 0.0, 0
        for one in samples_of(self.group.by_label[label]):
            share, count = (
                one.share_below(threshold, part),
                sum(one.agreement_histogram.get(part, ())),
            )
            if share is not None:
                below, total = below + share * count, total + count
        return below / total if total else float("nan")

    def run_mean(self, label: str, number: Callable[[Samples], float | None]) -> float:
        """Mean over runs of a number that a run has once; nan where none has it."""
        numbers = [number(one) for one in samples_of(self.group.by_label[label])]
        found = [value for value in numbers if value is not None]
        return float(np.mean(found)) if found else float("nan")

    def by_case(self) -> pd.DataFrame:
        """The rows with the names of the group and the numbers that each run has once
        (`run_...`)."""
        runs = {
            (runs.label, one.spec.fold, one.spec.seed): (one, samples)
            for runs in self.methods
            for one, samples in zip(audited_runs(runs), samples_of(runs), strict=True)
        }
        keys = zip(self.rows["method"], self.rows["fold"], self.rows["seed"], strict=True)
        found = [runs[key] for key in keys]
        pairs = [
            (samples, part) for (_, samples), part in zip(found, self.rows["part"], strict=True)
        ]
        return self.rows.assign(
            dataset=self.group.spec.dataset,
            source=one_line(self.group.spec.source.title),
            rules=self.group.rules,
            run_reference_dice=[one.reference_dice for one, _ in pairs],
            run_copy_threshold=[one.copy_threshold for one, _ in pairs],
            run_share_below=[one.share_below(LOW_AGREEMENT, part) for one, part in pairs],
            run_frechet=[one.frechet.get(part) for one, part in pairs],
            run_frechet_real=[one.frechet.get("real") for one, _ in pairs],
            record=[one.key for one, _ in found],
        )


def audited_samples(summary: Summary) -> AuditedSamples | None:
    """The audits of a group, None where no run was audited. Numbers are float64 with nan for what
    has no meaning."""
    rows = [
        (runs.label, one.spec.fold, one.spec.seed, *(getattr(row, name) for name in _ROW_FIELDS))
        for runs in summary.group.methods
        for one, samples in zip(audited_runs(runs), samples_of(runs), strict=True)
        for row in samples.rows
    ]
    if not rows:
        return None
    frame = pd.DataFrame(rows, columns=["method", "fold", "seed", *_ROW_FIELDS])
    numbers = {name: float for name in _NUMBERS if name not in ("slices", "images")}
    return AuditedSamples(summary, frame.astype(numbers))


def audited_runs(runs: MethodRuns) -> list[Record]:
    """The runs of a method whose samples were audited."""
    return [record for record in runs.done if record.samples]


def samples_of(runs: MethodRuns) -> list[Samples]:
    """The audits of `audited_runs`."""
    return [record.samples for record in runs.done if record.samples]


def absent_audits(runs: MethodRuns) -> str:
    """'missing fold 2 seed 0; not audited: fold 1 seed 0', '' where every run is there and
    audited."""
    without = [f"fold {one.spec.fold} seed {one.spec.seed}" for one in runs.done if not one.samples]
    parts = [runs.absent_text, f"not audited: {', '.join(without)}" if without else ""]
    return "; ".join(part for part in parts if part)


def fidelity_caveats(group: Group, methods: Iterable[MethodRuns]) -> tuple[str, ...]:
    """Why fidelity of these methods may not be held against Table I; () if nothing speaks against
    it."""
    methods = list(methods)
    edges = dict.fromkeys(
        record.spec.preset.edge
        for runs in methods
        for record in runs.records
        if not runs.method.brings_masks
    )
    return (
        *group.not_comparable,
        *(f"edges are {one_line(edge)}, not HED" for edge in edges if edge != "hed"),
        *filter(None, dict.fromkeys(runs.other_generator for runs in methods)),
    )


def usual_runs(group: Group, name: str) -> MethodRuns | None:
    """The method called `name` as its preset has it: no transform, and its ratio, merging and kind
    of generator."""
    for runs in group.methods:
        method = runs.method
        if method.name == name and not method.transform and is_as_preset(method, group.spec.preset):
            return runs
    return None


def sample_means(samples: Samples) -> dict[Part, dict[str, float]]:
    """Per part of a run's audit: every number of its rows, averaged over cases; nan for none;
    `images` is their sum."""
    names = list(_NUMBERS)
    found: dict[Part, dict[str, float]] = {}
    for part in PARTS:
        rows = [row for row in samples.rows if row.part == part]
        if not rows:
            continue
        # None becomes nan
        values = np.array([[getattr(row, name) for name in names] for row in rows], float)
        there = np.isfinite(values)
        total, count = np.where(there, values, 0).sum(0), there.sum(0)
        means = np.divide(total, count, out=np.full(len(names), np.nan), where=count > 0)
        found[part] = dict(zip(names, means.tolist(), strict=True)) | {
            "images": float(total[names.index("images")])
        }
    return found


def sample_warnings(samples: Samples) -> list[str]:
    """What speaks against using a run's samples: labels they do not show, and images they repeat;
    [] for sound ones."""
    found, reference = [], samples.reference_dice
    if reference is not None and reference < WEAK_JUDGE:
        found.append(
            f"The segmenter that judges has a Dice of {reference:.2f} on its own validation cases:"
            " too low for its agreement to mean much."
        )
    for part, means in sample_means(samples).items():
        # Pairs have no cases of their own: theirs is the mean over slices. The same segmenter finds
        # this much on real images of the held-out slices; of training slices it finds too much,
        # having been trained on them.
        agreement = means["agreement" if samples.paired else "agreement_volume"]
        reached = means["real_agreement_volume"] if part == HELD_OUT else reference
        if reached and agreement < LEAST_OF_REFERENCE * reached:
            where = "real images of these cases" if part == HELD_OUT else "real validation cases"
            found.append(
                f"Label agreement of the {part} samples is {agreement:.2f},"
                f" {agreement / reached:.2f} of the segmenter's {reached:.2f} on {where}"
                f" ({LEAST_OF_REFERENCE:g} is asked for): many do not show their label."
            )
        # Samples made from a training slice lie near it by construction; all others must not.
        copied, real = means["copied"], means["real_copied"]
        if (samples.paired or part == HELD_OUT) and copied > max(
            MOST_COPIED, 0 if np.isnan(real) else 2 * real
        ):
            share = "not counted" if np.isnan(real) else f"{100 * real:.0f} %"
            found.append(
                f"{100 * copied:.0f} % of the {part} samples count as copied (nearer to a training"
                f" slice than 99 % of real ones are to another case's), of real slices {share}:"
                " memorisation, or images without detail."
            )
    return found
