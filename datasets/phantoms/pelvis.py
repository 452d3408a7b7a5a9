"""The pelvis around the prostate on T2-weighted MRI: body outline, fat, muscles, bones, vessels of
the thigh. Signal of water is about 1, before the scanner changes it. Lengths in mm; y grows to
posterior, x to the patient's left, z to superior. Left out: sacrum above the coccyx, nerves, and
the sagittal slant of the bones."""

from dataclasses import dataclass, replace

import numpy as np

from datasets.phantoms.shapes import (
    Canvas,
    Space,
    ellipsoid_mm,
    fractal_noise,
    ridges,
    smooth_noise,
    smooth_union,
)


@dataclass(frozen=True)
class Man:
    """Size and signal of what surrounds the prostate."""

    body: tuple[float, float]  # half depth and half width of the body, mm
    fat: float  # thickness of the subcutaneous fat, mm
    fat_signal: float
    muscle: float  # signal


def draw_pelvis(rng: np.random.Generator, canvas: Canvas, man: Man) -> None:
    """Paints body outline, fat, muscles, bones and vessels."""
    space = canvas.space
    ry, rx = man.body
    outline = ellipsoid_mm(space, (0, 8, 0), (np.inf, ry, rx))
    lumps = fractal_noise(rng, space, (12, 14, 14))
    strands = ridges(smooth_noise(rng, space, (16, 9, 9)), 0.10) * (
        smooth_noise(rng, space, (16, 20, 20)) > 0.3
    )
    fat = man.fat_signal * (1 + 0.05 * lumps - 0.4 * strands)
    canvas.fill(outline, 0.35)
    canvas.fill(outline + 2.5, fat)

    # Fat parts the muscles (planes) and, in places, their bundles (streaks).
    patchy = np.clip(smooth_noise(rng, space, (20, 14, 14)), 0, 1)
    planes = ridges(smooth_noise(rng, space, (45, 20, 24)), 0.04 + 0.22 * patchy) * (0.25 + patchy)
    streaks = ridges(smooth_noise(rng, space, (20, 3.5, 13)), 0.2) * (0.2 + 0.8 * patchy)
    muscle = man.muscle * (1 + 0.16 * lumps)
    muscle = muscle + (0.8 * planes + 0.5 * streaks) * (man.fat_signal - muscle)
    marrow = (0.58 + 0.08 * fractal_noise(rng, space, (9, 5, 5))) * (0.5 + 0.5 * man.fat_signal)
    inner = outline + man.fat
    space = _pelvis_space(rng, space)
    canvas = replace(canvas, space=space)
    # holds pelvic organs and their fat
    bowl = ellipsoid_mm(space, (0, 14, 0), (np.inf, 92, 46 + 0.3 * space.z))
    # fat around the vessels of the thigh
    groin = np.exp(-(((np.abs(space.x) - rng.uniform(62, 72)) / 17) ** 2))
    front = rng.uniform(12, 20) * groin - 66 - space.y + 3 * smooth_noise(rng, space, (30, 16, 16))
    canvas.fill(np.maximum(np.maximum(inner, -bowl) + 1.5 * lumps, front), muscle)
    inner = np.maximum(inner, front)
    for side in (-1, 1):
        _draw_side(rng, canvas, side, inner, muscle, marrow, man.fat_signal)
    _draw_midline_bones(rng, canvas, muscle, marrow)
    # The vessels of the thigh cross the field anteriorly; moving blood gives no signal.
    for side in (-1, 1):
        for number in range(2):
            centre = (0, -62 + rng.uniform(-4, 4), side * (60 + 14 * number + rng.uniform(-3, 3)))
            canvas.ellipsoid(centre, (200, 6, 6.5), 0.3)
            canvas.ellipsoid(centre, (200, 4.5, 5), 0.05)


def _pelvis_space(rng: np.random.Generator, space: Space) -> Space:
    """Bones and muscles of another size and height than the average man's, whatever his prostate is
    like."""
    wide, deep, high = rng.uniform(0.9, 1.12), rng.uniform(0.9, 1.12), rng.uniform(-8, 8)
    # Whoever draws on this space speaks of the average man; the corner and step only serve to find
    # boxes.
    corner = (space.corner_mm[0] + high, space.corner_mm[1] / deep, space.corner_mm[2] / wide)
    step = (space.step_mm[0], space.step_mm[1] / deep, space.step_mm[2] / wide)
    return Space(
        space.z + np.float32(high),
        space.y / np.float32(deep),
        space.x / np.float32(wide),
        corner,
        step,
    )


def _draw_side(rng, canvas, side, inner, muscle, marrow, fat) -> None:
    """Muscles and bones of one side (-1: the patient's right)."""

    def jitter() -> float:
        return rng.uniform(-2.5, 2.5)

    space, z = canvas.space, canvas.space.z
    gluteus = ellipsoid_mm(space, (0, 80 + jitter(), side * 72), (np.inf, 27, 68), side * -20)
    canvas.fill(np.maximum(gluteus - 2, inner), fat)
    canvas.fill(np.maximum(gluteus, inner), muscle)
    # Obturator externus, pectineus and adductors fan out below the pubis, parted by fat.
    fan = ellipsoid_mm(space, (-44, -36 + jitter(), side * 56), (44, 32, 56), side * 32)
    bend = 0.9 * smooth_noise(rng, space, (25, 14, 14))
    gaps = ridges(np.sin((space.y - side * 0.65 * space.x + jitter()) / 6.5 + bend) - 0.4, 0.4)
    canvas.fill(np.maximum(fan, inner), muscle + 0.7 * gaps * (fat - muscle))
    ischium = ellipsoid_mm(
        space, (-20, 24 + jitter(), side * (74 - 0.1 * z)), (38, 26, 16), side * -10
    )
    acetabulum = ellipsoid_mm(space, (30, 0 + jitter(), side * 77), (44, 36, 16), side * 8)
    ramus = ellipsoid_mm(space, (-2, -37 + jitter(), side * 46), (19, 10, 40), side * 24)
    head = ellipsoid_mm(space, (20, -6 + jitter(), side * 111), (26, 25, 24))
    femur = ellipsoid_mm(space, (-30, 8 + jitter(), side * 126), (42, 15, 17))
    rough = 1.5 * smooth_noise(rng, space, (14, 12, 12))
    for bone in (
        smooth_union(smooth_union(ischium, acetabulum, 10), ramus, 10) + rough,
        smooth_union(head, femur, 10),
    ):
        canvas.fill(bone - 1, 0.06)
        canvas.fill(bone + 1, marrow)
    obturator = ellipsoid_mm(
        space, (6, 0 + jitter(), side * (52 + 0.25 * z)), (62, 45, 12), side * -12
    )
    canvas.fill(np.abs(obturator - 1) - 0.8, fat, (side * space.x < 50 + 0.25 * z))
    canvas.fill(obturator, muscle)


def _draw_midline_bones(rng, canvas, muscle, marrow) -> None:
    space = canvas.space
    for side in (-1, 1):
        bone = ellipsoid_mm(
            space, (-8, -47 + rng.uniform(-2, 2), side * 20), (21, 10, 20), side * 24
        )
        canvas.fill(bone - 4, muscle)
        canvas.fill(bone, 0.05)
        canvas.fill(bone + 2, marrow)
    canvas.ellipsoid((-8, -47, 0), (20, 13, 2.4), 0.08)
    rectus = ellipsoid_mm(space, (36, -64, 0), (38, 7, 46))
    canvas.fill(rectus, muscle)
    coccyx = ellipsoid_mm(space, (24, 72 + rng.uniform(-4, 4), 0), (34, 7, 13))
    canvas.fill(coccyx, 0.08)
    canvas.fill(coccyx + 1.5, marrow)
