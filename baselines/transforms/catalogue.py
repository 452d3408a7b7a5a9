"""Classic augmentation: the paper's eight single transforms, its DeepStack, and TrivialAugment.
Importing this package does not import torch. The transforms are in intensity.py, spatial.py and
stack.py; what all share is in base.py; augmenter.py turns one of them into what a training step
calls. Not here: the merging with synthetic images, which comes before (an augmenter is given the
merged batch).

Every strength is the release's (Q21, Q22) converted from its data range [-1, 1] to ours, [0, 1]:
additive quantities are halved, factors, exponents, angles and pixels stay. They are torch
operations on whole batches, written here because the known libraries draw from global state or
handle one image at a time.
"""

from benchmark.core.registry import Registry, check_name

TRANSFORMS = Registry(
    "transform",
    {
        "contrast": "baselines.transforms.intensity:Contrast",
        "gamma": "baselines.transforms.intensity:Gamma",
        "brightness": "baselines.transforms.intensity:Brightness",
        "noise": "baselines.transforms.intensity:Noise",
        "resolution": "baselines.transforms.intensity:Resolution",
        "mirror": "baselines.transforms.spatial:Mirror",
        "rotate": "baselines.transforms.spatial:Rotate",
        "scale": "baselines.transforms.spatial:Scale",
        "deepstack": "baselines.transforms.stack:DeepStack",
        "trivial-augment": "baselines.transforms.stack:TrivialAugment",
    },
)

# The name of "no transform": an augmenter of it only renormalises, and only where the protocol says
# so.
NO_TRANSFORM = "none"

_PAPER_NAMES = {
    NO_TRANSFORM: "Baseline",
    "deepstack": "DeepStack",
    "trivial-augment": "TrivialAugment",
}


def check_transform(transform: str) -> str:
    """Returns `transform` if it is a key of TRANSFORMS or "none"; raises InputError naming the
    nearest otherwise."""
    return check_name(TRANSFORMS.kind, transform, [*TRANSFORMS, NO_TRANSFORM])


def paper_name(transform: str) -> str:
    """The row of the paper's Table II: "contrast" -> "RandomContrast". TrivialAugment is ours, not
    in that table."""
    return _PAPER_NAMES.get(check_transform(transform), f"Random{transform.capitalize()}")
