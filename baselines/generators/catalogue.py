"""Which generator a method trains, and the settings class of each generator.

A generator has a *kind*, its name in `GENERATORS`: usually the method's own name, else what the
setting `generator.kind` says. This module imports no torch, so that settings can be checked before
anything heavy is loaded. Not here: the numbers of the presets (benchmark/spec/presets.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from baselines.generators.base import Generator
from baselines.generators.loaded import own_class
from baselines.generators.settings import BaseSettings
from benchmark.core.identity import flat
from benchmark.core.registry import Registry, check_name
from benchmark.spec.method import CLASSIC, NONE, OWN_PREFIX, Look, MethodSpec
from benchmark.spec.presets import default_kind, generator_numbers
from datasets.tasks.catalogue import TASKS

GENERATORS = Registry(
    "generator",
    {
        "unconditional": "baselines.scratch.unconditional:UnconditionalDiffusion",
        "pix2pix": "baselines.pix2pix.generator:Pix2Pix",
        "emitdiff": "baselines.scratch.emitdiff:EmitDiff",
        "stable-diffusion": "baselines.stable.generator:StableDiffusion",
    },
)


def generator_class(kind: str) -> type[Generator]:
    """The generators of this kind, a user's own included. Raises InputError for an unknown kind."""
    if kind.startswith(OWN_PREFIX):
        return own_class(kind).cls
    return GENERATORS.load(kind.partition("@")[0])


# Kind -> class of settings; every name of GENERATORS stands here too.
SETTINGS = Registry(
    "generator",
    {
        "unconditional": "baselines.scratch.settings:GeneratorSettings",
        "pix2pix": "baselines.pix2pix.settings:Pix2PixSettings",
        "emitdiff": "baselines.scratch.settings:GeneratorSettings",
        "stable-diffusion": "baselines.stable.settings:StableSettings",
    },
)

# Method -> kinds it may train; the first is its own. Others are chosen by a preset or by --set
# generator.kind=NAME.
KINDS: dict[str, tuple[str, ...]] = {
    "unconditional": ("unconditional",),
    "pix2pix": ("pix2pix",),
    "emitdiff": ("emitdiff", "stable-diffusion"),
}


def settings_class(kind: str) -> type[BaseSettings]:
    """The settings of the generators of this kind, a user's own included. Raises InputError for an
    unknown kind."""
    if kind.startswith(OWN_PREFIX):
        return own_class(kind).cls.settings
    return SETTINGS.load(kind.partition("@")[0])


_LOOKS = {
    "unconditional": Look(order=20, colour="#e69f00", marker="^"),
    "pix2pix": Look(order=30, colour="#cc79a7", marker="v"),
    "emitdiff": Look(order=40, colour="#009e73", marker="D"),
}


def method_names() -> list[str]:
    """Names of all built-in methods, in the tables' order."""
    return [NONE.name, CLASSIC.name, *KINDS]


def declared(method: str, kind: str | None = None) -> MethodSpec:
    """A built-in method without settings; `kind`: the generator that it trains, if not its own.

    Raises InputError for an unknown method, and for a kind that the method cannot train.
    """
    check_name("method", method, method_names())
    if method not in KINDS:
        return {NONE.name: NONE, CLASSIC.name: CLASSIC}[method]
    kind = check_kind(method, kind or method)
    joins: Literal["patches", "pairs"] = "pairs" if method == "unconditional" else "patches"
    return MethodSpec(name=method, kind=kind, joins=joins, look=_LOOKS[method])


def usual_settings(method: MethodSpec, preset: str, protocol: str, dataset: str) -> dict[str, Any]:
    """The generator's settings at a preset and a named protocol, with dotted names, as records hold
    them, and its usual kind."""
    assert method.kind is not None
    epochs = TASKS.of_results(dataset).released_epochs
    numbers = {} if method.own else generator_numbers(preset, method.kind, protocol, epochs)
    usual = settings_class(method.reference).model_validate(numbers).model_dump(mode="json")
    return flat(usual) | {"kind": method.kind if method.own else default_kind(preset, method.name)}


def changed_settings(
    method: MethodSpec, preset: str, protocol: str, dataset: str
) -> dict[str, Any]:
    """The settings of a resolved method's generator, with dotted names, that are not the usual
    ones.

    Versions of weights are not among them, for they are found out when a run is planned.
    """
    usual = usual_settings(method, preset, protocol, dataset)
    mine = flat(method.generator or {}) | {"kind": method.kind}
    return {
        name: value
        for name, value in mine.items()
        if usual[name] != value and not name.endswith("_version")
    }


def settings_of_generator(kind: str, values: Mapping[str, Any]) -> BaseSettings:
    """Settings from the resolved values of a run's method."""
    return settings_class(kind).model_validate(dict(values))


def check_kind(method: str, kind: str) -> str:
    """Returns `kind` if the method can train it; raises InputError otherwise."""
    return check_name(f"generator.kind of {method}", kind, KINDS[method])
