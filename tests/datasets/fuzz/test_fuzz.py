"""Whatever lies in people's folders is read rightly, or refused in one sentence.

FUZZ_EXAMPLES says how many files each test draws; without it they are few and always the same.
Files that were once read wrongly lie in corpus/.
"""

import contextlib
import os
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from benchmark.core.errors import InputError
from datasets.files import nifti, raster
from datasets.files.masks import read_mask
from datasets.sources.open import open_source
from tests.datasets.fuzz.makers import damaged, pictures, volumes, yaml_texts

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "40"))
CORPUS = sorted(path for path in (Path(__file__).parent / "corpus").iterdir() if path.is_file())
# PIL tells of tags that it skips; the file is read or refused all the same.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")
fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="FUZZ_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
    database=None,
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


@contextlib.contextmanager
def one_sentence(path: Path | None = None):
    """Lets an InputError pass that is one sentence and names the file."""
    start = time.process_time()
    try:
        yield
    except InputError as error:
        text = str(error)
        assert text.endswith(".") and "\n" not in text and "Traceback" not in text
        assert path is None or path.name in text
    assert time.process_time() - start < 10


@fuzzed
@given(st.data())
def test_masks_are_read_as_they_are_shown(place, data):
    picture = data.draw(pictures(place))
    assert np.array_equal(raster.read_labels(picture.path)[0] > 0, picture.shown)
    if picture.path.suffix == ".png":
        assert np.array_equal(read_mask(picture.path).mask, picture.shown)
    with one_sentence(picture.path):
        grey = raster.read_grey(picture.path)[0]
        assert grey[picture.shown].min() >= grey[~picture.shown].max()


@fuzzed
@given(st.data())
def test_damaged_pictures_are_refused_in_one_sentence(place, data):
    path = data.draw(pictures(place)).path
    path.write_bytes(data.draw(damaged(path.read_bytes())))
    for read in (raster.read_grey, raster.read_labels):
        with one_sentence(path):
            assert read(path).ndim == 3


@fuzzed
@given(st.data())
def test_volumes_are_read_with_the_geometry_of_their_affine(place, data):
    volume = data.draw(volumes(place))
    if volume.refused:
        with pytest.raises(InputError, match=volume.path.name):
            nifti.read_labels(volume.path, volume.path)
        return
    labels = nifti.read_labels(volume.path, volume.path)
    geometry = nifti.read_geometry(volume.path)
    assert labels.shape == geometry.shape
    out = nifti.write_mask(labels, volume.path, volume.path.with_name("out.nii"))
    back = nifti.voxels(nifti.read_header(out))
    assert np.array_equal(back > 0, volume.foreground)
    assert nifti.read_header(volume.path).spacing_mm == pytest.approx(volume.spacing_mm)
    assert sorted(geometry.spacing) == pytest.approx(sorted(volume.spacing_mm))
    if len(nifti.read_header(volume.path).image.shape) == 3:
        found = read_mask(volume.path)
        assert np.array_equal(found.mask, volume.foreground.T)
        assert found.spacing == pytest.approx(tuple(volume.spacing_mm[::-1]))


@fuzzed
@given(st.data())
def test_damaged_volumes_are_refused_in_one_sentence(place, data):
    path = data.draw(volumes(place)).path
    whole = path.read_bytes()
    header = data.draw(damaged(whole[:352]))
    path.write_bytes(header + whole[352:])
    for read in (nifti.read_geometry, nifti.read_volume, lambda it: nifti.read_labels(it, it)):
        with one_sentence(path):
            read(path)
    with one_sentence(path):
        read_mask(path)


@fuzzed
@given(yaml_texts())
def test_yaml_files_are_read_or_refused_in_one_sentence(place, text):
    mine = place / "yaml"
    for name in ("pictures", "masks"):
        (mine / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.eye(6, dtype=np.uint8)).save(mine / name / "p1.png")
    (mine / "mine.yaml").write_bytes(text)
    with one_sentence():
        source = open_source(
            "breast", str(mine / "mine.yaml"), None, phantom_cases=1, phantom_size=64
        )
        assert source.load("p1").mask.sum() == 6
        assert source.title.isprintable()


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_files_of_the_corpus(path):
    """Each name tells the right reading: PIXELS-what.png, or refused-what.png."""
    right = path.name.partition("-")[0]
    read = raster.read_labels if path.suffix in raster.SUFFIXES else lambda it: read_mask(it).mask
    if right == "refused":
        with pytest.raises(InputError, match=path.name):
            read(path)
    else:
        assert int((read(path) > 0).sum()) == int(right)
