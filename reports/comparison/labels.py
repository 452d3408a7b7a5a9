"""Names that readers see: of methods with their settings, of protocols, presets and sources, and
their fixed order. Not here: the numbers."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from benchmark.core.identity import canonical, digest
from benchmark.spec.method import MethodSpec
from benchmark.spec.presets import LATER_SETTINGS, PRESETS, Preset, default_kind, generator_numbers
from benchmark.spec.protocol import PROTOCOL_NAMES, Protocol, differences
from benchmark.spec.run import SourceSpec

_APART = re.compile(r"(.+?) \((?:(?!generator )(.+?), )?(generator .+)\)")
_SPEED = ("sampling.compile",)
MOST_SETTINGS = 5  # of a generator, that a label names
METHOD_ORDER = ("none", "classic", "unconditional", "pix2pix", "emitdiff", "own")
# The order of Table II; transforms that the paper lacks come last.
TRANSFORM_ORDER = (
    "contrast",
    "gamma",
    "brightness",
    "noise",
    "resolution",
    "mirror",
    "rotate",
    "scale",
    "deepstack",
)


def one_line(text: str) -> str:
    """`text` without line breaks and other control characters, so that no value can start a line of
    its own."""
    plain = (
        text
        if text.isprintable()
        else "".join(letter if letter.isprintable() else " " for letter in text)
    )
    return " ".join(plain.split())


def plain_value(value: Any) -> str:
    """A setting as it is written after `=`: words as they are, all else as JSON (true, 0.6, [32,
    64])."""
    return one_line(value) if isinstance(value, str) else json.dumps(value)


def flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings with dotted names: {"sampling": {"steps": 8}} -> {"sampling.steps": 8}."""
    found = {}
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found


def method_order(method: MethodSpec) -> tuple:
    """Sort key: none, classic in the order of Table II, unconditional, emitdiff, users' own; then
    by their settings."""
    transform = method.transform or ""
    rank = (
        TRANSFORM_ORDER.index(transform) if transform in TRANSFORM_ORDER else len(TRANSFORM_ORDER)
    )
    own = method.own.reference if method.own else ""
    return (
        METHOD_ORDER.index(method.name),
        own,
        transform != "",
        rank,
        transform,
        method.ratio,
        -1.0 if method.alpha is None else method.alpha,
        method.patch_size or 0,
        canonical(method.generator),
    )


def method_labels(
    methods: Sequence[MethodSpec],
    preset: Preset,
    protocol: Protocol = Protocol(),
    dataset: str = "",
    defaults: Mapping[str, Any] | None = None,
) -> list[str]:
    """One label per method, distinct within a table: 'emitdiff (n = 5, alpha = 0.3)'.

    Settings are named where they differ from the preset's default; a setting of the generator also
    where the methods of the table differ among themselves. Of many only the rarest are, and a
    number tells the method from others. defaults: as for `usual_numbers`.
    """
    labels = []
    for method in methods:
        usual = usual_numbers(method, preset.name, protocol_base(protocol)[0], dataset, defaults)
        marks = _generator_marks(method, methods, usual)
        if len(marks) > MOST_SETTINGS:
            more = f"{len(marks) - MOST_SETTINGS + 1} more"
            rarest = sorted(
                marks,
                key=lambda name: sum(
                    _generator_value(other, name) == marks[name] for other in methods
                ),
            )
            marks = {name: marks[name] for name in rarest[: MOST_SETTINGS - 1]} | {
                more: digest(method.generator)[:6]
            }
        labels.append(_with(method.label, changed_settings(method, preset) | marks))
    return labels


def generator_apart(label: str) -> tuple[str, str]:
    """A label of `method_labels` in two: ("emitdiff (n = 4)", "generator steps = 9, layers = 1");
    the second is empty where it names no setting of the generator."""
    found = _APART.fullmatch(label)
    if not found:
        return label, ""
    name, of_run, of_generator = found.groups()
    return f"{name} ({of_run})" if of_run else name, of_generator.replace(", generator ", ", ")


def changed_settings(method: MethodSpec, preset: Preset) -> dict[str, Any]:
    """Ratio (n), alpha and patch size where they differ from the preset's defaults; methods without
    them have none."""
    usual: tuple[Any, ...] = (0, None, None)
    if method.generates:
        usual = (preset.ratio, preset.alpha, None if method.joins_pairs else preset.patch_size)
    dropped = (
        {"least agreement": method.minimum_agreement}
        if method.minimum_agreement is not None
        else {}
    )
    given = {"n": method.ratio, "alpha": method.alpha, "patch": method.patch_size}
    return {
        name: value
        for (name, value), default in zip(given.items(), usual, strict=True)
        if value != default
    } | dropped


def protocol_base(protocol: Protocol) -> tuple[str, dict[str, Any]]:
    """(nearest named protocol, the switches that differ from it)."""
    found = [(name, differences(protocol, name)) for name in PROTOCOL_NAMES]
    return min(found, key=lambda pair: len(pair[1]))


def preset_base(preset: Preset) -> tuple[str, dict[str, Any]]:
    """(named preset, the numbers that differ from it): the one of the same name, else the
    nearest."""
    numbers = preset.model_dump(exclude={"name"})
    named = {preset.name: PRESETS[preset.name]} if preset.name in PRESETS else PRESETS
    found = []
    for name, base in named.items():
        reference = base.model_dump()
        found.append(
            (
                name,
                {field: value for field, value in numbers.items() if value != reference.get(field)},
            )
        )
    return min(found, key=lambda pair: len(pair[1]))


def protocol_label(protocol: Protocol) -> str:
    """'rigorous', or 'rigorous (selection = test)'."""
    return _with(*protocol_base(protocol))


def preset_label(preset: Preset) -> str:
    """'compact', or 'compact (epochs = 40)'; an unknown preset keeps its own name."""
    if preset.name not in PRESETS:
        return one_line(preset.name)
    return _with(*preset_base(preset))


def source_label(source: SourceSpec) -> str:
    """The source's title, with the word that tells generated images from real ones."""
    return f"{one_line(source.title)}, {'synthetic' if source.synthetic else 'real'} images"


def _with(label: str, settings: dict[str, Any]) -> str:
    shown = ", ".join(f"{name} = {plain_value(value)}" for name, value in settings.items())
    return one_line(f"{label} ({shown})" if shown else label)


def usual_numbers(
    method: MethodSpec,
    preset: str,
    protocol: str,
    dataset: str,
    defaults: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The generator's settings that follow from preset and protocol, with dotted names, and its
    usual kind.

    defaults: by kind, the settings at no preset, where the caller knows them; without them only
    what the preset names is usual. Versions of weights are not, for they are found out when a run
    is planned; nor is what only speeds up.
    """
    known = flat(dict((defaults or {}).get(method.generator_kind, {})))
    numbers = flat(generator_numbers(preset, method.generator_kind, protocol, dataset))
    named = {
        name: value
        for name, value in known.items()
        if not name.endswith("_version") and name not in _SPEED
    }
    return named | numbers | {"kind": default_kind(preset, method.name)}


def changed_generator(method: MethodSpec, usual: Mapping[str, Any]) -> dict[str, Any]:
    """The generator's settings, with dotted names, that are not the usual ones."""
    mine = generator_settings(method, usual)
    return {name: value for name, value in mine.items() if name in usual and usual[name] != value}


def generator_settings(method: MethodSpec, usual: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of the generator and its kind, with dotted names; {} for none. Those that are
    younger than the record, or left out of its spec at their neutral value, are there too where the
    `usual` ones have them, which may differ."""
    if not method.generator:
        return {}
    mine = flat(method.generator)
    if method.own:
        return mine
    later = {
        name: value for name, value in LATER_SETTINGS.items() if name in usual and name not in mine
    }
    return mine | later | {"kind": method.generator_kind}


def _generator_marks(
    method: MethodSpec, methods: Sequence[MethodSpec], usual: dict[str, Any]
) -> dict[str, Any]:
    mine = generator_settings(method, usual)
    same = (method.name, method.own, method.generator_kind)
    alike = [other for other in methods if (other.name, other.own, other.generator_kind) == same]
    alike = [generator_settings(other, usual) for other in alike]
    marked = {
        name for name, value in mine.items() if any(other.get(name) != value for other in alike)
    }
    marked |= set(changed_generator(method, usual))
    return {f"generator {name}": value for name, value in mine.items() if name in marked}


def _generator_value(method: MethodSpec, mark: str) -> Any:
    return flat(method.generator or {}).get(mark.removeprefix("generator "))
