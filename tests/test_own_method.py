"""A user's own method from one file: the example as it stands, a transform, and what can be
wrong with one."""

import textwrap
from pathlib import Path

import pytest

from baselines.generators.base import check_samples
from baselines.generators.user_method import check_distinct, close_fit, load_own
from benchmark.core.errors import InputError
from benchmark.record.record import load_record
from benchmark.spec.method import MethodSpec
from benchmark.spec.run import RunSpec
from reports.comparison.labels import method_labels
from tests.support.made_records import make_record
from tests.support.runs import TINY

ROOT = Path(__file__).resolve().parent.parent
SETS = [word for text in TINY if not text.startswith("generator.") for word in ("--set", text)]
RUN = (
    "run",
    "--preset",
    "smoke",
    "--device",
    "cpu",
    "--dataset",
    "prostate",
    "--source",
    "phantom",
    "--architecture",
    "unet",
    "--fold",
    "0",
    *SETS,
    "--store",
    "s",
)
TRANSFORM = """
    from baselines.method import Transform

    class Negative(Transform):
        name, version = "negative", 2

        def draw(self, images, rng):
            return {}

        def apply(self, images, masks, drawn):
            return 1 - images, masks
"""


def example() -> str:
    return (ROOT / "examples" / "shaken.py").read_text(encoding="utf-8")


def write(path: Path, code: str) -> Path:
    path.write_text(textwrap.dedent(code))
    return path


def records(folder: Path) -> dict:
    found = [load_record(path) for path in (folder / "records").glob("*.json")]
    return {record.spec.method.label: record for record in found}


def test_the_example_runs(call, tmp_path):
    write(tmp_path / "shaken.py", example())
    code, out, err = call(
        *RUN, "--method", "shaken.py:Shaken", "--set", "generator.sampling.shift=3"
    )
    assert code == 0, err
    assert "shaken" in out
    record = records(tmp_path / "s")["shaken"]
    method = record.spec.method
    assert (method.name, method.version, method.own) == ("shaken", 1, True)
    assert (method.kind, method.joins) == ("shaken", "pairs")
    assert method.changed == {"sampling.shift": 3}
    assert record.spec.method.generator == {"sampling": {"shift": 3}}
    assert record.budget.synthetic_presentations == record.budget.real_presentations > 0
    assert set(record.split.generator) == set(record.split.train) and not set(
        record.split.generator
    ) & set(record.split.test)
    assert (
        "own_sha256"
        in next(stage for stage in record.stages if stage.stage == "fit-generator").results
    )
    again = (
        *RUN,
        "--method",
        f"{tmp_path}/shaken.py:Shaken",
        "--set",
        "generator.sampling.shift=3",
        "--dry-run",
    )
    assert "1 runs, 1 of them done" in call(*again)[1]


@pytest.mark.slow
def test_an_own_method_is_a_row_of_the_page(call, tmp_path):
    write(tmp_path / "shaken.py", example())
    assert call(*RUN, "--method", "shaken.py:Shaken")[0] == 0
    assert call(*RUN, "--method", "none")[0] == 0
    code, _, err = call("report", "--store", "s", "--out", "page")
    assert code == 0, err
    assert "shaken" in (tmp_path / "page" / "index.html").read_text()


def test_a_transform_of_ones_own_joins_every_batch(call, tmp_path):
    write(tmp_path / "negative.py", TRANSFORM)
    code, _, err = call(*RUN, "--method", "negative.py:Negative")
    assert code == 0, err
    assert call(*RUN, "--method", "none")[0] == 0
    found = records(tmp_path / "s")
    assert (
        set(found) == {"none", "negative v2"} and found["negative v2"].cases != found["none"].cases
    )
    assert found["negative v2"].budget == found["none"].budget
    code, _, err = call(*RUN, "--method", "negative.py:Negative", "--ratio", "2")
    assert code == 2 and "--ratio belongs to" in err


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('name, version = "shaken", 1', "version = 1"), "`name` = None"),
        (('"shaken", 1', '"emitdiff", 1'), "a built-in method has this name"),
        (('"shaken", 1', '"Sha ken", 1'), "`name` = 'Sha ken'"),
        (('"shaken", 1', '"shaken", 0'), "`version` = 0"),
        (
            ('joins = "pairs"', 'joins = "beside"'),
            "`joins` must be 'patches' or 'pairs', not 'beside'",
        ),
        (("settings = ShakenSettings", "settings = None"), "`settings` must be a subclass"),
        (
            ("settings = ShakenSettings", "settings = Settings"),
            "needs a valid default, which sampling lacks",
        ),
        (("def sample_batch(", "def draw("), "the class lacks sample_batch"),
        (
            ("class Shaken(Generator)", "class Shaken"),
            "is neither a baselines.method.Generator nor",
        ),
        (
            ("import numpy as np", "import nowhere_at_all"),
            "cannot be imported: ModuleNotFoundError",
        ),
        (("class Shaken(", "class Shaked("), "has no class 'Shaken' (did you mean 'Shaked'?)"),
    ],
)
def test_a_class_that_breaks_the_rules_is_said_before_anything_runs(call, tmp_path, change, says):
    write(tmp_path / "shaken.py", example().replace(*change))
    code, _, err = call(*RUN, "--method", "shaken.py:Shaken")
    assert code == 2 and says in err, err
    assert err.startswith("error: ") and "Traceback" not in err and err.count("error:") == 1
    assert not list((tmp_path / "s").glob("stages/*/*"))


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("nowhere.py:Shaken", "there is no such file"),
        ("nowhere_at_all:X", "ModuleNotFoundError"),
        ("a.py:", "is not of the form"),
        (":X", "is not of the form"),
    ],
)
def test_an_address_that_leads_nowhere(call, address, says):
    code, _, err = call(*RUN, "--method", address)
    assert code == 2 and says in err


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            ("return np.stack(images)", "return np.stack(images) / 255"),
            "returned images of float64",
        ),
        (("np.stack(masks)", "255 * np.stack(masks)"), "masks up to 255"),
        (
            ("return np.stack(images), np.stack(masks)", "return images, masks"),
            "returned images of list",
        ),
        (
            (
                'np.save(job.out / "images.npy", data.images)',
                "(job.out / \"images.pkl\").write_bytes(b'')",
            ),
            "wrote images.pkl",
        ),
    ],
)
def test_what_a_method_returns_and_writes_is_checked(call, tmp_path, change, says):
    write(tmp_path / "shaken.py", example().replace(*change))
    code, _, err = call(*RUN, "--method", "shaken.py:Shaken")
    assert code == 2 and says in err, err
    assert "Traceback" not in err


def test_a_setting_that_is_not_there_is_named(call, tmp_path):
    write(tmp_path / "shaken.py", example())
    code, _, err = call(*RUN, "--method", "shaken.py:Shaken", "--set", "generator.sampling.shft=3")
    assert code == 2 and "shft" in err


def test_two_files_of_one_name_do_not_share_results(tmp_path):
    text = example().replace('"shaken", 1', '"shaken-twice", 1')
    one = load_own(f"{write(tmp_path / 'a.py', text)}:Shaken")
    copy = load_own(f"{write(tmp_path / 'copy.py', text)}:Shaken")
    check_distinct([one, copy])
    other = load_own(f"{write(tmp_path / 'b.py', text + '# other')}:Shaken")
    with pytest.raises(InputError, match="are both called 'shaken-twice', version 1; rename one"):
        check_distinct([one, copy, other])


def test_the_content_of_the_file_is_no_part_of_the_key(tmp_path):
    text = example().replace('"shaken", 1', '"shaken-edited", 1')
    first = load_own(f"{write(tmp_path / 'a.py', text)}:Shaken")
    second = load_own(f"{write(tmp_path / 'a.py', text + '# a remark')}:Shaken")
    assert first.spec == second.spec and first.sha256 != second.sha256
    third = load_own(f"{write(tmp_path / 'a.py', text.replace(', 1 ', ', 2 '))}:Shaken")
    assert third.spec.reference == "own:shaken-edited@2"


def test_a_method_of_ones_own_is_told_by_its_version():
    spec = make_record().spec
    own = MethodSpec(name="mine", version=3, own=True)
    mine = spec.model_copy(update={"method": own})
    assert RunSpec.model_validate_json(mine.model_dump_json()) == mine and mine.key != spec.key
    assert method_labels([own], spec.preset) == ["mine v3"]
    assert own.reference == "own:mine@3"


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"name": "none", "own": True}, "a built-in method has this name"),
        ({"name": "x", "kind": "x"}, "says how its samples join"),
    ],
)
def test_what_a_method_cannot_be(values, says):
    with pytest.raises(ValueError, match=says):
        MethodSpec(**values)


@pytest.mark.parametrize(
    ("returned", "says"),
    [
        ("images, masks * 255", "masks with other values than 0 and 1"),
        ("images, masks + 1", "masks with other values than 0 and 1"),
        ("images * float('nan'), masks", "images that are not finite"),
        ("images.double(), masks", "made images of torch.float64 .2, 1, 4, 4. on cpu from torch.f"),
        ("images.to('meta'), masks", "made images of .* on meta from .* on cpu"),
        ("images.numpy(), masks", "made images of ndarray from"),
        (
            "images",
            "returned torch.float32 .2, 1, 4, 4. on cpu; a transform returns images and masks",
        ),
        ("images, masks, 1", "returned tuple of 3; a transform"),
        ("None", "returned NoneType; a transform"),
    ],
)
def test_what_a_transform_returns_is_checked(tmp_path, returned, says):
    import torch

    from baselines.transforms.augmenter import make_augmenter

    write(tmp_path / "a.py", TRANSFORM.replace("1 - images, masks", returned))
    own = load_own(f"{tmp_path / 'a.py'}:Negative")
    augment, rng = make_augmenter(own.spec.reference), torch.Generator().manual_seed(0)
    masks = torch.tensor([0, 1], dtype=torch.uint8).reshape(2, 1, 1).expand(2, 4, 4)
    with pytest.raises(InputError, match=says):
        augment(torch.ones(2, 1, 4, 4), masks, rng)


def test_a_file_that_ends_the_program_is_said(call, tmp_path):
    write(tmp_path / "a.py", "import sys\nsys.exit(0)\n" + textwrap.dedent(TRANSFORM))
    code, _, err = call(*RUN, "--method", "a.py:Negative")
    assert code == 2 and "a.py:Negative cannot be imported: SystemExit: 0." in err


def test_a_method_that_ends_the_program_has_failed(call, tmp_path):
    write(tmp_path / "a.py", TRANSFORM.replace("return 1 - images, masks", "raise SystemExit(0)"))
    code, _, err = call(*RUN, "--method", "a.py:Negative")
    assert code == 1 and "SystemExit: 0" in err
    assert [one.status for one in records(tmp_path / "s").values()] == ["failed"]


def test_links_are_no_files_of_a_generator(tmp_path):
    (tmp_path / "fit").mkdir()
    (tmp_path / "fit" / "images.npy").symlink_to("/etc/hostname")
    with pytest.raises(InputError, match="wrote images.npy"):
        close_fit("own:x@1", tmp_path / "fit", ["a"])


def test_samples_of_another_shape():
    import numpy as np

    with pytest.raises(InputError, match="x@1 returned masks of uint8"):
        check_samples(
            "x@1", np.zeros((2, 4, 4), np.uint8), np.zeros((2, 4, 5), np.uint8), (2, 4, 4)
        )
