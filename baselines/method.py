"""What a method of your own is made of. Everything a user's file needs is imported from here.

    from baselines.method import Generator, Sampling, Settings   # a generator of variants
    from baselines.method import Transform                       # a change of training batches

Importing this module imports no torch; `Transform` does, when it is asked for. Not here: how such a
class is found and checked (generators/user_method.py).
"""

from typing import TYPE_CHECKING, Any

from baselines.generators.base import Conditions, Generator, TrainingSlices
from baselines.generators.fit_folder import training_ids
from baselines.generators.job import TrainingJob
from baselines.generators.mask_sampler import MaskSampling
from baselines.generators.places import Places
from baselines.generators.settings import BaseSettings as Settings
from benchmark.core.frozen import Frozen as Sampling
from benchmark.core.identity import named_seed
from benchmark.spec.method import Look

if TYPE_CHECKING:
    from baselines.transforms.base import Transform

__all__ = [
    "Conditions",
    "Generator",
    "Look",
    "MaskSampling",
    "Places",
    "Sampling",
    "Settings",
    "TrainingJob",
    "TrainingSlices",
    "Transform",
    "named_seed",
    "training_ids",
]


def __getattr__(name: str) -> Any:
    """`Transform`, whose module imports torch."""
    if name == "Transform":
        from baselines.transforms.base import Transform

        return Transform
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
