"""Samples that do not show their label are left out of the training (`--set filter=agreement:0.7`).

A dropped variant's place is taken by the kept variants of the same slice in turn, so that a
filtered training has as many steps and presentations as an unfiltered one; a slice that keeps none
is trained on its real image alone. Samples of slices without a label are kept: agreement has no
meaning there. Not here: the agreement itself (the audit stage measures it).
"""

import numpy as np
import torch
from torch import Tensor

from baselines.objectives.variants import Variants


class SampleFilter:
    """Which variant stands in each place: `agreement` float (n, N), nan = kept, and the least that
    is kept.

    counts: offered, kept and dropped samples, and slices_real_only, those that keep none.
    """

    def __init__(self, agreement: np.ndarray, minimum: float, device: torch.device):
        kept = ~(agreement < minimum)
        places = np.tile(np.arange(len(kept))[:, None], (1, kept.shape[1]))
        for row in np.flatnonzero(~kept.all(0) & kept.any(0)):
            left, dropped = np.flatnonzero(kept[:, row]), np.flatnonzero(~kept[:, row])
            # From a variant that differs between slices, so that none is favoured overall.
            places[dropped, row] = left[(np.arange(len(dropped)) + row) % len(left)]
        self.places = torch.from_numpy(places).to(device)
        self.real_only = torch.from_numpy(~kept.any(0)).to(device)
        self.counts = {
            "offered": int(kept.size),
            "kept": int(kept.sum()),
            "dropped": int((~kept).sum()),
            "slices_real_only": int((~kept.any(0)).sum()),
        }

    def over(self, variants: Variants, real: Tensor) -> "FilteredVariants":
        """`variants` through this filter; `real` uint8 (N, S, S), the slices' own."""
        return FilteredVariants(self, variants, real)


class FilteredVariants(Variants):
    """Variants through a filter; a slice that keeps none answers with its real image."""

    def __init__(self, chosen: SampleFilter, variants: Variants, real: Tensor):
        self._chosen, self._variants, self._real = chosen, variants, real

    def __len__(self) -> int:
        return len(self._variants)

    def __getitem__(self, which: tuple[Tensor, Tensor]) -> Tensor:
        variant, rows = which
        made = self._variants[self._chosen.places[variant, rows], rows]
        return torch.where(self._chosen.real_only[rows, None, None], self._real[rows], made)
