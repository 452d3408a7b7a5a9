"""No generator may have seen a case that the run is tested on, and no sample may show its mask:
checked from the ids that travel with every sample."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from baselines.generators.base import case_of
from baselines.generators.fit_folder import IDS_FILE, training_ids
from benchmark.core.errors import InputError
from benchmark.core.texts import some

SOURCES_FILE = "mask_sources.json"  # [variant][slice] -> id of the slice that the mask comes from


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
    """Raises InputError if a generator of these samples was trained on a test case, or if a mask
    was taken from one."""
    for folder in synthesized:
        leaked = sorted(set(seen_cases(folder)) & set(test))
        if leaked:
            raise InputError(
                f"the generator was trained on {len(leaked)} of the test cases ({some(leaked)}),"
                f" so its samples may not"
                " train a segmenter that is tested on them; train the generator on this fold's"
                " training cases."
            )
        lent = sorted(mask_cases(folder) & set(test))
        if lent:
            raise InputError(
                f"masks of {len(lent)} of the test cases ({some(lent)}) were given to samples in"
                f" {folder}, so these may not train a segmenter that is tested on them; add"
                " --force synthesize."
            )


def mask_cases(synthesized: Path) -> set[str]:
    """Cases whose masks the samples were made from; empty where each has that of its own slice."""
    path = synthesized / SOURCES_FILE
    if not path.is_file():
        return set()
    found = json.loads(path.read_text(encoding="utf-8"))
    return {case_of(one) for variant in found for one in variant}
