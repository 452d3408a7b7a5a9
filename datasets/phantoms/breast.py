"""A breast lesion as hand-held ultrasound shows it, in grey levels 0..255; the mask is the lesion.
One slice a case.

Anatomy: skin line, fat lobules between bright septa, glandular layer or fatty breast, retromammary
fat, pectoral muscle with its fascia, sometimes a rib, all bent together; dark fat lobules and small
ducts that resemble a lesion; one lesion. Benign: oval, smooth, wider than tall, even inside,
sometimes a cyst. Malignant: irregular or spiculated, often taller, uneven inside, blurred against a
bright rim, sometimes with calcifications. Physics: fully developed speckle (Rayleigh envelope of a
complex Gaussian field) with the size of the beam, which widens away from the focus; averaged looks
(compounding); attenuation against time-gain compensation; shadow or enhancement as the path
integral of the lesion's attenuation; shadows of poor contact; log compression, noise floor, 8-bit
display. Left out: refraction, reverberation, calipers and text on the image, several lesions in one
image, normal images.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from datasets.phantoms.shapes import (
    Canvas,
    Space,
    cover,
    ellipsoid_mm,
    fractal_noise,
    largest_component,
    make_space,
    paint,
    ridges,
    smooth_noise,
    warp,
)

VERSION = 1
_TAG = 3  # keeps the three phantoms' random streams apart
# least number of pixels of the simulated image side: speckle is finer than a small image's pixels
_WORK = 256


@dataclass(frozen=True)
class Scan:
    """What a case draws once: lengths in mm, echo levels in dB (0 = glandular tissue)."""

    field: float  # width and depth of the image
    fat_end: float
    gland_end: float
    muscle_end: float
    fatty: bool  # a breast of fat with strands instead of glandular tissue
    fat: float
    muscle: float
    attenuation: float  # dB per mm left over by the time-gain compensation
    focus: float
    looks: int
    dynamic_range: float
    gain: float


@dataclass(frozen=True)
class Lesion:
    """Lengths in mm; level, unevenness and halo in dB; attenuation in dB per mm, negative for
    enhancement."""

    centre: tuple[float, float]
    radii: tuple[float, float]
    tilt: float
    level: float
    uneven: float
    attenuation: float
    irregular: float
    spicules: int
    halo: float
    soft: float
    calcified: bool


def stratum(index: int, seed: int) -> str:
    """ "benign" or "malignant". Cases 2k and 2k + 1 are always one of each, so that small sets hold
    both."""
    first = int(np.random.default_rng((_TAG, seed, index // 2, 1)).integers(2))
    return ("benign", "malignant")[(first + index) % 2]


def case(
    index: int, seed: int, size: int
) -> tuple[np.ndarray, np.ndarray, tuple[float, float, float]]:
    """One image: image float32 (1, size, size), whole grey levels 0..255; mask uint8 of the same
    shape in {0, 1}; spacing_mm (1.0, pixel, pixel)."""
    anatomy, acquisition = np.random.default_rng((_TAG, seed, index)).spawn(2)
    scan = _draw_scan(anatomy)
    draw = _draw_malignant if stratum(index, seed) == "malignant" else _draw_benign
    lesion = _seen(draw(anatomy, scan), scan)
    fine = -(-_WORK // size)  # simulated pixels per image pixel, along each axis
    pixel_mm = scan.field / size
    plain = make_space(1, size * fine, 1.0, pixel_mm / fine, (0.0, scan.field / 2, 0.0))
    space = warp(anatomy, plain, anatomy.uniform(0.6, 1.6), (1, 9, 16))

    echo, lines = _draw_layers(anatomy, warp(anatomy, space, 0.35, (1, 2.5, 3.5)), scan)
    distance = _lesion_distance(anatomy, plain, lesion)
    _draw_lesion(anatomy, plain, lesion, distance, echo, lines)
    loss = _losses(anatomy, plain, scan, lesion, distance)
    image = _acquire(acquisition, plain, scan, echo, lines, loss)
    image = np.rint(_block_mean(image, fine)).astype(np.float32)
    share = _block_mean(distance < 0, fine)
    mask = share >= min(0.5, share.max())  # a lesion smaller than a pixel still has one
    return image, largest_component(mask), (1.0, pixel_mm, pixel_mm)


def _block_mean(image: np.ndarray, fine: int) -> np.ndarray:
    z, h, w = image.shape
    return image.reshape(z, h // fine, fine, w // fine, fine).mean((2, 4))


def _draw_scan(rng: np.random.Generator) -> Scan:
    field = rng.uniform(30, 50)
    fat_end = rng.uniform(0.12, 0.34) * field
    gland_end = max(fat_end + 8, rng.uniform(0.55, 0.8) * field)
    return Scan(
        field,
        fat_end,
        gland_end,
        gland_end + rng.uniform(5, 11),
        bool(rng.random() < 0.25),
        rng.uniform(-15, -8),
        rng.uniform(-18, -10),
        rng.uniform(0.25, 0.9),
        rng.uniform(0.3, 0.6) * field,
        int(rng.integers(3, 8)),
        rng.uniform(46, 62),
        rng.uniform(30, 38),
    )


def _draw_benign(rng: np.random.Generator, scan: Scan) -> Lesion:
    rx = np.exp(rng.uniform(np.log(2.2), np.log(8.0)))
    ry = rx * rng.uniform(0.45, 0.85)
    cyst = rng.random() < 0.3
    level = rng.uniform(-45, -30) if cyst else rng.uniform(-22, -12)
    bend = rng.uniform(-1.2, -0.4) if cyst else rng.uniform(-0.5, 0.25)
    return Lesion(
        _place(rng, scan, ry),
        (ry, rx),
        rng.uniform(-18, 18),
        level,
        rng.uniform(0.5, 2.0),
        bend,
        rng.uniform(0.03, 0.09),
        0,
        rng.uniform(0, 3),
        0.4,
        False,
    )


def _draw_malignant(rng: np.random.Generator, scan: Scan) -> Lesion:
    rx = np.exp(rng.uniform(np.log(3.5), np.log(13.0)))
    ry = min(rx * rng.uniform(0.65, 1.3), 0.3 * scan.field)
    return Lesion(
        _place(rng, scan, ry),
        (ry, rx),
        rng.uniform(-35, 35),
        rng.uniform(-22, -9),
        rng.uniform(2.5, 6),
        rng.uniform(-0.2, 1.6),
        rng.uniform(0.14, 0.30),
        int(rng.integers(0, 9)),
        rng.uniform(2, 7),
        rng.uniform(1.0, 3.2),
        bool(rng.random() < 0.3),
    )


def _place(rng: np.random.Generator, scan: Scan, ry: float) -> tuple[float, float]:
    lowest = min(scan.gland_end, 0.85 * scan.field - ry)
    y = max(rng.uniform(0.6 * scan.fat_end, lowest), 1.25 * ry + 3.5)
    return y, rng.uniform(-0.32, 0.32) * scan.field


def _seen(lesion: Lesion, scan: Scan) -> Lesion:
    """The same lesion, darker than fat where fat surrounds it: nothing could find it otherwise."""
    in_fat = scan.fatty or lesion.centre[0] - 0.5 * lesion.radii[0] < scan.fat_end
    return replace(lesion, level=min(lesion.level, scan.fat - 5)) if in_fat else lesion


def _draw_layers(rng, space: Space, scan: Scan) -> tuple[np.ndarray, np.ndarray]:
    """Mean echo in dB and the strength of mirror-like lines (amplitude, 1 = glandular tissue):
    float32 (1, H, W)."""
    y = space.y + 0.04 * scan.field * smooth_noise(rng, space, (1, scan.field, 0.45 * scan.field))
    coarse, fine = fractal_noise(rng, space, (1, 3.5, 9)), fractal_noise(rng, space, (1, 1.2, 3.0))
    patchy = np.clip(0.5 + 0.8 * smooth_noise(rng, space, (1, 6, 10)), 0, 1.3)
    fibres = _streaks(rng, space, 0.55, 5.5, 0.5) * patchy
    if scan.fatty:
        echo = scan.fat + 2.5 * coarse + 1.5 * fine + 15 * fibres
    else:
        echo = -4 + 5 * coarse + 3 * fine + 13 * fibres - 11 * _streaks(rng, space, 1.3, 4.0, 0.7)
    canvas = Canvas(echo, space, 1.0)
    # fat lobules and ducts among the gland: dark, but no lesion
    for _ in range(int(rng.integers(0, 8))):
        centre = (0, rng.uniform(scan.fat_end, scan.gland_end), rng.uniform(-0.5, 0.5) * scan.field)
        rx = rng.uniform(1.0, 5.5)
        shape = (9, rx * rng.uniform(0.3, 0.6), rx)
        level = scan.fat - rng.uniform(-2, 6) + 1.5 * coarse
        canvas.ellipsoid(centre, shape, level, rng.uniform(-25, 25), rng.uniform(0.8, 2.0))

    lobules = smooth_noise(rng, space, (1, 4.5, 10))
    septa = (ridges(lobules - 0.3, 0.09) + ridges(lobules + 0.7, 0.09)) * _facing(lobules) * patchy
    subcutaneous = (
        scan.fat + 1.2 * coarse + fine + 14 * septa + 9 * _streaks(rng, space, 0.4, 5.0, 1.0)
    )
    canvas.fill(y - scan.fat_end + 0.6 * coarse, subcutaneous)
    echo += 9 * ridges(y - scan.fat_end + 0.6 * coarse, 0.5) * np.clip(patchy, 0.2, 1)

    deep = scan.gland_end - y
    canvas.fill(deep, scan.fat - 3 + 1.5 * coarse + 9 * _streaks(rng, space, 0.5, 7, 0.8))
    canvas.fill(
        deep + 2.5, scan.muscle + 2 * fine + 11 * _streaks(rng, space, 0.5, 9, 0.4), soft_mm=0.8
    )
    fascia = (
        ridges(deep + 2.5, 0.45) * (0.4 + 0.6 * patchy)
        + 0.7 * ridges(y - scan.muscle_end, 0.5) * patchy
    )
    canvas.fill(
        scan.muscle_end - y,
        scan.muscle - 6 + 3 * coarse + 8 * _streaks(rng, space, 0.7, 6, 0.7),
        soft_mm=1.5,
    )
    echo += 16 * fascia
    skin = rng.uniform(1.3, 2.6)
    canvas.fill(y - skin, -3.0 + 2 * fine, soft_mm=0.4)
    lines = 2.0 * ridges(y - 0.35, 0.5) + 0.9 * ridges(y - skin, 0.3) * np.clip(
        0.4 + coarse, 0.1, 1
    )
    return echo, lines.astype(np.float32)


def _streaks(rng, space: Space, thick_mm: float, long_mm: float, above: float) -> np.ndarray:
    """Fibres seen from the side: the peaks of a noise stretched along the skin; float32 (1, H, W)
    in [0, 1.5]."""
    return np.clip(smooth_noise(rng, space, (1, thick_mm, long_mm)) - np.float32(above), 0, 1.5)


def _facing(noise: np.ndarray) -> np.ndarray:
    """How much the level lines of a noise face the probe (1: they run horizontally, 0: along the
    beam)."""
    down, across = np.gradient(noise[0])
    return (down**2 / (down**2 + across**2 + 1e-12))[None]


def _lesion_distance(rng, space: Space, lesion: Lesion) -> np.ndarray:
    """Signed distance in mm to the lesion's border, negative inside."""
    (cy, cx), (ry, rx) = lesion.centre, lesion.radii
    mean = np.sqrt(ry * rx)
    distance = ellipsoid_mm(space, (0, cy, cx), (np.inf, ry, rx), lesion.tilt)
    coarse, fine = (smooth_noise(rng, space, (1, q * mean, q * mean)) for q in (0.7, 0.3))
    rough = coarse + 0.5 * fine
    distance = distance + lesion.irregular * mean * rough
    if lesion.spicules:
        angle = np.arctan2(space.y - cy, space.x - cx) + 0.5 * smooth_noise(
            rng, space, (1, mean, mean)
        )
        points = np.maximum(np.cos(lesion.spicules * angle / 2 + rng.uniform(0, 6.3)), 0) ** 8
        length = np.clip(0.5 + 0.6 * smooth_noise(rng, space, (1, mean, mean)), 0, 1.2)
        distance = distance - 0.4 * mean * points * length
    distance = np.maximum(distance, 2.8 - space.y)  # it does not reach the skin
    whole = ndimage.binary_fill_holes(largest_component(distance < 0)[0])[None]
    return np.where(whole, np.minimum(distance, -0.01), np.maximum(distance, 0.01)).astype(
        np.float32
    )


def _draw_lesion(rng, space: Space, lesion: Lesion, distance, echo, lines) -> None:
    mean = np.sqrt(lesion.radii[0] * lesion.radii[1])
    inside = lesion.level + lesion.uneven * fractal_noise(rng, space, (1, 0.6 * mean, 0.8 * mean))
    echo += lesion.halo * cover(np.abs(distance - 1.2) - 1.0, 1.5)
    share = cover(distance, lesion.soft)
    paint(echo, share, inside)
    paint(lines, share, 0.0)
    if lesion.irregular < 0.1:  # a smooth lesion's front and back mirror the beam
        slope = np.abs(np.gradient(distance[0], space.step_mm[1], axis=0))[None]
        lines += 1.2 * ridges(distance - 0.2, 0.3) * np.clip(slope, 0, 1) ** 4
    if lesion.calcified:
        specks = smooth_noise(rng, space, (1, 0.45, 0.45))
        lines += 1.4 * np.clip((specks - 2.5) * 3, 0, 1) * share


def _losses(rng, space: Space, scan: Scan, lesion: Lesion, distance) -> np.ndarray:
    """Loss in dB along the beam, which runs straight down: depth, lesion, poor contact, ribs;
    float32 (1, H, W)."""
    step = space.step_mm[1]
    path = np.cumsum(cover(distance, 0.5), axis=1) * np.float32(step)
    blur = 0.8 / step
    loss = lesion.attenuation * ndimage.gaussian_filter(path, (0, 0, blur))
    loss += scan.attenuation * np.maximum(space.y - 0.3 * scan.field, 0)
    bands = np.clip(smooth_noise(rng, space, (1, 80, rng.uniform(2, 5))) - 1.0, 0, 1.5)
    start = rng.uniform(0.1, 0.5) * scan.field
    loss += rng.uniform(0, 14) * bands * np.clip((space.y - start) / 12, 0, 1)
    if rng.random() < 0.25:  # a rib below the muscle: nothing passes it
        rib = ellipsoid_mm(
            space, (0, scan.muscle_end + 4, rng.uniform(-0.4, 0.4) * scan.field), (np.inf, 4, 8)
        )
        loss += 3.0 * np.cumsum(cover(rib, 0.5), axis=1) * step
    return loss.astype(np.float32)


def _acquire(rng, space: Space, scan: Scan, echo, lines, loss) -> np.ndarray:
    """Speckle, compounding, noise floor and log compression: float32 (1, H, W) in [0, 255]."""
    step = space.step_mm[1]
    strength = 10 ** (np.clip(echo, -60, 12) / 20)
    wide = np.clip(np.abs(space.y - scan.focus) / (0.6 * scan.field), 0, 1)
    total = np.zeros(space.shape, np.float32)
    for _ in range(scan.looks):
        scatter = rng.standard_normal((2, *space.shape), dtype=np.float32) * strength
        near = _beam(scatter, 0.11 / step, 0.24 / step)
        far = _beam(scatter, 0.15 / step, 0.55 / step)
        total += np.hypot(*(near + wide * (far - near)))
    mirror = ndimage.gaussian_filter(lines, (0, 0.08 / step, 0.2 / step))
    envelope = total / (scan.looks * np.sqrt(np.pi / 2)) + mirror
    received = envelope * 10 ** (-loss / 20)
    floor = np.float32(10 ** (-46 / 20)) * np.hypot(
        *rng.standard_normal((2, *space.shape), dtype=np.float32)
    )
    level = 20 * np.log10(received + floor)
    return np.clip((level + scan.gain) / scan.dynamic_range, 0, 1) * 255


def _beam(scatter: np.ndarray, axial: float, lateral: float) -> np.ndarray:
    """Filters the two parts of a complex field (2, 1, H, W) with the beam, keeping its power."""
    field = ndimage.gaussian_filter(scatter, (0, 0, axial, lateral), truncate=3)
    # A Gaussian of width s passes 1 / (2 sqrt(pi) s) of white noise's power along an axis; a narrow
    # one passes all.
    passed = min(1.0, 1 / (2 * np.sqrt(np.pi) * axial)) * min(
        1.0, 1 / (2 * np.sqrt(np.pi) * lateral)
    )
    return field / np.float32(np.sqrt(passed))
