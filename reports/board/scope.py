"""What the records of a study cover, and what of the paper they do not: one line for the first
screen. Not here: the list of what keeps a comparison from the paper's (paper_numbers.py)."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmark.core.texts import one_line
from benchmark.spec.presets import PRESETS
from reports.board.pairs import leading
from reports.comparison.format import signed
from reports.comparison.paper_files import DIFFBOOST
from reports.comparison.paper_numbers import PAPERS_METHOD, paper_gain_percent
from reports.comparison.study import Comparison, Study


@dataclass(frozen=True)
class Scope:
    """covered: size, generators, folds, seeds and images; lacking: what of the paper is not run, ''
    where all is; counts: 'N of M runs'."""

    covered: str
    lacking: str
    counts: str


def scope(study: Study) -> Scope:
    """The scope of the leading comparisons."""
    shown = leading(study)
    if not shown:
        return Scope("", "", "")
    done = sum(len(runs.done) for one in study.comparisons for runs in one.group.methods)
    expected = sum(runs.expected for one in study.comparisons for runs in one.group.methods)
    return Scope(_covered(shown), _lacking(study), f"{done} of {expected} runs")


def _covered(shown: Sequence[Comparison]) -> str:
    """'PROMISE12 and BUSI at 128 px, emitdiff (from scratch), unet; 3 folds, seeds 0, 1, 2'."""
    specs = [one.group.spec for one in shown]
    sizes = " and ".join(dict.fromkeys(f"{spec.preset.size} px" for spec in specs))
    methods = [runs.method for one in shown for runs in one.group.methods if runs.method.generates]
    names = dict.fromkeys(
        f"{method.name} ({method.look.form})" if method.look.form else method.name
        for method in methods
    )
    generators = f"generators {' and '.join(names)}" if names else "no generator"
    folds = " and ".join(dict.fromkeys(f"{spec.preset.n_folds} folds" for spec in specs))
    seeds = sorted({seed for one in shown for seed in one.group.seeds})
    words = f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"
    titles = " and ".join(dict.fromkeys(_short(spec.source.title) for spec in specs))
    networks = ", ".join(dict.fromkeys(one_line(spec.architecture) for spec in specs))
    return f"{titles} at {sizes}, {generators}, network {networks}; {folds}, {words}"


def _short(title: str) -> str:
    """A source's title without what stands in brackets."""
    return one_line(title.split(" (")[0])


def _lacking(study: Study) -> str:
    """Which of the paper's own runs are not there, with its printed gains."""
    name = "paper"
    there = any(
        record.spec.preset.name == name and record.spec.method.name == PAPERS_METHOD
        for record in study.records
        if record.status == "done"
    )
    if there:
        return ""
    datasets = dict.fromkeys(one.group.spec.dataset for one in study.comparisons)
    gains = {one: paper_gain_percent(one, DIFFBOOST) for one in datasets}
    printed = ", ".join(
        f"{signed(gain, 1)} % {one}" for one, gain in gains.items() if gain is not None
    )
    gained = f"; printed gains {printed}" if printed else ""
    return f"The paper's EMIT-Diff ({PRESETS[name].size} px, Stable Diffusion{gained})"
