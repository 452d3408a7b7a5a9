"""What every stage is: a spec that decides its result, a function, a line for the terminal.

Each stage has a file of its own with its frozen spec class and its function
`run(spec, inputs, out, context)`, which writes into the folder `out` and returns the numbers that
it wants in its manifest; catalogue.py lists them. Not here: running one (execute.py).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import ValidationError

from baselines.generators.places import Places
from benchmark.core.errors import InputError
from benchmark.core.files import read_json
from benchmark.core.frozen import Frozen
from benchmark.core.progress import Report, silent
from benchmark.spec.method import OWN_PREFIX
from benchmark.training.checkpoint import Checkpoint

Inputs = dict[str, Any]  # stage name -> folder, or list of folders
S = TypeVar("S", bound="StageSpec")


class StageSpec(Frozen):
    """All that decides the result of a stage beside its inputs; part of its key.

    stage: its name; version: raised when a change of code changes the stage's result, and part of
    the key as well; counts: what its progress counts; reads: fields of Location that the stage
    needs.
    """

    stage: ClassVar[str]
    version: ClassVar[int]
    counts: ClassVar[str] = "steps"
    reads: ClassVar[frozenset[str]] = frozenset()

    def describe(self) -> str:
        """What is done, in a few words for the terminal."""
        return ""

    def work(self) -> int | None:
        """How many of what it counts are to be done, where the spec alone says it."""
        return None

    def cost_kind(self) -> list[Any]:
        """What decides the cost, beside the size of the slices, as JSON values."""
        return []

    def method_class(self) -> str | None:
        """Name of the generator or transform that the stage runs, which may be a user's own."""
        return None

    def network(self) -> str:
        """The network or generator whose training curve is worth watching; "" if none is."""
        return ""

    @classmethod
    def from_json(cls: type[S], spec: Any, version: int) -> S:
        """The spec that a plan or a manifest holds. Raises InputError for one of another
        version."""
        try:
            if version == cls.version:
                return cls.model_validate(spec)
        except ValidationError:
            pass
        raise InputError(
            f"a stage {cls.stage} in the store was planned by another version of this program; run"
            " the same `run` or `suite` again."
        )

    @classmethod
    def read(cls: type[S], folder: Path) -> S:
        """The spec of the finished stage in `folder`."""
        manifest = read_json(folder / "manifest.json")
        return cls.from_json(manifest["spec"], manifest["version"])


class SourceLocation(Frozen):
    """Where the images of a source lie on this machine: what `open_source` needs beside names."""

    source: str
    data_root: Path | None
    phantom_cases: int
    allow_incomplete: bool


class Location(Frozen):
    """Where on this machine lies what a stage reads beside its inputs; no part of a key.

    source: the images of stage prepare; edge_weights: the file of the edge detector's weights; own:
    FILE.py:Class of a user's own method; places: what a generator is told of this machine.
    """

    source: SourceLocation | None = None
    edge_weights: Path | None = None
    own: str | None = None
    places: Places = Places()

    def of(self, spec: StageSpec) -> "Location":
        """The part that a stage reads, so that equal stages of different runs have equal plans."""
        found = {name: getattr(self, name) for name in spec.reads}
        if (spec.method_class() or "").startswith(OWN_PREFIX):
            found["own"] = self.own
        return Location(**found)


@dataclass(frozen=True)
class Context:
    """What a stage may use besides its spec and inputs; nothing here may change a result by more
    than rounding.

    `checkpoint` is where an unfinished training or sampling keeps its state. graphs: on a GPU,
    steps are recorded as CUDA graphs; compiles: networks are compiled for training (both:
    benchmark/training/graphs.py).
    """

    device: str = "cpu"
    report: Report = silent
    location: Location = Location()
    checkpoint: Checkpoint | None = None
    graphs: bool = True
    compiles: bool = False


AGREEMENT_FILE = "agreement.npy"  # of stage audit, read by the filter of fit-segmenter
