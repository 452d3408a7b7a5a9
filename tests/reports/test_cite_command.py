"""`cite` on a store, on an empty folder, and with a method that is not there."""

import sys

import pytest

import cli
from tests.reports.made import MSD_PROSTATE, make_record


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
