"""Building blocks of the phantoms: a grid in mm, smooth noise, distances to deformed ellipsoids,
and painting. Everything a generator draws here has a size that depends on the anatomy in mm and
never on the number of pixels, so that one (index, seed) shows the same patient at every image
size. Interpolation is written as element-wise sums (no BLAS), so that the result does not depend
on the number of threads. Left out: exact distances. `ellipsoid_mm` is the usual first-order
approximation, good within a few mm of the surface."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

# Mean over a unit cell of the squared cubic B-spline weights: what interpolation leaves of a
# lattice's variance.
_SPLINE_VARIANCE = 151 / 315


@dataclass(frozen=True)
class Space:
    """A (z, y, x) grid of voxel centres in mm. y grows to posterior, x to the patient's left, z to
    superior.

    z: (Z, 1, 1), y and x: (Z, H, W) float32, possibly warped; corner_mm and step_mm: the unwarped
    grid.
    """

    z: np.ndarray
    y: np.ndarray
    x: np.ndarray
    corner_mm: tuple[float, float, float]
    step_mm: tuple[float, float, float]

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.y.shape

    def window(self, centre_mm, radii_mm, margin_mm: float = 12.0) -> tuple[slice, slice, slice]:
        """The index box that surely holds a structure; the margin covers the warp and soft
        edges."""
        box = []
        for axis in range(3):
            reach = radii_mm[axis] + (margin_mm if axis else self.step_mm[0])
            first = (centre_mm[axis] - reach - self.corner_mm[axis]) / self.step_mm[axis]
            last = (centre_mm[axis] + reach - self.corner_mm[axis]) / self.step_mm[axis]
            n = self.shape[axis]
            box.append(
                slice(int(np.clip(np.floor(first), 0, n)), int(np.clip(np.ceil(last) + 1, 0, n)))
            )
        return box[0], box[1], box[2]

    def crop(self, box: tuple[slice, slice, slice]) -> "Space":
        return Space(self.z[box[0]], self.y[box], self.x[box], self.corner_mm, self.step_mm)


def make_space(
    slices: int, size: int, slice_mm: float, pixel_mm: float, centre_mm=(0.0, 0.0, 0.0)
) -> Space:
    """A regular grid whose middle lies at centre_mm (z, y, x)."""
    step = (slice_mm, pixel_mm, pixel_mm)
    shape = (slices, size, size)
    corner = tuple(c - (n - 1) / 2 * s for c, n, s in zip(centre_mm, shape, step, strict=True))
    z, y, x = (
        np.float32(corner[a]) + np.arange(shape[a], dtype=np.float32) * np.float32(step[a])
        for a in range(3)
    )
    y, x = np.broadcast_to(y[None, :, None], shape), np.broadcast_to(x[None, None, :], shape)
    return Space(z[:, None, None], y, x, corner, step)


def slice_count(
    rng: np.random.Generator, slice_mm: float, radius_mm: float, offset_mm: float
) -> int:
    """A number of slices, 16 to 20 if that is enough, for which the first and the last miss an
    organ of this z radius whose centre lies `offset_mm` from the middle of the volume."""
    enough = 2 * int(np.ceil((radius_mm + 3 + abs(offset_mm)) / slice_mm)) + 1
    return max(int(rng.integers(16, 21)), enough)


def smooth_noise(
    rng: np.random.Generator, space: Space, scale_mm: tuple[float, float, float]
) -> np.ndarray:
    """Smooth Gaussian noise, float32 of the space's shape, mean 0, standard deviation about 1.

    A random lattice with one node per scale_mm (z, y, x), but none finer than the voxels,
    interpolated with cubic B-splines. The lattice spans the field of view and has a generator of
    its own, so that its size does not change what is drawn next, and what the voxels resolve is the
    same for every pixel size.
    """
    own = np.random.default_rng(rng.integers(2**63))
    positions, nodes = [], []
    for n, step, scale in zip(space.shape, space.step_mm, scale_mm, strict=True):
        # Pixel centres run from half a pixel inside the field of view, whatever the pixel size is.
        scale = max(scale, step)
        positions.append((np.arange(n) + 0.5) * step / scale)
        nodes.append(int(np.ceil(n * step / scale - 1e-6)) + 4)
    field = own.standard_normal(nodes, dtype=np.float32)
    for axis in range(3):
        field = _interpolate(field, axis, positions[axis])
    return field * np.float32(_SPLINE_VARIANCE**-1.5)


def fractal_noise(
    rng: np.random.Generator, space: Space, scale_mm: tuple, octaves: int = 3
) -> np.ndarray:
    """A sum of smooth noises, each at half the scale and 0.6 times the amplitude of the one before;
    deviation 1 where the pixels resolve all of them, less where a pixel averages the finest."""
    amplitudes = 0.6 ** np.arange(octaves)
    total = np.zeros(space.shape, np.float32)
    for octave, amplitude in enumerate(amplitudes):
        scale = tuple(s / 2**octave for s in scale_mm)
        seen = min(1.0, scale[1] / space.step_mm[1]) * min(1.0, scale[2] / space.step_mm[2])
        total += np.float32(amplitude * np.sqrt(seen)) * smooth_noise(rng, space, scale)
    return total / np.float32(np.sqrt((amplitudes**2).sum()))


def _interpolate(field: np.ndarray, axis: int, position: np.ndarray) -> np.ndarray:
    base = np.floor(position).astype(int)
    t = (position - base).astype(np.float32)
    weights = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    column = [1, 1, 1]
    column[axis] = -1
    return sum(
        (w / 6).reshape(column) * np.take(field, base + k, axis=axis) for k, w in enumerate(weights)
    )


def ridges(noise: np.ndarray, width) -> np.ndarray:
    """Thin sheets where a noise crosses zero: 1 on the crossing, 0 beyond `width` (a number or an
    array, in the noise's units); float32 in [0, 1]. A sheet thinner than a pixel is drawn a pixel
    wide and as much fainter."""
    step = np.float32(np.abs(np.diff(noise, axis=1)).mean() + np.abs(np.diff(noise, axis=2)).mean())
    drawn = np.maximum(np.float32(width), step)
    return np.clip(1 - np.abs(noise) / drawn, 0, 1) * (np.float32(width) / drawn)


def branches_mm(
    rng: np.random.Generator, space: Space, scale_mm: tuple, thickness: float
) -> np.ndarray:
    """About the distance in mm, negative inside, to thin winding tubes (vessels): where two noises
    are both near zero. thickness: radius of a tube as a share of scale_mm (z, y, x)."""
    noise = np.hypot(smooth_noise(rng, space, scale_mm), smooth_noise(rng, space, scale_mm))
    return (noise - np.float32(thickness)) * np.float32(0.8 * scale_mm[2])


def roll(space: Space, angle_deg: float) -> Space:
    """The same grid seen by a patient who lies turned by a small angle about the z axis."""
    cos, sin = np.float32(np.cos(np.deg2rad(angle_deg))), np.float32(np.sin(np.deg2rad(angle_deg)))
    return replace(space, y=cos * space.y - sin * space.x, x=cos * space.x + sin * space.y)


def warp(rng: np.random.Generator, space: Space, amplitude_mm: float, scale_mm: tuple) -> Space:
    """The same grid with y and x bent by smooth noise, which bends everything drawn on it
    together."""
    y = space.y + np.float32(amplitude_mm) * smooth_noise(rng, space, scale_mm)
    x = space.x + np.float32(amplitude_mm) * smooth_noise(rng, space, scale_mm)
    return replace(space, y=y, x=x)


def ellipsoid_mm(space: Space, centre_mm, radii_mm, tilt_deg: float = 0.0) -> np.ndarray:
    """Signed distance in mm to an ellipsoid, negative inside; float32 of the space's shape.

    centre_mm and radii_mm (z, y, x): numbers, or arrays (Z, 1, 1) that let a tube wander; a radius
    of inf makes a cylinder. tilt_deg turns it in the image plane, clockwise as displayed.
    """
    cos, sin = np.float32(np.cos(np.deg2rad(tilt_deg))), np.float32(np.sin(np.deg2rad(tilt_deg)))
    z, y, x = space.z - centre_mm[0], space.y - centre_mm[1], space.x - centre_mm[2]
    if tilt_deg:
        y, x = cos * y - sin * x, cos * x + sin * y
    rz, ry, rx = radii_mm
    z, y, x = z / rz, y / ry, x / rx
    level = np.sqrt(z * z + y * y + x * x)
    slope = np.sqrt((z / rz) ** 2 + (y / ry) ** 2 + (x / rx) ** 2)
    return (level * (level - 1) / np.maximum(slope, 1e-6)).astype(np.float32)


def cover(distance_mm: np.ndarray, soft_mm: float) -> np.ndarray:
    """Share of a voxel inside a structure, in [0, 1]: a linear edge `soft_mm` wide (partial
    volume)."""
    return np.clip(np.float32(0.5) - distance_mm / np.float32(soft_mm), 0, 1)


def paint(image: np.ndarray, share: np.ndarray, value) -> None:
    """Blends `value` (number or array) into `image` in place; share in [0, 1] is how much of a
    voxel it takes."""
    image += share * (value - image)


@dataclass(frozen=True)
class Canvas:
    """An image float32 (z, y, x) that is painted in place, the space it lies in, and the usual
    width of an edge."""

    image: np.ndarray
    space: Space
    soft_mm: float

    def fill(
        self, distance_mm: np.ndarray, value, opacity=1.0, soft_mm: float | None = None
    ) -> None:
        """Paints where a signed distance is negative; value and opacity are numbers or arrays."""
        paint(self.image, cover(distance_mm, soft_mm or self.soft_mm) * opacity, value)

    def ellipsoid(
        self, centre_mm, radii_mm, value, tilt_deg: float = 0.0, soft_mm: float | None = None
    ) -> None:
        """Paints one small ellipsoid, touching only the box around it. Centre and radii are
        numbers; value may be an array of the image's shape."""
        reach = (radii_mm[0], max(radii_mm[1:]), max(radii_mm[1:]))
        box = self.space.window(centre_mm, reach)
        distance = ellipsoid_mm(self.space.crop(box), centre_mm, radii_mm, tilt_deg)
        value = value[box] if isinstance(value, np.ndarray) else value
        paint(self.image[box], cover(distance, soft_mm or self.soft_mm), value)


def smooth_union(a: np.ndarray, b: np.ndarray, blend_mm: float) -> np.ndarray:
    """Union of two distances with a rounded joint (polynomial smooth minimum)."""
    h = np.clip(0.5 + 0.5 * (b - a) / blend_mm, 0, 1)
    return (b + h * (a - b) - blend_mm * h * (1 - h)).astype(np.float32)


def largest_component(mask: np.ndarray) -> np.ndarray:
    """The largest 6-connected (4-connected in 2D) piece of a mask, uint8 in {0, 1}; an empty mask
    stays empty."""
    labels, count = ndimage.label(mask)
    if count > 1:
        mask = labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])
    return np.asarray(mask, np.uint8)
