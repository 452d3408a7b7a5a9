"""Runs -> one deduplicated graph of stages.

The stages of a run, in order: prepare; pretrain (only where the generator's settings ask for it;
all folds and seeds share it); fit-generator; synthesize (one stage per block of variants, so that
runs of several ratios share them); audit (only where samples are audited or filtered; it needs the
segmenter of method `none`, and samples from the test cases' edges); fit-segmenter; predict; score.
A node holds only what changes its result: equal nodes of different runs have equal keys and are
computed once. Nothing here imports torch.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

from baselines.generators.catalogue import settings_of_generator
from baselines.generators.settings import BaseSettings
from baselines.transforms.catalogue import transform_reference
from benchmark.core.published_weights import EFFICIENTNET_LITE0
from benchmark.record.splits import split_of
from benchmark.spec.method import NONE, MethodSpec
from benchmark.spec.presets import NATIVE_ON_CPU
from benchmark.spec.protocol import FOREGROUND_PIXELS
from benchmark.spec.run import RunSpec
from benchmark.stages.audit import HELD_OUT_VARIANTS, AuditSpec
from benchmark.stages.base import Location, StageSpec
from benchmark.stages.catalogue import Node
from benchmark.stages.features import FeaturesSpec
from benchmark.stages.fit_generator import FitGeneratorSpec
from benchmark.stages.fit_segmenter import FitSegmenterSpec, Synthetic
from benchmark.stages.predict import PredictSpec
from benchmark.stages.prepare import PrepareSpec
from benchmark.stages.pretrain import PretrainSpec
from benchmark.stages.score import ScoreSpec
from benchmark.stages.synthesize import SynthesizeSpec, blocks
from benchmark.training.budget import Training
from datasets.cases import CaseInfo
from datasets.folds import Clusters, Split, thinned

S = TypeVar("S", bound=StageSpec)


@dataclass(frozen=True)
class Plan:
    """A run, its split and its stages in an order in which they can be computed."""

    run: RunSpec
    split: Split
    nodes: tuple[Node, ...]
    audit_only: frozenset[str] = frozenset()  # keys of the stages that judge the samples
    location: Location = Location()
    copies: Clusters = ()  # of near copies among the source's cases

    def notes(self) -> Iterator[tuple[Node, dict[str, Any]]]:
        """Each stage with what the store notes of it: how to compute it, as JSON values."""
        for node in self.nodes:
            location = self.location.of(node.spec).model_dump(mode="json")
            yield node, node.as_json() | {"location": location}

    def last(self, stage: str) -> Node | None:
        """The last node of this stage, if there is one."""
        return next((node for node in reversed(self.nodes) if node.stage == stage), None)

    def node(self, stage: str) -> Node:
        """The last node of a stage that every run has."""
        return next(node for node in reversed(self.nodes) if node.stage == stage)

    def spec_of(self, kind: type[S]) -> S | None:
        """The spec of the last node of this class."""
        specs = (node.spec for node in reversed(self.nodes))
        return next((spec for spec in specs if isinstance(spec, kind)), None)


def plan_run(
    run: RunSpec,
    cases: Sequence[CaseInfo],
    options: dict[str, str],
    location: Location = Location(),
    copies: Clusters = (),
) -> Plan:
    """The stages of `run` over the source's `cases`; `options` are the source options that choose
    its content, `copies` the clusters of near copies among the cases."""
    parts = split_of(run, cases, copies)
    if run.method.generates:
        settings = settings_of_generator(run.method.reference, run.method.generator or {})
        settings.check_parts([case.id for case in cases], parts.test)
    train = thinned(parts.train, run.training_share, run.preset.split_seed)
    plan = plan_split(run, replace(parts, train=tuple(train)), options)
    return replace(plan, location=location, copies=copies)


def plan_split(run: RunSpec, parts: Split, options: dict[str, str]) -> Plan:
    """The stages of `run` over a split whose training cases are those in use."""
    prepare = _prepare(run, options)
    planner = _Planner(run, parts, prepare)
    nodes, samples, audit = [prepare], [], []
    if run.method.generates and run.method.ratio:
        fitted = planner.generator()
        samples = planner.samples(fitted[-1])
        nodes += [*fitted, *samples]
        if run.audit or run.method.minimum_agreement is not None:
            audit = planner.audit(fitted[-1], samples)
            nodes += audit
    segmenter = planner.segmenter(run.method, samples, audit)
    tested = PredictSpec(cases=parts.test, minimum_foreground=planner.foreground)
    predict = Node(tested, {"prepare": prepare.key, "fit-segmenter": segmenter.key})
    rules = ScoreSpec(
        empty_mask=run.protocol.empty_mask,
        resize_z=run.protocol.resize_z,
        truth=run.protocol.truth,
        nsd_tolerance=run.preset.nsd_tolerance,
    )
    score = Node(rules, {"prepare": prepare.key, "predict": predict.key})
    judging = frozenset(node.key for node in audit)
    return Plan(run, parts, (*nodes, segmenter, predict, score), judging)


def unique_nodes(plans: Iterable[Plan]) -> list[Node]:
    """All stages of several runs, each once, inputs before what reads them."""
    return list({node.key: node for plan in plans for node in plan.nodes}.values())


def _prepare(run: RunSpec, options: dict[str, str]) -> Node:
    spec = PrepareSpec(
        dataset=run.dataset,
        source=run.source.kind,
        fingerprint=run.source.fingerprint,
        options=options,
        size=run.preset.size,
        intensity=run.protocol.intensity,
        edge=run.preset.edge,
        edge_weights=run.preset.edge_weights,
    )
    return Node(spec)


class _Planner:
    """The nodes of one run over its split, from its prepared slices on."""

    def __init__(self, run: RunSpec, parts: Split, prepare: Node):
        self.run, self.parts, self.prepare = run, parts, prepare
        self.foreground = FOREGROUND_PIXELS if run.protocol.slices == "foreground" else None

    def generator(self) -> list[Node]:
        """fit-generator, and before it the pre-training that its settings ask for, which knows no
        fold and no seed of the run."""
        run, settings = self.run, self._settings
        nodes: list[Node] = []
        wanted = settings.pretraining_spec()
        if wanted is not None:
            pretraining = PretrainSpec(
                generator=run.method.reference,
                settings=wanted,
                size=run.preset.size,
                edge=run.preset.edge,
                edge_weights=run.preset.edge_weights,
                seed=run.preset.split_seed,
            )
            nodes.append(Node(pretraining))
        cases = self.parts.train
        if run.protocol.generator_cases != "fit":
            cases += self.parts.validation
        fitted = FitGeneratorSpec(
            generator=run.method.reference,
            settings=settings.training_spec(),
            cases=cases,
            minimum_foreground=self.foreground,
            seed=run.seed,
        )
        before = {node.stage: node.key for node in (self.prepare, *nodes)}
        return [*nodes, Node(fitted, before)]

    def samples(self, generator: Node) -> list[Node]:
        """The run's variants of its training slices, block by block."""
        self._settings.check_cases(self.parts.train)
        phrases = self._settings.variant_phrases() or ("",)
        sampling = self._sampling()
        return [
            self._block(
                generator,
                sampling,
                block.start,
                [phrases[v % len(phrases)] for v in block],
                self.parts.train,
            )
            for block in blocks(self.run.method.ratio)
        ]

    def audit(self, generator: Node, samples: list[Node]) -> list[Node]:
        """Samples from the test cases' edges with the plain prompt and no other case's style; the
        segmenter of method `none`; and the audit, last."""
        run, paired = self.run, self.run.method.brings_masks
        held_out: list[Node] = []
        if not paired:  # pairs are made from no slice, so that none of them is held out
            sampling = self._settings.held_out_sampling(self._sampling())
            plain = [""] * HELD_OUT_VARIANTS
            held_out.append(self._block(generator, sampling, 0, plain, self.parts.test))
        segmenter = self.segmenter(NONE, [], [])
        spec = AuditSpec(
            generator=run.method.reference,
            cases=self.parts.train,
            held_out=self.parts.test,
            validation=self.parts.validation,
            variants=run.method.ratio,
            paired=paired,
            minimum_foreground=self.foreground,
        )
        inputs: dict[str, str | list[str]] = {
            "prepare": self.prepare.key,
            "synthesize": [node.key for node in (*samples, *held_out)],
            "fit-segmenter": segmenter.key,
        }
        return [*held_out, segmenter, *self._features(spec, inputs), Node(spec, inputs)]

    def _features(self, audit: AuditSpec, inputs: dict[str, str | list[str]]) -> list[Node]:
        """The distances in features of an ImageNet network, where the run asks for them."""
        if not isinstance(self.run.audit, str):
            return []
        shared = audit.model_dump(include={*FeaturesSpec.model_fields} - {"weights"})
        spec = FeaturesSpec(**shared, weights=EFFICIENTNET_LITE0.identity)
        read = {name: inputs[name] for name in ("prepare", "synthesize")}
        return [Node(spec, read)]

    def segmenter(self, method: MethodSpec, samples: list[Node], audit: list[Node]) -> Node:
        """fit-segmenter of a method, with its samples, and the audit that filters them."""
        protocol, preset, parts = self.run.protocol, self.run.preset, self.parts
        chosen_on = {"validation": parts.validation, "test": parts.test, "last": ()}
        select_on = chosen_on[protocol.selection]
        spec = FitSegmenterSpec(
            architecture=self.run.architecture,
            train=parts.train,
            select_on=select_on,
            selection_dice=protocol.selection_dice if select_on else "case",
            minimum_foreground=self.foreground,
            transform=self._transform(method),
            renormalise=protocol.renormalise,
            loss=protocol.loss,
            dice_background=protocol.dice_background,
            synthetic=self._synthetic(method) if samples else None,
            training=Training(
                epochs=preset.epochs + method.further_epochs,
                batch_size=preset.batch_size,
                learning_rate=preset.learning_rate,
                weight_decay=preset.weight_decay,
                lr_schedule=protocol.lr_schedule,
                shuffle=protocol.shuffle,
                validate_every=preset.validate_every,
            ),
            precision=self._precision(),
            seed=self.run.seed,
        )
        inputs: dict[str, str | list[str]] = {
            "prepare": self.prepare.key,
            "synthesize": [node.key for node in samples],
        }
        if method.minimum_agreement is not None and audit:
            inputs["audit"] = audit[-1].key
        return Node(spec, inputs)

    @cached_property
    def _settings(self) -> BaseSettings:
        method = self.run.method
        return settings_of_generator(method.reference, method.generator or {})

    def _sampling(self) -> dict[str, object]:
        return self._settings.sampling_spec(self.run.protocol.model_dump(mode="json"))

    def _block(
        self,
        generator: Node,
        sampling: dict[str, object],
        first: int,
        phrases: list[str],
        cases: tuple[str, ...],
    ) -> Node:
        spec = SynthesizeSpec(
            generator=self.run.method.reference,
            sampling=sampling,
            first=first,
            phrases=phrases,
            cases=cases,
            minimum_foreground=self.foreground,
        )
        return Node(spec, {"prepare": self.prepare.key, "fit-generator": generator.key})

    def _transform(self, method: MethodSpec) -> str | None:
        if method.own and not method.generates:
            return method.reference
        dropped = method.transform == "deepstack" and self.run.protocol.deepstack == "dropped"
        if dropped or method.transform is None:
            return None
        return transform_reference(method.transform, method.patch_size, method.alpha)

    def _synthetic(self, method: MethodSpec) -> Synthetic:
        protocol = self.run.protocol
        ways = {"merge": protocol.merge, "pairs": "join"}
        return Synthetic(
            merge=ways.get(method.joining or "", method.joining),
            patch_size=method.patch_size,
            alpha=method.alpha,
            pairing=protocol.pairing,
            minimum_agreement=method.minimum_agreement,
            unseen=self.parts.test,
        )

    def _precision(self) -> str:
        """The number format that is asked for: native is bfloat16 where the device has it."""
        chosen = self.run.preset.precision
        if chosen == "auto" and self.run.architecture in NATIVE_ON_CPU:
            return "native"
        return chosen
