"""From native intensities to grey levels, and between native and working size.

Rules: "slice-percentile" (Q17), "volume-percentile", "ct-window". Not here: files.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image

from benchmark.core.errors import InputError
from benchmark.core.registry import check_name

INTENSITIES = ("slice-percentile", "volume-percentile", "ct-window")
_PERCENTILES = (0.5, 99.5)
# Hounsfield units: air outside the body must not fill the lower half of the range (Q17).
_CT_FLOOR_HU = -256.0
# Soft-tissue window: level 40, width 400.
_CT_WINDOW_HU = (-160.0, 240.0)


def resize_linear(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """float32 (H, W) -> float32 `shape`, bilinear about pixel centres; shrinking averages over the
    shrunk pixels."""
    if image.shape == shape:
        return image
    resized = Image.fromarray(image.astype(np.float32, copy=False)).resize(
        shape[::-1], Image.Resampling.BILINEAR
    )
    return np.asarray(resized, dtype=np.float32)


def resize_nearest(mask: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """uint8 (H, W) -> uint8 `shape`, nearest neighbour about pixel centres."""
    if mask.shape == shape:
        return mask
    return np.asarray(Image.fromarray(mask).resize(shape[::-1], Image.Resampling.NEAREST))


def resampled_mask(mask: np.ndarray, size: int) -> np.ndarray:
    """uint8 {0, 1} (z, y, x) -> the same shape: the mask at `size` x `size` px and back on its own
    grid, as a prediction gets there, so that it holds what a perfect prediction would (Q37)."""
    height, width = mask.shape[1:]
    small = (resize_nearest(plane, (size, size)).astype(np.float32) for plane in mask)
    return np.stack([resize_linear(plane, (height, width)) > 0.5 for plane in small]).astype(
        np.uint8
    )


def grey_rule(
    intensity: str, modality: str, volume: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """The function that turns a resized slice float32 (S, S) of `volume` float32 (z, y, x) into
    uint8 (S, S).

    The clipped range always fills 0..255; a slice without contrast becomes 0. Raises InputError for
    an unknown rule and for ct-window on a modality other than CT.
    """
    check_name("intensity rule", intensity, INTENSITIES)
    floor = _CT_FLOOR_HU if modality.upper() == "CT" else -np.inf
    if intensity == "ct-window":
        if modality.upper() != "CT":
            raise InputError(
                f"intensity ct-window needs CT images in Hounsfield units, not {modality}."
            )
        return lambda plane: _scaled(plane, *_CT_WINDOW_HU)
    if intensity == "volume-percentile":
        low, high = _limits(volume, floor)
        return lambda plane: _scaled(plane, low, high)
    return lambda plane: _scaled(plane, *_limits(plane, floor))


def _limits(values: np.ndarray, floor: float) -> tuple[float, float]:
    low, high = np.percentile(values, _PERCENTILES)
    return max(float(low), floor), float(high)


def _scaled(plane: np.ndarray, low: float, high: float) -> np.ndarray:
    if not high > low:
        return np.zeros(plane.shape, dtype=np.uint8)
    return np.rint((np.clip(plane, low, high) - low) * (255 / (high - low))).astype(np.uint8)
