"""A male pelvis as T2-weighted turbo-spin-echo MRI shows it; the mask is the whole prostate.

Anatomy: skin and subcutaneous fat, gluteal, obturator and adductor muscles with fat streaks, pubic
bones and symphysis, ischium, femoral heads with their dark rim, vessels with flow void, levator
ani, ischiorectal fat, rectum with gas, stool or gel, bladder, seminal vesicles, and a prostate with
a bright peripheral zone, a transition zone with hyperplastic nodules, a dark anterior stroma,
urethra, capsule, and in some cases a dark tumour. Physics: tissue contrast, resolution, field of
view, surface-coil falloff, Rician noise and gain of five scanners, one of them with an endorectal
coil, so that a model trained on few cases meets scanners it has not seen. Left out: motion ghosts,
chemical shift, distortion, wrap-around, hip prostheses, and the sagittal curvature of organs.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from datasets.phantoms.pelvis import Man, draw_pelvis
from datasets.phantoms.shapes import (
    Canvas,
    Space,
    cover,
    ellipsoid_mm,
    fractal_noise,
    largest_component,
    make_space,
    ridges,
    roll,
    slice_count,
    smooth_noise,
    smooth_union,
    warp,
)

VERSION = 1
_TAG = 1  # keeps the three phantoms' random streams apart


@dataclass(frozen=True)
class Scanner:
    """One MRI protocol. Pairs are (low, high) of a uniform draw; noise is relative to fat's
    signal."""

    field_mm: tuple[float, float]
    slice_mm: float
    blur_mm: float
    noise: tuple[float, float]
    coil: float
    contrast: float
    fat: tuple[float, float]
    gain: tuple[float, float]
    endorectal: bool = False


SCANNERS = (
    # 3 T, phased array
    Scanner((175, 200), 3.6, 0.5, (0.02, 0.05), 0.35, 1.0, (0.75, 1.0), (250, 450)),
    # 1.5 T, older array
    Scanner((185, 230), 4.0, 1.1, (0.05, 0.10), 0.25, 0.8, (0.8, 1.1), (700, 1200)),
    # long echo time
    Scanner((170, 190), 3.0, 0.4, (0.02, 0.045), 0.5, 1.3, (0.5, 0.75), (120, 220)),
    Scanner((255, 330), 4.0, 0.9, (0.03, 0.06), 0.5, 0.95, (0.85, 1.1), (300, 600)),  # whole pelvis
    Scanner((122, 145), 3.3, 0.7, (0.02, 0.05), 0.2, 0.9, (0.7, 1.0), (400, 900), endorectal=True),
)
_SHARE = (0.34, 0.2, 0.2, 0.13, 0.13)


@dataclass(frozen=True)
class Patient:
    """What a case draws once: lengths in mm, signals relative to water at about 1."""

    radii: tuple[float, float, float]  # of the prostate, (z, y, x)
    zone: float  # transition zone as a share of the prostate's radii
    rectum: float  # its radius
    gap: float  # between prostate and rectum
    filling: str
    bladder: tuple[float, float, float]
    man: Man
    shift: tuple[float, float, float]
    peripheral: float
    transition: float


def case(
    index: int, seed: int, size: int
) -> tuple[np.ndarray, np.ndarray, tuple[float, float, float]]:
    """One T2 volume: image float32 (z, y, x) >= 0, mask uint8 (z, y, x) in {0, 1}, spacing_mm (z,
    y, x).

    16 to 23 slices of `size` x `size` pixels. Base and apex are followed by slices without
    prostate.
    """
    anatomy, acquisition = np.random.default_rng((_TAG, seed, index)).spawn(2)
    scanner = SCANNERS[anatomy.choice(len(SCANNERS), p=_SHARE)]
    patient = _draw_patient(anatomy, scanner)
    pixel_mm = anatomy.uniform(*scanner.field_mm) / size
    middle = (anatomy.uniform(-3, 3), anatomy.uniform(-6, 6), anatomy.uniform(-5, 5))
    slices = slice_count(anatomy, scanner.slice_mm, patient.radii[0], patient.shift[0] - middle[0])
    plain = make_space(slices, size, scanner.slice_mm, pixel_mm, middle)
    space = warp(anatomy, roll(plain, anatomy.normal(0, 2.5)), 3.0, (30, 45, 45))
    canvas = Canvas(np.zeros(space.shape, np.float32), space, max(1.2, pixel_mm))

    draw_pelvis(anatomy, canvas, patient.man)
    _draw_hollow_organs(anatomy, canvas, patient)
    surface = _draw_prostate(anatomy, canvas, patient)
    image = _acquire(anatomy, acquisition, plain, canvas.image, scanner, patient)
    return image, largest_component(surface < 0), (float(scanner.slice_mm), pixel_mm, pixel_mm)


def _draw_patient(rng: np.random.Generator, scanner: Scanner) -> Patient:
    big = rng.beta(1.3, 2.2)  # benign hyperplasia: many small prostates, few large ones
    flat = 0.88 if scanner.endorectal else 1.0
    contents = str(rng.choice(["gas", "stool", "gel", "empty"], p=[0.4, 0.3, 0.1, 0.2]))
    return Patient(
        radii=(
            15 + 9 * big + rng.uniform(-1, 1),
            (16 + 10 * big + rng.uniform(-1.5, 1.5)) * flat,
            23 + 10 * big + rng.uniform(-1.5, 1.5),
        ),
        zone=0.6 + 0.24 * big + rng.uniform(-0.06, 0.06),
        rectum=rng.uniform(19, 23) if scanner.endorectal else rng.uniform(8, 20),
        gap=1.5 if scanner.endorectal else rng.uniform(2.5, 6),
        filling="balloon" if scanner.endorectal else contents,
        bladder=(rng.uniform(14, 26), rng.uniform(16, 32), rng.uniform(24, 42)),
        man=Man(
            body=(rng.uniform(115, 140), rng.uniform(165, 200)),
            fat=rng.uniform(14, 34),
            fat_signal=rng.uniform(*scanner.fat) ** (1 / scanner.contrast),
            muscle=rng.uniform(0.12, 0.2),
        ),
        shift=(rng.uniform(-3, 3), rng.uniform(-4, 4), rng.uniform(-3, 3)),
        peripheral=rng.uniform(0.6, 0.95),
        transition=rng.uniform(0.36, 0.52),
    )


def _rectum(patient: Patient, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Radius and y of the rectum at each z (mm): it narrows to the anal canal and bends back above
    the prostate."""
    tube = patient.rectum * (0.55 + 0.45 / (1 + np.exp(-(z + 14) / 6)))
    y = (
        patient.shift[1]
        + 0.8 * patient.radii[1]
        + patient.gap
        + tube
        + 0.012 * np.maximum(z, 0) ** 2
    )
    return tube, y


def _draw_hollow_organs(rng, canvas, patient) -> None:
    """Pelvic floor, rectum, bladder and seminal vesicles, drawn around the place of the
    prostate."""
    space, z, (sz, sy, sx) = canvas.space, canvas.space.z, patient.shift
    rz, ry, rx = patient.radii
    lumps = fractal_noise(rng, space, (10, 9, 9))
    tube, rectum_y = _rectum(patient, z)

    # The levator hugs prostate and rectum and narrows to the anal canal; the pubis closes it in
    # front.
    wide = (max(rx, patient.rectum) + rng.uniform(4, 8)) * (
        0.55 + 0.5 / (1 + np.exp(-(z - sz + 0.75 * rz) / 7))
    )
    front, rear = sy - ry - 9, rectum_y + tube + 4
    floor = ellipsoid_mm(space, (0, (front + rear) / 2, sx), (np.inf, (rear - front) / 2, wide))
    around = np.exp(-((np.hypot(space.x - sx, space.y - sy + 0.3 * ry) / (1.25 * rx)) ** 4))
    # veins in fat
    plexus = 0.75 + (0.08 + 0.16 * around) * fractal_noise(rng, space, (7, 3.5, 4)) - 0.1 * around
    canvas.fill(
        floor + 1, plexus * (0.4 + 0.6 * patient.man.fat_signal), np.clip((20 - z) / 10, 0.3, 0.9)
    )
    thick = rng.uniform(0.7, 1.6)
    sheet = np.clip((22 - z) / 12, 0, 1) * np.clip(1 + 0.4 * lumps, 0.2, 1)
    canvas.fill(
        np.abs(floor) - thick,
        patient.man.muscle,
        sheet * np.clip((space.y - sy + 0.9 * ry) / 6, 0.15, 1),
    )

    z_base = sz + 0.55 * rz
    bz, by, bx = patient.bladder
    bladder = ellipsoid_mm(
        space, (z_base + bz + 4, sy - 12, sx + rng.uniform(-4, 4)), (bz + 4, by, bx)
    )
    bladder += 1.5 * smooth_noise(rng, space, (14, 16, 16))
    canvas.fill(bladder - rng.uniform(2, 5), 0.24)
    canvas.fill(bladder, 1.0 + 0.03 * lumps)
    coils = 0.3 + 0.7 * np.clip(0.5 + 0.9 * fractal_noise(rng, space, (7, 4, 4), 2), 0, 1)
    for side in (-1, 1):
        vesicle = ellipsoid_mm(
            space, (z_base + 9, sy + 0.75 * ry, sx + side * 15), (11, 6, 16), side * -14
        )
        canvas.fill(vesicle + 1.2 * lumps, coils)

    centre = (0, rectum_y, sx + rng.uniform(-4, 4) + 0.08 * z)
    rectum = ellipsoid_mm(space, centre, (np.inf, tube, tube * rng.uniform(1.0, 1.25)))
    rectum += 1.3 * smooth_noise(rng, space, (12, 9, 9)) * (patient.filling != "balloon")
    canvas.fill(rectum - 1, 0.33 + 0.06 * lumps)
    _fill_rectum(rng, canvas, patient.filling, rectum + 2.2, lumps, centre)


def _fill_rectum(rng, canvas, filling, lumen, lumps, centre) -> None:
    space = canvas.space
    if filling == "empty":
        folds = fractal_noise(rng, space, (12, 5, 5))
        canvas.fill(lumen + 1.5 * folds, 0.42 + 0.2 * folds)
    elif filling == "gel":
        canvas.fill(lumen, 0.95 + 0.03 * lumps)
    elif filling == "stool":
        canvas.fill(lumen, 0.3 + 0.14 * fractal_noise(rng, space, (8, 6, 6)))
        canvas.fill(lumen + 2 + 6 * np.clip(0.8 - lumps, 0, 1), 0.04)
    elif filling == "gas":
        canvas.fill(lumen, 0.02)
    else:  # an inflated balloon around the endorectal coil
        canvas.fill(lumen + 2, 0.03)
        canvas.fill(lumen + 3.5, rng.choice([0.03, 0.3]))
        core = ellipsoid_mm(space, centre, (np.inf, 4, 4))
        canvas.fill(core, 0.5)
        canvas.fill(core + 1.5, 0.03)


def _draw_prostate(rng, canvas, patient) -> np.ndarray:
    """Paints the prostate; returns the signed distance to its surface in mm (negative inside)."""
    space, (rz, ry, rx), (cz, cy, cx) = canvas.space, patient.radii, patient.shift
    z, y, x = space.z - cz, space.y - cy, space.x - cx
    # Behind, the gland is flat with a shallow groove in the midline; towards the apex it narrows.
    taper = 1 + 0.3 * np.clip(-z / rz, 0, 1)
    y = np.where(y > 0, y * 1.18 + 2.2 * np.exp(-((x / 7) ** 2)), y * (1.0 + 0.1 * np.abs(x) / rx))
    bent = replace(space, z=z, y=(y * taper).astype(np.float32), x=(x * taper).astype(np.float32))
    surface = ellipsoid_mm(bent, (0, 0, 0), (rz, ry, rx)) + 0.9 * smooth_noise(
        rng, space, (12, 13, 13)
    )
    gland = cover(surface, canvas.soft_mm)

    lumps = fractal_noise(rng, space, (8, 5, 5))
    capsule = np.clip(0.4 + smooth_noise(rng, space, (14, 14, 14)), 0, 1)
    canvas.fill(surface - 1.2, 0.2, capsule * 0.8)
    septa = ridges(smooth_noise(rng, space, (10, 5, 4)), 0.2)
    canvas.fill(surface, patient.peripheral + 0.08 * lumps - 0.14 * septa)
    if rng.random() < 0.5:  # a tumour, or prostatitis: dark and blurred, in the peripheral zone
        side = rng.choice([-1, 1])
        centre = (
            cz + rng.uniform(-0.4, 0.4) * rz,
            cy + 0.55 * ry,
            cx + side * rng.uniform(0.3, 0.65) * rx,
        )
        spot = ellipsoid_mm(space, centre, (6, rng.uniform(3, 6), rng.uniform(4, 8))) + lumps
        canvas.fill(spot, 0.3, gland * 0.85, soft_mm=3.0)
    _draw_transition_zone(rng, canvas, patient, bent, lumps, gland)
    stroma = ellipsoid_mm(bent, (0, -0.95 * ry, 0), (rz, 0.3 * ry, 0.5 * rx))
    canvas.fill(stroma + lumps, 0.2, gland * 0.85, soft_mm=2.5)
    canvas.ellipsoid((cz - 0.3 * rz, cy + 0.1 * ry, cx), (0.5 * rz, 2.0, 2.2), 0.8)  # urethra
    return surface


def _draw_transition_zone(rng, canvas, patient, bent, lumps, gland) -> None:
    """Two lobes within a dark surgical capsule, full of glandular (bright) and stromal (dark)
    nodules."""
    (rz, ry, rx), (cz, cy, cx), k = patient.radii, patient.shift, patient.zone
    height = rz * min(0.95, k + 0.15)
    left, right = (
        ellipsoid_mm(
            bent, (0.12 * rz, -0.24 * ry, side * 0.4 * rx * k), (height, ry * k, 0.62 * rx * k)
        )
        for side in (-1, 1)
    )
    zone = smooth_union(left, right, 4.0) + 0.8 * lumps
    canvas.fill(zone - 0.8, 0.22, gland * 0.8)
    nodular = replace(canvas, image=np.zeros_like(canvas.image) + patient.transition + 0.08 * lumps)
    for _ in range(int(rng.integers(6, 26))):
        r = rng.uniform(2.0, 3.0 + 6.0 * k)
        where = (
            cz + rng.uniform(-0.6, 0.8) * height,
            cy - 0.24 * ry + rng.uniform(-0.8, 0.7) * ry * k,
            cx + rng.uniform(-0.85, 0.85) * rx * k,
        )
        shape = (r * 1.1, r * rng.uniform(0.7, 1.0), r * rng.uniform(0.8, 1.2))
        glandular = rng.random() < 0.5
        value = rng.uniform(0.55, 0.9) if glandular else rng.uniform(0.28, 0.45)
        nodular.ellipsoid(where, tuple(s + 0.6 for s in shape), 0.24)
        nodular.ellipsoid(where, shape, value + (0.16 if glandular else 0.05) * lumps)
    canvas.fill(zone, nodular.image, gland)


def _acquire(
    anatomy, acquisition, space: Space, image, scanner: Scanner, patient: Patient
) -> np.ndarray:
    """Signal -> what the scanner stores: contrast, coil sensitivity, blur, Rician noise, gain."""
    signal = np.clip(image, 0.01, None) ** np.float32(scanner.contrast)
    signal *= 1 + np.float32(0.04) * smooth_noise(anatomy, space, (20, 30, 30))
    # A phased array hears the surface best; an endorectal coil hears almost only what touches it.
    surface = (np.abs(space.y - space.y.mean()) / 90) ** 2 + 0.4 * (np.abs(space.x) / 110) ** 2
    coil = 1 + scanner.coil * (surface + 0.35 * smooth_noise(anatomy, space, (60, 90, 90)))
    if scanner.endorectal:
        tube, behind = _rectum(patient, space.z)
        away = np.hypot(space.y - behind, space.x - patient.shift[2]) - tube
        coil = (
            coil
            * (0.12 + 2.6 / (1 + (np.maximum(away, 0) / 13) ** 2))
            * np.exp(-((space.z / 45) ** 2))
        )
    blur = scanner.blur_mm / space.step_mm[1]
    signal = ndimage.gaussian_filter(signal * np.clip(coil, 0.1, None), (0, blur, blur), truncate=3)
    noise = anatomy.uniform(*scanner.noise)
    real, imaginary = acquisition.standard_normal((2, *image.shape), dtype=np.float32) * np.float32(
        noise
    )
    magnitude = np.hypot(signal + real, imaginary) * anatomy.uniform(*scanner.gain)
    return magnitude.astype(np.float32)
