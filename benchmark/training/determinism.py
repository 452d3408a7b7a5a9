"""`--deterministic`: torch computes with algorithms that give the same bits every time, or not at
all.

A rule of execution like the device, not of the experiment: it chooses among kernels that compute
the same sum in another order, so it enters no key, and a stage in the store serves both ways.
Every manifest and record says which way each stage was computed. Not here: the seeds, which are
named with or without it.

On a CPU the results of one machine repeat for a given number of threads anyway; on a GPU, sums by
atomic additions and cuDNN's choice of kernel by timing differ from run to run, and this is what the
option forbids. An operation without a deterministic kernel ends its stage with torch's own
sentence, which names the operation.
"""

import contextlib
import os
from collections.abc import Iterator

# without a fixed workspace, cuBLAS may choose another sum each time
CUBLAS = "CUBLAS_WORKSPACE_CONFIG"


@contextlib.contextmanager
def deterministic(on: bool) -> Iterator[None]:
    """Inside the block torch is deterministic if `on`; afterwards, and otherwise, it is as it
    was."""
    if not on:
        yield
        return
    import torch

    os.environ.setdefault(CUBLAS, ":4096:8")  # read by cuBLAS when it is first used
    cudnn, cuda = torch.backends.cudnn, torch.backends.cuda
    before = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    flags = cudnn.deterministic, cudnn.benchmark, cuda.mem_efficient_sdp_enabled()
    torch.use_deterministic_algorithms(True)
    cudnn.deterministic, cudnn.benchmark = True, False
    # the one attention kernel whose gradient has no deterministic way
    cuda.enable_mem_efficient_sdp(False)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        cudnn.deterministic, cudnn.benchmark = flags[:2]
        cuda.enable_mem_efficient_sdp(flags[2])
