"""What is known of a data set: published lists, images at hand, and sources that call themselves
something else."""

import numpy as np
import pytest
from PIL import Image

from benchmark.core.errors import InputError
from benchmark.record.splits import split_of
from benchmark.spec.run import SourceSpec
from datasets.folds import split_hash
from datasets.sources.base import SourceOptions
from datasets.sources.busi import BusiSource
from datasets.sources.open import open_source, published_as
from datasets.tasks.catalogue import TASKS
from reports.records.load import load_records
from reports.submission.findings import Refusal
from reports.submission.reference_data import Library
from reports.submission.splits import wrong_split
from reports.tables.named_numbers import ARCHIVE, PUBLISHED
from tests.reports.submission.made import tiny_spec

PUBLISHED_RECORDS = PUBLISHED / ARCHIVE / "smoke-64px"


def test_published_lists_hold_what_was_published():
    counts = {
        "MSD Task05_Prostate": 32,
        "MSD Task09_Spleen": 41,
        "BUSI (malignant)": 210,
        "BUSI (malignant and benign)": 647,
    }
    for title, count in counts.items():
        task, cases = published_as(title)
        assert task.title in ("Prostate MRI", "Spleen CT", "Breast ultrasound")
        assert len({case.id for case in cases}) == len(cases) == count and all(
            case.group == case.id for case in cases
        )
    assert published_as("PROMISE12") is published_as("BUSI (malignant, 147 of 210 images)") is None


@pytest.mark.parametrize(
    ("title", "ids", "says"),
    [
        (
            "BUSI (malignant, 2 of 210 images)",
            ["malignant (1)", "malignant (211)"],
            "holds no image 'malignant (211)'",
        ),
        (
            "BUSI (malignant, 2 of 210 images)",
            ["malignant (1)", "benign (1)"],
            "holds no image 'benign (1)'",
        ),
        (
            "BUSI (malignant, 3 of 210 images)",
            ["malignant (1)", "malignant (2)"],
            "2 of 210 images",
        ),
        ("BUSI (malignant)", ["malignant (1)", "malignant (01)"], "holds no image"),
        ("BUSI", ["malignant (1)"], "no subset of BUSI"),
    ],
)
def test_a_subset_of_busi_is_what_its_title_says(title, ids, says):
    with pytest.raises(ValueError) as raised:
        BusiSource.cases_of(TASKS["breast"].published, title, ids)
    assert says in str(raised.value)


def test_a_subset_of_busi_is_read_in_its_order(tmp_path):
    for name in ("malignant (10)", "malignant (2)", "benign (3)"):
        folder = tmp_path / name.split()[0]
        folder.mkdir(exist_ok=True)
        for suffix in ("", "_mask"):
            Image.fromarray(np.eye(8, dtype=np.uint8) * 255).save(folder / f"{name}{suffix}.png")
    options = SourceOptions(busi_class="both")
    source = open_source(
        "breast", "busi", tmp_path, phantom_cases=1, phantom_size=64, options=options
    )
    made = BusiSource.cases_of(
        TASKS["breast"].published, source.title, {case.id for case in source.cases()}
    )
    assert [(case.id, case.group, case.stratum) for case in made] == [
        (c.id, c.group, c.stratum) for c in source.cases()
    ]
    assert len(TASKS["breast"].published.cases) == 780


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"synthetic": False}, "only phantoms are synthetic"),
        ({"kind": "msd", "title": "x"}, "only phantoms are synthetic"),
        (
            {"kind": "msd", "title": "x", "synthetic": False},
            "dataset breast does not come from msd",
        ),
        (
            {"kind": "folder", "title": "BUSI (malignant)", "synthetic": False},
            "the name of another source",
        ),
        ({"kind": "folder", "title": "phantom", "synthetic": False}, "the name of another source"),
        (
            {"kind": "folder", "title": "MSD Task09_Spleen", "synthetic": False},
            "holds no breast cases",
        ),
        ({"title": "Phantom"}, "a phantom is called 'phantom'"),
        ({"fingerprint": "0" * 64}, "fingerprint is not that of this program's phantom"),
    ],
)
def test_a_source_cannot_pass_for_another(change, says):
    spec = tiny_spec()
    disguised = spec.model_copy(update={"source": SourceSpec(**spec.source.model_dump() | change)})
    with pytest.raises(Refusal, match=says):
        Library().known(disguised, [])


def test_a_data_root_that_is_none_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="is no folder"):
        Library([tmp_path / "nowhere"])


def busi_records():
    return [
        one for one in load_records([PUBLISHED_RECORDS]).records if one.spec.dataset == "breast"
    ]


def test_a_split_of_ones_own_choice_is_found_without_the_images():
    """An easy case moved from training to test, everything else made to fit."""
    records = busi_records()
    record = records[0]
    library = Library()
    assert list(wrong_split(record, library.known(record.spec, records))) == []
    split = record.split
    moved = {
        "train": (split.test[0], *split.train[1:]),
        "validation": split.validation,
        "test": (split.train[0], *split.test[1:]),
    }
    chosen = record.model_copy(
        update={"split": split.model_copy(update={**moved, "hash": split_hash(**moved)})}
    )
    told = list(wrong_split(chosen, library.known(record.spec, [chosen])))
    assert any("another split hash" in text for text in told) and any(
        "other test cases" in text for text in told
    )


def regrouped(record, copies):
    """The record with folds that keep `copies` together, as its spec then says."""
    protocol = record.spec.protocol.model_copy(update={"copies": "grouped"})
    spec = record.spec.model_copy(update={"protocol": protocol})
    drawn = split_of(spec, Library().known(record.spec, [record]).cases, copies)
    parts = {name: getattr(drawn, name) for name in ("hash", "train", "validation", "test")}
    split = record.split.model_copy(update=parts)
    return record.model_copy(update={"spec": spec, "copies": copies, "split": split})


def test_folds_that_keep_near_copies_together_are_drawn_again_with_the_records_clusters():
    record = busi_records()[0]
    known = Library().known(record.spec, [record])
    whole = regrouped(record, record.copies)
    assert whole.split.test != record.split.test and list(wrong_split(whole, known)) == []
    (told,) = wrong_split(regrouped(record, record.copies[1:]), known)
    assert "malignant (3)" in told and "known near copies that it does not keep together" in told
    other = whole.model_copy(update={"copies": (*whole.copies, ("malignant (1)", "nobody"))})
    (told,) = wrong_split(other, known)
    assert told == "nobody: a near copy, though no case of the data set"
    assert list(wrong_split(whole.model_copy(update={"split": record.split}), known))


def test_a_case_left_out_of_all_folds_is_found():
    records = busi_records()
    dropped = records[0].split.train[0]
    split = records[0].split
    less = split.model_copy(
        update={"train": tuple(case for case in split.train if case != dropped)}
    )
    with pytest.raises(Refusal, match="list different cases"):
        Library().known(
            records[0].spec, [records[0].model_copy(update={"split": less}), *records[1:]]
        )
    with pytest.raises(Refusal, match="146 of 210 images"):
        Library().known(records[0].spec, [records[0].model_copy(update={"split": less})])


@pytest.mark.data
def test_images_at_hand_are_found_by_their_fingerprint(data_root):
    records = load_records([PUBLISHED_RECORDS]).records
    library = Library([data_root / "promise12", data_root / "busi"])
    for record in records[:6]:
        known = library.known(record.spec, records)
        assert known.origin == "the images at hand" and list(wrong_split(record, known)) == []
        invented = record.model_copy(update={"copies": (("malignant (1)", "malignant (2)"),)})
        assert record.spec.dataset != "breast" or list(wrong_split(invented, known)) == [
            "its near copies are not those of the images at hand"
        ]
        row = record.cases[0]
        assert (
            int(library.truth(known.images, record.spec.source.fingerprint, row.case).mask.sum())
            == row.truth_voxels
        )
