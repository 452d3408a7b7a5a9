"""The verdict of a row in a few words with a colour, from its two tests: against no augmentation,
and against the best classic method. Colour only where there are enough runs for a verdict."""

from dataclasses import dataclass

from reports.comparison.format import verdict_words
from reports.comparison.study import Comparison
from reports.statistics.verdicts import BETTER, EQUAL, FEW, OPEN, WORSE


@dataclass(frozen=True)
class Pill:
    """words: what the pill says, '' for no pill; mark: 'good', 'bad' or 'open'; detail: in small
    letters beside it."""

    words: str
    mark: str = "open"
    detail: str = ""

    @property
    def colour(self) -> bool:
        """Whether the verdict is coloured."""
        return self.mark != "open"


def pill_of(comparison: Comparison, label: str) -> Pill:
    """The pill of a method in its comparison."""
    inference, group = comparison.inference, comparison.group
    base = comparison.summary.none_label
    if inference is None or label not in inference.labels or base is None:
        return Pill("")
    if label == base:
        return Pill("reference")
    verdicts, best = inference.verdicts, inference.best_classic
    verdict = verdicts.of(label, base)
    if verdict == FEW:
        words = verdicts.words(label, base)
        return Pill(FEW, "open", words.removeprefix(FEW).strip(" ()"))
    if verdict == WORSE:
        return Pill("hurts", "bad")
    if verdict == EQUAL:
        return Pill(f"no gain: {verdict_words(EQUAL, inference.margin)}")
    if verdict == OPEN:
        return Pill(OPEN)
    if best is None or label == best:
        return Pill("helps", "good")
    short = group.short[best].name
    return Pill("helps", "good", _beside_best(verdicts.of(label, best), short))


def _beside_best(verdict: str, best: str) -> str:
    """How a method that helps stands beside the best classic one."""
    return {
        BETTER: f"more than {best}",
        WORSE: f"less than {best}",
        FEW: "",
    }.get(verdict, f"no clear gain over {best}")
