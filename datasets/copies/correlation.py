"""Normalised cross-correlation of many small images, the best over all shifts of a few pixels.

Brightness and contrast do not matter: the mean and the SD of the part in which two shifted images
overlap are taken out. Not here: which correlation makes a copy (finder.py).
"""

import numpy as np
import scipy.fft

_BLOCK = 256  # images that are correlated at once: a few MB, which stay in the processor's cache
# Least variance of an overlap, of the whole image's: flat parts correlate with anything.
_LEAST_VARIANCE = 0.01


class Correlations:
    """Square images of one size, made ready to be correlated with each other.

    images: (n, side, side) of any range; shift: the most pixels that one image is moved over the
    other, along both axes.
    """

    def __init__(self, images: np.ndarray, shift: int):
        side = images.shape[-1]
        centred = images - images.mean((1, 2), keepdims=True)
        sd = centred.std((1, 2), keepdims=True)
        scaled = np.divide(centred, sd, out=np.zeros_like(centred), where=sd > 0)
        self._side = side + shift  # long enough that no shift wraps around
        self._shifts = np.arange(-shift, shift + 1)
        self._spectra = scipy.fft.rfft2(scaled.astype(np.float32), (self._side, self._side))
        overlap = side - abs(self._shifts)
        area = overlap[:, None] * overlap
        sums = _sums_of_overlaps(scaled, self._shifts)
        variance = _sums_of_overlaps(scaled**2, self._shifts) - sums**2 / area
        weight = 1 / np.sqrt(np.maximum(variance, _LEAST_VARIANCE * area))
        self._weight = weight.astype(np.float32)
        self._mean = (sums / np.sqrt(area) * weight).astype(np.float32)

    def best(self, one: int, others: np.ndarray) -> np.ndarray:
        """The largest correlation, over all shifts, of image `one` with each of `others` (their
        places): float32, in [-1, 1]."""
        blocks = [self._best(one, others[at : at + _BLOCK]) for at in range(0, len(others), _BLOCK)]
        return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)

    def _best(self, one: int, others: np.ndarray) -> np.ndarray:
        products = self._spectra[one] * np.conj(self._spectra[others])
        rows = scipy.fft.ifft(products, axis=1, overwrite_x=True)[:, self._shifts]
        sums = scipy.fft.irfft(rows, self._side, axis=2)[:, :, self._shifts]
        # An image that moves down over another meets it with its upper part, and that one with its
        # lower: the shifts of `others` run backwards.
        weight, mean = self._weight[others, ::-1, ::-1], self._mean[others, ::-1, ::-1]
        found = sums * self._weight[one] * weight - self._mean[one] * mean
        return found.max((1, 2)).astype(np.float32)


def _sums_of_overlaps(images: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Sums over the part of each image that another one covers, per shift: (n, shifts, shifts)."""
    side = images.shape[-1]
    integral = np.pad(images.astype(np.float64).cumsum(1).cumsum(2), ((0, 0), (1, 0), (1, 0)))
    low, high = np.maximum(shifts, 0), side + np.minimum(shifts, 0)
    return (
        integral[:, high[:, None], high]
        - integral[:, low[:, None], high]
        - integral[:, high[:, None], low]
        + integral[:, low[:, None], low]
    )
