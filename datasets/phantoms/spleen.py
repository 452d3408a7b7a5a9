"""An upper abdomen as CT shows it, in Hounsfield units; the mask is the spleen.

Anatomy: skin and fat rim, muscle wall with slanting ribs, vertebrae with canal and discs, lungs
above two diaphragm domes, heart, liver with vessels, stomach with gas and fluid level, colon,
bowel, pancreas, kidneys with cortex and sinus, aorta and vena cava, vessels in the visceral fat,
and a crescent-shaped spleen between wall, stomach and left kidney, which has the same HU as liver,
muscle or bowel in one contrast phase or another. Physics: HU of four contrast phases, partial
volume at edges, noise with the correlation of a reconstruction kernel that is stronger in the
middle of a thick patient, whole-number HU from -1024, table below the patient. Left out: beam
hardening, metal and motion artefacts, arms, and disease other than a fatty liver or a large spleen.
"""

from dataclasses import replace

import numpy as np
from scipy import ndimage

from datasets.phantoms.shapes import (
    Canvas,
    Space,
    branches_mm,
    cover,
    ellipsoid_mm,
    fractal_noise,
    largest_component,
    make_space,
    roll,
    slice_count,
    smooth_noise,
    smooth_union,
    warp,
)
from datasets.phantoms.trunk import FAT, Patient, Phase, draw_body, draw_spine

VERSION = 1
_TAG = 2  # keeps the three phantoms' random streams apart

PHASES = {
    "plain": Phase(42, 58, 49, 34, 32),
    "arterial": Phase(290, 72, 118, 190, 75, 30),
    "portal": Phase(155, 108, 118, 185, 150),
    "late": Phase(110, 96, 102, 150, 155),
}
_SHARE = (0.15, 0.2, 0.5, 0.15)
# Loops of the colon: z in mm, y and x as shares of the body's depth and the cavity's width, radius
# in mm.
_COLON = (
    (-38, -0.35, 0.72, 24),
    (-60, -0.2, 0.8, 24),
    (-75, 0.0, 0.85, 22),
    (-50, -0.68, 0.2, 18),
    (-62, -0.6, -0.35, 19),
)


def case(
    index: int, seed: int, size: int
) -> tuple[np.ndarray, np.ndarray, tuple[float, float, float]]:
    """One CT volume: image float32 (z, y, x) in HU, mask uint8 (z, y, x) in {0, 1}, spacing_mm (z,
    y, x).

    16 to 23 slices of `size` x `size` pixels, 5 to 8 mm apart; the first and the last show no
    spleen.
    """
    anatomy, acquisition = np.random.default_rng((_TAG, seed, index)).spawn(2)
    patient = _draw_patient(anatomy)
    slice_mm = float(anatomy.choice([5.0, 6.0, 7.5, 8.0]))
    pixel_mm = 2 * patient.width * anatomy.uniform(1.02, 1.22) / size
    middle = (anatomy.uniform(-4, 4), anatomy.uniform(-6, 14), anatomy.uniform(-8, 8))
    slices = slice_count(anatomy, slice_mm, patient.spleen_radii[0], middle[0])
    plain = make_space(slices, size, slice_mm, pixel_mm, middle)
    space = warp(anatomy, roll(plain, anatomy.normal(0, 4)), 4.0, (40, 60, 60))
    canvas = Canvas(np.full(space.shape, -1000, np.float32), space, max(1.5, pixel_mm))
    table = np.abs(plain.y - patient.depth - 9 + 3 * (plain.x / 60) ** 2) - 1.6
    canvas.fill(np.maximum(table, np.abs(plain.x) - 165), 250.0)
    room, dome = draw_body(anatomy, canvas, patient)
    spleen = _draw_organs(anatomy, canvas, patient, np.maximum(room + 2.5, dome + 2.0))
    draw_spine(anatomy, canvas, patient)
    image = _acquire(anatomy, acquisition, plain, canvas.image, patient)
    return image, largest_component(spleen < 0), (slice_mm, pixel_mm, pixel_mm)


def _draw_patient(rng: np.random.Generator) -> Patient:
    width = rng.uniform(140, 190)
    depth = width * rng.uniform(0.66, 0.8)
    fat = rng.uniform(8, 14) + max(0.0, (width - 145) * rng.uniform(0.3, 0.7))
    table = PHASES[rng.choice(list(PHASES), p=_SHARE)]
    fatty = rng.uniform(20, 60) if rng.random() < 0.2 else 0.0
    jitter = rng.uniform(0.85, 1.15, 3)
    phase = Phase(
        table.blood * jitter[0],
        table.liver * jitter[1] - fatty,
        table.spleen * jitter[2],
        table.cortex * jitter[0],
        table.medulla * jitter[0],
        table.moire,
    )
    large = float(np.clip(np.exp(rng.normal(0, 0.2)), 0.7, 1.45))
    radii = (
        min(44.0, 38 * large * rng.uniform(0.9, 1.15)),
        56 * large * rng.uniform(0.85, 1.15),
        41 * large * rng.uniform(0.85, 1.1),
    )
    return Patient(width, depth, fat, phase, radii, rng.uniform(-2, 4), depth - 0.8 * fat)


def _draw_organs(rng, canvas, patient, limit) -> np.ndarray:
    """Everything below the diaphragm; `limit` is the distance to the cavity's faces. Returns the
    signed distance to the spleen in mm (negative inside)."""
    _draw_bowel(rng, canvas, patient, limit)
    right, left = (_draw_kidney(rng, canvas, patient, limit, side) for side in (-1, 1))
    liver = _draw_liver(rng, canvas, patient, limit, right)
    stomach = _draw_stomach(
        rng, canvas, patient, np.maximum(limit, np.maximum(3 - liver, 2 - left))
    )
    return _draw_spleen(rng, canvas, patient, limit, stomach, left)


def _draw_liver(rng, canvas, patient, limit, kidney) -> np.ndarray:
    space, edge, phase = canvas.space, patient.inside, patient.phase
    right = ellipsoid_mm(
        space, (8 + rng.uniform(-8, 8), -5, -0.62 * edge), (78, 98, 0.62 * edge), 8
    )
    left = ellipsoid_mm(space, (28, -0.42 * patient.depth, rng.uniform(-18, 8)), (44, 30, 62), -8)
    liver = smooth_union(right, left, 14) + 3 * smooth_noise(rng, space, (25, 25, 25))
    notch = ellipsoid_mm(space, (-20, 5, -18), (40, 30, 24))
    liver = np.maximum(np.maximum(liver, limit), np.maximum(-notch, 4 - kidney))
    veins = cover(branches_mm(rng, space, (24, 22, 22), 0.26), max(3.0, canvas.soft_mm))
    # not yet filled in the arterial phase
    veins = 0.85 * (phase.blood - phase.liver) * veins * (phase.blood < 250)
    texture = 3 * smooth_noise(rng, space, (15, 15, 15))
    canvas.fill(liver, phase.liver + texture + veins)
    gall_bladder = (-28 + rng.uniform(-8, 8), -0.3 * patient.depth, -45 + rng.uniform(-8, 8))
    canvas.ellipsoid(gall_bladder, (18, 19, 12), 8.0, 20)
    return liver


def _draw_stomach(rng, canvas, patient, limit) -> np.ndarray:
    space, full = canvas.space, rng.uniform(0.6, 1.15)
    centre = (
        18 + rng.uniform(-8, 8),
        -0.22 * patient.depth + rng.uniform(-6, 6),
        0.36 * patient.inside,
    )
    stomach = ellipsoid_mm(space, centre, (52, 44 * full, 38 * full), rng.uniform(-35, 5))
    stomach = np.maximum(stomach + 4 * smooth_noise(rng, space, (30, 22, 22)), limit)
    canvas.fill(stomach, 0.6 * patient.phase.spleen + 10)
    food = 45 + 35 * fractal_noise(rng, space, (10, 9, 9))
    contents = (8.0, rng.uniform(150, 450), food)  # water, oral contrast, a meal
    canvas.fill(stomach + rng.uniform(3, 6), contents[rng.choice(3, p=[0.35, 0.3, 0.35])])
    # the patient lies on the back: gas rises to the front
    level = centre[1] - rng.uniform(-0.2, 0.8) * 44 * full
    canvas.fill(np.maximum(stomach + 4, space.y - level), -960.0)
    return stomach


def _draw_bowel(rng, canvas, patient, limit) -> None:
    """Small bowel, colon with gas or stool, pancreas and splenic vein, all kept inside the
    cavity."""
    layer = replace(canvas, image=canvas.image.copy())
    phase, depth, inside = patient.phase, patient.depth, patient.inside
    lumps = fractal_noise(rng, canvas.space, (8, 7, 7))
    for _ in range(int(rng.integers(14, 34))):
        centre = (
            rng.uniform(-95, -8),
            rng.uniform(-0.66, 0.1) * depth,
            rng.uniform(-0.5, 0.75) * inside,
        )
        r = rng.uniform(9, 16)
        radii, tilt = (r, r, r * rng.uniform(1.2, 2.6)), rng.uniform(-80, 80)
        content = rng.choice([20.0, 45.0, 80.0, 260.0], p=[0.3, 0.35, 0.25, 0.1])
        layer.ellipsoid(centre, radii, 0.5 * phase.spleen + 25, tilt)
        layer.ellipsoid(centre, tuple(q - 2.5 for q in radii), content + 8 * lumps, tilt)
    for z, y, x, r in _COLON:
        centre = (
            z + rng.uniform(-8, 8),
            y * depth + rng.uniform(-8, 8),
            x * inside + rng.uniform(-8, 8),
        )
        radii = (r * 1.2, r * rng.uniform(0.7, 1.0), r * rng.uniform(0.8, 1.4))
        layer.ellipsoid(centre, radii, 55.0)
        layer.ellipsoid(centre, tuple(q - 3 for q in radii), -30 + 130 * lumps)
        if rng.random() < 0.6:
            gas = (centre[0], centre[1] - 0.25 * r, centre[2])
            layer.ellipsoid(gas, tuple(q * 0.7 for q in radii), -950.0)
    pancreas = ellipsoid_mm(canvas.space, (-14 + rng.uniform(-6, 6), 2, 18), (13, 11, 56), 14)
    layer.fill(pancreas + 2.5 * lumps, 0.75 * phase.spleen + 6)
    layer.ellipsoid((-8, 12, 30), (6, 5.0, 58), phase.blood, 14)
    canvas.fill(limit, layer.image)


def _draw_kidney(rng, canvas, patient, limit, side: int) -> np.ndarray:
    """Cortex, medulla and the fat of the sinus; returns the signed distance in mm. side -1: the
    patient's right."""
    space = canvas.space
    y, x = patient.back - 58 + rng.uniform(-6, 6), side * rng.uniform(54, 66)
    z, scale = (-52 if side < 0 else -40) + rng.uniform(-12, 12), rng.uniform(0.85, 1.12)
    kidney = ellipsoid_mm(space, (z, y, x), (52 * scale, 27 * scale, 24 * scale), side * 35)
    kidney = np.maximum(kidney + 1.2 * smooth_noise(rng, space, (18, 14, 14)), limit)
    lumps = smooth_noise(rng, space, (10, 8, 8))
    canvas.fill(kidney, patient.phase.cortex)
    canvas.fill(kidney + 7 + 3 * lumps, patient.phase.medulla)
    sinus = ellipsoid_mm(space, (z, y - 5, x - side * 12), (26, 8, 15), side * 25)
    canvas.fill(sinus + 2 * lumps, FAT + 35 + 30 * lumps, cover(kidney - 4, canvas.soft_mm))
    return kidney


def _draw_spleen(rng, canvas, patient, limit, stomach, kidney) -> np.ndarray:
    space, (rz, ry, rx) = canvas.space, patient.spleen_radii
    centre = (0, 0.3 * patient.depth + rng.uniform(-8, 8), patient.inside - 0.72 * rx)
    spleen = ellipsoid_mm(space, centre, (rz, ry, rx), rng.uniform(12, 32))
    hollow = ellipsoid_mm(space, (6, centre[1] - 22, centre[2] - 1.5 * rx), (60, 46, 0.95 * rx))
    spleen = np.maximum(spleen, -hollow) + 2.2 * smooth_noise(rng, space, (20, 18, 18))
    spleen = np.maximum(
        np.maximum(spleen, limit), np.maximum(patient.gap - stomach, patient.gap - kidney)
    )
    stripes = np.sin(
        3 * smooth_noise(rng, space, (18, 14, 14)) + 2 * smooth_noise(rng, space, (9, 8, 8))
    )
    hu = (
        patient.phase.spleen
        + 2 * smooth_noise(rng, space, (12, 12, 12))
        + patient.phase.moire * stripes
    )
    canvas.fill(spleen, hu)
    return spleen


def _acquire(anatomy, acquisition, space: Space, image, patient: Patient) -> np.ndarray:
    """Scanner resolution, correlated noise and storage as whole HU."""
    blur = 0.7 / space.step_mm[1]
    image = ndimage.gaussian_filter(image, (0, blur, blur), truncate=3)
    white = acquisition.standard_normal(image.shape, dtype=np.float32)
    sharp = anatomy.uniform(0.45, 0.8)
    # A reconstruction kernel passes a band: nothing at the highest and little at the lowest
    # frequencies.
    noise = ndimage.gaussian_filter(white, (0, sharp, sharp), truncate=3)
    noise -= 0.8 * ndimage.gaussian_filter(white, (0, 2.5 * sharp, 2.5 * sharp), truncate=3)
    noise *= np.float32(anatomy.uniform(7, 20) / noise.std())
    middle = np.exp(-((space.y / patient.depth) ** 2 + (space.x / patient.width) ** 2))
    return np.rint(np.maximum(image + noise * (0.45 + 0.8 * middle), -1024)).astype(np.float32)
