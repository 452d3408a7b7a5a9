"""The built-in phantom as a source: synthetic cases that need no download, drawn from a fixed
seed. Not here: the images themselves (datasets/phantoms)."""

import hashlib
import json
from pathlib import Path

import numpy as np

from benchmark.core.errors import InputError
from datasets.cases import Case, CaseInfo, checked_case
from datasets.files import nifti, raster
from datasets.phantoms import PHANTOMS, breast, version
from datasets.sources.base import Source

# One fixed population: folds and seeds of a run choose among its cases, they do not redraw it.
_SEED = 0
SIZES_PX = (32, 384)


class PhantomSource(Source):
    """`cases` phantoms of `size` px a side; ids "phantom_00" on. Every case is a patient of its
    own."""

    kind = "phantom"
    licence = "made by this program"

    def __init__(self, dataset: str, *, cases: int, size: int):
        if cases < 1:
            raise InputError(f"the phantom needs at least 1 case, not {cases}.")
        if not SIZES_PX[0] <= size <= SIZES_PX[1]:
            raise InputError(
                f"the phantom can be {SIZES_PX[0]} to {SIZES_PX[1]} px a side, not {size}."
            )
        self.dataset, self.title, self._size = dataset, "phantom", size
        self.notes: list[str] = []
        self._index = {f"phantom_{index:02d}": index for index in range(cases)}

    def cases(self) -> list[CaseInfo]:
        return [
            CaseInfo(case_id, case_id, self._stratum(index))
            for case_id, index in self._index.items()
        ]

    def _stratum(self, index: int) -> str | None:
        """Only the breast phantom has classes, as BUSI has."""
        return breast.stratum(index, _SEED) if self.dataset == "breast" else None

    def load(self, case_id: str) -> Case:
        info = self.info(case_id)
        image, mask, spacing_mm = PHANTOMS.load(self.dataset)(
            self._index[case_id], _SEED, self._size
        )
        return checked_case(
            info,
            image,
            mask,
            (1,),
            spacing=tuple(float(value) for value in spacing_mm),
            spacing_unit="mm",
        )

    def fingerprint(self) -> str:
        made_of = {
            "dataset": self.dataset,
            "version": version(self.dataset),
            "cases": len(self._index),
            "size": self._size,
            "seed": _SEED,
        }
        return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()

    def write_mask(self, case_id: str, mask: np.ndarray, out: Path) -> Path:
        if mask.shape[0] == 1:
            return raster.write_mask_png(mask, out)
        return nifti.write_display_mask(mask, self.load(case_id).spacing, out)
