"""What a run is: frozen, validated, fully resolved; canonical JSON; keys; named seeds.

A `RunSpec` holds every setting that changes a number, with defaults written out, so that two runs
are equal exactly if their keys are. Not here: the protocol's switches and the presets.
"""

from typing import Any, Literal

from pydantic import Field, model_serializer

from benchmark.core.frozen import Frozen
from benchmark.core.identity import digest
from benchmark.core.registry import LONGEST_NAME, PLAIN_NAME
from benchmark.spec.method import MethodSpec
from benchmark.spec.presets import Preset
from benchmark.spec.protocol import Protocol

LOCAL = "local"  # in a spec, what stands for a folder of somebody's machine


class SourceSpec(Frozen):
    """Where the images come from. Runs whose titles or fingerprints differ never share a table."""

    kind: Literal["msd", "busi", "phantom", "folder"]
    title: str
    licence: str
    fingerprint: str = Field(description="sha256 of the content, whatever folder it lies in")
    synthetic: bool = Field(description="true for phantoms: images that no scanner made")


class RunSpec(Frozen):
    """One fully resolved run."""

    dataset: str = Field(
        pattern=PLAIN_NAME,
        max_length=LONGEST_NAME,
        description="a task's name: a built-in one, or one that a user's YAML file gives",
    )
    source: SourceSpec
    method: MethodSpec
    architecture: str
    fold: int = Field(ge=0)
    seed: int = Field(ge=0)
    training_share: float = Field(
        1.0, gt=0, le=1, description="share of the fold's training cases in use (scarcity)"
    )
    protocol: Protocol
    preset: Preset
    audit: bool = Field(
        False,
        description="the record carries an audit of the samples; left out of specs and keys if not",
    )

    @model_serializer(mode="wrap")
    def _without_absent_audit(self, values_of) -> dict[str, Any]:
        values = values_of(self)
        if not self.audit:
            values.pop("audit", None)
        return values

    @property
    def key(self) -> str:
        """sha256 hex of the canonical spec; names that stand for numbers given elsewhere do not
        count."""
        return digest(self.model_dump(exclude={"preset": {"name"}}))
