"""The trunk around the abdominal organs on CT: fat rim, wall, ribs, lungs and heart, spine, great
vessels. HU. Lengths in mm; y grows to posterior, x to the patient's left, z to superior. Left out:
arms, breasts, and the difference between cortical and cancellous rib."""

from dataclasses import dataclass

import numpy as np

from datasets.phantoms.shapes import (
    Canvas,
    branches_mm,
    cover,
    ellipsoid_mm,
    fractal_noise,
    ridges,
    smooth_noise,
)

FAT = -102.0  # HU
_LUNG = -860.0


@dataclass(frozen=True)
class Phase:
    """Mean HU of the organs at one time after contrast injection; `moire` is the arterial stripes
    of the spleen."""

    blood: float
    liver: float
    spleen: float
    cortex: float
    medulla: float
    moire: float = 0.0


@dataclass(frozen=True)
class Patient:
    """What a case draws once. Lengths in mm, contrast in HU."""

    width: float  # half the body's width
    depth: float  # half its depth
    fat: float  # thickness of the fat rim at the side
    phase: Phase
    spleen_radii: tuple[float, float, float]
    gap: float  # fat between the spleen and its neighbours; none if negative
    back: float  # y of the innermost fat behind the spine

    @property
    def inside(self) -> float:
        """x of the inner face of the chest wall."""
        return self.width - self.fat - 13


def draw_body(
    rng: np.random.Generator, canvas: Canvas, patient: Patient
) -> tuple[np.ndarray, np.ndarray]:
    """Paints fat rim, wall, ribs, visceral fat, lungs and heart. Returns two distances in mm: to
    the inner face of wall and spine (negative inside), and to the diaphragm (negative below)."""
    space, y, x = canvas.space, canvas.space.y, canvas.space.x
    power = rng.uniform(2.2, 2.8)
    depth_in, width_in = patient.depth - 0.8 * patient.fat, patient.width - patient.fat
    body = _superellipse(y, x, patient.depth, patient.width, power)
    wall = _superellipse(y, x, depth_in, width_in, power)
    lumps = smooth_noise(rng, space, (20, 14, 14))
    canvas.fill(body, 15.0)
    canvas.fill(body + 2.0, FAT + 6 * lumps + 30 * ridges(lumps - 0.5, 0.06))

    planes = ridges(np.sin((wall + 2.5 * lumps) / 2.2), 0.35) * (
        smooth_noise(rng, space, (40, 30, 30)) > -0.3
    )
    canvas.fill(wall, 52 + 5 * lumps - 70 * planes)
    inner = wall + 13
    spine = ellipsoid_mm(space, (0, patient.back - 22, 0), (np.inf, 50, 46))
    room = np.maximum(inner, -spine)
    web = ridges(smooth_noise(rng, space, (14, 12, 12)), 0.07) * (
        smooth_noise(rng, space, (20, 25, 25)) > 0.2
    )
    vessels = (patient.phase.blood - FAT) * cover(
        branches_mm(rng, space, (20, 9, 9), 0.17), canvas.soft_mm
    )
    canvas.fill(room, FAT + 5 * lumps + 45 * web + vessels)
    _draw_ribs(rng, canvas, wall)
    return room, _draw_chest(rng, canvas, patient, room)


def _draw_chest(rng, canvas, patient, room) -> np.ndarray:
    """Lungs and heart above the two domes of the diaphragm; returns the distance to the domes,
    negative below."""
    space, z, y, x = canvas.space, canvas.space.z, canvas.space.y, canvas.space.x
    rim = rng.uniform(-18, 8) - 0.35 * (y - 10) + 0.15 * np.abs(x)
    top = np.where(x < 0, rng.uniform(62, 80), rng.uniform(50, 66))
    dome = z - (rim + (top - rim) * (1 - np.exp(np.minimum(room, 0) / 18)))
    vessels = np.clip(fractal_noise(rng, space, (14, 9, 9)) - 1.3, 0, 1) * 700
    mediastinum = np.abs(x - 5) - 22 - 0.3 * np.abs(y) + 6 * smooth_noise(rng, space, (40, 22, 22))
    canvas.fill(np.maximum(np.maximum(room + 2, -dome), -mediastinum), _LUNG + vessels)
    heart = ellipsoid_mm(space, (92, -28, 22), (50, 50, 62), 25) + 2 * smooth_noise(
        rng, space, (20, 14, 14)
    )
    chambers = patient.phase.blood + 20 * smooth_noise(rng, space, (40, 40, 40))
    above = cover(np.maximum(-dome, room + 4), canvas.soft_mm)
    canvas.fill(heart, 90.0, above)
    canvas.fill(heart + 9, chambers, above, soft_mm=4.0)
    return dome


def _superellipse(y, x, ry: float, rx: float, power: float) -> np.ndarray:
    level = (
        (np.abs(y) / np.float32(ry)) ** power + (np.abs(x) / np.float32(rx)) ** power
    ) ** np.float32(1 / power)
    return (level - 1) * np.float32(ry)


def _draw_ribs(rng, canvas, wall) -> None:
    """Ribs fall from the spine forwards, so that one slice cuts several of them at a slant."""
    space = canvas.space
    behind = np.arctan2(np.abs(space.x), space.y) / np.pi  # 0 at the spine, 1 at the breastbone
    pitch = rng.uniform(25, 31)
    height = np.mod(space.z + 130 * behind + rng.uniform(0, pitch), pitch) - pitch / 2
    across = np.abs(wall + 9) - 3.3
    along = np.abs(height) - 5.2
    margin = -70 + 150 * np.maximum(behind - 0.45, 0) - space.z  # the costal arch: no ribs below it
    rib = np.maximum(
        np.maximum(across, along), np.maximum(margin, np.abs(behind - 0.53) * 200 - 84)
    )
    canvas.fill(rib, 480.0)
    canvas.fill(rib + 2.0, 230.0)


def draw_spine(rng: np.random.Generator, canvas: Canvas, patient: Patient) -> None:
    """Paints back muscles, psoas, crura of the diaphragm, vertebrae and great vessels."""
    space, back = canvas.space, patient.back
    texture = 50 + 12 * fractal_noise(rng, space, (30, 5, 6))
    for side in (-1, 1):
        muscle = ellipsoid_mm(space, (0, back - 25, side * 31), (np.inf, 22, 28), side * 8)
        canvas.fill(muscle, texture)
        psoas = ellipsoid_mm(space, (-75, back - 62, side * 34), (55, 17, 14))
        canvas.fill(psoas, 55.0)
        crus = ellipsoid_mm(space, (-10, back - 82, side * 13 + 4), (70, 14, 5), side * -20)
        canvas.fill(crus, 55.0)
    _draw_vertebrae(rng, canvas, back)
    blood = patient.phase.blood
    canvas.fill(ellipsoid_mm(space, (0, back - 92, 9 + 0.03 * space.z), (np.inf, 11, 11)), blood)
    cava = ellipsoid_mm(space, (0, back - 94, -22), (np.inf, 9, 13))
    canvas.fill(np.maximum(cava, space.z - 70), 0.5 * blood + 45)


def _draw_vertebrae(rng, canvas, back) -> None:
    """Bodies with a dense rim, discs between them, arch, canal, transverse and spinous
    processes."""
    space = canvas.space
    disc = np.cos(2 * np.pi * (space.z + rng.uniform(0, 32)) / 32) > 0.8
    body = ellipsoid_mm(space, (0, back - 63, 0), (np.inf, 17, 22))
    marrow = rng.uniform(130, 230) + 25 * fractal_noise(rng, space, (6, 5, 5))
    canvas.fill(body, np.where(disc, 85, 420))
    canvas.fill(body + 2.4, np.where(disc, 85, marrow))
    arch = ellipsoid_mm(space, (0, back - 38, 0), (np.inf, 14, 15))
    spinous = ellipsoid_mm(space, (0, back - 18, 0), (np.inf, 15, 3.5))
    for side in (-1, 1):
        wing = ellipsoid_mm(space, (0, back - 36, side * 24), (np.inf, 4.5, 16), side * -12)
        canvas.fill(wing, 380.0, ~disc)
    canvas.fill(arch, 430.0)
    canvas.fill(spinous, 400.0)
    canvas.fill(arch + 5, 25.0)
