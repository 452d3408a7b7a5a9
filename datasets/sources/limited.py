"""A quick look: some cases of a source, under a title of their own.

Title and fingerprint are not those of the whole source, so that nothing computed from a quick look
can share a key or a table with a result. Not here: the whole source (open.py).
"""

import hashlib
import json
from pathlib import Path

import numpy as np

from benchmark.core.errors import InputError
from benchmark.core.texts import QUICK_LOOK
from datasets.cases import Case, CaseInfo
from datasets.sources.base import Source


class LimitedSource(Source):
    """`limit` cases of a source, spread evenly over its own order. Raises InputError where it has
    no more than that."""

    def __init__(self, whole: Source, limit: int):
        self._whole, cases = whole, whole.cases()
        if limit >= len(cases):
            raise InputError(
                f"--limit {limit} is no quick look: {whole.title} has {len(cases)} cases; give"
                f" fewer, or leave it out."
            )
        places = np.linspace(0, len(cases) - 1, limit).round().astype(int)
        self._cases = [cases[place] for place in places]
        self.kind, self.task, self.licence = whole.kind, whole.task, whole.licence
        self.title = f"{whole.title}: {QUICK_LOOK} at {limit} of {len(cases)} cases"
        said = f"{QUICK_LOOK} at {limit} of {len(cases)} cases, which is no result."
        self.notes = [*whole.notes, said]

    def cases(self) -> list[CaseInfo]:
        return self._cases

    def load(self, case_id: str) -> Case:
        return self._whole.load(self.info(case_id).id)

    def fingerprint(self) -> str:
        made_of = {"whole": self._whole.fingerprint(), "cases": [case.id for case in self._cases]}
        return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()

    def write_mask(self, case_id: str, mask: np.ndarray, out: Path) -> Path:
        return self._whole.write_mask(self.info(case_id).id, mask, out)
