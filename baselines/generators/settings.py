"""What the settings of every generator have in common. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, Field, model_validator

from baselines.generators.mask_sampler import MaskSampling
from baselines.generators.places import Places
from benchmark.core.frozen import Frozen
from datasets.prompts import AUGMENTATION_PHRASES


class BaseSettings(Frozen):
    """What planning asks of any generator's settings. A class of settings has a field `sampling`, a
    Frozen model whose fields hold all that concerns samples alone; everything else belongs to the
    training."""

    sampling: Any
    # Switches of the protocol that the sampling settings carry, under the same names.
    protocol_switches: ClassVar[tuple[str, ...]] = ()

    # Fields that `pinned` finds out, which no label and no command names.
    facts: ClassVar[tuple[str, ...]] = ()

    def check_size(self, size: int) -> None:
        """Raises InputError when slices of `size` pixels do not fit the network."""

    def check_cases(self, cases: Sequence[str]) -> None:
        """Raises InputError when samples cannot be made of these training cases alone."""
        if isinstance(self.sampling, MaskSampling):
            self.sampling.check_cases(cases)

    def check_parts(self, known: Sequence[str], test: Sequence[str]) -> None:
        """Raises InputError where the samples come from cases that the source does not have
        (`known`: its cases), or from the run's test cases."""

    def also_learned(self) -> Sequence[str]:
        """Ids of cases, or of slices, that samples come from beside the slices of `fit`."""
        return ()

    def check_edge(self, edge: str) -> None:
        """Raises InputError when the weights that training starts from know no edges of detector
        `edge`."""

    def pinned(self, cache: Path | None) -> tuple[BaseSettings, Places]:
        """Settings that name weights and images by what they are, and where they lie on this
        machine (no part of a key).

        `cache` is a file of known digests. Raises InputError for what is not there or cannot be
        used.
        """
        return self, Places()

    def pretraining_spec(self) -> dict[str, Any] | None:
        """What decides the weights of a pre-training that all folds and seeds share; None without
        one."""
        return None

    def training_spec(self) -> dict[str, Any]:
        """What decides the weights, as JSON values: part of the key of fit-generator."""
        return self.model_dump(mode="json", exclude={"sampling"})

    def sampling_spec(self, switches: Mapping[str, Any]) -> dict[str, Any]:
        """What decides the samples of given weights, the protocol's switches included: part of the
        key of synthesize."""
        own = {name: switches[name] for name in self.protocol_switches}
        return self.sampling.model_dump(mode="json") | own

    def held_out_sampling(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """`sampling_spec` for samples that are compared with the held-out slices they were made
        from (audit)."""
        return dict(spec)

    def variant_phrases(self) -> Sequence[str]:
        """Augmentation phrases that the variants of a slice cycle through; none: every variant has
        the plain prompt."""
        return ()

    @classmethod
    def sampling_from(cls, spec: Mapping[str, Any]) -> Frozen:
        """The sampling settings that `sampling_spec` wrote."""
        kind: Any = cls.model_fields["sampling"].annotation
        return kind(**spec)

    @classmethod
    def fetch(cls, places: Places, say: Callable[[str], None]) -> None:
        """Gets what `places` names and this machine lacks, before anything is computed; `say`
        tells of a download.

        Raises InputError for what cannot be had or cannot be used.
        """

    @classmethod
    def hub_weights(cls) -> list[str]:
        """Each hub id that a preset starts from, and whether it is in the hub's cache."""
        return []

    @classmethod
    def described(cls, places: Places) -> list[str]:
        """Sentences on what `places` names, for the user who is about to start a run."""
        return []

    @classmethod
    def names(cls) -> list[str]:
        """Dotted names of all settings: "steps", "sampling.steps"."""
        found = []
        for name, field in cls.model_fields.items():
            inner = field.annotation if isinstance(field.annotation, type) else None
            nested = inner.model_fields if inner and issubclass(inner, BaseModel) else {}
            found += [f"{name}.{below}" for below in nested] or [name]
        return found

    @classmethod
    def has(cls, path: Sequence[str]) -> bool:
        """Whether there is a setting of this dotted name: ("sampling", "steps")."""
        model: Any = cls
        for part in path:
            if (
                not (isinstance(model, type) and issubclass(model, BaseModel))
                or part not in model.model_fields
            ):
                return False
            model = model.model_fields[part].annotation
        return True


class GeometrySettings(BaseSettings):
    """Settings of a generator whose training slices are mirrored, rotated and scaled at random,
    image, mask and edges together."""

    flip_probability: float = Field(0.5, ge=0, le=1, description="left-right mirror")
    rotation_degrees: float = Field(
        0.0, ge=0, le=180, description="largest rotation to either side (Q13: 20)"
    )
    scale_range: tuple[float, float] = Field((1.0, 1.0), description="zoom (Q13: 0.75-1.05)")

    @model_validator(mode="after")
    def _scale_range_ascends(self) -> GeometrySettings:
        if not 0 < self.scale_range[0] <= self.scale_range[1]:
            raise ValueError(f"scale_range {self.scale_range} must be positive and ascending")
        return self


def trained_phrases(count: int) -> tuple[str, ...]:
    """The first `count` augmentation phrases."""
    return AUGMENTATION_PHRASES[:count]
