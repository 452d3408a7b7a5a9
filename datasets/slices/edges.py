"""Edge maps that condition a generator: detected edges of the image plus the boundary of the mask
(Q18).

The paper detects edges with HED, a network whose weights `data fetch hed` gets (hed.py); `scharr`
needs none, and every spec names its detector. Not here: the HED network.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmark.core.errors import InputError
from benchmark.core.registry import Registry, check_name

Detector = Callable[[np.ndarray], np.ndarray]  # uint8 (H, W) -> uint8 (H, W)

EDGES = Registry(
    "edge detector",
    {
        "scharr": "datasets.slices.edges:scharr",
        "sobel": "datasets.slices.edges:sobel",
        "canny": "datasets.slices.edges:canny",
    },
)

HED = "hed"  # needs weights
DETECTORS = (*EDGES, HED)

# Smoothing (px) before differentiation, so that speckle does not fill the map.
_SIGMA_PX = 1.0
# A smoothed step of this share of the grey range reaches full edge strength.
_FULL_STEP = 0.25
_KERNELS = {"scharr": np.array([3.0, 10.0, 3.0]) / 16, "sobel": np.array([1.0, 2.0, 1.0]) / 4}
_DERIVATIVE = np.array([-0.5, 0.0, 0.5])


def check_detector(name: str, weights: str | None) -> None:
    """Raises InputError for an unknown detector, for HED without weights and for weights without
    HED."""
    check_name("edge detector", name, DETECTORS)
    if (name == HED) and weights is None:
        raise InputError(
            "edge=hed needs weights, which are not shipped; get them by `python cli.py data fetch"
            " hed`, or name a folder that holds ControlNetHED.pth by --set edge_weights=FOLDER."
        )
    if name != HED and weights is not None:
        raise InputError(
            f"edge_weights are for edge=hed, not for edge={name}; leave them out, or add --set"
            f" edge=hed."
        )


def make_detector(name: str, weights: Path | None = None, device: str = "cpu") -> Detector:
    """The detector called `name`; HED with the weights in the file `weights`, on `device`. Raises
    InputError."""
    check_detector(name, None if weights is None else str(weights))
    if weights is None:
        return EDGES.load(name)
    from datasets.slices.hed import Hed

    return Hed(weights, device)


def edge_map(
    image: np.ndarray, mask: np.ndarray, detector: str | Detector = "scharr"
) -> np.ndarray:
    """uint8 (H, W) = clip(edges of `image` + boundary of `mask`, 0, 255). image: uint8 (H, W);
    mask: {0, 1} (H, W).

    Raises InputError for an unknown detector.
    """
    if image.shape != mask.shape or image.ndim != 2:
        raise InputError(
            f"edge_map needs an image and a mask of one 2D shape, not {image.shape} and"
            f" {mask.shape}."
        )
    detect = make_detector(detector) if isinstance(detector, str) else detector
    edges = detect(image).astype(np.uint16) + mask_boundary(mask)
    return np.minimum(edges, 255).astype(np.uint8)


def mask_boundary(mask: np.ndarray) -> np.ndarray:
    """uint8 (H, W) in {0, ..., 255}: absolute Scharr gradient of the mask, clipped; two pixels
    wide."""
    down, right = _gradient(mask.astype(np.float32), _KERNELS["scharr"])
    return (255 * np.minimum(2 * (np.abs(down) + np.abs(right)), 1)).astype(np.uint8)


def scharr(image: np.ndarray) -> np.ndarray:
    """uint8 (H, W): Scharr gradient magnitude of the smoothed image."""
    return _magnitude(image, _KERNELS["scharr"])


def sobel(image: np.ndarray) -> np.ndarray:
    """uint8 (H, W): Sobel gradient magnitude of the smoothed image."""
    return _magnitude(image, _KERNELS["sobel"])


def canny(image: np.ndarray) -> np.ndarray:
    """uint8 (H, W) in {0, 255}: thin Canny edges with hysteresis between 4 % and 10 % of the grey
    range."""
    from skimage import feature

    found = feature.canny(
        image.astype(np.float32) / 255, sigma=2 * _SIGMA_PX, low_threshold=0.04, high_threshold=0.1
    )
    return found.astype(np.uint8) * 255


def _magnitude(image: np.ndarray, smoothing: np.ndarray) -> np.ndarray:
    from scipy import ndimage

    smooth = ndimage.gaussian_filter(image.astype(np.float32) / 255, _SIGMA_PX)
    down, right = _gradient(smooth, smoothing)
    # A unit step, smoothed with sigma 1 px, has a central difference of about 0.34 at the step.
    gain = 1 / (0.34 * _FULL_STEP)
    return (255 * np.minimum(gain * np.hypot(down, right), 1)).astype(np.uint8)


def _gradient(image: np.ndarray, smoothing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Central differences (per pixel) along rows and columns, smoothed across; edges of the image
    count as flat."""
    from scipy import ndimage

    return tuple(
        ndimage.correlate1d(
            ndimage.correlate1d(image, _DERIVATIVE, axis=axis), smoothing, axis=1 - axis
        )
        for axis in (0, 1)
    )
