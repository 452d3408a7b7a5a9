"""A training step as one CUDA graph: recorded once, then replayed by a single launch.

A small step on a GPU waits for its thousand launches (docs/measurements.md). A step that works on
buffers which stay where they are, and that reads nothing back, can be recorded and replayed as a
whole. The step itself stays one plain function: it is what a CPU runs, what is recorded, and what
is run where recording fails. The first steps of a training are run plainly on a stream beside the
main one, as CUDA asks for; they are real steps of the training, so that a recorded training makes
the same steps in the same order as a plain one.

How a step is run enters no key. The results of a stage say it (`Graphs.told`). Not here: the steps
(static_step.py; the generators' own).
"""

import json
import logging
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn
from torch.optim import Optimizer

from benchmark.core.texts import first_line

WARM_UP_STEPS = 4  # plain steps before the recording; so many were measured to be enough
GRAPHS_FILE = "graphs.json"
Work = Callable[[], None]


class Backend(Protocol):
    """What records steps."""

    def beside(self, work: Work) -> None:
        """Runs `work` as a step before the recording."""

    def record(self, work: Work) -> Work:
        """Records `work` without running it, and returns what replays it. Raises RuntimeError where
        that cannot be done; plain steps then go on as if it had not been tried."""


class Graphs:
    """How the steps of one training are run. All steps of different shapes that it makes share
    what happened.

    backend: None: every step is run plainly. reason: why, where a GPU is used.
    """

    def __init__(self, backend: Backend | None = None, reason: str = ""):
        self.backend, self.reason = backend, reason
        self.recorded, self.fell_back, self.compiled = 0, False, False

    def compile(self, network: nn.Module) -> None:
        """From now on the passes of `network` are fused kernels (torch.compile), which changes the
        last digits of what it computes; inside `uncompiled` they are not. Its weights stay as they
        are. Each shape is compiled anew, which takes from seconds to minutes."""
        network.forward = torch.compile(network.forward, dynamic=False)
        self.compiled = True

    def uncompiled(self) -> AbstractContextManager:
        return torch.compiler.set_stance("force_eager") if self.compiled else nullcontext()

    def step(self, work: Work, plain: Work | None = None, plain_calls: int = WARM_UP_STEPS) -> Work:
        """`work` as it is to be called: once for each step. plain: what runs where it is not
        recorded, the same with a guard that a recording knows not, such as MicroBatches.
        plain_calls: before the recording."""
        return _Step(self, work, plain or work, plain_calls)

    def stop(self, reason: str) -> None:
        """From now on nothing more is recorded."""
        if self.backend is not None:
            self.backend, self.reason = None, reason

    def fall_back(self, error: RuntimeError) -> None:
        """After a recording that failed: the training goes on with plain steps, and says so."""
        self.stop(first_line(_first_cause(error)) or type(error).__name__)
        self.fell_back = True
        logging.getLogger(__name__).warning(
            "A step could not be recorded as one CUDA graph (%s), so its kernels are"
            " launched one by one: the same steps, slower.",
            self.reason,
        )

    @property
    def told(self) -> dict[str, Any]:
        """What the record has to say: {} where nothing is compiled, on a CPU, which has no
        graphs."""
        return self._told_of_graphs | ({"compiled": True} if self.compiled else {})

    @property
    def _told_of_graphs(self) -> dict[str, Any]:
        if self.fell_back:
            how, why = "fallen back", self.reason
        elif self.recorded:
            how, why = "graph", self.reason
        elif self.backend is not None:
            how, why = "plain", "it ended before a step was recorded"
        elif self.reason:
            how, why = "plain", self.reason
        else:
            return {}
        return {"graphs": {"how": how} | ({"reason": why} if why else {})}

    def write(self, folder: Path) -> None:
        """Leaves `told` in a folder of artefacts, if there is anything to tell."""
        if self.told:
            (folder / GRAPHS_FILE).write_text(json.dumps(self.told))


class _Step:
    """One step of a training, of one shape."""

    def __init__(self, graphs: Graphs, work: Work, plain: Work, plain_calls: int):
        self._graphs, self._work, self._plain = graphs, work, plain
        self._plain_calls_left = plain_calls
        self._replay: Work | None = None

    def __call__(self) -> None:
        backend = self._graphs.backend
        if self._graphs.fell_back:
            self._plain()  # also in the place of an earlier recording: its generators are replaced
        elif self._replay is not None:
            self._replay()
        elif backend is None:
            self._plain()
        elif self._plain_calls_left:
            self._plain_calls_left -= 1
            backend.beside(self._plain)
        else:
            self._record(backend)

    def _record(self, backend: Backend) -> None:
        try:
            self._replay = backend.record(self._work)
        except RuntimeError as error:
            self._graphs.fall_back(error)
        if self._replay is None:  # outside the handler, whose traceback holds the graph's memory
            self._plain()
        else:
            self._graphs.recorded += 1
            self._replay()


class CudaGraphs:
    """The graphs of one training on `device`; `generators` are all that its steps draw from, beside
    the device's own."""

    def __init__(self, device: torch.device, generators: Sequence[torch.Generator]):
        self._device = device
        self._generators = list(generators)
        with torch.cuda.device(device):
            self._side = torch.cuda.Stream()
            # Graphs of one training never run at the same time, so they share their memory. torch
            # takes no new one into memory whose graphs are all gone, so none is let go.
            self._pool = torch.cuda.graph_pool_handle()
            self._recorded: list[torch.cuda.CUDAGraph] = []

    def beside(self, work: Work) -> None:
        with torch.cuda.device(self._device):
            main = torch.cuda.current_stream()
            self._side.wait_stream(main)
            with torch.cuda.stream(self._side):
                work()
            main.wait_stream(self._side)

    def record(self, work: Work) -> Work:
        with torch.cuda.device(self._device):
            main, graph = torch.cuda.current_stream(), torch.cuda.CUDAGraph()
            own = torch.cuda.default_generators[torch.cuda.current_device()]
            kept = [(one, one.clone_state()) for one in (*self._generators, own)]
            for generator in self._generators:
                graph.register_generator_state(generator)
            try:
                with torch.cuda.graph(graph, pool=self._pool, stream=self._side):
                    work()
            except RuntimeError:
                # What a recording that was broken off leaves behind: its stream as the current one,
                # and generators that take every draw for one of the graph.
                torch.cuda.set_stream(main)
                for generator, state in kept:
                    generator.graphsafe_set_state(state)
                raise
        self._recorded.append(graph)
        return graph.replay


def make_graphs(
    device: torch.device,
    generators: Sequence[torch.Generator],
    *,
    wanted: bool,
    obstacle: str = "",
) -> Graphs:
    """The graphs of a training on `device`. wanted: False with --no-graphs; obstacle: what keeps
    its steps from being recorded, if that is known beforehand."""
    if device.type != "cuda":
        return Graphs()
    if not wanted or obstacle:
        return Graphs(reason=obstacle if wanted else "--no-graphs")
    return Graphs(CudaGraphs(device, generators))


def read_graphs(folder: Path) -> dict[str, Any]:
    """What `Graphs.write` left in a folder; {} if nothing."""
    path = folder / GRAPHS_FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def recordable(device: torch.device, learning_rate: float) -> dict[str, Any]:
    """What Adam and AdamW of torch are told so that their step can be recorded: on a GPU the rate
    and the count of steps lie there, and one kernel moves many weights."""
    if device.type != "cuda":
        return {"lr": learning_rate}
    # torch warns of each step that is not recorded
    warnings.filterwarnings("ignore", message="This instance was constructed with capturable=True")
    rate = torch.full((), learning_rate, device=device)
    return {"lr": rate, "capturable": True, "fused": True}


def set_learning_rate(optimiser: Optimizer, rate: float) -> None:
    """Sets the rate of all weights, in the place where a recorded step reads it."""
    for group in optimiser.param_groups:
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def _first_cause(error: BaseException) -> BaseException:
    """What went wrong first: ending a broken recording may raise once more."""
    while error.__context__ is not None:
        error = error.__context__
    return error
