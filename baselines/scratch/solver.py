"""The samplers of diffusers as numbers and tensors alone, so that all denoising steps of a batch
are one function that can be recorded as one CUDA graph (benchmark/training/graphs.py).

A scheduler of diffusers looks up its coefficients while it samples, and some of them on the GPU.
Here they are worked out once, on the CPU, as numbers that kernels take as arguments; each step
then makes the scheduler's own operations in the same order, so that the samples are the same bit
for bit (tests/baselines/scratch/test_solver.py). Formulas: DDIM (Song et al. 2021, eq. 12, eta 0),
DPM-Solver++ 2M (Lu et al. 2022, algorithm 2), UniPC (Zhao et al. 2023, B2(h), order 2). Not here:
which scheduler it is and its noise (diffusion.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from benchmark.core.errors import InputError
from benchmark.training.to_device import sent

# what a scheduler must say for its steps to be those below; diffusers' own defaults
_NEEDED: dict[str, dict[str, Any]] = {
    "DDIMScheduler": {"thresholding": False},
    "DPMSolverMultistepScheduler": {
        "thresholding": False,
        "algorithm_type": "dpmsolver++",
        "solver_order": 2,
        "solver_type": "midpoint",
        "use_flow_sigmas": False,
        "variance_type": None,
    },
    "UniPCMultistepScheduler": {
        "thresholding": False,
        "solver_order": 2,
        "solver_type": "bh2",
        "predict_x0": True,
        "disable_corrector": [],
        "solver_p": None,
        "use_flow_sigmas": False,
    },
}


class Solver:
    """All denoising steps of one scheduler, whose timesteps are set.

    Raises InputError for a scheduler with an option of its own that changes its steps.
    """

    def __init__(self, scheduler: Any):
        kind = type(scheduler).__name__
        for option, value in _NEEDED[kind].items():
            if (found := scheduler.config.get(option, value)) != value:
                raise InputError(
                    f"the scheduler of the weights has {option}={found}, and {kind} is known here"
                    f" with {value} alone; take {option} out of scheduler/scheduler_config.json."
                )
        self.timesteps = scheduler.timesteps
        make = _STEPS[kind]
        self._steps = [make(scheduler, number) for number in range(len(self.timesteps))]

    def __len__(self) -> int:
        return len(self._steps)

    def loop(self, denoise: Callable[..., Tensor], device: torch.device) -> Callable[..., Tensor]:
        """(noise, **shown) -> grid, both float32 (B, C, H, W): all steps from noise to sample.

        `denoise(grid, timesteps, **shown)` predicts from a grid and timesteps (B,) on `device`.
        """
        times = sent(self.timesteps, device)

        def run(noise: Tensor, **shown: Tensor) -> Tensor:
            grid, before = noise, _Before()
            for step, time in zip(self._steps, times, strict=True):
                predicted = denoise(grid=grid, timesteps=time.expand(len(grid)), **shown)
                grid = step(predicted.float(), grid, before)
            return grid

        return run


@dataclass
class _Before:
    """What steps leave to later ones: the two last clean estimates, and the grid that the last step
    began with."""

    clean: tuple[Tensor, ...] = ()
    grid: Tensor | None = None

    def keep(self, clean: Tensor) -> None:
        self.clean = (*self.clean[-1:], clean)


@dataclass(frozen=True)
class _Clean:
    """The clean sample behind a prediction, from x_t = signal x + noise e. kind: as diffusers calls
    what a network predicts."""

    kind: str
    signal: float
    noise: float

    def __call__(self, predicted: Tensor, grid: Tensor) -> Tensor:
        if self.kind == "sample":
            return predicted
        if self.kind == "epsilon":
            return (grid - self.noise * predicted) / self.signal
        return self.signal * grid - self.noise * predicted


# --- DDIM


@dataclass(frozen=True)
class _Ddim:
    clean: _Clean
    next_signal: float
    next_noise: float
    limit: float | None

    def __call__(self, predicted: Tensor, grid: Tensor, before: _Before) -> Tensor:
        at, clean = self.clean, self.clean(predicted, grid)
        if at.kind == "epsilon":
            noise = predicted
        elif at.kind == "sample":
            noise = (grid - at.signal * clean) / at.noise
        else:
            noise = at.signal * predicted + at.noise * grid
        if self.limit is not None:
            clean = clean.clamp(-self.limit, self.limit)
        return self.next_signal * clean + self.next_noise * noise


def _ddim(scheduler: Any, number: int) -> _Ddim:
    config, powers = scheduler.config, scheduler.alphas_cumprod
    time = int(scheduler.timesteps[number])
    after = time - config.num_train_timesteps // scheduler.num_inference_steps
    power = powers[time]
    next_power = powers[after] if after >= 0 else scheduler.final_alpha_cumprod
    at = _Clean(config.prediction_type, float(power**0.5), float((1 - power) ** 0.5))
    limit = config.clip_sample_range if config.clip_sample else None
    return _Ddim(at, float(next_power**0.5), float((1 - next_power) ** 0.5), limit)


# --- DPM-Solver++ and UniPC: both move by clean estimates, in the log of signal over noise


class _Level(NamedTuple):
    """A noise level, each float32 (): x_t = signal x + noise e, and log(signal / noise)."""

    signal: Tensor
    noise: Tensor
    log: Tensor


def _level(scheduler: Any, number: int) -> _Level:
    sigma = scheduler.sigmas[number]
    signal = 1 / ((sigma**2 + 1) ** 0.5)
    noise = sigma * signal
    return _Level(signal, noise, torch.log(signal) - torch.log(noise))


def _clean_at(scheduler: Any, number: int) -> _Clean:
    level = _level(scheduler, number)
    return _Clean(scheduler.config.prediction_type, float(level.signal), float(level.noise))


@dataclass(frozen=True)
class _Dpm:
    """slope: of the line through the two last clean estimates; None in a step of first order."""

    clean: _Clean
    keep: float
    move: float
    slope: float | None

    def __call__(self, predicted: Tensor, grid: Tensor, before: _Before) -> Tensor:
        clean = self.clean(predicted, grid)
        before.keep(clean)
        moved = self.keep * grid - self.move * clean
        if self.slope is None:
            return moved
        return moved - 0.5 * self.move * (self.slope * (clean - before.clean[0]))


def _dpm(scheduler: Any, number: int) -> _Dpm:
    config, steps = scheduler.config, len(scheduler.timesteps)
    here, after = _level(scheduler, number), _level(scheduler, number + 1)
    h = after.log - here.log
    plain_end = (
        config.euler_at_final
        or config.final_sigmas_type == "zero"
        or (config.lower_order_final and steps < 15)
    )
    slope = None
    if number and not (plain_end and number == steps - 1):
        slope = float(1.0 / ((here.log - _level(scheduler, number - 1).log) / h))
    keep, move = after.noise / here.noise, after.signal * (torch.exp(-h) - 1.0)
    return _Dpm(_clean_at(scheduler, number), float(keep), float(move), slope)


@dataclass(frozen=True)
class _Move:
    """A step of UniP or UniC. ratio: distance of the level before, in this step's; None in a step
    of first order. weights: of the difference of that level's clean estimate and, in UniC, of the
    new one's."""

    keep: float
    move: float
    ratio: float | None
    weights: tuple[float, ...]

    def __call__(self, grid: Tensor, clean: tuple[Tensor, ...], new: Tensor | None) -> Tensor:
        """clean: the estimates before; new: the one of the level that is reached, in UniC."""
        moved, bends = self.keep * grid - self.move * clean[-1], []
        if self.ratio is not None:
            bends.append(self.weights[0] * ((clean[-2] - clean[-1]) / self.ratio))
        if new is not None:
            bends.append(self.weights[-1] * (new - clean[-1]))
        return moved - self.move * sum(bends[1:], bends[0]) if bends else moved


@dataclass(frozen=True)
class _UniPc:
    clean: _Clean
    corrected: _Move | None
    predicted: _Move

    def __call__(self, predicted: Tensor, grid: Tensor, before: _Before) -> Tensor:
        clean = self.clean(predicted, grid)
        if self.corrected is not None and before.grid is not None:
            grid = self.corrected(before.grid, before.clean, clean)
        before.keep(clean)
        before.grid = grid
        return self.predicted(grid, before.clean, None)


def _unipc(scheduler: Any, number: int) -> _UniPc:
    corrected = _move(scheduler, number, corrects=True) if number else None
    return _UniPc(_clean_at(scheduler, number), corrected, _move(scheduler, number + 1))


def _move(scheduler: Any, to: int, corrects: bool = False) -> _Move:
    """From level to - 1 to level `to`."""
    here, after = _level(scheduler, to - 1), _level(scheduler, to)
    left = len(scheduler.timesteps) - (to - 1)
    order = min(2, left if scheduler.config.lower_order_final else 2, to)
    h = after.log - here.log
    phi = torch.expm1(-h)
    keep, move = after.noise / here.noise, after.signal * phi
    ratio, weights = None, torch.full((1,), 0.5)
    if order == 2:
        ratio = (_level(scheduler, to - 2).log - here.log) / h
        if corrects:
            weights = _weights(ratio, -h, phi)
    return _Move(
        float(keep),
        float(move),  # B2(h) is phi, so that this weighs the bend too
        None if ratio is None else float(ratio),
        tuple(weights.tolist()),
    )


def _weights(ratio: Tensor, hh: Tensor, phi: Tensor) -> Tensor:
    """float32 (2,): of UniC of order 2."""
    ratios = torch.stack([ratio, torch.ones(())])
    first = phi / hh - 1
    second = first / hh - 1 / 2
    wanted = torch.stack([first / phi, second * 2 / phi])
    return torch.linalg.solve(torch.stack([torch.ones(2), ratios]), wanted)


# (scheduler, number of the step) -> (prediction, grid, what earlier steps left) -> the next grid
_Step = Callable[[Tensor, Tensor, _Before], Tensor]
_STEPS: dict[str, Callable[[Any, int], _Step]] = {
    "DDIMScheduler": _ddim,
    "DPMSolverMultistepScheduler": _dpm,
    "UniPCMultistepScheduler": _unipc,
}
