"""Small folders in the layouts of the published data, made for tests."""

import json
from pathlib import Path

import nibabel
import numpy as np
from PIL import Image

RAS_MM = np.array([[0.5, 0, 0, -3], [0, 0.5, 0, -4], [0, 0, 3.0, 7], [0, 0, 0, 1]])


def save_nifti(
    path: Path, data: np.ndarray, affine: np.ndarray = RAS_MM, unit: str | None = "mm"
) -> Path:
    """Writes data (x, y, z) or (x, y, z, channel)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nibabel.Nifti1Image(data, affine)
    if unit is not None:
        image.header.set_xyzt_units(unit)
    nibabel.save(image, path)
    return path


def organ(shape: tuple[int, int, int], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """An image int16 and a label uint8 (x, y, z): a bright box somewhere near the middle on
    noise."""
    label = np.zeros(shape, dtype=np.uint8)
    start = [int(rng.integers(1, max(2, side // 3))) for side in shape]
    label[tuple(slice(s, s + side // 2) for s, side in zip(start, shape, strict=True))] = 1
    image = rng.normal(100, 20, shape) + 200 * label
    return image.astype(np.int16), label


def msd_folder(
    root: Path,
    ids: tuple[str, ...] = ("prostate_07", "prostate_02", "prostate_10"),
    *,
    name: str = "PROSTATE",
    labels: dict[str, str] | None = None,
    modality: dict[str, str] | None = None,
    shape: tuple[int, int, int] = (12, 10, 5),
    affine: np.ndarray = RAS_MM,
    unit: str | None = "mm",
) -> Path:
    """A folder in MSD layout with one box per case; returns the folder."""
    rng = np.random.default_rng(1)
    for case in ids:
        image, label = organ(shape, rng)
        save_nifti(root / "imagesTr" / f"{case}.nii.gz", image, affine, unit)
        save_nifti(root / "labelsTr" / f"{case}.nii.gz", label, affine, unit)
    write_description(root, ids, name=name, labels=labels, modality=modality)
    return root


def write_description(
    root: Path, ids, *, name="PROSTATE", labels=None, modality=None, **further
) -> None:
    files = [
        {"image": f"./imagesTr/{case}.nii.gz", "label": f"./labelsTr/{case}.nii.gz"} for case in ids
    ]
    described = {
        "name": name,
        "licence": "CC-BY-SA 4.0",
        "modality": modality or {"0": "T2"},
        "labels": labels or {"0": "background", "1": "prostate"},
        "training": files,
    }
    root.mkdir(parents=True, exist_ok=True)
    (root / "dataset.json").write_text(json.dumps(described | further))


def busi_folder(root: Path, **counts: int) -> Path:
    """Dataset_BUSI_with_GT under `root` with 1-bit masks; returns `root`."""
    rng = np.random.default_rng(2)
    for name, count in counts.items():
        folder = root / "Dataset_BUSI_with_GT" / name
        folder.mkdir(parents=True)
        for number in range(1, count + 1):
            image = rng.integers(0, 255, (20, 30), dtype=np.uint8)
            mask = np.zeros((20, 30), dtype=bool)
            mask[5:11, 4 : 10 + number % 15] = name != "normal"
            Image.fromarray(image).convert("RGB").save(folder / f"{name} ({number}).png")
            Image.fromarray(mask).save(folder / f"{name} ({number})_mask.png")
    return root
