"""The reference of a machine: how long 20 fixed training steps take there.

A stage's seconds divided by it are its cost in reference units, which tell roughly what it would
take elsewhere. `doctor` measures it; records note it beside their provenance, and it enters no key.
"""

import time
from datetime import date
from pathlib import Path
from typing import Any

from benchmark.core.files import read_json, write_json
from benchmark.core.provenance import machine_name

VERSION = 1  # of the steps below: other steps have other units
STEPS, WARM_UP = 20, 3
ARCHITECTURE, SIZE_PX, BATCH = "attention-unet", 64, 2
FILE = "reference.json"  # in the store


def measure(device: str) -> float:
    """Seconds of STEPS training steps on `device` ("cpu" or "cuda"), float32, after WARM_UP
    others."""
    import torch

    from baselines.networks.architectures import build

    torch.manual_seed(0)
    model = build(ARCHITECTURE, SIZE_PX).to(device).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    images = torch.rand(BATCH, 1, SIZE_PX, SIZE_PX, device=device)
    masks = (images[:, 0] > 0.5).long()
    start = 0.0
    for step in range(WARM_UP + STEPS):
        if step == WARM_UP:
            _wait(device)
            start = time.perf_counter()
        optimiser.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(model(images), masks).backward()
        optimiser.step()
    _wait(device)
    return time.perf_counter() - start


def note(root: Path, device: str) -> float:
    """Measures this machine and notes it in the store `root`; returns the seconds."""
    import torch

    seconds = round(measure(device), 4)
    machines = known(root) | {
        machine_name(device): {
            "seconds": seconds,
            "threads": torch.get_num_threads(),
            "measured_on": date.today().isoformat(),
        }
    }
    write_json(root / FILE, {"version": VERSION, "machines": machines})
    return seconds


def known(root: Path) -> dict[str, dict[str, Any]]:
    """What the store notes of machines, by their names; {} before `doctor` measured any."""
    try:
        found = read_json(root / FILE)
        return dict(found["machines"]) if found["version"] == VERSION else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def told_in_record(root: Path, machines: list[str]) -> dict[str, Any]:
    """What a record's provenance says of the machines of its stages; {} where none was measured."""
    found = {name: one for name, one in known(root).items() if name in machines}
    return {"reference": {"version": VERSION, "machines": found}} if found else {}


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        import torch

        torch.cuda.synchronize()
