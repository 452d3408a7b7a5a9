"""The keys of the stages that a record's spec and split stand for: nobody can tell them from
another computation. Not here: the plan (plan.py)."""

from pydantic import ValidationError

from baselines.generators.catalogue import (
    changed_settings,
    declared,
    generators,
    method_names,
    settings_of_generator,
)
from benchmark.core.errors import InputError
from benchmark.core.identity import canonical
from benchmark.planning.plan import plan_split
from benchmark.planning.substitutions import substitutions
from benchmark.record.record import Record
from benchmark.spec.method import MethodSpec
from benchmark.spec.protocol import nearest_protocol
from benchmark.spec.run import RunSpec
from benchmark.stages.synthesize import blocks
from datasets.folds import Split
from datasets.sources.busi import busi_class_of


def stage_keys(record: Record) -> list[tuple[str, str]] | None:
    """(stage, key) of the record's stages, in order, as its spec and its split give them at today's
    versions.

    None where they cannot be known: for a generator of a user's own, whose settings are in its
    file. Raises InputError for settings that no generator has.
    """
    spec, split = record.spec, record.split
    if spec.method.own and spec.method.name in (*method_names(), *generators()):
        raise InputError(f"its method is a user's own and has the built-in name {spec.method.name}")
    try:
        _check_method(spec)
        if record.substitutions != substitutions(spec):
            raise InputError("its list of substitutions is not the one that its settings give")
        if split is None or (spec.method.own and spec.method.generates):
            return None
        parts = Split(split.train, split.validation, split.test, split.hash)
        nodes = plan_split(spec, parts, _source_options(spec)).nodes
    except (ValidationError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(
            f"its generator has settings that none can have ({type(error).__name__})"
        ) from error
    return [(node.stage, node.key) for node in nodes]


def _check_method(spec: RunSpec) -> None:
    """Raises InputError unless the method is what the program calls so, with all settings of its
    generator written out, each in its own type, as `resolve` does."""
    method = spec.method
    if method.own:
        return  # only its file could tell
    known = declared(method.name, method.kind)
    if known.of_class != method.of_class:
        raise InputError(f"its method {method.name} is not the one that this program has")
    if not method.generates:
        return
    settings = settings_of_generator(method.reference, method.generator or {})
    if canonical(settings.model_dump(mode="json")) != canonical(method.generator):
        raise InputError("the settings of its generator are not written out in full")
    protocol, _ = nearest_protocol(spec.protocol)
    if method.changed != changed_settings(method, spec.preset.name, protocol, spec.dataset):
        raise InputError("it does not list the settings that differ from the preset's")


def _source_options(spec: RunSpec) -> dict[str, str]:
    """The options that opened the source, as a plan holds them."""
    if spec.source.kind != "busi":
        return {}
    return {"busi_class": busi_class_of(spec.source.title) or "malignant"}


def stage_counts(method: MethodSpec) -> dict[str, int]:
    """How many stages of each name a run of this method has, those of an audit aside."""
    ratio = method.ratio if method.generates else 0
    return {
        "prepare": 1,
        "fit-generator": int(ratio > 0),
        "synthesize": len(blocks(ratio)),
        "fit-segmenter": 1,
        "predict": 1,
        "score": 1,
    }
