"""Which generator a method trains, and the settings class of each generator.

A generator has a *kind*, its name in `GENERATORS`: usually the method's own name, else what the
setting `generator.kind` says. This module imports no torch, so that settings can be checked before
anything heavy is loaded. Not here: the numbers of the presets (benchmark/spec/presets.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from baselines.generators.base import Generator
from baselines.generators.loaded import own_class
from baselines.generators.settings import BaseSettings
from benchmark.core.registry import Registry, check_name
from benchmark.spec.method import OWN_PREFIX

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
    return own_class(kind).cls if kind.startswith(OWN_PREFIX) else GENERATORS.load(kind)


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
    return SETTINGS.load(kind)


def generator_defaults() -> dict[str, dict[str, Any]]:
    """The settings of every kind of generator at no preset, as records hold them: what reports
    compare records with."""
    return {kind: settings_class(kind)().model_dump(mode="json") for kind in SETTINGS}


def settings_of_generator(kind: str, values: Mapping[str, Any]) -> BaseSettings:
    """Settings from the resolved values of a run's method."""
    return settings_class(kind).model_validate(dict(values))


def check_kind(method: str, kind: str) -> str:
    """Returns `kind` if the method can train it; raises InputError otherwise."""
    return check_name(f"generator.kind of {method}", kind, KINDS[method])
