"""`cite` on a store, on an empty folder, and with a method that is not there."""

import sys

import pytest

import cli
from tests.support.made_records import MSD_PROSTATE, make_record


@pytest.fixture
def cite(monkeypatch, capsys, tmp_path):
    """cite(words...) -> (exit code, stdout, stderr) with a store of one run."""
    record = make_record("none", source=MSD_PROSTATE)
    folder = tmp_path / "store" / "records"
    folder.mkdir(parents=True)
    (folder / f"{record.key}.json").write_text(record.model_dump_json())

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["cli.py", "cite", *words])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        return code, *capsys.readouterr()

    monkeypatch.chdir(tmp_path)
    return run


def test_bibtex_of_a_store_and_of_no_store(cite):
    code, shown, _ = cite()
    assert code == 0 and "@article{msd2022" in shown and "@software{augbench" in shown
    code, shown, _ = cite("--store", "nowhere")
    assert code == 0 and "@article{diffboost2025" in shown and "msd2022" not in shown


def test_numbers_and_a_method_that_is_not_there(cite):
    code, shown, _ = cite("--numbers")
    assert code == 0 and r"\begin{table}" in shown and "none & " in shown
    code, _, said = cite("--method", "emitdiff")
    assert code == 2 and said.startswith("error: no scored run of method 'emitdiff'")


def test_a_data_set_is_chosen(cite):
    code, shown, _ = cite("--numbers", "--dataset", "prostate")
    assert code == 0 and "none & " in shown
    code, _, said = cite("--numbers", "--dataset", "breast")
    assert code == 2 and "hold no finished run" in said
    code, _, said = cite("--dataset", "brest")
    assert code == 2 and "did you mean 'breast'?" in said
    assert "msd2022" not in cite("--dataset", "breast")[1]


def test_records_that_cannot_be_read_are_named(cite, tmp_path):
    (tmp_path / "store" / "records" / "broken.json").write_text("{")
    code, shown, said = cite("--numbers")
    assert code == 0 and "none & " in shown and "left out:" in said and "broken.json" in said
