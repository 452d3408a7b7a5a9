"""A request, settled: its `--set` texts parsed once, its defaults filled in, its weights found.

Every problem found here is an InputError before anything is computed. Not here: the source of the
images and the runs (request.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, get_args

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
from baselines.networks.architectures import check_weights, needs_company
from baselines.transforms.catalogue import check_transform, on_patches
from benchmark.core.errors import InputError
from benchmark.core.frozen import Frozen
from benchmark.core.published_weights import EFFICIENTNET_LITE0, needed
from benchmark.core.registry import check_name
from benchmark.core.texts import did_you_mean, nearest
from benchmark.core.yaml_text import parse_yaml, value_of
from benchmark.planning.options import Request
from benchmark.spec.method import NONE, MethodSpec, resolve_method
from benchmark.spec.presets import WITHOUT_HED, Preset, preset
from benchmark.spec.protocol import Protocol, check_contradictions, named_protocol, nearest_protocol
from datasets.slices.edges import HED, check_detector
from datasets.slices.hed import fetched_weights, find_weights, weights_identity
from datasets.sources.open import task_of

# of --set, beside switches, numbers and the generator's settings
SAMPLE_RULES = ("audit", "filter", "joins", "further_epochs")
IMAGENET = "imagenet"  # of --set audit: also distances in features of an ImageNet network
M = TypeVar("M", bound=Frozen)
_LARGEST = 2**31 - 1  # of a whole number: steps, sizes and counts of more are slips of the keys


@dataclass(frozen=True)
class Settled:
    """A request whose every number is known.

    audit: how its samples are audited, as in RunSpec; own: FILE.py:Class of a user's own method;
    edge_weights: the file of the edge detector's weights; places: what its generator is told of
    this machine.
    """

    request: Request
    protocol: Protocol
    preset: Preset
    method: MethodSpec
    audit: bool | str
    own: str | None
    edge_weights: Path | None
    places: Places


@dataclass(frozen=True)
class _Given:
    """The values of a request's `--set` texts: switches of the protocol, numbers of the preset,
    settings of the generator by their path, and rules for samples."""

    switches: dict[str, Any]
    numbers: dict[str, Any]
    generator: list[tuple[list[str], Any]]
    rules: dict[str, Any]


def settle(request: Request, cache: Path | None = None) -> Settled:
    """Settles a request; `cache` is a file of known digests. Raises InputError."""
    given = _given(request)
    protocol = _protocol(request, given.switches)
    if not 0 < request.training_share <= 1:
        raise InputError(
            f"--training-share {request.training_share:g} is outside (0, 1]; it is a share of"
            f" training cases."
        )
    audit, minimum = _sample_rules(given.rules)
    own = load_own(request.method) if is_own(request.method) else None
    if own is None:
        check_name("method", request.method, method_names())
    values = _generator_values(request, given.generator)
    bare = own.spec if own else declared(request.method, values.pop("kind", None))
    numbers, edge_weights = _preset(request, given.numbers, bare)
    settings = None
    if bare.generates:
        settings = _validated(settings_class(bare.reference), values, "--set generator.")
        settings.check_size(numbers.size)
        settings.check_edge(numbers.edge)
    method, places = _chosen(request, bare, numbers, given.rules.get("joins")), Places()
    if settings is not None:
        settings, places = settings.pinned(cache)
        method = method.model_copy(
            update={"generator": settings.model_dump(mode="json"), "minimum_agreement": minimum}
        )
        nearest, _ = nearest_protocol(protocol)
        changed = changed_settings(method, numbers.name, nearest, request.dataset)
        method = method.model_copy(update={"changed": changed})
    for rule, what in (("filter", "drops"), ("joins", "is a way to join")):
        if given.rules.get(rule) not in (None, "none") and settings is None:
            raise InputError(
                f"--set {rule} {what} synthetic samples, and method '{method.name}' has none; leave"
                f" it out."
            )
    _check_joining(method, protocol)
    if "further_epochs" in given.rules:
        method = _trained_longer(method, given.rules["further_epochs"])
    check_architecture(request.architecture, numbers.size)
    check_weights(request.architecture)
    if numbers.batch_size < 3 and needs_company(request.architecture, numbers.size):
        raise InputError(
            f"architecture '{request.architecture}' needs batches of 2 slices or more at"
            f" {numbers.size} px, for its batch normalisation; with --set batch_size=3 or more no"
            f" last batch is left with one slice."
        )
    return Settled(
        request,
        protocol,
        numbers,
        method,
        audit=audit if method.generates and method.ratio > 0 else False,
        own=own.address if own else None,
        edge_weights=edge_weights,
        places=places,
    )


def fitting_sets(request: Request) -> Request:
    """The request without those settings that only another method's generator has, as a suite of
    several needs it."""
    own = _kinds(request.method)

    def fits(text: str) -> bool:
        name = text.partition("=")[0].strip()
        if name in ("filter", "joins"):
            return bool(own)
        if name == "further_epochs":
            return not own
        path = name.removeprefix("generator.").split(".")
        if path == ["kind"]:
            return str(name_and_value(text)[1]) in own
        return (
            not name.startswith("generator.")
            or not _of_a_generator(path)
            or any(settings_class(kind).has(path) for kind in own)
        )

    matched = None if own else request.match_compute
    sets = tuple(text for text in request.sets if fits(text))
    return replace(request, sets=sets, match_compute=matched)


def name_and_value(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise InputError(
            f"--set {text} is not of the form name=value, for example --set selection=test."
        )
    try:
        node = parse_yaml(value, f"--set {name}")
        return name.strip(), None if node is None else value_of(node)
    except (InputError, ValueError):
        raise InputError(
            f"--set {text}: the value cannot be read; give a word, a number or a list such as"
            f" [32,64]."
        ) from None


def _given(request: Request) -> _Given:
    given = _Given({}, {}, [], {})
    for text in request.sets:
        name, value = name_and_value(text)
        if _is_too_large(value):
            raise InputError(f"--set {text}: a number above {_LARGEST}; give a smaller one.")
        if name in Protocol.model_fields:
            given.switches[name] = value
        elif name in Preset.model_fields and name != "name":
            given.numbers[name] = value
        elif name in SAMPLE_RULES:
            given.rules[name] = value
        elif name.startswith("generator."):
            given.generator.append((name.removeprefix("generator.").split("."), value))
        else:
            known = setting_names(request.method)
            raise InputError(
                f"--set {text}: unknown setting '{name}'{did_you_mean(name, known)}; the nearest:"
                f" {', '.join(nearest(name, known))}. `python cli.py list settings` prints all."
            )
    return given


def _is_too_large(value: Any) -> bool:
    parts = value if isinstance(value, list) else [value]
    return any(isinstance(part, int) and abs(part) > _LARGEST for part in parts)


def setting_names(method: str | None = None) -> list[str]:
    """All names that `--set` takes with a method; None: with any."""
    numbers = [number for number in Preset.model_fields if number != "name"]
    fields = _generator_fields(method) if method else _generator_fields(NONE.name)
    return [
        *SAMPLE_RULES,
        *Protocol.model_fields,
        *numbers,
        *(f"generator.{field}" for field in fields),
    ]


def _protocol(request: Request, switches: Mapping[str, Any]) -> Protocol:
    values = named_protocol(request.protocol).model_dump() | dict(switches)
    protocol = _validated(Protocol, values, "--set")
    check_contradictions(protocol)
    ct = protocol.intensity == "ct-window"
    if ct and not task_of(request.dataset, request.source).hounsfield:
        raise InputError(
            f"switch intensity=ct-window is for CT; the images of {request.dataset} have no"
            f" Hounsfield units."
        )
    return protocol


def _preset(
    request: Request, given: Mapping[str, Any], method: MethodSpec
) -> tuple[Preset, Path | None]:
    """The preset with the given numbers, and the file of the edge detector's weights, if it has
    any: the one that is named, else the fetched one."""
    values = preset(request.preset).model_dump()
    if not (method.generates and generator_class(method.reference).sees_edges):
        values["edge"] = WITHOUT_HED
    values |= dict(given)
    file, weights = values["edge_weights"], None
    if file is not None:
        check_detector(str(values["edge"]), str(file))
        weights = find_weights(str(file))
    elif values["edge"] == HED:
        weights = fetched_weights()
    if weights is not None:
        values["edge_weights"] = weights_identity(weights)
    check_detector(str(values["edge"]), values["edge_weights"])
    return _validated(Preset, values, "--set"), weights


def _sample_rules(given: Mapping[str, Any]) -> tuple[bool | str, float | None]:
    """(how samples are audited, the least label agreement of those that are used): `--set
    audit=true` or `imagenet`, and `--set filter=agreement:0.7`."""
    audit, rule = given.get("audit", False), given.get("filter")
    if audit in (IMAGENET, known := f"{IMAGENET}:{EFFICIENTNET_LITE0.short}"):
        needed(EFFICIENTNET_LITE0, f"audit={IMAGENET}")
        audit = known
    elif not isinstance(audit, bool):
        raise InputError(f"--set audit={audit}: give true, false or {IMAGENET}.")
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


def _trained_longer(method: MethodSpec, epochs: Any) -> MethodSpec:
    """A method without a generator, trained for further epochs. Raises InputError."""
    if method.generates:
        raise InputError(
            f"--set further_epochs is for methods without a generator, to give them its hours, and"
            f" '{method.name}' trains one; leave it out."
        )
    if not isinstance(epochs, int) or isinstance(epochs, bool) or epochs < 1:
        raise InputError(f"--set further_epochs={epochs}: give a whole number from 1.")
    return method.model_copy(update={"generator": {"further_epochs": epochs}})


def _check_joining(method: MethodSpec, protocol: Protocol) -> None:
    """Raises InputError for rules that cannot hold together with how samples join."""
    if method.joining not in ("pretrain", "only"):
        return
    if method.minimum_agreement is not None:
        raise InputError(
            f"--set filter shows the real image of a slice that keeps no sample, which"
            f" joins={method.joining} must not; leave one of them out."
        )
    if method.joining == "pretrain" and protocol.pairing == "all":
        raise InputError(
            "--set joins=pretrain parts the epochs into synthetic and real ones, which pairing=all"
            " would make of different lengths; leave one of them out."
        )


def _chosen(request: Request, method: MethodSpec, numbers: Preset, joins: str | None) -> MethodSpec:
    """The method with what the request says of it."""
    if request.transform is not None:
        check_transform(request.transform)
    return resolve_method(
        method,
        numbers,
        transform=request.transform,
        ratio=request.ratio,
        alpha=request.alpha,
        patch_size=request.patch_size,
        on_patches=request.transform is not None and on_patches(request.transform),
        joins=None if joins is None else str(joins),
    )


def _generator_values(request: Request, chosen: Sequence[tuple[list[str], Any]]) -> dict[str, Any]:
    """The generator's numbers at the preset with the `chosen` ones put in; "kind" is among them for
    a built-in."""
    kinds = _kinds(request.method)
    if not kinds:  # they say nothing of this method, but a slip of the pen is told
        for path, _ in chosen:
            if path != ["kind"] and not _of_a_generator(path):
                name, known = f"generator.{'.'.join(path)}", setting_names()
                raise InputError(f"--set {name}: no generator has it{did_you_mean(name, known)}.")
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


def _of_a_generator(path: Sequence[str]) -> bool:
    return any(settings_class(kind).has(path) for kind in generators())


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


def _validated(model: type[M], values: dict[str, Any], option: str) -> M:
    """model(**values), with pydantic's first complaint turned into one sentence."""
    for name, value in values.items():
        field = model.model_fields.get(name)
        kinds = set(get_args(field.annotation) or (field.annotation,)) if field else set()
        if isinstance(value, bool) and kinds & {int, float} and bool not in kinds:
            # pydantic would take them for 1 and 0
            option = option if option.endswith(".") else f"{option} "
            raise InputError(
                f"{option}{name}={str(value).lower()}: input should be a number, not true or false."
            )
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
