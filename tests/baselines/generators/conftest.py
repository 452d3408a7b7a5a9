"""Generators trained from scratch on discs, once for the tests of this folder."""

import pytest
import torch

from baselines.generators.catalogue import generator_class
from baselines.generators.job import TrainingJob
from tests.baselines.generators.discs import CPU, NAMES, SETTINGS, disc_slices


@pytest.fixture(scope="package")
def fits(tmp_path_factory):
    """Folder of each generator, fitted on the same slices."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # many tiny steps: a second thread only waits
    folders = {name: tmp_path_factory.mktemp(name) for name in NAMES}
    for name, folder in folders.items():
        generator_class(name).fit(
            disc_slices(), SETTINGS, TrainingJob(seed=0, device=CPU, out=folder)
        )
    yield folders
    torch.set_num_threads(threads)


@pytest.fixture(params=NAMES)
def name(request):
    return request.param
