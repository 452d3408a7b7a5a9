"""Memory that a process freed is used again without asking the system."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import numpy as np
from benchmark.training.freed_memory import keep_freed_memory

assert sys.argv[1] == "as it is" or keep_freed_memory()

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

np.ones(8_000_000)  # 64 MB
before = faults()
for _ in range(10):
    np.ones(8_000_000)
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_a_large_array_takes_the_place_of_the_last_one():
    usual, kept = (
        int(
            subprocess.run(
                [sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True
            ).stdout
        )
        for how in ("as it is", "kept")
    )
    assert usual > 1000, "the system gave fresh pages each time"
    assert kept < usual / 10
