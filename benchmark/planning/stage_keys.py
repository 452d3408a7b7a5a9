"""The keys of the stages that a record's spec and split stand for: nobody can tell them from
another computation. Not here: the plan (plan.py)."""

from pydantic import ValidationError

from baselines.generators.catalogue import settings_of_generator
from benchmark.core.errors import InputError
from benchmark.core.identity import canonical
from benchmark.planning.plan import plan_split
from benchmark.record.record import Record
from benchmark.spec.method import MethodSpec
from benchmark.spec.run import RunSpec
from datasets.folds import Split
from datasets.sources.busi import busi_class_of


def stage_keys(record: Record) -> list[tuple[str, str]] | None:
    """(stage, key) of the record's stages, in order, as its spec and its split give them at today's
    versions.

    None where they cannot be known: for a generator of a user's own, whose settings are in its
    file. Raises InputError for settings that no generator has.
    """
    spec, split = record.spec, record.split
    if split is None or (spec.method.own is not None and spec.method.generates):
        return None
    parts = Split(train=split.train, validation=split.validation, test=split.test, hash=split.hash)
    try:
        _check_generator(spec.method)
        nodes = plan_split(spec, parts, _source_options(spec)).nodes
    except (ValidationError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(
            f"its generator has settings that none can have ({type(error).__name__})"
        ) from error
    return [(node.stage, node.key) for node in nodes]


def _check_generator(method: MethodSpec) -> None:
    """Raises InputError unless all settings of the generator are written out, each in its own type,
    as `resolve` does."""
    if not method.generates:
        return
    settings = settings_of_generator(method.generator_kind, method.generator or {})
    if canonical(settings.model_dump(mode="json")) != canonical(method.generator):
        raise InputError("the settings of its generator are not written out in full")


def _source_options(spec: RunSpec) -> dict[str, str]:
    """The options that opened the source, as a plan holds them."""
    if spec.source.kind != "busi":
        return {}
    return {"busi_class": busi_class_of(spec.source.title) or "malignant"}
