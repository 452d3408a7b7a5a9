"""A method as a run names it: built in or a user's own, with its settings."""

from typing import Any, Literal

from pydantic import Field, field_validator, model_serializer, model_validator

from benchmark.core.errors import InputError
from benchmark.core.frozen import Frozen
from benchmark.core.registry import check_name
from benchmark.spec.presets import Preset

METHODS = ("none", "classic", "unconditional", "pix2pix", "emitdiff")


GENERATIVE = ("unconditional", "pix2pix", "emitdiff")


OWN = "own"  # name of every method of a user's


OWN_PREFIX = "own:"


class OwnMethod(Frozen):
    """What identifies a user's own method (baselines/generators/user_method.py): its name and
    version, never its code."""

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)
    version: int = Field(ge=1, strict=True)
    kind: Literal["generator", "transform"]
    joins: Literal["patches", "pairs"] | None = Field(
        None, description="how a generator's samples join the training"
    )

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
    transform: str | None = Field(
        None, description="classic transform, alone or on top of a generative method"
    )
    ratio: int = Field(0, ge=0, description="synthetic variants per real slice, n")
    alpha: float | None = Field(
        None, ge=0, le=1, description="share of real patches (of real loss: unconditional)"
    )
    patch_size: int | None = Field(None, ge=1, description="side of a merging patch, pixels")
    generator: dict[str, Any] | None = Field(
        None, description="all settings of the generator, resolved"
    )
    minimum_agreement: float | None = Field(
        None,
        ge=0,
        le=1,
        description="samples whose label agreement lies below it are dropped; left out if none are",
    )
    own: OwnMethod | None = Field(
        None, description="of a user's own method; left out of specs and keys otherwise"
    )

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
        """Whether samples bring masks of their own and stand beside the real slices, instead of
        being merged with them."""
        return self.name == "unconditional" or (self.own is not None and self.own.joins == "pairs")

    @property
    def generator_kind(self) -> str:
        """Name of the generator that the method trains: its own, unless its settings name another
        one."""
        return self.own.reference if self.own else (self.generator or {}).get("kind", self.name)

    @property
    def label(self) -> str:
        """Short name for tables: 'none', 'classic deepstack', 'emitdiff', 'emitdiff +
        deepstack'."""
        if self.name == "classic":
            return f"classic {self.transform}"
        name = self.own.label if self.own else self.name
        return f"{name} + {self.transform}" if self.transform else name


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
    """A MethodSpec from what a user gave, defaults from the preset. Raises InputError for what
    cannot be."""
    if own is None:
        check_name("method", name, METHODS)
    if name not in GENERATIVE and not (own and own.kind == "generator"):
        for option, value in (("--ratio", ratio), ("--alpha", alpha), ("--patch-size", patch_size)):
            if value is not None:
                raise InputError(
                    f"{option} belongs to the methods {', '.join(GENERATIVE)}, not to '{name}';"
                    f" leave it out."
                )
    if own and own.kind == "transform":
        if transform is not None:
            raise InputError(
                f"method '{own.name}' is a transform itself and takes no --transform; leave it out."
            )
        return MethodSpec(name=OWN, own=own)
    if name == "none":
        if transform is not None:
            raise InputError(
                f"method 'none' takes no --transform; use --method classic --transform {transform}."
            )
        return MethodSpec(name="none")
    if name == "classic":
        return MethodSpec(name="classic", transform=transform or "deepstack")
    ratio = preset.ratio if ratio is None else ratio
    alpha = preset.alpha if alpha is None else alpha
    if ratio < 0:
        raise InputError(
            f"--ratio {ratio} is negative; give 0 (no synthetic data) or more variants per real"
            f" slice."
        )
    if not 0 <= alpha <= 1:
        raise InputError(f"--alpha {alpha:g} is outside [0, 1]; it is the share of real patches.")
    own_name = {"name": OWN, "own": own} if own else {"name": name}
    if name == "unconditional" or (own and own.joins == "pairs"):
        if patch_size is not None:
            raise InputError(
                f"--patch-size is for samples that are merged by patch: those of {name} join"
                f" whole; leave it out."
            )
        return MethodSpec(**own_name, transform=transform, ratio=ratio, alpha=alpha)
    patch_size = preset.patch_size if patch_size is None else patch_size
    if patch_size < 1 or preset.size % patch_size:
        divisors = [str(p) for p in range(1, preset.size + 1) if preset.size % p == 0]
        raise InputError(
            f"--patch-size {patch_size} does not divide the image side of {preset.size} pixels;"
            f" give one of {', '.join(divisors)}."
        )
    return MethodSpec(
        **own_name, transform=transform, ratio=ratio, alpha=alpha, patch_size=patch_size
    )
