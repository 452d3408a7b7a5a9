"""What a command writes never takes the place of something else: a text, a folder, a pipe, a page
of somebody else."""

import os

import pytest

from benchmark.core.errors import InputError
from benchmark.core.files import check_replaceable, made_folder
from reports.pages.site import check_folder

PREVIEW = ("data", "preview", "breast", "--count", "1", "--out")


def test_a_file_of_another_kind_stays(call, tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    code, _, err = call(*PREVIEW, "thesis.tex")
    assert code == 2 and "thesis.tex is there already and is no picture; give another file" in err
    assert (tmp_path / "thesis.tex").read_text() == "mine"


def test_an_older_file_of_the_kind_and_an_empty_one_are_replaced(call, tmp_path):
    (tmp_path / "a.png").touch()
    assert call(*PREVIEW, "a.png")[0] == 0
    assert call(*PREVIEW, "a.png")[0] == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_no_file_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("pipe", "link"):
        with pytest.raises(InputError, match=f"{name} is there already and is no submission"):
            check_replaceable(tmp_path / name, b"PK", "submission")
    with pytest.raises(InputError, match="is a folder; --out is the file to write, a submission"):
        check_replaceable(tmp_path, b"PK", "submission")
    check_replaceable(tmp_path / "new", b"PK", "submission")


def test_a_report_does_not_take_the_place_of_another_page(tmp_path):
    check_folder(tmp_path / "new")
    (tmp_path / "index.html").write_text("<title>my home page</title>")
    with pytest.raises(InputError, match="index.html is there already and is no report of this"):
        check_folder(tmp_path)
    (tmp_path / "index.html").write_text("<title>Results augbench</title>")
    check_folder(tmp_path)
    with pytest.raises(InputError, match="index.html is a file; give a folder by --out"):
        check_folder(tmp_path / "index.html")


def test_a_place_for_predictions_is_tried_before_anything_is_computed(call, tmp_path):
    (tmp_path / "file").touch()
    words = ("run", "--dataset", "breast", "--method", "none", "--preset", "smoke")
    code, _, err = call(*words, "--save-predictions", "file", "--store", "s")
    assert code == 2 and "file is no folder that can be written" in err
    assert "--save-predictions" in err and not list((tmp_path / "s").glob("stages/*/*"))
    made_folder(tmp_path / "a" / "b", "--save-predictions")
    assert (tmp_path / "a" / "b").is_dir()
