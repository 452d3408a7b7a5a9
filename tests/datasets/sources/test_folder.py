"""A user's own images described by a YAML file: pairing, patients, labels, and mistakes named by
key and line."""

import numpy as np
import pytest
from PIL import Image

from benchmark.core.errors import InputError
from datasets.sources.base import SourceOptions
from datasets.sources.id_expression import part_of_id
from datasets.sources.open import open_source
from tests.support.made_images import msd_folder

BASIC = "dataset: breast\ntitle: Our clinic\nimages: pictures\nmasks: masks\n"


@pytest.fixture
def place(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("p2_b", "p10_a", "p2_a"):
        (tmp_path / "pictures").mkdir(exist_ok=True)
        (tmp_path / "masks").mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (12, 16), dtype=np.uint8)).save(
            tmp_path / "pictures" / f"{name}.png"
        )
        mask = np.zeros((12, 16), np.uint8)
        mask[2:6, 3:9] = 255
        Image.fromarray(mask).save(tmp_path / "masks" / f"{name}.png")
    return tmp_path


def opened(place, text, dataset="breast", **options):
    path = place / "mine.yaml"
    path.write_text(text)
    return open_source(
        dataset, str(path), None, phantom_cases=1, phantom_size=64, options=SourceOptions(**options)
    )


def test_pairs_by_name_in_natural_order(place):
    source = opened(place, BASIC)
    assert (source.kind, source.title, source.licence) == ("folder", "Our clinic", "not stated")
    assert [case.id for case in source.cases()] == ["p2_a", "p2_b", "p10_a"]
    case = source.load("p2_b")
    assert case.image.shape == (1, 12, 16)
    assert case.mask.sum() == 24
    assert case.spacing_unit == "px"
    assert [note.split(": ")[1][:12] for note in source.notes] == ["no group is ", "no spacing_m"]


def test_patients_spacing_and_words(place):
    source = opened(
        place,
        BASIC
        + "group: ^(p\\d+)_\nstratum: _(.)$\nspacing_mm: [0.2, 0.1]\ncategory: cyst\nmodality:"
        " US\n",
    )
    assert [case.group for case in source.cases()] == ["p2", "p2", "p10"]
    assert [case.stratum for case in source.cases()] == ["a", "b", "a"]
    assert source.load("p2_a").spacing == (1.0, 0.2, 0.1)
    assert source.load("p2_a").spacing_unit == "mm"
    assert source.task.prompt(source.cases()[0].stratum) == "US, breast, a cyst"
    assert source.notes == []


def test_images_and_masks_may_share_a_folder(place):
    for path in (place / "masks").iterdir():
        path.rename(place / "pictures" / f"{path.stem}_seg.png")
    source = opened(place, BASIC.replace("masks: masks", "masks: pictures\nmask_suffix: _seg.png"))
    assert [case.files for case in source.cases()][0] == ("p2_a.png", "p2_a_seg.png")
    with pytest.raises(
        InputError, match="line 4: masks is the folder of the images too; give mask_suffix"
    ):
        opened(place, BASIC.replace("masks: masks", "masks: pictures"))


def test_declared_labels_are_the_only_foreground(place):
    values = np.zeros((12, 16), np.uint8)
    values[:3], values[5:7] = 1, 2
    Image.fromarray(values).save(place / "masks" / "p2_a.png")
    with pytest.raises(InputError, match="unexpected labels: 1, 2"):
        opened(place, BASIC).load("p2_a")
    assert opened(place, BASIC + "labels: [1, 2]\n").load("p2_a").mask.sum() == 5 * 16
    with pytest.raises(InputError, match=r"unexpected labels: 2 \(expected: 0, 1\)"):
        opened(place, BASIC + "labels: [1]\n").load("p2_a")


@pytest.mark.parametrize("text, spacing", [("5e-1, .5", 0.5), ("1E+1, 10.", 10.0)])
def test_numbers_with_an_exponent_are_numbers(place, text, spacing):
    source = opened(place, BASIC + f"spacing_mm: [{text}]\n")
    assert source.load(source.cases()[0].id).spacing == (1.0, spacing, spacing)
    with pytest.raises(InputError, match="line 5: spacing_mm must be"):
        opened(place, BASIC + 'spacing_mm: ["5e-1", 1]\n')


def test_missing_partners_are_refused_or_left_out(place):
    (place / "masks" / "p2_a.png").unlink()
    with pytest.raises(InputError, match=r"1 of 3 images have no mask \(p2_a\)"):
        opened(place, BASIC)
    assert len(opened(place, BASIC, allow_incomplete=True).cases()) == 2
    with pytest.raises(InputError, match="2 of 2 masks have no image|3 of 3 images have no mask"):
        opened(place, BASIC + "mask_suffix: 0_a.png\n", allow_incomplete=True)


def test_a_prediction_is_a_png(place):
    source = opened(place, BASIC)
    out = source.write_mask("p2_a", source.load("p2_a").mask, place / "prediction")
    assert out.name == "prediction.png"
    assert np.array_equal(
        np.asarray(Image.open(out)), np.asarray(Image.open(place / "masks" / "p2_a.png"))
    )


def test_sixteen_bit_images_keep_their_values(place):
    values = np.arange(12 * 16, dtype=np.uint16).reshape(12, 16) * 300
    Image.fromarray(values).save(place / "pictures" / "p2_a.png")
    assert np.array_equal(opened(place, BASIC).load("p2_a").image[0], values)


def test_the_fingerprint_follows_what_changes_the_cases(place):
    first = opened(place, BASIC).fingerprint()
    assert opened(place, BASIC + "licence: other\n").fingerprint() == first
    assert opened(place, BASIC + "group: ^(p\\d+)_\n").fingerprint() != first
    assert opened(place, BASIC + "spacing_mm: [1, 1]\n").fingerprint() != first
    assert opened(place, BASIC + "category: cyst\n").fingerprint() != first


def test_an_msd_folder_with_a_spacing_of_its_own(tmp_path):
    msd_folder(tmp_path / "scans", ("a_1", "a_2", "b_1"), name="x", affine=np.eye(4), unit=None)
    text = (
        "dataset: prostate\ntitle: Ours\nmsd: scans\nspacing_mm: [3, 0.5, 0.5]\ngroup:"
        " ^(.)_\norgan: gland\n"
    )
    source = opened(tmp_path, text, "prostate")
    assert (source.kind, source.title) == ("folder", "Ours")
    assert [case.group for case in source.cases()] == ["a", "a", "b"]
    assert source.load("a_1").spacing == (3.0, 0.5, 0.5)
    assert source.load("a_1").spacing_unit == "mm"
    assert source.task.prompt(source.cases()[0].stratum) == "MRI, gland, whole gland"
    assert not any("voxel" in note for note in source.notes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BASIC + "spacing: 1\n", r"line 5: unknown key 'spacing' \(did you mean 'spacing_mm'\?\)"),
        (BASIC + "\n# note\nmask: x\n", r"line 7: unknown key 'mask' \(did you mean 'masks'\?\)"),
        (BASIC + "title: b\n", "line 5: key 'title' appears again; it stands in line 2"),
        (
            BASIC.replace("breast", "brest"),
            r"the dataset brest, not breast; use --dataset brest, or write breast in the file",
        ),
        (
            BASIC.replace("masks: masks", "masks: maks"),
            "line 4: masks names the folder .*maks, which does not exist",
        ),
        (BASIC.replace("masks: masks\n", ""), "lacks the key 'masks'"),
        (BASIC.replace("title: Our clinic\n", ""), "lacks the key 'title'"),
        (BASIC + "group: p\\d+\n", "line 5: group needs a bracket"),
        (BASIC + "group: '(p'\n", "line 5: group is no regular expression"),
        (BASIC + "group: (x+)\n", "'\\(x\\+\\)', finds nothing in case 'p2_a'"),
        (
            BASIC + "spacing_mm: 0.1\n",
            "line 5: spacing_mm must be a list of positive mm, .row, column.",
        ),
        (BASIC + "spacing_mm: [1, 1, 1]\n", "line 5: spacing_mm must be"),
        (BASIC + "spacing_mm: [0, 1]\n", "line 5: spacing_mm must be"),
        (BASIC + "labels: [0, 1]\n", "line 5: labels must be a list"),
        (BASIC + "labels: [010]\n", "line 5: labels holds 010, which YAML reads otherwise"),
        (BASIC + "spacing_mm: [1:30, 1]\n", "line 5: spacing_mm holds 1:30, which"),
        (BASIC + "group: '([[:alnum:]]+)_'\n", "line 5: group is no regular expression"),
        (BASIC.replace("Our clinic", "a quick look at 3 of 9"), "line 2: title says 'a quick look"),
        (
            BASIC.replace("Our clinic", "ＢＵＳＩ-(malignant)"),
            "line 2: title is .*published images",
        ),
        (BASIC + "msd: pictures\n", "does not go with msd"),
        (BASIC + "licence: 3\n", "line 5: licence must be text, not 3"),
        (BASIC + "image_suffix: .gif\n", "holds no image ending in .gif"),
        ("a: [\n", "line 2 is not YAML"),
        ("- a\n", "must hold 'key: value' lines"),
        (BASIC.replace("breast", "spleen"), "describes the dataset spleen, not breast"),
    ],
)
def test_mistakes_are_named_by_key_and_line(place, text, message):
    with pytest.raises(InputError, match=message):
        opened(place, text)


BOMB = "[&b0 [x,x,x,x,x,x,x,x,x,x]" + "".join(
    f", &b{n + 1} [{','.join([f'*b{n}'] * 10)}]" for n in range(9)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BASIC + f"spacing_mm: {BOMB}]\n", "line 5: it holds more than 20000 values"),
        (BASIC + f"spacing_mm: {'[' * 20000}", "line 5: values lie in each other"),
        (BASIC.replace("Our clinic", "2024-13-45"), "line 2: title must be text, not 2024-13-45"),
        (BASIC.replace("Our clinic", "!!int abc"), "line 2: tags such as"),
        (BASIC.replace("Our clinic", "!!bool abc"), "line 2: tags such as"),
        (BASIC.replace("Our clinic", "1" * 6000), "line 2: title must be text, not 1{60}[.]{3};"),
        (BASIC.replace("Our clinic", '"a\\u202eb"'), r"line 2: title holds the letter U\+202E"),
        (BASIC.replace("Our clinic", '"a\\eb"'), r"line 2: title holds the letter U\+001B"),
        (BASIC.replace("pictures", "~nosuchuser/x"), "line 3: images names no folder"),
        (BASIC.replace("pictures", "x" * 5000), "line 3: images is longer than 500"),
        (BASIC + "group: '(a{65536,99999999999})'\n", "line 5: group is no regular expression"),
        (BASIC + f"group: '{'(' * 5000}'\n", "line 5: group is longer than 500 letters"),
        (BASIC + f"spacing_mm: [{'1' * 6000}, 1]\n", "line 5: spacing_mm must be a short list"),
        (BASIC + "spacing_mm: [.nan, 1]\n", "line 5: spacing_mm must be"),
        (BASIC + "labels: [2024-13-45]\n", "line 5: labels "),
    ],
)
@pytest.mark.timeout(30)
def test_hostile_files_end_in_one_sentence(place, text, message):
    with pytest.raises(InputError, match=message) as refusal:
        opened(place, text)
    assert len(str(refusal.value)) < 700


@pytest.mark.parametrize("expression", ["^(a+)+$", "^(a|aa)+$", "^(a*)(a*)(a*)(a*)(a*)(a*)$"])
@pytest.mark.timeout(60)
def test_an_expression_that_needs_years_is_stopped(expression, monkeypatch):
    monkeypatch.setattr("datasets.sources.id_expression.SECONDS", 0.3)
    part = part_of_id(expression, "group", "mine.yaml")
    with pytest.raises(InputError, match="mine.yaml: the expression of group, .* takes too long"):
        part("a" * 200 + "_1")
    assert part_of_id(r"^(p\d+)_", "group", "mine.yaml")("p12_3") == "p12"


def test_a_missing_yaml_file_is_named(tmp_path):
    with pytest.raises(InputError, match="gone.yaml does not exist"):
        open_source("breast", str(tmp_path / "gone.yaml"), None, phantom_cases=1, phantom_size=64)
