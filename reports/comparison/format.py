"""How numbers are written: rounded, signed, with their spread or interval, or as absent."""

import math
from collections.abc import Mapping
from typing import Any, TypeGuard

import numpy as np

from benchmark.metrics.definitions import METRICS
from reports.statistics.verdicts import EQUAL, FEW

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


def difference_text(row: Mapping[str, Any]) -> str:
    """The difference to none in points, with its interval, of a row of a summary."""
    ends = row["dice_difference_low"], row["dice_difference_high"]
    return with_interval(row["dice_difference"], *ends)


def points_text(margin: float) -> str:
    """'1 point', '2 points'; margin: a fraction of 1."""
    return f"{100 * margin:g} point{'s' * (margin > 0.01)}"


def verdict_words(verdict: str, margin: float) -> str:
    """A verdict as readers see it, with the margin where it needs one; margin: a fraction of 1."""
    return f"equal within {points_text(margin)}" if verdict == EQUAL else verdict or ABSENT


def detectable_text(row: Mapping[str, Any]) -> str:
    """'could show 1.4 points', the smallest difference to none that these runs would show in 80 %
    of repetitions; '' where there is none, or no verdict for want of runs."""
    value = row["none_detectable"]
    known = value > 0 and not row["none_verdict"].startswith(FEW)
    return f"could show {rounded(value, 1, 100)} points" if known else ""


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


def clock(seconds: float) -> str:
    """A time as readers compare it: '45 s', '67 min', '5.2 h'."""
    if seconds < 119.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5970 else f"{seconds / 3600:.1f} h"


def factor_text(factor: float | None) -> str:
    """'15×', '1.1×' below 10, '' where there is none."""
    if factor is None:
        return ""
    return f"{factor:.0f}×" if factor >= 9.95 else f"{factor:.1f}×"


def case_remark(missed: bool, empty_truth: bool) -> str:
    """What is special about a case row: 'missed', 'empty truth' or ''."""
    return "missed" if missed else "empty truth" if empty_truth else ""


def _is_there(value: float | None) -> TypeGuard[float]:
    return value is not None and not math.isnan(value)
