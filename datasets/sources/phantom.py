"""The built-in phantom as a source: synthetic cases that need no download, drawn from a fixed
seed. Not here: the images themselves (datasets/phantoms)."""

import hashlib
import importlib
import json
from pathlib import Path

import numpy as np

from benchmark.core.errors import InputError
from datasets.cases import Case, CaseInfo, checked_case
from datasets.files import nifti, raster
from datasets.sources.base import Source
from datasets.tasks.task import Task

# One fixed population: folds and seeds of a run choose among its cases, they do not redraw it.
_SEED = 0
SIZES_PX = (32, 384)


class PhantomSource(Source):
    """`cases` phantoms of `size` px a side; ids "phantom_00" on. Every case is a patient of its
    own."""

    kind = "phantom"
    licence = "made by this program"

    def __init__(self, task: Task, *, cases: int, size: int):
        if task.phantom is None:
            raise InputError(f"dataset {task.name} has no phantom; use another --source.")
        if cases < 1:
            raise InputError(f"the phantom needs at least 1 case, not {cases}.")
        if not SIZES_PX[0] <= size <= SIZES_PX[1]:
            raise InputError(
                f"the phantom can be {SIZES_PX[0]} to {SIZES_PX[1]} px a side, not {size}."
            )
        self.task, self.title, self._size = task, "phantom", size
        self.notes: list[str] = []
        self._phantom = importlib.import_module(task.phantom)
        self._index = {f"phantom_{index:02d}": index for index in range(cases)}

    def cases(self) -> list[CaseInfo]:
        return [
            CaseInfo(case_id, case_id, self._stratum(index))
            for case_id, index in self._index.items()
        ]

    def _stratum(self, index: int) -> str | None:
        stratum = getattr(self._phantom, "stratum", None)
        return None if stratum is None else stratum(index, _SEED)

    def load(self, case_id: str) -> Case:
        info = self.info(case_id)
        image, mask, spacing_mm = self._phantom.case(self._index[case_id], _SEED, self._size)
        z, row, column = spacing_mm
        return checked_case(
            info,
            image,
            mask,
            (1,),
            spacing=(float(z), float(row), float(column)),
            spacing_unit="mm",
        )

    def fingerprint(self) -> str:
        made_of = {
            "dataset": self.task.name,
            "version": self._phantom.VERSION,
            "cases": len(self._index),
            "size": self._size,
            "seed": _SEED,
        }
        return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()

    def write_mask(self, case_id: str, mask: np.ndarray, out: Path) -> Path:
        if mask.shape[0] == 1:
            return raster.write_mask_png(mask, out)
        return nifti.write_display_mask(mask, self.load(case_id).spacing, out)
