"""Solvers give the samples of diffusers' own schedulers bit for bit, and refuse schedulers that
they do not know."""

import pytest
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, UniPCMultistepScheduler

from baselines.scratch.solver import Solver
from benchmark.core.errors import InputError

CPU = torch.device("cpu")
KINDS = {
    "ddim": lambda **more: DDIMScheduler(clip_sample=True, **more),
    "ddim, unclipped": lambda **more: DDIMScheduler(
        clip_sample=False, set_alpha_to_one=False, steps_offset=1, **more
    ),
    "dpm-solver++": lambda **more: DPMSolverMultistepScheduler(lambda_min_clipped=-5.1, **more),
    "dpm-solver++, second order to its end": lambda **more: DPMSolverMultistepScheduler(
        final_sigmas_type="sigma_min", **more
    ),
    "dpm-solver++, karras": lambda **more: DPMSolverMultistepScheduler(
        use_karras_sigmas=True, **more
    ),
    "unipc": UniPCMultistepScheduler,
    "unipc, second order to its end": lambda **more: UniPCMultistepScheduler(
        lower_order_final=False, final_sigmas_type="sigma_min", **more
    ),
}


def predicted(grid, timesteps):
    """A network of no use, that is not linear."""
    return torch.tanh(grid.flip(1) + grid.roll(1, 3) + timesteps.reshape(-1, 1, 1, 1) / 1000)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("prediction", ["sample", "epsilon", "v_prediction"])
def test_samples_are_those_of_the_scheduler_bit_for_bit(kind, prediction):
    noise = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    for steps, spacing in ((1, "trailing"), (2, "leading"), (6, "trailing"), (20, "linspace")):
        scheduler = KINDS[kind](
            beta_schedule="squaredcos_cap_v2",
            prediction_type=prediction,
            timestep_spacing=spacing,
        )
        scheduler.set_timesteps(steps)
        grid = noise * scheduler.init_noise_sigma
        if not kind.startswith("ddim"):
            scheduler.set_begin_index(0)  # else a schedule whose timesteps repeat begins late
        for time in scheduler.timesteps:
            made = predicted(scheduler.scale_model_input(grid, time), time.expand(2))
            grid = scheduler.step(made, time, grid, return_dict=False)[0]
        solver = Solver(scheduler)
        found = solver.loop(predicted, CPU)(noise)
        assert len(solver) == steps and grid.isfinite().all()
        assert torch.equal(found, grid), (kind, prediction, steps)


def test_a_scheduler_with_another_way_to_step_is_refused():
    for scheduler in (
        DPMSolverMultistepScheduler(algorithm_type="sde-dpmsolver++"),
        UniPCMultistepScheduler(solver_order=3),
        DDIMScheduler(thresholding=True),
    ):
        scheduler.set_timesteps(4)
        with pytest.raises(InputError, match=r"the scheduler of the weights has .*take .* out of"):
            Solver(scheduler)
