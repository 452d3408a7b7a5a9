"""From what a user asked for to resolved runs: `--set` values, defaults, sources, folds and seeds.
Every problem found here is an InputError before anything is computed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from baselines.generators.catalogue import (
    changed_settings,
    check_kind,
    declared,
    default_kind,
    generator_class,
    generators,
    method_names,
    methods,
    settings_class,
)
from baselines.generators.places import Places
from baselines.generators.settings import BaseSettings
from baselines.generators.user_method import is_own, load_own
from baselines.networks.architectures import check as check_architecture
from baselines.transforms.catalogue import check_transform
from benchmark.core.errors import InputError
from benchmark.core.registry import check_name
from benchmark.core.texts import did_you_mean
from benchmark.planning.options import Request
from benchmark.spec.method import MethodSpec, resolve_method
from benchmark.spec.presets import Preset, preset
from benchmark.spec.protocol import (
    Protocol,
    check_contradictions,
    named_protocol,
    nearest_protocol,
)
from benchmark.spec.run import RunSpec, SourceSpec
from benchmark.stages.base import Location, SourceLocation
from datasets.cases import CaseInfo
from datasets.slices.edges import check_detector
from datasets.slices.hed import find_weights, weights_identity
from datasets.sources.base import Source, SourceOptions
from datasets.sources.open import open_source, task_of

# of --set, beside switches, numbers and the generator's settings
SAMPLE_RULES = ("audit", "filter")


@dataclass(frozen=True)
class Opened:
    """A source that was opened once for many runs."""

    source: Source
    spec: SourceSpec
    cases: list[CaseInfo]
    options: dict[str, Any]
    cache: Path | None = None  # of known digests


def settings_of(request: Request) -> tuple[Protocol, Preset, dict[str, Any]]:
    """The request's protocol, preset and generator numbers with `--set` applied. Raises
    InputError."""
    protocol, numbers = named_protocol(request.protocol), preset(request.preset)
    switches, sizes, chosen = {}, {}, []
    for text in request.sets:
        name, value = name_and_value(text)
        if name in Protocol.model_fields:
            switches[name] = value
        elif name in Preset.model_fields and name != "name":
            sizes[name] = value
        elif name.startswith("generator."):
            chosen.append((name.removeprefix("generator.").split("."), value))
        elif name not in SAMPLE_RULES:
            known = [
                *SAMPLE_RULES,
                *Protocol.model_fields,
                *(n for n in Preset.model_fields if n != "name"),
            ]
            known += [f"generator.{name}" for name in _generator_fields(request.method)]
            raise InputError(
                f"--set {text}: unknown switch '{name}'{did_you_mean(name, known)}; known:"
                f" {', '.join(known)}."
            )
    weights = _edge_weights(sizes)
    check_detector(str(sizes.get("edge", numbers.edge)), sizes.get("edge_weights"))
    if weights is not None:
        sizes["edge_weights"] = weights_identity(weights)
    protocol = _validated(Protocol, protocol.model_dump() | switches, "--set")
    check_contradictions(protocol)
    ct = protocol.intensity == "ct-window"
    if ct and not task_of(request.dataset, request.source).hounsfield:
        raise InputError(
            f"switch intensity=ct-window is for CT; the images of {request.dataset} have no"
            f" Hounsfield units."
        )
    return (
        protocol,
        _validated(Preset, numbers.model_dump() | sizes, "--set"),
        _generator_values(request, chosen),
    )


def location_of(request: Request, opened: Opened) -> Location:
    """Where on this machine lies what the request's stages read. Raises InputError."""
    _, numbers, _ = settings_of(request)
    folder = opened.spec.kind == "folder"
    own = load_own(request.method).address if is_own(request.method) else None
    return Location(
        source=SourceLocation(
            source=request.source if folder else opened.spec.kind,
            data_root=request.data_root.absolute() if request.data_root else None,
            phantom_cases=numbers.phantom_cases,
            allow_incomplete=request.allow_incomplete,
        ),
        edge_weights=_edge_weights(dict(name_and_value(text) for text in request.sets)),
        own=own,
        places=generator_places(request, opened.cache),
    )


def _edge_weights(sets: dict[str, Any]) -> Path | None:
    return find_weights(str(sets["edge_weights"])) if sets.get("edge_weights") is not None else None


def sample_rules(request: Request) -> tuple[bool, float | None]:
    """(whether samples are audited, the least label agreement of those that are used). Raises
    InputError.

    `--set audit=true` and `--set filter=agreement:0.7`; methods without a generator have neither.
    """
    given = {
        name: value for name, value in map(name_and_value, request.sets) if name in SAMPLE_RULES
    }
    audit, rule = given.get("audit", False), given.get("filter")
    if not isinstance(audit, bool):
        raise InputError(f"--set audit={audit}: give true or false.")
    if rule is None or rule == "none":
        return audit, None
    kind, _, number = str(rule).partition(":")
    try:
        minimum = float(number)
    except ValueError:
        minimum = -1.0
    if kind != "agreement" or not 0 <= minimum <= 1:
        raise InputError(
            f"--set filter={rule}: give agreement:NUMBER with a Dice between 0 and 1, such as"
            f" agreement:0.7."
        )
    return audit, minimum


def open_request(request: Request, fingerprint_cache: Path | None) -> Opened:
    """Opens the request's source. Raises InputError for whatever is wrong with it."""
    _, numbers, _ = settings_of(request)
    options = SourceOptions(request.busi_class, request.allow_incomplete, fingerprint_cache)
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
    content = {"busi_class": request.busi_class} if source.kind == "busi" else {}
    return Opened(source, spec, source.cases(), content, fingerprint_cache)


def resolve(request: Request, opened: Opened) -> list[RunSpec]:
    """The runs of a request: one per fold and seed. Raises InputError."""
    if not is_own(request.method):
        check_name("method", request.method, method_names())
    protocol, numbers, generator = settings_of(request)
    audit, minimum = sample_rules(request)
    if request.transform is not None:
        check_transform(request.transform)
    check_architecture(request.architecture, numbers.size)
    if not 0 < request.training_share <= 1:
        raise InputError(
            f"--training-share {request.training_share:g} is outside (0, 1]; it is a share of"
            f" training cases."
        )
    method = resolve_method(
        _declared(request, generator),
        numbers,
        transform=request.transform,
        ratio=request.ratio,
        alpha=request.alpha,
        patch_size=request.patch_size,
    )
    if method.generates:
        settings, _ = _pinned_settings(request, opened.cache)
        method = method.model_copy(
            update={"generator": settings.model_dump(mode="json"), "minimum_agreement": minimum}
        )
        nearest, _ = nearest_protocol(protocol)
        changed = changed_settings(method, numbers.name, nearest, request.dataset)
        method = method.model_copy(update={"changed": changed})
    elif minimum is not None:
        raise InputError(
            f"--set filter drops synthetic samples, and method '{method.name}' has none; leave it"
            f" out."
        )
    audit = audit and bool(method.generates and method.ratio)
    folds = range(numbers.n_folds) if request.folds is None else request.folds
    common = {
        "dataset": request.dataset,
        "source": opened.spec,
        "method": method,
        "architecture": request.architecture,
        "training_share": request.training_share,
        "protocol": protocol,
        "preset": numbers,
        "audit": audit,
    }
    for fold in folds:
        if not 0 <= fold < numbers.n_folds:
            raise InputError(
                f"--fold {fold} does not exist; folds are 0 to {numbers.n_folds - 1}, or all."
            )
    if any(seed < 0 for seed in request.seeds):
        raise InputError("--seeds holds a negative seed; give numbers from 0.")
    return [RunSpec(fold=fold, seed=seed, **common) for seed in request.seeds for fold in folds]


def generator_places(request: Request, cache: Path | None) -> Places:
    """Where the weights and images of the request's generator lie on this machine. Raises
    InputError."""
    if is_own(request.method) or not _kinds(request.method):
        return Places()
    return _pinned_settings(request, cache)[1]


def _declared(request: Request, generator: dict[str, Any]) -> MethodSpec:
    """The method of a request, without settings; `generator`: the numbers of `settings_of`."""
    if is_own(request.method):
        return load_own(request.method).spec
    return declared(request.method, generator.get("kind"))


def _pinned_settings(request: Request, cache: Path | None) -> tuple[BaseSettings, Places]:
    _, numbers, generator = settings_of(request)
    reference = _declared(request, generator).reference
    generator.pop("kind", None)
    settings = _validated(settings_class(reference), generator, "--set generator.")
    settings.check_size(numbers.size)
    return settings.pinned(cache)


def fitting_sets(request: Request) -> Request:
    """The request without those settings that only another method's generator has, as a suite of
    several needs it."""
    own = _kinds(request.method)

    def fits(text: str) -> bool:
        name = text.partition("=")[0].strip()
        if name == "filter":
            return bool(own)
        path = name.removeprefix("generator.").split(".")
        if path == ["kind"]:
            return not own or str(name_and_value(text)[1]) in own
        foreign = any(settings_class(kind).has(path) for kind in generators())
        return (
            not name.startswith("generator.")
            or not foreign
            or any(settings_class(kind).has(path) for kind in own)
        )

    return replace(request, sets=tuple(text for text in request.sets if fits(text)))


def name_and_value(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise InputError(
            f"--set {text} is not of the form name=value, for example --set selection=test."
        )
    try:
        return name.strip(), yaml.safe_load(value)
    except yaml.YAMLError:
        raise InputError(
            f"--set {text}: the value cannot be read; give a word, a number or a list such as"
            f" [32,64]."
        ) from None


def _generator_values(request: Request, chosen: Sequence[tuple[list[str], Any]]) -> dict[str, Any]:
    """The generator's numbers at the preset with the `chosen` ones put in; "kind" is among them for
    a built-in."""
    kinds = _kinds(request.method)
    if not kinds:
        return {}
    kind, named = kinds[0], {}
    if not is_own(request.method):
        kind = default_kind(request.method, request.preset)
        for path, value in chosen:
            kind = check_kind(request.method, str(value)) if path == ["kind"] else kind
        chosen = [(path, value) for path, value in chosen if path != ["kind"]]
        named = {"kind": kind}
    numbers = generator_class(kind).numbers(request.preset, request.protocol, request.dataset)
    values = numbers | named
    for path, value in chosen:
        _put(values, path, value)
    return values


def _kinds(method: str) -> tuple[str, ...]:
    """The generators that a --method may train; () for methods that train none."""
    if not is_own(method):
        return methods().get(method, ())
    spec = load_own(method).spec
    return (spec.reference,) if spec.generates else ()


def _generator_fields(method: str) -> list[str]:
    """Names of the settings of all generators that a method, or any method, may train."""
    kinds = _kinds(method) or generators()
    return list(dict.fromkeys(name for kind in kinds for name in settings_class(kind).model_fields))


def _put(tree: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for part in path[:-1]:
        tree[part] = dict(tree.get(part, {}))
        tree = tree[part]
    tree[path[-1]] = value


def _validated(model, values: dict[str, Any], option: str):
    """model(**values), with pydantic's first complaint turned into one sentence."""
    try:
        return model(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        if not name:  # a rule about several settings at once
            raise InputError(
                f"{option.rstrip('.')}: {first['msg'].removeprefix('Value error, ')}."
            ) from None
        hint = ""
        if first["type"] == "extra_forbidden":
            known = model.names() if issubclass(model, BaseSettings) else model.model_fields
            hint = did_you_mean(name, known)
        option = option if option.endswith(".") else f"{option} "
        raise InputError(
            f"{option}{name}={first['input']}: {first['msg'].lower()}{hint}."
        ) from None
