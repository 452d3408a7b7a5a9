"""The command that repeats a run. The data folder is the reader's own, so it stands as DIR; a
described folder as FILE.yaml, a user's own method as FILE.py:CLASS."""

import shlex
from collections.abc import Sequence
from typing import Any

from benchmark.core.texts import QUICK_LOOK
from benchmark.spec.method import MethodSpec
from benchmark.spec.protocol import nearest_protocol
from benchmark.spec.run import LOCAL, RunSpec, SourceSpec
from datasets.sources.busi import busi_class_of
from reports.comparison.labels import (
    generator_settings,
    plain_value,
    preset_base,
)


def repeat_command(
    spec: RunSpec,
    folds: Sequence[int] = (),
    seeds: Sequence[int] = (),
) -> str:
    """The call that resolves to `spec`: the nearest named protocol and preset, and `--set` where a
    value differs.

    folds, seeds: of several runs at once, else those of `spec`.
    """
    protocol, switches = nearest_protocol(spec.protocol)
    preset, numbers = preset_base(spec.preset)
    method = "FILE.py:CLASS" if spec.method.own else spec.method.name
    words = [
        "--dataset",
        spec.dataset,
        *_source_words(spec.source),
        "--method",
        method,
        *_method_words(spec.method),
    ]
    words += ["--architecture", spec.architecture]
    if spec.training_share != 1:
        words += ["--training-share", plain_value(spec.training_share)]
    words += ["--fold", _numbers(folds or (spec.fold,)), "--seeds", _numbers(seeds or (spec.seed,))]
    words += ["--protocol", protocol, "--preset", preset]
    sets = {
        **switches,
        **numbers,
        **_generator_sets(spec.method),
    }
    if spec.method.minimum_agreement is not None:
        sets["filter"] = f"agreement:{spec.method.minimum_agreement:g}"
    if spec.method.further_epochs:
        sets["further_epochs"] = spec.method.further_epochs
    if spec.method.joins_otherwise:
        sets["joins"] = spec.method.joining
    sets |= {"audit": spec.audit} if spec.audit else {}
    for name, value in sets.items():
        words += ["--set", f"{name}={plain_value(value)}"]
    return "python cli.py run " + " ".join(_quoted(word) for word in words)


def _numbers(values: Sequence[int]) -> str:
    return ",".join(map(str, values))


def _source_words(source: SourceSpec) -> list[str]:
    limit = [] if source.limit is None else ["--limit", str(source.limit)]
    if source.kind == "phantom":
        return ["--source", "phantom", *limit]
    if source.kind == "folder":
        return ["--source", "FILE.yaml", *limit]
    words = ["--source", source.kind, "--data-root", "DIR", *limit]
    whole_title = source.title.partition(f": {QUICK_LOOK} ")[0]
    if source.kind == "busi" and (subset := busi_class_of(whole_title)) not in (None, "malignant"):
        words += ["--busi-class", subset]
    return words


def _method_words(method: MethodSpec) -> list[str]:
    words = ["--transform", method.transform] if method.transform else []
    if method.generates:
        words += ["--ratio", str(method.ratio)]
    words += ["--alpha", plain_value(method.alpha)] if method.alpha is not None else []
    words += ["--patch-size", str(method.patch_size)] if method.patch_size is not None else []
    return words


def _generator_sets(method: MethodSpec) -> dict[str, Any]:
    """Settings that are not the preset's, and the versions of weights, which `changed` lacks."""
    given = generator_settings(method)
    chosen = {
        name: value
        for name, value in given.items()
        if name in method.changed or value == LOCAL or (name.endswith("_version") and value)
    }
    # Weights in a folder are named by what they are; where they lie is the reader's affair.
    return {
        f"generator.{name}": "DIR" if value == LOCAL else value for name, value in chosen.items()
    }


def _quoted(word: str) -> str:
    return shlex.quote(" ".join(word.split()) or word)
