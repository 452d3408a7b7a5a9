"""All stages in the order in which a run needs them, and `Node`: one of them to compute."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from benchmark.core.errors import InputError
from benchmark.core.identity import digest
from benchmark.stages import (
    audit,
    features,
    fit_generator,
    fit_segmenter,
    predict,
    prepare,
    pretrain,
    score,
    synthesize,
)
from benchmark.stages.base import StageSpec


@dataclass(frozen=True)
class Stage:
    """A stage: the class of its spec, which holds name and version, and its function."""

    spec: type[StageSpec]
    run: Callable[..., dict[str, Any]]


STAGES = {
    stage.spec.stage: stage
    for stage in (
        Stage(prepare.PrepareSpec, prepare.run),
        Stage(pretrain.PretrainSpec, pretrain.run),
        Stage(fit_generator.FitGeneratorSpec, fit_generator.run),
        Stage(synthesize.SynthesizeSpec, synthesize.run),
        Stage(audit.AuditSpec, audit.run),
        Stage(features.FeaturesSpec, features.run),
        Stage(fit_segmenter.FitSegmenterSpec, fit_segmenter.run),
        Stage(predict.PredictSpec, predict.run),
        Stage(score.ScoreSpec, score.run),
    )
}
STAGE_VERSIONS = {name: stage.spec.version for name, stage in STAGES.items()}


@dataclass(frozen=True)
class Node:
    """One stage to compute: its spec, and the keys of its inputs by the name of their stage."""

    spec: StageSpec
    inputs: Mapping[str, str | list[str]] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash(self.key)

    @property
    def stage(self) -> str:
        return self.spec.stage

    @property
    def version(self) -> int:
        return self.spec.version

    @cached_property
    def key(self) -> str:
        """sha256 hex of stage, version, spec and input keys."""
        return digest(self._content())

    def describe(self) -> str:
        """The stage in a few words: 'fit-segmenter attention-unet, deepstack (3f2a91bc)'."""
        parts = (self.stage, self.spec.describe(), f"({self.key[:8]})")
        return " ".join(part for part in parts if part)

    def input_keys(self) -> list[str]:
        """All keys this stage reads, in order."""
        flat: list[str] = []
        for value in self.inputs.values():
            flat += value if isinstance(value, list) else [value]
        return flat

    def as_json(self) -> dict[str, Any]:
        """What plans and manifests hold of it."""
        return {"key": self.key, **self._content()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Node":
        """The node of a plan or a manifest. Raises InputError for one of another version of this
        program."""
        stage = STAGES.get(data["stage"])
        if stage is None:
            raise InputError(f"the store names a stage '{data['stage']}', which is unknown.")
        return cls(stage.spec.from_json(data["spec"], data["version"]), data["inputs"])

    def _content(self) -> dict[str, Any]:
        return {
            "stage": self.stage,
            "version": self.version,
            "spec": self.spec.model_dump(mode="json"),
            "inputs": self.inputs,
        }
