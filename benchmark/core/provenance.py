"""Where and with what a number was made: git, packages, machine, seconds, peak memory. Nothing
here changes a result or enters a key."""

import functools
import os
import platform
import resource
import subprocess
import sys
import time
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmark.core.energy import gpu_joules

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "torch",
    "torchvision",
    "diffusers",
    "transformers",
    "monai",
    "segmentation-models-pytorch",
    "numpy",
    "scipy",
    "scikit-image",
    "nibabel",
    "pandas",
    "lightning-fabric",
)


@functools.cache
def git_state() -> dict[str, Any]:
    """Commit of the checkout and whether tracked files differ from it; commit None outside a
    repository."""

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(ROOT), *words], capture_output=True, text=True, timeout=20
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    changes = git("status", "--porcelain", "--untracked-files=no")
    return {"commit": git("rev-parse", "HEAD"), "dirty": None if changes is None else bool(changes)}


def version_text() -> str:
    """'augbench 0.1.0, commit 1d5fed3a2b (with changes)'."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    git = git_state()
    commit = f"commit {git['commit'][:10]}" if git["commit"] else "no git checkout"
    return (
        f"{project['name']} {project['version']}, {commit}{' (with changes)' * bool(git['dirty'])}"
    )


@functools.cache
def packages() -> dict[str, str]:
    """Versions of the packages that can change a number; those not installed are left out."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


@functools.cache
def cpu_name() -> str:
    """Model name of the CPU and the cores this process may use: 'AMD EPYC 7B13, 2 cores'."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{model}, {cores} cores"


def machine_name(device: str) -> str:
    """The processor that computes on `device` ("cpu" or "cuda...")."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.get_device_name(device)
    return cpu_name()


def provenance(device: str) -> dict[str, Any]:
    """Everything about this machine and checkout that a reader of a record needs."""
    import torch

    return {
        "git": git_state(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": packages(),
        "cpu": cpu_name(),
        # what rounding on a CPU depends on: "AVX2", "AVX512"
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "device": machine_name(device),
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }


class Meter:
    """Seconds and peak memory of the block it surrounds: `with Meter("cpu") as meter: ...`, then
    meter.cost()."""

    def __init__(self, device: str):
        self.device = device
        self.joules: float | None = None

    def __enter__(self) -> "Meter":
        _reset_peak()
        if self.device.startswith("cuda"):
            import torch

            torch.cuda.reset_peak_memory_stats()
        self._joules = gpu_joules(self.device)
        self._start = time.perf_counter()
        self.seconds = 0.0
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._start
        after = gpu_joules(self.device)
        if self._joules is not None and after is not None:
            self.joules = round(after - self._joules, 1)

    def cost(self) -> dict[str, float | None]:
        """{"seconds", "peak_memory_mb" (resident set of the process), "gpu_memory_mb",
        "energy_joules" (of the whole GPU; None where it is not told)}."""
        gpu = 0.0
        if self.device.startswith("cuda"):
            import torch

            gpu = torch.cuda.max_memory_allocated() / 2**20
        return {
            "seconds": round(self.seconds, 3),
            "peak_memory_mb": round(_peak_mb(), 1),
            "gpu_memory_mb": round(gpu, 1),
            "energy_joules": self.joules,
        }


def _reset_peak() -> None:
    """Resets the kernel's high-water mark of this process where that is possible (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return  # not Linux, or not allowed: the peak is then that of the whole process


def _peak_mb() -> float:
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024
