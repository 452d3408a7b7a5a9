"""What a run is: frozen, validated, fully resolved; canonical JSON; keys; named seeds.

A `RunSpec` holds every setting that changes a number, with defaults written out, so that two runs are equal exactly if
their keys are. Callers: plan (makes stages of it), record, cli. Not here: the protocol's switches and the presets.
"""

import hashlib
import json
from typing import Any, Literal

from pydantic import Field, field_validator, model_serializer, model_validator

from benchmark.errors import InputError
from benchmark.frozen import Frozen
from benchmark.presets import Preset
from benchmark.protocol import Protocol
from benchmark.registry import check_name

DATASETS = ("prostate", "spleen", "breast")
METHODS = ("none", "classic", "unconditional", "pix2pix", "emitdiff")
GENERATIVE = ("unconditional", "pix2pix", "emitdiff")
OWN = "own"  # name of every method of a user's
OWN_PREFIX = "own:"
LOCAL = "local"  # in a spec, what stands for a folder of somebody's machine


class SourceSpec(Frozen):
    """Where the images come from. Runs whose titles or fingerprints differ never share a table."""

    kind: Literal["msd", "busi", "phantom", "folder"]
    title: str
    licence: str
    fingerprint: str = Field(description="sha256 of the content, whatever folder it lies in")
    synthetic: bool = Field(description="true for phantoms: images that no scanner made")


class OwnMethod(Frozen):
    """What identifies a user's own method (baselines/own.py): its declared name and version, never its code."""

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)
    version: int = Field(ge=1, strict=True)
    kind: Literal["generator", "transform"]
    joins: Literal["patches", "pairs"] | None = Field(None, description="how a generator's samples join the training")

    @field_validator("name")
    @classmethod
    def _is_not_built_in(cls, name: str) -> str:
        if name in (*METHODS, OWN):
            raise ValueError("a built-in method has this name")
        return name

    @model_validator(mode="after")
    def _joins_if_it_generates(self) -> "OwnMethod":
        if (self.joins is None) == (self.kind == "generator"):
            raise ValueError("a generator, and nothing else, says how its samples join")
        return self

    @property
    def label(self) -> str:
        """'mine', or 'mine v2' from the second version on."""
        return self.name if self.version == 1 else f"{self.name} v{self.version}"

    @property
    def reference(self) -> str:
        """'own:NAME@VERSION', as stages name it."""
        return f"{OWN_PREFIX}{self.name}@{self.version}"


class MethodSpec(Frozen):
    """A method with its own settings; those that a method does not have are None or 0."""

    name: Literal["none", "classic", "unconditional", "pix2pix", "emitdiff", "own"]
    transform: str | None = Field(None, description="classic transform, alone or on top of a generative method")
    ratio: int = Field(0, ge=0, description="synthetic variants per real slice, n")
    alpha: float | None = Field(None, ge=0, le=1, description="share of real patches (of real loss: unconditional)")
    patch_size: int | None = Field(None, ge=1, description="side of a merging patch, pixels")
    generator: dict[str, Any] | None = Field(None, description="all settings of the generator, resolved")
    minimum_agreement: float | None = Field(
        None, ge=0, le=1, description="samples whose label agreement lies below it are dropped; left out if none are"
    )
    own: OwnMethod | None = Field(None, description="of a user's own method; left out of specs and keys otherwise")

    @model_validator(mode="after")
    def _own_has_a_name(self) -> "MethodSpec":
        if (self.own is None) == (self.name == OWN):
            raise ValueError("a method of a user's, and no other, has a field `own`")
        return self

    @model_serializer(mode="wrap")
    def _without_absent_fields(self, values_of) -> dict[str, Any]:
        values = values_of(self)
        for name in ("own", "minimum_agreement"):
            if getattr(self, name) is None:
                values.pop(name, None)
        return values

    @property
    def generates(self) -> bool:
        """Whether the method trains a generator of synthetic variants."""
        return self.name in GENERATIVE or (self.own is not None and self.own.kind == "generator")

    @property
    def joins_pairs(self) -> bool:
        """Whether samples bring masks of their own and stand beside the real slices, instead of being merged with them."""
        return self.name == "unconditional" or (self.own is not None and self.own.joins == "pairs")

    @property
    def generator_kind(self) -> str:
        """Name of the generator that the method trains: its own, unless its settings name another one."""
        return self.own.reference if self.own else (self.generator or {}).get("kind", self.name)

    @property
    def label(self) -> str:
        """Short name for tables: 'none', 'classic deepstack', 'emitdiff', 'emitdiff + deepstack'."""
        if self.name == "classic":
            return f"classic {self.transform}"
        name = self.own.label if self.own else self.name
        return f"{name} + {self.transform}" if self.transform else name


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
    audit: bool = Field(False, description="the record carries an audit of the samples; left out of specs and keys if not")

    @model_serializer(mode="wrap")
    def _without_absent_audit(self, values_of) -> dict[str, Any]:
        values = values_of(self)
        if not self.audit:
            values.pop("audit", None)
        return values

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
    own: OwnMethod | None = None,
) -> MethodSpec:
    """A MethodSpec from what a user gave, defaults from the preset. Raises InputError for what cannot be."""
    if own is None:
        check_name("method", name, METHODS)
    if name not in GENERATIVE and not (own and own.kind == "generator"):
        for option, value in (("--ratio", ratio), ("--alpha", alpha), ("--patch-size", patch_size)):
            if value is not None:
                raise InputError(f"{option} belongs to the methods {', '.join(GENERATIVE)}, not to '{name}'; leave it out.")
    if own and own.kind == "transform":
        if transform is not None:
            raise InputError(f"method '{own.name}' is a transform itself and takes no --transform; leave it out.")
        return MethodSpec(name=OWN, own=own)
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
    own_name = {"name": OWN, "own": own} if own else {"name": name}
    if name == "unconditional" or (own and own.joins == "pairs"):
        if patch_size is not None:
            raise InputError(f"--patch-size is for samples that are merged by patch: those of {name} join whole; leave it out.")
        return MethodSpec(**own_name, transform=transform, ratio=ratio, alpha=alpha)
    patch_size = preset.patch_size if patch_size is None else patch_size
    if patch_size < 1 or preset.size % patch_size:
        divisors = [str(p) for p in range(1, preset.size + 1) if preset.size % p == 0]
        raise InputError(
            f"--patch-size {patch_size} does not divide the image side of {preset.size} pixels;"
            f" give one of {', '.join(divisors)}."
        )
    return MethodSpec(**own_name, transform=transform, ratio=ratio, alpha=alpha, patch_size=patch_size)
