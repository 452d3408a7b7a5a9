"""Student's t: quantiles and tails, by the functions that scipy.stats calls, to the same bits.

A report asks thousands of times, and each call costs a hundredth here. Not here: noncentral t
(power.py).
"""

from scipy.special import stdtr, stdtrit


def quantile(share: float, degrees: float) -> float:
    """The value that a t of so many degrees of freedom exceeds with probability 1 - share; degrees
    may be broken or infinite, and nan gives nan."""
    return float(stdtrit(degrees, share))


def beyond(value: float, degrees: float) -> float:
    """The probability that such a t exceeds a value."""
    return float(stdtr(degrees, -value))
