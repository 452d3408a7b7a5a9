"""The keys of the stages that a record's spec and split stand for: nobody can tell them from another computation.

Callers: the `leaderboard` commands, which hand `stage_keys` to the check of submissions. Not here: the plan (plan.py).
"""

import re

from pydantic import ValidationError

from benchmark.errors import InputError
from benchmark.plan import plan_split
from benchmark.record import Record
from benchmark.spec import RunSpec
from benchmark.versions import STAGE_VERSIONS
from datasets.folds import Split

_BUSI = re.compile(r"BUSI \((malignant and benign|malignant|benign|normal)")


def stage_keys(record: Record) -> list[tuple[str, str]] | None:
    """(stage, key) of the record's stages, in order, as its spec and its split give them.

    None where they cannot be known: for a generator of a user's own, whose settings are in its file, and for stages of
    an earlier version. Raises InputError for settings that no generator has.
    """
    spec, split = record.spec, record.split
    own = spec.method.own is not None and spec.method.generates
    if own or split is None or any(stage.version != STAGE_VERSIONS.get(stage.stage) for stage in record.stages):
        return None
    parts = Split(train=split.train, validation=split.validation, test=split.test, hash=split.hash)
    try:
        nodes = plan_split(spec, parts, _source_options(spec)).nodes
    except (ValidationError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"the generator's settings are none that it can have ({type(error).__name__})") from error
    return [(node.stage, node.key) for node in nodes]


def _source_options(spec: RunSpec) -> dict[str, str]:
    """The options that opened the source, as a plan holds them."""
    if spec.source.kind != "busi":
        return {}
    found = _BUSI.match(spec.source.title)
    return {"busi_class": "malignant" if found is None else "both" if " and " in found[1] else found[1]}
