"""Numbers of the published records by name, as text: what the marks in the project's pages ask for.

A name is a path: the folder under reports/published or its archive/, the data set, the method as
its row is called (in small letters, with hyphens for all that is not a letter, a digit or a point),
and the quantity: "cpu-128px/breast/classic-deepstack/gain". All names: `NamedNumbers.names`.
Not here: where a page holds them (marked_pages.py).
"""

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path

from benchmark.core.errors import InputError
from benchmark.core.texts import some
from benchmark.record.samples import HELD_OUT, TRAINING, Part
from reports.comparison.format import measured_spread, rounded, signed, with_interval
from reports.comparison.groups import MethodRuns
from reports.comparison.labels import generator_apart, protocol_label
from reports.comparison.sample_numbers import MEASURES, audited_runs, sample_means, samples_of
from reports.comparison.study import Comparison, Study
from reports.deviations.effects import Effects, deviation_effects
from reports.deviations.sentences import points
from reports.records.load import load_records
from reports.statistics.verdicts import BETTER, Verdicts

PUBLISHED = Path(__file__).resolve().parents[1] / "published"
ARCHIVE = "archive"
ALL = "all"
SEEDS = {"1": 1, "3": 3, "any": None}  # what a smallest detectable difference is given for
SHOWN_NEAR = 3

Write = Callable[[], str]


class NamedNumbers:
    """The numbers of all folders of records in `folder` and in its archive/; each folder is read
    when it is asked for."""

    def __init__(self, folder: Path = PUBLISHED):
        self.folder = folder
        self._written: dict[str, dict[str, Write]] = {}

    def text(self, name: str) -> str:
        """The number as a page shows it. Raises InputError for a name that there is not, naming
        those nearest to it."""
        known = self._of(name.partition("/")[0])
        if name not in known:
            near = difflib.get_close_matches(name, known, SHOWN_NEAR, 0.3)
            told = f"near it: {some(near, SHOWN_NEAR)}" if near else "there are no such records"
            raise InputError(f"no number is called '{name}'; {told}.")
        return known[name]()

    @cached_property
    def folders(self) -> dict[str, Path]:
        """The folders with records by their names, those of the archive last."""
        current = self.folder.glob("*/records")
        archived = (self.folder / ARCHIVE).glob("*/records")
        return {one.parent.name: one.parent for one in (*sorted(current), *sorted(archived))}

    def names(self) -> Iterator[str]:
        """Every name that has a number."""
        for folder in (ALL, *self.folders):
            yield from self._of(folder)

    def _of(self, folder: str) -> dict[str, Write]:
        """The numbers of one folder by their names."""
        if folder == ALL:
            return {f"{ALL}/records": self._count_all}
        if folder not in self.folders:
            raise InputError(
                f"no published records are called '{folder}'; there are {', '.join(self.folders)}."
            )
        if folder not in self._written:
            self._written[folder] = dict(_of_folder(folder, self.folders[folder]))
        return self._written[folder]

    def _count_all(self) -> str:
        """Without those of the archive."""
        return str(len(list(self.folder.glob("*/records/*.json"))))


def _names(labels: Sequence[str]) -> dict[str, str]:
    """Labels as parts of names: 'emitdiff (from scratch, n = 4)' -> 'emitdiff-from-scratch-n-4'.
    Settings of a generator are left out where the rest tells methods apart."""
    short = [_hyphened(generator_apart(label)[0]) for label in labels]
    return {
        label: name if short.count(name) == 1 else _hyphened(label)
        for label, name in zip(labels, short, strict=True)
    }


def _hyphened(text: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-")


def _of_folder(name: str, folder: Path) -> Iterator[tuple[str, Write]]:
    loaded = load_records([folder], small=True)
    if loaded.problems:
        raise InputError(f"the published records cannot all be read: {loaded.problems[0]}")
    yield f"{name}/records", lambda: str(len(loaded.records))
    study = Study(loaded.records)
    for effects in deviation_effects(study):
        for quantity, write in _of_deviations(effects):
            yield f"{name}/{effects.family.spec.dataset}/{quantity}", write
    comparisons = study.comparisons
    datasets = [one.group.spec.dataset for one in comparisons]
    for one in comparisons:
        part = one.group.spec.dataset
        if datasets.count(part) > 1:
            part += f"-{_hyphened(protocol_label(one.group.spec.protocol))}"
        for quantity, write in _of_comparison(one):
            yield f"{name}/{part}/{quantity}", write


def _of_comparison(one: Comparison) -> Iterator[tuple[str, Write]]:
    """pairs: how many verdicts there are. detectable/SEEDS: the smallest difference that so many
    seeds of two methods find in 80 % of repetitions, in points. And those of each method."""
    if one.inference and one.inference.design:
        for word, seeds in SEEDS.items():
            yield f"detectable/{word}", _detectable(one, seeds)
        yield "pairs", lambda: str(one.inference.verdicts.tests if one.inference else 0)
    names = _names([runs.label for runs in one.group.methods if runs.done])
    for runs in one.group.methods:
        if runs.done:
            for quantity, write in _of_method(one, runs, names):
                yield f"{names[runs.label]}/{quantity}", write


def _of_method(
    one: Comparison, runs: MethodRuns, names: dict[str, str]
) -> Iterator[tuple[str, Write]]:
    """dice: mean ± SD, %. seeds: which were run. against/METHOD: Dice minus that of the other, in
    points, with its 95 % interval, bold if it is better; with /points: the mean alone; with
    /verdict: the verdict in words; with /runs: fold by fold. gain: against `none`, also with these
    endings. run/FOLD/SEED: Dice of one run. generator-seconds, segmenter-seconds: of a run. Of
    audited samples, as held-out/... and training/...: the five measures of Table I and diversity,
    over cases, or with /runs fold by fold; agreement/runs: with their labels, as a share of the
    judging segmenter's own Dice."""
    label, summary = runs.label, one.summary
    yield "dice", lambda: measured_spread("dice", summary.by_label[label], summary.unit)
    yield "seeds", lambda: seeds_text(runs)
    for record in runs.done:
        fold, seed = record.spec.fold, record.spec.seed
        yield f"run/{fold}/{seed}", partial(_run_dice, one, label, fold, seed)
    for other, other_name in names.items():
        if other == label:
            continue
        writes = _against(one, label, other)
        for ending, write in writes.items():
            yield f"against/{other_name}{ending}", write
            if other == one.group.none_label:
                yield f"gain{ending}", write
    for part in ("generator", "segmenter"):
        seconds = summary.by_label[label][f"{part}_seconds"]
        yield f"{part}-seconds", partial(rounded, seconds, 0)
    if audited_runs(runs):
        yield from _of_samples(one, runs)


def _of_deviations(effects: Effects) -> Iterator[tuple[str, Write]]:
    """moved/METHOD/DEVIATION: what a deviation of the release adds to the gain of a method, in
    points, with its 95 % interval; with /gain: the gain under it; with /verdict: in words."""
    method = _hyphened(generator_apart(effects.label)[0])
    for effect in effects.all:
        name = f"moved/{method}/{_hyphened(effect.step)}"
        yield name, partial(points, effect.moved)
        yield f"{name}/gain", partial(points, effect.gain)
        yield f"{name}/verdict", partial(effects.verdict, effect)


def _of_samples(one: Comparison, runs: MethodRuns) -> Iterator[tuple[str, Write]]:
    for part in (HELD_OUT, TRAINING):
        for name in (*MEASURES, "diversity"):
            quantity = f"{part}/{_hyphened(name)}"
            yield quantity, _sample_mean(one, runs.label, part, name)
            yield f"{quantity}/runs", _sample_runs(runs, part, name, 3)
        yield f"{part}/agreement/runs", _sample_runs(runs, part, "agreement_volume", 2)


def _against(one: Comparison, label: str, other: str) -> dict[str, Write]:
    """The endings of a name that compares two methods, each with its number."""

    def interval() -> str:
        found = one.summary.dice.interval(label, other)
        text = with_interval(found.mean, found.low, found.high)
        return f"**{text}**" if _verdicts(one).of(label, other) == BETTER else text

    def by_run() -> str:
        mine, others = _run_means(one, label), _run_means(one, other)
        both = sorted(set(mine) & set(others), key=lambda key: key[::-1])
        seeds = {seed: [key for key in both if key[1] == seed] for _, seed in both}
        return "; ".join(
            ", ".join(signed(mine[key] - others[key], 1, 100) for key in keys)
            for keys in seeds.values()
        )

    return {
        "": interval,
        "/points": lambda: signed(one.summary.dice.of(label, other).mean, 1, 100),
        "/verdict": lambda: _verdicts(one).words(label, other),
        "/runs": by_run,
    }


def seeds_text(runs: MethodRuns) -> str:
    """'3', or '1, and seed 1 of folds 0 and 1' where not every fold of a seed was run."""
    folds: dict[int, list[int]] = {}
    for record in runs.done:
        folds.setdefault(record.spec.seed, []).append(record.spec.fold)
    whole = [seed for seed, done in folds.items() if len(done) == runs.n_folds]
    parts = [str(len(whole))] if whole else []
    for seed, done in sorted(folds.items()):
        if seed not in whole:
            many = "folds" if len(done) > 1 else "fold"
            parts.append(f"seed {seed} of {many} {' and '.join(map(str, sorted(done)))}")
    return ", and ".join(parts)


def _verdicts(one: Comparison) -> Verdicts:
    """Those of the ranked settings; a pair outside has too few runs, as it has on the page."""
    if one.inference:
        return one.inference.verdicts
    return Verdicts(one.summary.dice, (), one.group.spec.preset.n_folds)


def _run_means(one: Comparison, label: str) -> dict[tuple[int, int], float]:
    """Mean Dice of each run of a method by (fold, seed), a fraction of 1."""
    cases = one.summary.cases
    return cases[cases["method"] == label].groupby(["fold", "seed"])["dice"].mean().to_dict()


def _run_dice(one: Comparison, label: str, fold: int, seed: int) -> str:
    return rounded(_run_means(one, label)[fold, seed], 1, 100)


def _detectable(one: Comparison, seeds: int | None) -> Write:
    def text() -> str:
        design = one.inference.design if one.inference else None
        known = design and (seeds is None or design.training_degrees)
        return rounded(design.detectable(seeds) if design and known else None, 1, 100)

    return text


def _sample_mean(one: Comparison, label: str, part: str, name: str) -> Write:
    return lambda: rounded(one.samples.mean(label, part, name) if one.samples else None, 3)


def _sample_runs(runs: MethodRuns, part: Part, name: str, decimals: int) -> Write:
    """Fold by fold: '0.65, 0.67; 0.66', seeds apart. Agreement is divided by the judge's own."""

    def text() -> str:
        seeds: dict[int, list[str]] = {}
        for record, samples in zip(audited_runs(runs), samples_of(runs), strict=True):
            value = sample_means(samples).get(part, {}).get(name, float("nan"))
            whole = (samples.reference_dice or float("nan")) if name.startswith("agreement") else 1
            seeds.setdefault(record.spec.seed, []).append(rounded(value / whole, decimals))
        return "; ".join(", ".join(values) for values in seeds.values())

    return text
