"""From a settled request to its runs: the source of the images, folds and seeds.

Every problem found here is an InputError before anything is computed. Not here: what the request
says (settings.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baselines.networks.architectures import resolved
from benchmark.core.errors import InputError
from benchmark.planning.settings import Settled
from benchmark.spec.run import RunSpec, SourceSpec
from benchmark.stages.base import Location, SourceLocation
from datasets.cases import CaseInfo
from datasets.copies.known import copies_of
from datasets.folds import Clusters
from datasets.sources.base import Source, SourceOptions
from datasets.sources.open import open_source


@dataclass(frozen=True)
class Opened:
    """A source that was opened once for many runs. options: those that choose its content; copies:
    its clusters of near copies."""

    source: Source
    spec: SourceSpec
    cases: list[CaseInfo]
    options: dict[str, str]
    copies: Clusters = ()


def open_request(
    settled: Settled, cache: Path | None = None, say: Callable[[str], object] = str
) -> Opened:
    """Opens the request's source; `cache` is a file of known digests, beside which the near copies
    of known sources are kept; `say` is told of a search for them. Raises InputError for whatever is
    wrong with it."""
    request, numbers = settled.request, settled.preset
    options = SourceOptions(request.busi_class, request.allow_incomplete, cache, request.limit)
    source = open_source(
        request.dataset,
        request.source,
        request.data_root,
        phantom_cases=numbers.phantom_cases,
        phantom_size=numbers.size,
        options=options,
    )
    spec = SourceSpec(
        kind=source.kind,
        title=source.title,
        licence=source.licence,
        fingerprint=source.fingerprint(),
        synthetic=source.kind == "phantom",
    )
    content = {"busi_class": str(request.busi_class)} if source.kind == "busi" else {}
    if request.limit is not None:
        content |= {"limit": str(request.limit)}
    copies = copies_of(source, cache.with_name("copies.json") if cache else None, say)
    return Opened(source, spec, source.cases(), content, copies)


def resolve(settled: Settled, opened: Opened) -> list[RunSpec]:
    """The runs of a request: one per fold and seed. Raises InputError."""
    request, numbers = settled.request, settled.preset
    folds = range(numbers.n_folds) if request.folds is None else request.folds
    for fold in folds:
        if not 0 <= fold < numbers.n_folds:
            raise InputError(
                f"--fold {fold} does not exist; folds are 0 to {numbers.n_folds - 1}, or all."
            )
    if any(seed < 0 for seed in request.seeds):
        raise InputError("--seeds holds a negative seed; give numbers from 0.")
    if any(seed >= 1 << 63 for seed in request.seeds):
        raise InputError(f"--seeds holds {max(request.seeds)}; give numbers below 2^63.")
    common: dict[str, Any] = {
        "dataset": request.dataset,
        "source": opened.spec,
        "method": settled.method,
        "architecture": resolved(request.architecture),
        "training_share": request.training_share,
        "protocol": settled.protocol,
        "preset": numbers,
        "audit": settled.audit,
    }
    return [RunSpec(fold=fold, seed=seed, **common) for seed in request.seeds for fold in folds]


def location_of(settled: Settled, opened: Opened) -> Location:
    """Where on this machine lies what the request's stages read."""
    request = settled.request
    folder = opened.spec.kind == "folder"
    source = SourceLocation(
        source=str(Path(request.source).absolute()) if folder else opened.spec.kind,
        data_root=request.data_root.absolute() if request.data_root else None,
        phantom_cases=settled.preset.phantom_cases,
        allow_incomplete=request.allow_incomplete,
    )
    return Location(
        source=source,
        edge_weights=settled.edge_weights,
        own=settled.own,
        places=settled.places,
    )
