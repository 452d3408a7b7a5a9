"""The case lists of the published data sets, as their own files give them, for whoever has no
images at hand. The numbers of the two MSD tasks are those of the published dataset.json, in its
order, which the unshuffled folds follow (Q8); BUSI numbers its images per class."""

import re
from collections.abc import Collection

from datasets.cases import CaseInfo
from datasets.sources.busi import PUBLISHED, subset_title

_PROSTATE = (
    "16 04 32 20 43 18 06 14 41 34 38 10 02 24 47 28 00 42 21 17 40 31 07 35 44 39 01 13 46 25 29"
    " 37"
)
_SPLEEN = (
    "19 31 52 40 3 17 21 33 9 29 46 25 13 62 27 44 56 60 2 53 41 22 14 18 20 32 16 12 63 28 24 59"
    " 47 8 6 61 10 38 45 26 49"
)
_BUSI_CASE = re.compile(r"(malignant|benign|normal) \(([1-9]\d{0,2})\)")
_BUSI_TITLE = re.compile(
    r"BUSI \((malignant and benign|malignant|benign|normal)(, \d{1,3} of \d{3} images)?\)"
)


def published_cases(title: str) -> tuple[CaseInfo, ...] | None:
    """All cases of the published data set that a source of this title is, in its order; None for
    any other title."""
    if title == "MSD Task05_Prostate":
        return tuple(_volume(f"prostate_{number}") for number in _PROSTATE.split())
    if title == "MSD Task09_Spleen":
        return tuple(_volume(f"spleen_{number}") for number in _SPLEEN.split())
    match = _BUSI_TITLE.fullmatch(title)
    if match is None or match[2]:
        return None
    return tuple(
        _image(name, number)
        for name in match[1].split(" and ")
        for number in range(1, PUBLISHED[name] + 1)
    )


def busi_cases(title: str, ids: Collection[str]) -> tuple[CaseInfo, ...]:
    """These images as the cases of a BUSI source of this title, in its order.

    Raises ValueError, a sentence, for a title that BUSI does not have, an image that it does not
    hold, or another number.
    """
    match = _BUSI_TITLE.fullmatch(title)
    if match is None:
        raise ValueError(f"'{title}' is no subset of BUSI.")
    numbers: dict[str, list[int]] = {name: [] for name in match[1].split(" and ")}
    for case in ids:
        found = _BUSI_CASE.fullmatch(case)
        if found is None or found[1] not in numbers or int(found[2]) > PUBLISHED[found[1]]:
            raise ValueError(f"{title} holds no image '{case}'.")
        numbers[found[1]].append(int(found[2]))
    expected = subset_title(
        "both" if len(numbers) == 2 else match[1],
        {name: len(held) for name, held in numbers.items()},
    )
    if expected != title:
        raise ValueError(
            f"the records list the cases of '{expected}', but their source is called '{title}'."
        )
    return tuple(_image(name, number) for name, held in numbers.items() for number in sorted(held))


def _volume(name: str) -> CaseInfo:
    return CaseInfo(name, name)


def _image(name: str, number: int) -> CaseInfo:
    return CaseInfo(f"{name} ({number})", f"{name} ({number})", name)
