"""What a run is: frozen, validated, fully resolved; canonical JSON; keys; named seeds.

A `RunSpec` holds every setting that changes a number, with defaults written out, so that two runs are equal exactly if
their keys are. Callers: plan (makes stages of it), record, cli. Not here: the protocol's switches and the presets.
"""

import hashlib
import json
from typing import Any, Literal

from pydantic import Field

from benchmark.errors import InputError
from benchmark.frozen import Frozen
from benchmark.presets import Preset
from benchmark.protocol import Protocol
from benchmark.registry import check_name

DATASETS = ("prostate", "spleen", "breast")
METHODS = ("none", "classic", "unconditional", "emitdiff")
GENERATIVE = ("unconditional", "emitdiff")


class SourceSpec(Frozen):
    """Where the images come from. Runs whose titles or fingerprints differ never share a table."""

    kind: Literal["msd", "busi", "phantom", "folder"]
    title: str
    licence: str
    fingerprint: str = Field(description="sha256 of the content, whatever folder it lies in")
    synthetic: bool = Field(description="true for phantoms: images that no scanner made")


class MethodSpec(Frozen):
    """A method with its own settings; those that a method does not have are None or 0."""

    name: Literal["none", "classic", "unconditional", "emitdiff"]
    transform: str | None = Field(None, description="classic transform, alone or on top of a generative method")
    ratio: int = Field(0, ge=0, description="synthetic variants per real slice, n")
    alpha: float | None = Field(None, ge=0, le=1, description="share of real patches (of real loss: unconditional)")
    patch_size: int | None = Field(None, ge=1, description="side of a merging patch, pixels")
    generator: dict[str, Any] | None = Field(None, description="all settings of the generator, resolved")

    @property
    def generator_kind(self) -> str:
        """Name of the generator that the method trains: its own, unless its settings name another one."""
        return (self.generator or {}).get("kind", self.name)

    @property
    def label(self) -> str:
        """Short name for tables: 'none', 'classic deepstack', 'emitdiff', 'emitdiff + deepstack'."""
        if self.name == "classic":
            return f"classic {self.transform}"
        return f"{self.name} + {self.transform}" if self.transform else self.name


class RunSpec(Frozen):
    """One fully resolved run."""

    dataset: Literal["prostate", "spleen", "breast"]
    source: SourceSpec
    method: MethodSpec
    architecture: str
    fold: int = Field(ge=0)
    seed: int = Field(ge=0)
    training_share: float = Field(1.0, gt=0, le=1, description="share of the fold's training cases in use (scarcity)")
    protocol: Protocol
    preset: Preset

    @property
    def key(self) -> str:
        """sha256 hex of the canonical spec; names that stand for numbers given elsewhere do not count."""
        return digest(self.model_dump(exclude={"preset": {"name"}}))


def canonical(value: Any) -> str:
    """Canonical JSON: sorted keys, no white space, no NaN; equal values give equal text on every machine."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(value: Any) -> str:
    """sha256 hex of the canonical JSON of `value`."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def named_seed(seed: int, *names: str | int) -> int:
    """A 63-bit seed for one named purpose, independent between names: named_seed(3, 'segmenter', 'order')."""
    text = "/".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def resolve_method(
    name: str,
    preset: Preset,
    *,
    transform: str | None = None,
    ratio: int | None = None,
    alpha: float | None = None,
    patch_size: int | None = None,
) -> MethodSpec:
    """A MethodSpec from what a user gave, defaults from the preset. Raises InputError for what cannot be."""
    check_name("method", name, METHODS)
    if name not in GENERATIVE:
        for option, value in (("--ratio", ratio), ("--alpha", alpha), ("--patch-size", patch_size)):
            if value is not None:
                raise InputError(f"{option} belongs to the methods {' and '.join(GENERATIVE)}, not to '{name}'; leave it out.")
    if name == "none":
        if transform is not None:
            raise InputError(f"method 'none' takes no --transform; use --method classic --transform {transform}.")
        return MethodSpec(name="none")
    if name == "classic":
        return MethodSpec(name="classic", transform=transform or "deepstack")
    ratio = preset.ratio if ratio is None else ratio
    alpha = preset.alpha if alpha is None else alpha
    if ratio < 0:
        raise InputError(f"--ratio {ratio} is negative; give 0 (no synthetic data) or more variants per real slice.")
    if not 0 <= alpha <= 1:
        raise InputError(f"--alpha {alpha:g} is outside [0, 1]; it is the share of real patches.")
    if name == "unconditional":
        if patch_size is not None:
            raise InputError("--patch-size belongs to method emitdiff: unconditional samples join whole, not by patch.")
        return MethodSpec(name=name, transform=transform, ratio=ratio, alpha=alpha)
    patch_size = preset.patch_size if patch_size is None else patch_size
    if patch_size < 1 or preset.size % patch_size:
        divisors = [str(p) for p in range(1, preset.size + 1) if preset.size % p == 0]
        raise InputError(
            f"--patch-size {patch_size} does not divide the image side of {preset.size} pixels;"
            f" give one of {', '.join(divisors)}."
        )
    return MethodSpec(name=name, transform=transform, ratio=ratio, alpha=alpha, patch_size=patch_size)
