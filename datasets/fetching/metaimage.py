"""A challenge's own MetaImage files (.mhd with .raw) -> the layout of the Medical Segmentation
Decathlon, every case on one grid.

Images are resampled by cubic splines and labels by the nearest voxel, along each axis from the
first voxel to the last (scipy.ndimage.zoom). That is how a copy whose images overshoot the range of
their originals, and whose labels do not, comes about; that it has the very bits of the copy behind
the published records is not known. The voxel spacing is not written, as it is not there: distances
are in voxels. Not here: which cases (tasks).
"""

import json
from pathlib import Path

import nibabel
import numpy as np
from scipy import ndimage

from benchmark.core.errors import InputError
from benchmark.core.progress import Report, silent
from benchmark.core.texts import one_line_of, some
from datasets.tasks.task import OtherImages

LABEL_ENDING = "_segmentation"
CUBIC, NEAREST = 3, 0


def prepare(images: OtherImages, challenge: Path, out: Path, report: Report = silent) -> Path:
    """Writes out/dataset.json, imagesTr and labelsTr from the challenge's files, which may lie in
    folders of `challenge`; returns `out`.

    Raises InputError where files are missing or damaged, or where `out` holds something already.
    """
    if not challenge.is_dir():
        raise InputError(
            f"there is no folder {challenge}; --from is the folder with the unpacked files of"
            f" {images.address}."
        )
    if out.exists() and any(out.iterdir()):
        raise InputError(f"{out} is not empty; give another folder by --out.")
    files = {path.stem: path for path in sorted(challenge.rglob("*.mhd"))}
    wanted = [name + end for name in images.cases.values() for end in ("", LABEL_ENDING)]
    if missing := [name for name in wanted if name not in files]:
        raise InputError(
            f"{len(missing)} of {len(wanted)} files are not in {challenge}"
            f" ({some([f'{name}.mhd' for name in missing])}); unpack all training files of"
            f" {images.address} there."
        )
    entries = []
    for number, (case, name) in enumerate(images.cases.items()):
        entry = {"image": f"imagesTr/{case}.nii.gz", "label": f"labelsTr/{case}.nii.gz"}
        label = files[name + LABEL_ENDING]
        _write(resampled(read(files[name]), images.shape, CUBIC, np.int16), out / entry["image"])
        _write(resampled(read(label), images.shape, NEAREST, np.uint8), out / entry["label"])
        entries.append({what: f"./{path}" for what, path in entry.items()})
        report(number + 1, len(images.cases))
    (out / "dataset.json").write_text(json.dumps(_description(images, entries), indent=1) + "\n")
    return out


def read(path: Path) -> np.ndarray:
    """The voxels of a MetaImage file, (x, y, z), as stored. Raises InputError for what is none."""
    import SimpleITK

    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        voxels = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
    except RuntimeError as error:
        reason = one_line_of(error).rpartition("ERROR: ")[2][:120]
        raise InputError(
            f"{path} is not a readable MetaImage file ({reason}); unpack it again."
        ) from error
    if voxels.ndim != 3:
        raise InputError(f"{path} has {voxels.ndim} dimensions, not 3; it is no volume.")
    return voxels.transpose(2, 1, 0)


def resampled(
    voxels: np.ndarray, shape: tuple[int, int, int], order: int, kind: type[np.integer]
) -> np.ndarray:
    """The volume on a grid of `shape`, rounded to the whole numbers of `kind`; order: of the
    spline."""
    factors = [wanted / there for wanted, there in zip(shape, voxels.shape, strict=True)]
    fine = ndimage.zoom(voxels.astype(np.float32), factors, order=order)
    limits = np.iinfo(kind)
    return np.clip(np.rint(fine), limits.min, limits.max).astype(kind)


def _write(voxels: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), path)


def _description(images: OtherImages, entries: list[dict[str, str]]) -> dict[str, object]:
    return {
        "name": images.title,
        "description": f"from {images.address}; voxel spacing not recorded, header says 1",
        "licence": images.licence,
        "tensorImageSize": "3D",
        "modality": {"0": images.modality},
        "labels": {"0": "background", "1": images.label},
        "numTraining": len(entries),
        "numTest": 0,
        "training": entries,
        "test": [],
    }
