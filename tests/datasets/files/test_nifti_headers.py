"""Headers as they occur: one geometry, that of the affine in use, or one sentence."""

import gzip
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest

from benchmark.core.errors import InputError
from benchmark.metrics.crosswalk import crosswalk
from datasets.files import nifti
from datasets.files.masks import read_mask, read_pair
from tests.support.made_images import RAS_MM, save_nifti

SHAPE = (12, 10, 5)
# Fields of the header: offset and type.
DIM, DATATYPE, PIXDIM, VOX_OFFSET = (40, "<i2"), (70, "<i2"), (80, "<f4"), (108, "<f4")
UNITS, QFORM, SFORM = (123, "u1"), (252, "<i2"), (254, "<i2")
SLOPE = (112, "<f4")


def write(path: Path, data: np.ndarray, *fields, affine=RAS_MM) -> Path:
    """A file with fields of its header replaced: (offset and type, values)."""
    save_nifti(path, data, affine)
    packed = path.suffix == ".gz"
    raw = bytearray(gzip.decompress(path.read_bytes()) if packed else path.read_bytes())
    for (offset, kind), values in fields:
        new = np.array(values, kind).tobytes()
        raw[offset : offset + len(new)] = new
    path.write_bytes(gzip.compress(raw) if packed else raw)
    return path


def box(shift: int = 0) -> np.ndarray:
    mask = np.zeros(SHAPE, np.uint8)
    mask[3:7, 3:7, 1 + shift : 3 + shift] = 1
    return mask


@pytest.mark.parametrize("pixdim", [(1, 1, 1), (0.6, 0.6, 3), (0, 0.5, 3), (0, 0, 0)])
def test_the_affine_counts_where_pixdim_says_otherwise(tmp_path, pixdim):
    flaw = (PIXDIM, (1, *pixdim))
    good = [write(tmp_path / f"good{n}.nii.gz", box(n)) for n in range(2)]
    bad = [write(tmp_path / f"bad{n}.nii.gz", box(n), flaw) for n in range(2)]
    geometry = nifti.read_geometry(bad[0])
    assert geometry.spacing == nifti.read_geometry(good[0]).spacing == (3.0, 0.5, 0.5)
    assert geometry.spacing_unit == "mm" and "the affine, which is used" in geometry.doubt
    (predicted, true), right = read_pair(*bad), read_pair(*good)
    assert predicted.spacing == (3.0, 0.5, 0.5)
    assert "pixdim says" in predicted.notes[0] and right[0].notes == []

    def measured(one, other):
        return crosswalk(one.mask, other.mask, other.spacing, other.unit).as_json()

    assert measured(predicted, true) == measured(*right)
    assert measured(predicted, true)["hd95_max"] == 3.0


@pytest.mark.parametrize("pixdim", [(0, 1, 1), (np.nan, 1, 1), (np.inf, 1, 1)])
def test_a_spacing_that_is_needed_and_lacks_is_refused(tmp_path, pixdim):
    path = write(tmp_path / "a.nii", box(), (PIXDIM, (1, *pixdim)), (SFORM, 0), (QFORM, 0))
    for read in (nifti.read_geometry, read_mask):
        with pytest.raises(InputError, match="a.nii has the voxel spacing .*set positive numbers"):
            read(path)


def test_a_unit_that_is_not_named_with_a_real_sform_is_mm(tmp_path):
    path = write(tmp_path / "a.nii", box(), (PIXDIM, (1, 1, 1, 1)), (UNITS, 0))
    geometry = nifti.read_geometry(path)
    assert (geometry.spacing, geometry.spacing_unit) == ((3.0, 0.5, 0.5), "mm")
    unknown = write(tmp_path / "b.nii", box(), (UNITS, 0), affine=np.eye(4))
    assert nifti.read_geometry(unknown).spacing_unit == "voxel"
    assert "records no spacing" in read_mask(unknown).notes[0]


@pytest.mark.parametrize(
    "flaw",
    [
        (DATATYPE, 1),
        (DATATYPE, 9999),
        (UNITS, 4),
        (UNITS, 5),
        (UNITS, 7),
        (UNITS, 255),
        (VOX_OFFSET, 16),
        (VOX_OFFSET, 0),  # nibabel reads the header as voxels
        (SLOPE, np.inf),  # and here drops the scale
        (DIM, 9),
        (DIM, 0),
        ((42, "<i2"), -5),
        ((344, "S4"), b"nope"),
    ],
)
@pytest.mark.parametrize("ending", ["nii", "nii.gz"])
def test_headers_out_of_the_standard_are_refused_in_one_sentence(tmp_path, flaw, ending):
    path = write(tmp_path / f"a.{ending}", box(), flaw)
    for read in (nifti.read_volume, read_mask, lambda it: nifti.read_labels(it, it)):
        with pytest.raises(InputError, match=rf"a\.{ending}") as refusal:
            read(path)
        assert str(refusal.value).endswith(".") and "\n" not in str(refusal.value)


@pytest.mark.parametrize("damage", ["sum", "end", "tail"])
def test_a_compressed_file_is_read_to_its_checksum(tmp_path, damage):
    noise = np.random.default_rng(0).integers(0, 2, (128, 128, 20), np.uint8)  # of many buffers
    path = write(tmp_path / "a.nii.gz", noise)
    data = bytearray(path.read_bytes())
    if damage == "sum":
        data[-8] ^= 1
    data = data[:-4] if damage == "end" else data + b"more" * (damage == "tail")
    path.write_bytes(bytes(data))
    for read in (nifti.read_volume, read_mask, lambda it: nifti.read_labels(it, it)):
        with pytest.raises(InputError, match=r"cannot read the voxels of .*a\.nii\.gz"):
            read(path)


def test_a_qform_at_another_place_than_the_sform_is_noted(tmp_path):
    image = nibabel.Nifti1Image(box(), RAS_MM)
    turned = RAS_MM.copy()
    turned[:2, :2] = RAS_MM[1::-1, 1::-1] * -1
    for affine, noted in ((RAS_MM, False), (turned, True)):
        image.set_qform(affine, 1)
        image.set_sform(RAS_MM, 1)
        nibabel.save(image, tmp_path / "a.nii")
        geometry = nifti.read_geometry(tmp_path / "a.nii")
        assert geometry.spacing == (3.0, 0.5, 0.5) and geometry.orientation == "RAS"
        assert ("the sform is used" in geometry.doubt) == noted


def test_a_label_whose_header_places_nothing_follows_its_image(tmp_path):
    stored = np.random.default_rng(0).integers(0, 2, SHAPE, dtype=np.uint8)
    image = write(tmp_path / "image.nii", stored.astype(np.int16))
    label = write(tmp_path / "label.nii", stored, (SFORM, 0), (QFORM, 0))
    assert np.array_equal(nifti.read_labels(label, image), nifti.read_volume(image))
    assert not nifti.read_geometry(label).orientation_recorded


def test_a_temporal_unit_does_not_matter(tmp_path):
    path = write(tmp_path / "a.nii", box(), (UNITS, 64 + 2))
    assert nifti.read_geometry(path).spacing == (3.0, 0.5, 0.5)


@pytest.mark.parametrize("dtype", [[("R", "u1"), ("G", "u1"), ("B", "u1")], np.complex64])
def test_colours_and_complex_numbers_are_refused(tmp_path, dtype):
    path = write(tmp_path / "a.nii.gz", np.zeros(SHAPE, dtype))
    for read in (nifti.read_geometry, nifti.read_volume, read_mask):
        with pytest.raises(InputError, match="a.nii.gz is not a mask or an image: its voxels are"):
            read(path)


@pytest.mark.parametrize("ending", [".mgz", ".img", ".hdr", ".mnc"])
def test_other_formats_are_refused_by_their_names(tmp_path, ending):
    image = nibabel.Nifti1Image(box(), RAS_MM)
    if ending == ".mgz":
        nibabel.save(nibabel.MGHImage(box(), RAS_MM), tmp_path / "a.mgz")
    elif ending == ".mnc":
        (tmp_path / "a.mnc").write_bytes(b"CDF\x01")
    else:
        nibabel.save(nibabel.AnalyzeImage(box(), None), tmp_path / "a.img")
        nibabel.save(nibabel.Nifti1Pair(image.dataobj, RAS_MM), tmp_path / "pair.img")
        with pytest.raises(InputError, match="pair.img is no NIfTI file but Nifti1Pair"):
            nifti.read_geometry(tmp_path / "pair.img")
    with pytest.raises(InputError, match=f"a{ending}"):
        nifti.read_geometry(tmp_path / f"a{ending}")


@pytest.mark.parametrize(
    "data",
    [
        np.stack([1 - box(), box()], axis=-1),
        np.stack([0.2 + box() * 0.5] * 3, axis=-1).astype(np.float32),
    ],
)
def test_labels_with_channels_are_refused(tmp_path, data):
    image = write(tmp_path / "image.nii.gz", box().astype(np.int16))
    label = write(tmp_path / "label.nii.gz", data)
    with pytest.raises(InputError, match="label.nii.gz has shape .* channels; store one volume"):
        nifti.read_labels(label, image)
    single = write(tmp_path / "single.nii.gz", box()[..., None])
    assert nifti.read_labels(single, image).sum() == box().sum()


@pytest.mark.parametrize("factor", [1.00000006, 0.9999999, 1.0004])
def test_labels_that_a_scale_moved_are_whole(tmp_path, factor):
    image = write(tmp_path / "image.nii.gz", box().astype(np.int16))
    scaled = write(tmp_path / "scaled.nii", box(), ((112, "<f4"), factor))
    floats = write(tmp_path / "floats.nii", box() * np.float32(factor))
    zones = write(tmp_path / "zones.nii", (box() + box(1)) * np.float32(factor))
    for path in (scaled, floats):
        assert np.array_equal(nifti.read_labels(path, image) > 0, nifti.read_labels(image, image))
        assert read_mask(path).mask.sum() == box().sum()
    assert set(np.unique(nifti.read_labels(zones, image))) == {0, 1, 2}
    for wrong in (1.002, 0.5, np.nan, 1e12):
        with pytest.raises(InputError, match="fractions or NaN"):
            nifti.read_labels(write(tmp_path / "w.nii", box() * np.float32(wrong)), image)


def test_what_a_library_mends_is_not_printed(tmp_path):
    path = write(tmp_path / "a.nii", box(), (VOX_OFFSET, 352.5), (PIXDIM, (1, -0.5)))
    program = "import sys, pathlib; from datasets.files.nifti import read_geometry;"
    call = [sys.executable, "-c", program + "read_geometry(pathlib.Path(sys.argv[1]))", str(path)]
    done = subprocess.run(call, capture_output=True, text=True, cwd=Path(__file__).parents[3])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
