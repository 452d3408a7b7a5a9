"""Runs -> one deduplicated graph of stages.

The stages, in order: prepare, pretrain (only where the generator's settings ask for it; all folds
and seeds share it), fit-generator, synthesize (one stage per variant, so that ratio n uses the
first n of them), audit (only where samples are audited or filtered; it needs the segmenter of
method `none`, and samples from the test cases' edges), fit-segmenter, predict, score. A node holds
only what changes its result: equal nodes of different runs have equal keys and are computed once.
Nothing here imports torch.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from baselines.generators.catalogue import settings_of_generator
from baselines.generators.settings import BaseSettings
from benchmark.core.identity import canonical, digest
from benchmark.record.splits import split_of
from benchmark.spec.method import NONE
from benchmark.spec.presets import NATIVE_ON_CPU, Preset
from benchmark.spec.protocol import FOREGROUND_PIXELS
from benchmark.spec.run import RunSpec
from benchmark.spec.versions import STAGE_VERSIONS
from benchmark.stages.context import HELD_OUT_VARIANTS
from datasets.cases import CaseInfo
from datasets.folds import Split, thinned


@dataclass(frozen=True)
class Node:
    """One stage to compute: its name, its resolved spec, and the keys of its inputs by role."""

    stage: str
    spec: dict[str, Any] = field(hash=False)
    inputs: dict[str, Any] = field(hash=False, default_factory=dict)

    @property
    def version(self) -> int:
        return STAGE_VERSIONS[self.stage]

    @cached_property
    def key(self) -> str:
        """sha256 hex of stage, version, spec and input keys."""
        return digest(
            {"stage": self.stage, "version": self.version, "spec": self.spec, "inputs": self.inputs}
        )

    @cached_property
    def company(self) -> str | None:
        """Text that stages have in common which gain from being computed in a row by one process
        (carry_over.py), if any do."""
        if self.stage != "synthesize":
            return None
        own = ("variant", "phrase", "cases")
        return canonical(
            [{name: value for name, value in self.spec.items() if name not in own}, self.inputs]
        )

    def input_keys(self) -> list[str]:
        """All keys this stage reads, in order."""
        flat: list[str] = []
        for value in self.inputs.values():
            flat += value if isinstance(value, list) else [value]
        return flat


@dataclass(frozen=True)
class Plan:
    """A run, its split and its stages in an order in which they can be computed."""

    run: RunSpec
    split: Split
    nodes: tuple[Node, ...]
    audit_only: frozenset[str] = frozenset()  # keys of the stages that judge the samples

    def last(self, stage: str) -> Node | None:
        found = [node for node in self.nodes if node.stage == stage]
        return found[-1] if found else None


def plan_run(run: RunSpec, cases: Sequence[CaseInfo], options: dict[str, Any]) -> Plan:
    """The stages of `run` over the source's `cases`; `options` are the source options that choose
    its content."""
    parts = split_of(run, cases)
    train = thinned(parts.train, run.training_share, run.preset.split_seed)
    return plan_split(run, replace(parts, train=tuple(train)), options)


def plan_split(run: RunSpec, parts: Split, options: dict[str, Any]) -> Plan:
    """The stages of `run` over a split whose training cases are those in use."""
    train = list(parts.train)
    foreground = FOREGROUND_PIXELS if run.protocol.slices == "foreground" else None
    prepare = Node("prepare", _prepare_spec(run, options))
    nodes = [prepare]
    variants: list[Node] = []
    checks: list[Node] = []
    if run.method.generates and run.method.ratio:
        fitted = train if run.protocol.generator_cases == "fit" else train + list(parts.validation)
        settings = _settings(run)
        pretrain = _pretrain(run, settings)
        generator = Node(
            "fit-generator",
            {
                "generator": run.method.reference,
                "settings": settings.training_spec(),
                "cases": fitted,
                "minimum_foreground": foreground,
                "seed": run.seed,
            },
            {"prepare": prepare.key} | {node.stage: node.key for node in pretrain},
        )
        variants = [
            _variant(run, v, train, foreground, prepare, generator) for v in range(run.method.ratio)
        ]
        nodes += [*pretrain, generator, *variants]
        if run.audit or run.method.minimum_agreement is not None:
            checks = _audit_nodes(run, train, parts, foreground, prepare, generator, variants)
            nodes += checks
    segmenter = Node(
        "fit-segmenter",
        _segmenter_spec(run, train, parts, foreground),
        {"prepare": prepare.key, "synthesize": [node.key for node in variants]}
        | (
            {"audit": checks[-1].key} if run.method.minimum_agreement is not None and checks else {}
        ),
    )
    predict = Node(
        "predict",
        {"cases": list(parts.test), "minimum_foreground": foreground},
        {"prepare": prepare.key, "fit-segmenter": segmenter.key},
    )
    score = Node(
        "score",
        {
            "empty_mask": run.protocol.empty_mask,
            "resize_z": run.protocol.resize_z,
            "nsd_tolerance": run.preset.nsd_tolerance,
        },
        {"prepare": prepare.key, "predict": predict.key},
    )
    return Plan(
        run, parts, (*nodes, segmenter, predict, score), frozenset(node.key for node in checks)
    )


def unique_nodes(plans: Iterable[Plan]) -> list[Node]:
    """All stages of several runs, each once, inputs before what reads them."""
    return list({node.key: node for plan in plans for node in plan.nodes}.values())


def _prepare_spec(run: RunSpec, options: dict[str, Any]) -> dict[str, Any]:
    return {
        "dataset": run.dataset,
        "source": {"kind": run.source.kind, "fingerprint": run.source.fingerprint},
        "options": options,
        "size": run.preset.size,
        "intensity": run.protocol.intensity,
        "edge": run.preset.edge,
        "edge_weights": run.preset.edge_weights,
    }


def _settings(run: RunSpec) -> BaseSettings:
    return settings_of_generator(run.method.reference, run.method.generator or {})


def _pretrain(run: RunSpec, settings: BaseSettings) -> list[Node]:
    """The stage that pre-trains the generator, if there is one; it knows no fold and no seed of the
    run."""
    spec = settings.pretraining_spec()
    if spec is None:
        return []
    numbers = {"size": run.preset.size, "edge": run.preset.edge, "seed": run.preset.split_seed}
    numbers |= {"edge_weights": run.preset.edge_weights}
    return [Node("pretrain", {"generator": run.method.reference, "settings": spec, **numbers})]


def _variant(
    run: RunSpec, v: int, train: list[str], foreground: int | None, prepare: Node, generator: Node
) -> Node:
    settings = _settings(run)
    phrases = settings.variant_phrases()
    return Node(
        "synthesize",
        {
            "generator": run.method.reference,
            "sampling": settings.sampling_spec(run.protocol.model_dump(mode="json")),
            "variant": v,
            "phrase": phrases[v % len(phrases)] if phrases else "",
            "cases": train,
            "minimum_foreground": foreground,
        },
        {"prepare": prepare.key, "fit-generator": generator.key},
    )


def _audit_nodes(
    run: RunSpec,
    train: list[str],
    parts: Split,
    foreground: int | None,
    prepare: Node,
    generator: Node,
    variants: list[Node],
) -> list[Node]:
    """Samples from the test cases' edges with the plain prompt and no other case's style; the
    segmenter of method `none`; and the audit, last."""
    held_out = []
    # such samples are made from no slice, so that none of them is held out
    if not run.method.joins_pairs:
        for v in range(HELD_OUT_VARIANTS):
            like = _variant(run, v, list(parts.test), foreground, prepare, generator)
            faithful = {
                "phrase": "",
                "sampling": _settings(run).held_out_sampling(like.spec["sampling"]),
            }
            held_out.append(Node("synthesize", like.spec | faithful, like.inputs))
    plain = run.model_copy(update={"method": NONE})
    segmenter = Node(
        "fit-segmenter",
        _segmenter_spec(plain, train, parts, foreground),
        {"prepare": prepare.key, "synthesize": []},
    )
    judged = Node(
        "audit",
        {
            "generator": run.method.reference,
            "cases": train,
            "held_out": list(parts.test),
            "validation": list(parts.validation),
            "variants": len(variants),
            "paired": run.method.joins_pairs,
            "minimum_foreground": foreground,
        },
        {
            "prepare": prepare.key,
            "synthesize": [node.key for node in (*variants, *held_out)],
            "fit-segmenter": segmenter.key,
        },
    )
    return [*held_out, segmenter, judged]


def _segmenter_spec(
    run: RunSpec, train: list[str], parts: Split, foreground: int | None
) -> dict[str, Any]:
    method, protocol, preset = run.method, run.protocol, run.preset
    transform = (
        None
        if method.transform == "deepstack" and protocol.deepstack == "dropped"
        else method.transform
    )
    if method.own and not method.generates:
        transform = method.reference
    synthetic = None
    if method.generates and method.ratio:
        synthetic = {
            "alpha": method.alpha,
            "pairing": protocol.pairing,
            "merge": "join" if method.joins_pairs else protocol.merge,
            "patch_size": method.patch_size,
            "minimum_agreement": method.minimum_agreement,
        }
    selection_cases = {"validation": list(parts.validation), "test": list(parts.test), "last": []}[
        protocol.selection
    ]
    return {
        "architecture": run.architecture,
        "train": train,
        "select_on": selection_cases,
        "minimum_foreground": foreground,
        "transform": transform,
        "renormalise": protocol.renormalise,
        "dice_background": protocol.dice_background,
        "synthetic": synthetic,
        "training": {
            "epochs": preset.epochs,
            "batch_size": preset.batch_size,
            "learning_rate": preset.learning_rate,
            "weight_decay": preset.weight_decay,
            "lr_schedule": protocol.lr_schedule,
            "shuffle": protocol.shuffle,
            "validate_every": preset.validate_every,
        },
        "precision": _precision(preset, run.architecture),
        "seed": run.seed,
    }


def _precision(preset: Preset, architecture: str) -> str:
    """The number format that is asked for: native is bfloat16 wherever the device has it."""
    if preset.precision == "auto" and architecture in NATIVE_ON_CPU:
        return "native"
    return preset.precision
