"""How numbers are written: rounded, signed, with their spread, or as absent."""

import math
from typing import Any

from benchmark.core.texts import one_line
from benchmark.metrics.definitions import METRICS

ABSENT = "–"


def absent_runs(row: dict[str, Any]) -> str:
    """'missing fold 2 seed 0; failed fold 1 seed 0: its reason' of a summary row, '' where no run
    is absent."""
    parts = [f"missing {row['missing']}"] if row["missing"] else []
    parts += [f"failed {row['failed']}"] if row["failed"] else []
    return one_line("; ".join(parts))


def spread(
    mean: float | None, sd: float | None, decimals: int, scale: float = 1, unit: str = ""
) -> str:
    """'84.6 ± 6.7 mm'."""
    if _is_absent(mean):
        return ABSENT
    text = rounded(mean, decimals, scale)
    return (text if _is_absent(sd) else f"{text} ± {rounded(sd, decimals, scale)}") + (
        f" {unit}" if unit else ""
    )


def rounded(value: float | None, decimals: int, scale: float = 1) -> str:
    """The value times `scale` with fixed decimals, or a dash where there is none."""
    return ABSENT if _is_absent(value) else f"{value * scale:.{decimals}f}"


def signed(value: float | None, decimals: int, scale: float = 1) -> str:
    """As `rounded`, always with its sign; a rounded zero is +."""
    return ABSENT if _is_absent(value) else f"{value * scale:+z.{decimals}f}"


def measured(name: str, value: float | None, unit: str | None) -> str:
    """One value of a metric as tables show it; `unit` is that of its case."""
    metric = METRICS[name]
    write = signed if metric.kind == "ratio" else rounded
    return write(value, metric.decimals(unit), metric.scale)


def measured_spread(name: str, row: dict[str, Any], unit: str | None) -> str:
    """Mean and SD of a metric in a row of a summary, as tables show it; `unit` is that of all
    cases."""
    metric = METRICS[name]
    return spread(row[f"{name}_mean"], row[f"{name}_sd"], metric.decimals(unit), metric.scale)


def _is_absent(value: float | None) -> bool:
    return value is None or math.isnan(value)
