"""No generator may have seen a case that the run is tested on: checked from the ids that travel
with every sample."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from baselines.generators.base import case_of
from baselines.generators.fit_folder import IDS_FILE, training_ids
from benchmark.core.errors import InputError
from benchmark.core.texts import some


def seen_cases(synthesized: Path) -> list[str]:
    """Cases that the generator of these samples was trained on, by the ids that lie with them.
    Raises InputError where there are none."""
    if not (synthesized / IDS_FILE).is_file():
        raise InputError(
            f"nothing says which cases the samples in {synthesized} come from; add --force"
            " synthesize."
        )
    return list(dict.fromkeys(map(case_of, training_ids(synthesized))))


def refuse_leaks(synthesized: Iterable[Path], test: Sequence[str]) -> None:
    """Raises InputError if a generator of these samples was trained on a test case."""
    for folder in synthesized:
        leaked = sorted(set(seen_cases(folder)) & set(test))
        if leaked:
            raise InputError(
                f"the generator was trained on {len(leaked)} of the test cases ({some(leaked)}),"
                f" so its samples may not"
                " train a segmenter that is tested on them; train the generator on this fold's"
                " training cases."
            )
