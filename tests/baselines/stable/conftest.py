"""A tiny Stable Diffusion and its fit, once for the tests of this folder."""

import pytest
import torch

from baselines.stable.generator import StableDiffusion
from baselines.stable.settings import StableSettings
from tests.baselines.stable.discs import CPU, fit
from tests.support.tiny_stable import save_base, save_controlnet


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="package")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    save_base(folder / "base")
    save_controlnet(folder / "control")
    return folder


@pytest.fixture(scope="package")
def settings(weights):
    """settings(changes...): pinned settings and places; 12 steps of 4 slices."""

    def make(**changes):
        given = {
            "base": str(weights / "base"),
            "epochs": 4,
            "batch": 4,
            "micro_batch": 4,
            "learning_rate": 1e-3,
        }
        return StableSettings(**given | changes).pinned(None)

    return make


@pytest.fixture(scope="package")
def places(settings, weights):
    return settings(controlnet=str(weights / "control"))[1]


@pytest.fixture(scope="package")
def folder(settings, weights, tmp_path_factory):
    return fit(settings(controlnet=str(weights / "control")), tmp_path_factory.mktemp("fit"))


@pytest.fixture(scope="package")
def fitted(folder, places):
    return StableDiffusion.load(folder, CPU, places)
