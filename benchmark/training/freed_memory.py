"""Freed memory stays with the process, so that the next training step need not ask the system for
it again.

glibc takes every large tensor from the system and gives it back when it is freed; the system fills
it with zeros each time, which costs a good part of a training step (docs/measurements.md). The
values computed are the same, and so is the largest amount of memory.
"""

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # malloc.h
_LARGEST_INT = 2**31 - 1


def keep_freed_memory() -> bool:
    """Whether the C library could be told so: glibc can; nothing changes elsewhere."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(
        mallopt(_M_MMAP_MAX, 0) and mallopt(_M_TRIM_THRESHOLD, _LARGEST_INT)
    )
