"""`doctor` and `crosswalk`: what is installed here, and all metric definitions for one pair of
masks."""

import json
import sys
from pathlib import Path

from benchmark.commands.run import default_preset
from benchmark.core.errors import ExitCode, InputError
from benchmark.core.published_weights import WEIGHTS, found
from benchmark.planning.suite import suite_names
from benchmark.planning.weights import hub_weights
from benchmark.store.store import Store
from benchmark.terminal.console import err, print_table


def print_crosswalk(prediction: Path, truth: Path, as_json: bool) -> ExitCode:
    """All metric definitions for one pair of masks."""
    from benchmark.metrics.crosswalk import crosswalk
    from datasets.files.masks import read_pair

    predicted, true = read_pair(prediction, truth)
    found = crosswalk(predicted.mask, true.mask, true.spacing, true.unit)
    for note in (*predicted.notes, *true.notes):
        err.print(f"note: {note}")
    if as_json:
        json.dump(found.as_json(), sys.stdout, indent=1)
        print()
        return ExitCode.DONE
    rows = [
        (name, f"{value:.6g}", unit, definition) for name, value, unit, definition in found.rows()
    ]
    print_table(
        f"{prediction.name} against {truth.name}", ("metric", "value>", "unit", "definition"), rows
    )
    return ExitCode.DONE


def print_doctor(store_folder: Path) -> ExitCode:
    """What is installed, what may be run, and what this machine can do."""
    import torch

    from baselines.generators.catalogue import method_names
    from baselines.networks.architectures import ARCHITECTURES, describe
    from baselines.transforms.catalogue import transforms
    from benchmark.core.provenance import cpu_name, git_state, packages

    cuda = torch.cuda.is_available()
    git = git_state()
    rows = [
        ("python", sys.version.split()[0]),
        *packages().items(),
        ("cpu", cpu_name()),
        ("instructions", torch.backends.cpu.get_cpu_capability()),
        ("threads", torch.get_num_threads()),
        ("gpu", torch.cuda.get_device_name() if cuda else "none found"),
        (
            "commit",
            f"{git['commit'] or 'no git checkout'}{' (with changes)' if git['dirty'] else ''}",
        ),
        ("methods", ", ".join(method_names())),
        ("transforms", ", ".join(transforms())),
        ("suites", ", ".join(suite_names())),
        ("default preset", default_preset("auto")),
        ("weights of preset paper", "; ".join(hub_weights())),
        ("weights of data fetch", "; ".join(_fetched())),
        ("store", f"{store_folder} ({_store_state(store_folder)})"),
    ]
    rows += _reference_rows(store_folder, "cuda" if cuda else "cpu")
    print_table("doctor", ("what", "found"), rows)
    sizes = []
    for name in ARCHITECTURES:
        try:
            found = describe(name, 384)
            sizes.append((name, f"{found['parameters'] / 1e6:.2f} M", f"{found['gflops']:.1f}"))
        except InputError as error:
            sizes.append((name, "-", str(error)))
    print_table(
        "architectures at 384 px, one slice", ("architecture", "parameters>", "GFLOPs>"), sizes
    )
    return ExitCode.DONE


def _reference_rows(folder: Path, device: str) -> list[tuple[str, str]]:
    """Times the reference steps, and notes them in the store if it can be written."""
    from benchmark.results import reference_steps as reference

    steps = f"{reference.STEPS} steps of {reference.ARCHITECTURE}, {reference.SIZE_PX} px"
    try:
        seconds = reference.note(Store(folder).root, device)
    except InputError:
        return [("reference unit", f"{reference.measure(device):.2f} s on {device}: {steps}")]
    return [("reference unit", f"{seconds:.2f} s on {device}: {steps}; noted in {folder}")]


def _fetched() -> list[str]:
    """Each of the published weights, and whether it was fetched."""
    return [f"{one.name}: {'here' if found(one) else 'not here'}" for one in WEIGHTS.values()]


def _store_state(folder: Path) -> str:
    try:
        return f"writable, {sum(1 for _ in Store(folder).all_stages())} stages"
    except InputError as error:
        return str(error)
