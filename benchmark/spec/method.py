"""A method as a run names it: built in or a user's own, with its settings."""

from typing import Any, Literal

from pydantic import Field, model_validator

from benchmark.core.errors import InputError
from benchmark.core.frozen import Frozen
from benchmark.core.identity import canonical
from benchmark.spec.presets import MAX_RATIO, Preset

OWN_PREFIX = "own:"
NOT_IN_KEYS = {"changed", "look"}
OF_CLASS = {"name", "version", "own", "kind", "joins", "look"}  # fields that the class gives
JOINING = ("merge", "pairs", "pretrain", "only")  # ways in which samples join a training
Joins = Literal[
    "patches",
    "patches/pairs",
    "patches/pretrain",
    "patches/only",
    "pairs",
    "pairs/pretrain",
    "pairs/only",
]


class Look(Frozen):
    """Where tables list a method, and how figures draw it."""

    order: int = Field(100, ge=0, le=1000, description="place in tables; users' methods come last")
    colour: str = Field("#d55e00", pattern=r"^#[0-9a-f]{6}$")
    marker: Literal["o", "s", "^", "v", "<", ">", "D", "P", "X", "h", "p", "*"] = "P"
    form: str | None = Field(
        None,
        pattern=r"^[A-Za-z][A-Za-z ]*[A-Za-z]$",
        max_length=30,
        description="which generator it is, where generators of several kinds share the method's"
        " name: 'from scratch'",
    )


class MethodSpec(Frozen):
    """A method with its own settings; those that a method does not have are None or 0.

    Whatever a reader of a record must know of the method's class stands here, so that a record can
    be read without that class.
    """

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)
    version: int = Field(1, ge=1, strict=True, description="of its class")
    own: bool = Field(False, description="the class is a user's own")
    kind: str | None = Field(
        None, description="name of the generator that it trains; None: it trains none"
    )
    joins: Joins | None = Field(
        None,
        description="samples keep the mask of their slice and are merged with it by patches; or"
        " bring masks of their own and stand beside the real slices; behind a stroke, the way that"
        " the user chose instead: as pairs beside the real slices, in the first epochs alone, or"
        " without real slices; None: no samples",
    )
    transform: str | None = Field(
        None, description="classic transform, alone or on top of a generative method"
    )
    ratio: int = Field(0, ge=0, le=MAX_RATIO, description="synthetic variants per real slice, n")
    alpha: float | None = Field(
        None,
        ge=0,
        le=1,
        description="share of real patches (of real loss: pairs; of the epochs that are real:"
        " pretrain; of an image's own patches: a transform that mixes patches)",
    )
    patch_size: int | None = Field(None, ge=1, description="side of a merging patch, pixels")
    generator: dict[str, Any] | None = Field(
        None,
        description="all settings of the generator, resolved; of a method without one, if it is"
        " trained longer than the preset says: further_epochs, how many epochs more",
    )
    minimum_agreement: float | None = Field(
        None, ge=0, le=1, description="samples whose label agreement lies below it are dropped"
    )
    changed: dict[str, Any] = Field(
        default_factory=dict,
        description="settings of the generator, with dotted names, that are not the preset's; no"
        " part of a key",
    )
    look: Look = Field(Look(), description="no part of a key")

    @model_validator(mode="after")
    def _samples_join(self) -> "MethodSpec":
        if (self.joins is None) != (self.kind is None):
            raise ValueError("a generator, and nothing else, says how its samples join")
        if not self.generates and self.generator is not None and self.further_epochs < 1:
            raise ValueError(
                "a method without a generator has no setting of one but further_epochs"
            )
        if self.name in (NONE_NAME, CLASSIC_NAME) and (self.own or self.generates):
            raise ValueError("a built-in method has this name")
        return self

    @property
    def identity(self) -> str:
        """Canonical text of all that makes one method differ from another."""
        return canonical(self.model_dump(mode="json", exclude=NOT_IN_KEYS))

    @property
    def generates(self) -> bool:
        """Whether the method trains a generator of synthetic variants."""
        return self.kind is not None

    @property
    def brings_masks(self) -> bool:
        """Whether samples bring masks of their own."""
        return self.joins is not None and self.joins.startswith("pairs")

    @property
    def joining(self) -> str | None:
        """How samples join the training, one of JOINING; None without samples."""
        if self.joins is None:
            return None
        made_for, _, chosen = self.joins.partition("/")
        return chosen or {"patches": "merge", "pairs": "pairs"}[made_for]

    @property
    def joins_otherwise(self) -> bool:
        """Whether the user chose another way for samples to join than their generator's."""
        return self.joins is not None and "/" in self.joins

    @property
    def of_class(self) -> dict[str, Any]:
        """The fields that the class gives, as it gives them."""
        fields = self.model_dump(include=OF_CLASS)
        return fields | {"joins": self.joins.partition("/")[0] if self.joins else None}

    @property
    def further_epochs(self) -> int:
        """Epochs beyond the preset's that a method without a generator is trained."""
        if self.generates or self.generator is None:
            return 0
        given = self.generator.get("further_epochs")
        return given if isinstance(given, int) and len(self.generator) == 1 else 0

    @property
    def plain(self) -> "MethodSpec":
        """The method without further epochs."""
        return self.model_copy(update={"generator": None}) if self.further_epochs else self

    def synthetic_epochs(self, epochs: int) -> int:
        """Of `epochs`, the first ones that show synthetic slices alone."""
        if self.joining == "pretrain":
            return pretraining_epochs(self.alpha or 0.0, epochs)
        return epochs if self.joining == "only" else 0

    @property
    def reference(self) -> str:
        """'emitdiff@1' or 'own:NAME@VERSION': the class, as stages name it."""
        return f"{OWN_PREFIX if self.own else ''}{self.kind or self.name}@{self.version}"

    @property
    def label(self) -> str:
        """Short name for tables: 'none', 'classic deepstack', 'emitdiff (from scratch)',
        'emitdiff (from scratch) + deepstack', 'mine v2'."""
        return self._named(f" ({self.look.form})" if self.look.form else "")

    @property
    def plain_label(self) -> str:
        """The label without the form of the generator: 'emitdiff', 'emitdiff + deepstack'."""
        return self._named("")

    def _named(self, form: str) -> str:
        if self.name == CLASSIC_NAME:
            return f"{self.name} {self.transform}"
        name = (self.name if self.version == 1 else f"{self.name} v{self.version}") + form
        return f"{name} + {self.transform}" if self.transform else name


def pretraining_epochs(alpha: float, epochs: int) -> int:
    """Of `epochs`, the first ones that show synthetic slices alone where the share alpha of them is
    real."""
    return epochs - round(alpha * epochs)


NONE_NAME, CLASSIC_NAME = "none", "classic"
NONE = MethodSpec(name=NONE_NAME, look=Look(order=0, colour="#8c8c8c", marker="s"))
CLASSIC = MethodSpec(name=CLASSIC_NAME, look=Look(order=10, colour="#56b4e9", marker="o"))


def resolve_method(
    method: MethodSpec,
    preset: Preset,
    *,
    transform: str | None = None,
    ratio: int | None = None,
    alpha: float | None = None,
    patch_size: int | None = None,
    on_patches: bool = False,
    joins: str | None = None,
) -> MethodSpec:
    """What a user gave put into a method that has no settings yet, defaults from the preset.

    on_patches: the transform mixes images by patches, and has alpha and patch size of its own.
    joins: one of JOINING. Raises InputError for what cannot be.
    """
    name = method.name
    if not method.generates:
        options = {"--ratio": ratio, "--alpha": alpha, "--patch-size": patch_size}
        for option, value in options.items():
            if value is not None and (option == "--ratio" or not on_patches):
                raise InputError(
                    f"{option} belongs to methods that generate samples, not to '{name}'; leave it"
                    f" out."
                )
        given: dict[str, Any] = {"transform": _transform(method, transform)}
        if on_patches:
            given["alpha"] = preset.alpha if alpha is None else alpha
            given["patch_size"] = preset.patch_size if patch_size is None else patch_size
            check_alpha(given["alpha"])
            check_patch(given["patch_size"], preset.size)
        return method.model_copy(update=given)
    method = _joined(method, joins)
    whole = method.joining != "merge"
    if on_patches and whole:
        raise InputError(
            f"--transform {transform} shares its patches with random patch merging, and the samples"
            f" of {name} join whole; choose another transform."
        )
    if method.joining == "only" and alpha is not None:
        raise InputError(
            "--alpha is the share of the real, and with joins=only nothing is real; leave it out."
        )
    ratio = preset.ratio if ratio is None else ratio
    alpha = preset.alpha if alpha is None else alpha
    if ratio < 0:
        raise InputError(
            f"--ratio {ratio} is negative; give 0 (no synthetic data) or more variants per real"
            f" slice."
        )
    if ratio > MAX_RATIO:
        raise InputError(f"--ratio {ratio} is more than {MAX_RATIO} variants; give fewer.")
    check_alpha(alpha)
    if whole and patch_size is not None:
        raise InputError(
            f"--patch-size is for samples that are merged by patch: those of {name} join whole;"
            f" leave it out."
        )
    if not whole:
        patch_size = preset.patch_size if patch_size is None else patch_size
        check_patch(patch_size, preset.size)
    given = {"transform": transform, "ratio": ratio, "alpha": alpha, "patch_size": patch_size}
    if method.joining == "only":
        given["alpha"] = None
    return method.model_copy(update=given)


def _joined(method: MethodSpec, joins: str | None) -> MethodSpec:
    """The method whose samples join as the user says, if he says it. Raises InputError."""
    if joins is None or joins == method.joining:
        return method
    if joins not in JOINING:
        raise InputError(f"--set joins={joins}: give one of {', '.join(JOINING)}.")
    if joins == "merge":
        raise InputError(
            f"--set joins=merge merges samples with the slice whose mask they keep: those of"
            f" {method.name} bring masks of their own; leave it out."
        )
    return method.model_copy(update={"joins": f"{method.joins}/{joins}"})


def _transform(method: MethodSpec, transform: str | None) -> str | None:
    """The transform of a method that trains no generator."""
    if method.name == CLASSIC_NAME:
        return transform or "deepstack"
    if transform is None:
        return None
    if method.own:
        raise InputError(
            f"method '{method.name}' is a transform itself and takes no --transform; leave it out."
        )
    raise InputError(
        f"method '{method.name}' takes no --transform; use --method classic --transform"
        f" {transform}."
    )


def check_alpha(alpha: float) -> None:
    """Raises InputError unless it is a share."""
    if not 0 <= alpha <= 1:
        raise InputError(f"--alpha {alpha:g} is outside [0, 1]; it is the share of real patches.")


def check_patch(side: int, size: int) -> None:
    """Raises InputError unless patches of this side cover an image of this size (pixels)."""
    if side < 1 or size % side:
        divisors = [str(p) for p in range(1, size + 1) if size % p == 0]
        raise InputError(
            f"--patch-size {side} does not divide the image side of {size} pixels; give one of"
            f" {', '.join(divisors)}."
        )
