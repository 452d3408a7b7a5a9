"""Energy of a GPU, where it tells it: the counter of NVML (nvidia-ml-py), in joules.

The counter is that of the whole GPU, so what other programs compute meanwhile counts too. CPUs and
GPUs without the counter tell nothing.
"""

import contextlib


def gpu_joules(device: str) -> float | None:
    """The energy that the GPU of `device` ("cuda", "cuda:1") has used since its driver was loaded;
    None for a CPU and where it is not told."""
    if not device.startswith("cuda"):
        return None
    with contextlib.suppress(
        Exception
    ):  # of NVML: no library, no driver, no counter, no permission
        import pynvml
        import torch

        pynvml.nvmlInit()
        uuid = torch.cuda.get_device_properties(torch.device(device)).uuid
        handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}".encode())
        return pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1000
    return None
