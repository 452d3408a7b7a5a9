"""Two masks -> every definition of every score, so that numbers of different papers and tools can
be compared. Empty masks follow the policy "penalty" (case.py). Not here: reading mask files
(datasets/files/masks.py).
"""

from dataclasses import dataclass

import numpy as np

from benchmark.core.errors import InputError
from benchmark.metrics.case import case_metrics
from benchmark.metrics.definitions import METRICS, CaseMetrics

NSD_TOLERANCE = 1.0


@dataclass(frozen=True)
class Crosswalk:
    """All definitions for one pair of masks; distances in `unit` ("mm" or "px")."""

    metrics: CaseMetrics
    unit: str
    nsd_tolerance: float

    def as_json(self) -> dict[str, float]:
        """Name -> value of every metric but ratios, which no tool defines in another way."""
        return {
            name: getattr(self.metrics, name)
            for name, metric in METRICS.items()
            if metric.kind != "ratio"
        }

    def rows(self) -> list[tuple[str, float, str, str]]:
        """One (name, value, unit or "", definition) per metric, for a table."""
        return [
            (name, value, self.unit if METRICS[name].kind == "distance" else "", self._said(name))
            for name, value in self.as_json().items()
        ]

    def _said(self, name: str) -> str:
        metric = METRICS[name]
        origin = f" ({metric.origin})" if metric.origin else ""
        tolerance = f"; tolerance {self.nsd_tolerance:g} {self.unit}" if metric.tolerance else ""
        return metric.meaning + origin + tolerance


def crosswalk(
    prediction: np.ndarray,
    truth: np.ndarray,
    spacing: tuple[float, ...],
    unit: str,
    nsd_tolerance: float = NSD_TOLERANCE,
) -> Crosswalk:
    """Measures one mask against another.

    prediction, truth: bool (z, y, x) or (y, x); spacing: along the same axes, in `unit` ("mm" or
    "px"), as is nsd_tolerance. Raises InputError for a bad tolerance.
    """
    if not (np.isfinite(nsd_tolerance) and nsd_tolerance >= 0):
        raise InputError(
            f"the nsd tolerance is {nsd_tolerance}: give a finite number that is not negative."
        )
    metrics = case_metrics(
        prediction, truth, spacing, empty_policy="penalty", nsd_tolerance=nsd_tolerance
    )
    return Crosswalk(metrics, unit, nsd_tolerance)
