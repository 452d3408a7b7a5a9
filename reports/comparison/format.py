"""How numbers are written: rounded, signed, with their spread, or as absent."""

import math
from typing import Any

from reports.comparison.labels import one_line

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


def _is_absent(value: float | None) -> bool:
    return value is None or math.isnan(value)
