"""How numbers are written: rounded, signed, with their spread or interval, or as absent."""

import math
from collections.abc import Mapping
from typing import Any, TypeGuard

import numpy as np

from benchmark.metrics.definitions import METRICS

ABSENT = "–"


def spread(
    mean: float | None, sd: float | None, decimals: int, scale: float = 1, unit: str = ""
) -> str:
    """'84.6 ± 6.7 mm'."""
    if not _is_there(mean):
        return ABSENT
    text = rounded(mean, decimals, scale)
    if _is_there(sd):
        text += f" ± {rounded(sd, decimals, scale)}"
    return f"{text} {unit}" if unit else text


def with_interval(
    mean: float | None,
    low: float | None,
    high: float | None,
    scale: float = 100,
    unit: str = "",
    decimals: int = 1,
) -> str:
    """'+1.2 [+0.3, +2.1]': a difference with its interval, where it has one."""
    text = signed(mean, decimals, scale) + unit
    if not (_is_there(mean) and _is_there(low)):
        return text
    return f"{text} [{signed(low, decimals, scale)}, {signed(high, decimals, scale)}]"


def rounded(value: float | None, decimals: int, scale: float = 1) -> str:
    """The value times `scale` with fixed decimals, or a dash where there is none."""
    return f"{value * scale:.{decimals}f}" if _is_there(value) else ABSENT


def signed(value: float | None, decimals: int, scale: float = 1) -> str:
    """As `rounded`, always with its sign; a rounded zero is +."""
    return f"{value * scale:+z.{decimals}f}" if _is_there(value) else ABSENT


def measured(name: str, value: float | None, unit: str | None) -> str:
    """One value of a metric as tables show it; `unit` is that of its case."""
    metric = METRICS[name]
    write = signed if metric.kind == "ratio" else rounded
    return write(value, metric.decimals(unit), metric.scale)


def measured_spread(name: str, row: Mapping[str, Any], unit: str | None) -> str:
    """Mean and SD of a metric in a row of a summary, as tables show it; `unit` is that of all
    cases."""
    metric = METRICS[name]
    return spread(row[f"{name}_mean"], row[f"{name}_sd"], metric.decimals(unit), metric.scale)


def rank_range(low: float, high: float) -> str:
    """'2–4', '2' where both ends are one rank, or a dash where there is none."""
    if math.isnan(low):
        return ABSENT
    return f"{low:g}" if low == high else f"{low:g}–{high:g}"


def p_text(p_value: float) -> str:
    """A p value as readers need it: '0.031', '< 0.001', or a dash."""
    if not np.isfinite(p_value):
        return ABSENT
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"


def p_equation(p_value: float) -> str:
    """'p = 0.031' or 'p < 0.001'."""
    return f"p {p_text(p_value)}" if p_value < 0.001 else f"p = {p_text(p_value)}"


def case_remark(missed: bool, empty_truth: bool) -> str:
    """What is special about a case row: 'missed', 'empty truth' or ''."""
    return "missed" if missed else "empty truth" if empty_truth else ""


def _is_there(value: float | None) -> TypeGuard[float]:
    return value is not None and not math.isnan(value)
