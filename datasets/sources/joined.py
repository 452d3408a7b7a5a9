"""Several sources of a user's as one, to train on some and test on another: each is a centre.

    dataset: breast
    title: BUSI and our clinic
    parts: [busi.yaml, clinic.yaml]      # files beside this one, each with images of its own

With folds=centre and n_folds=2 fold 0 trains on the clinic and tests on BUSI, fold 1 the other way
round: an external test, in a comparison of its own, for no other source has this title and
fingerprint. Not here: how a part is read (folder, msd).
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from datasets.cases import Case, CaseInfo
from datasets.files.fingerprint import fingerprint_of
from datasets.sources.base import Source
from datasets.sources.folder_yaml import FolderSpec


class JoinedSource(Source):
    """The cases of all parts, in their order. A case and a patient are called 'part: name'."""

    kind = "folder"

    def __init__(self, spec: FolderSpec, parts: Sequence[tuple[str, Source]]):
        """parts: (name, source); names differ."""
        self.task, self.title, self.licence = spec.task, spec.title, spec.licence
        self._parts = dict(parts)
        self.notes = [note for _, part in parts for note in part.notes]
        self._cases: dict[str, tuple[CaseInfo, Source, str]] = {}
        for name, part in parts:
            for info in part.cases():
                here = replace(
                    info, id=f"{name}: {info.id}", group=f"{name}: {info.group}", centre=name
                )
                self._cases[here.id] = here, part, info.id
        units = {part.load(part.cases()[0].id).spacing_unit for _, part in parts}
        if len(units) > 1:
            self.notes.append(
                f"{self.title}: distances of its parts are in {' and '.join(sorted(units))}, so"
                f" there are no means over all."
            )

    def cases(self) -> list[CaseInfo]:
        return [info for info, _, _ in self._cases.values()]

    def load(self, case_id: str) -> Case:
        info = self.info(case_id)
        _, part, name = self._cases[case_id]
        return replace(part.load(name), info=info)

    def fingerprint(self) -> str:
        digests = {name: part.fingerprint() for name, part in self._parts.items()}
        return fingerprint_of(digests, {"parts": list(digests), "words": self.task.words})

    def write_mask(self, case_id: str, mask: np.ndarray, out: Path) -> Path:
        self.info(case_id)
        _, part, name = self._cases[case_id]
        return part.write_mask(name, mask, out)
