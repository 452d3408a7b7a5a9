"""What a run is: frozen, validated, fully resolved; canonical JSON; keys; named seeds.

A `RunSpec` holds every setting that changes a number, with defaults written out, so that two runs
are equal exactly if their keys are. Not here: the protocol's switches and the presets.
"""

import re
from typing import Annotated, Literal

from pydantic import Field

from benchmark.core.frozen import Frozen
from benchmark.core.identity import digest, named_seed
from benchmark.core.registry import LONGEST_NAME, PLAIN_NAME
from benchmark.core.texts import QUICK_LOOK
from benchmark.spec.method import NOT_IN_KEYS, MethodSpec
from benchmark.spec.presets import Preset
from benchmark.spec.protocol import Protocol

LOCAL = "local"  # in a spec, what stands for a folder of somebody's machine


class SourceSpec(Frozen):
    """Where the images come from. Runs whose titles or fingerprints differ never share a table."""

    kind: Literal["msd", "busi", "phantom", "folder"]
    title: str
    licence: str
    fingerprint: str = Field(
        pattern="^[0-9a-f]{64}$", description="sha256 of the content, whatever folder it lies in"
    )
    synthetic: bool = Field(description="true for phantoms: images that no scanner made")

    @property
    def limit(self) -> int | None:
        """The cases of a quick look (--limit), of which nothing is a result; None for the whole
        source."""
        found = re.search(rf": {QUICK_LOOK} at (\d+) of ", self.title)
        return int(found[1]) if found else None


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
    seed: int = Field(ge=0, lt=1 << 63)
    training_share: float = Field(
        1.0, gt=0, le=1, description="share of the fold's training cases in use (scarcity)"
    )
    protocol: Protocol
    preset: Preset
    audit: bool | Annotated[str, Field(pattern="^imagenet:[0-9a-f]{12}$")] = Field(
        False,
        description="the record carries an audit of the samples; 'imagenet:...': also distances in"
        " features of a network with these weights",
    )

    @property
    def key(self) -> str:
        """sha256 hex of the canonical spec. The preset's name is left out: its numbers are in the
        spec."""
        return digest(self.model_dump(exclude={"preset": {"name"}, "method": NOT_IN_KEYS}))

    @property
    def seeds(self) -> dict[str, int]:
        """The seed of each random draw of the run, by its name in the record."""
        return {
            "split": self.preset.split_seed,
            "generator": named_seed(self.seed, "generator"),
            "weights": named_seed(self.seed, "segmenter", "weights"),
            "order": named_seed(self.seed, "segmenter", "order"),
            "step": named_seed(self.seed, "segmenter", "step"),
        }
