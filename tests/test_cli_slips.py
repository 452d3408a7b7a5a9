"""Slips of the keys: huge numbers, odd digits, values that contradict each other, paths that the
machine refuses. Each ends at once, in one sentence, with exit code 2."""

import errno
import os

import pytest

import cli
from benchmark.core.errors import InputError
from benchmark.core.text_files import read_text

RUN = ("run", "--dataset", "breast", "--method", "unconditional", "--preset", "smoke", "--dry-run")


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--seeds 99999999999999999999999", "--seeds holds 99999999999999999999999; give numbers"),
        ("--seeds 9223372036854775808", "give numbers below 2^63"),
        ("--seeds 1_0", "--seeds 1_0 is not a list of whole numbers"),
        ("--seeds ١", "is not a list of whole numbers"),
        ("--fold 0_1", "--fold 0_1 is not a list of whole numbers"),
        ("--ratio 10000000", "--ratio 10000000 is more than 10000 variants"),
        ("--ratio 1_0", "--ratio 1_0: write the number plainly"),
        ("--alpha 0_1", "--alpha 0_1: write the number plainly"),
        ("--set n_folds=999999999", "n_folds=999999999: input should be less than or equal to"),
        ("--set phantom_cases=999999999", "phantom_cases=999999999: input should be less than"),
        ("--set epochs=9999999999", "epochs=9999999999: a number above 2147483647"),
        ("--set generator.steps=9999999999", "a number above 2147483647"),
        ("--set epochs=true", "epochs=true: input should be a number, not true or false"),
        ("--set generator.steps=yes", "generator.steps=true: input should be a number"),
        ("--set learning_rate=1_0", "the value cannot be read"),
        ("--set epochs=2 --set epochs=3", "--set epochs=2 and --set epochs=3 contradict"),
    ],
)
def test_slips_of_the_keys_end_at_once(call, words, says):
    code, _, err = call(*RUN, *words.split())
    assert code == 2 and err.startswith("error: ") and says in err, err


def test_the_same_setting_twice_is_no_contradiction(call):
    code, out, err = call(*RUN, "--set", "epochs=2", "--set", "epochs=2")
    assert code == 0 and "3 runs" in out, err


def test_a_suite_of_no_dataset_is_not_one_of_all(call):
    code, _, err = call("suite", "smoke", "--dataset", "", "--dry-run")
    assert code == 2 and "unknown dataset ''" in err


def test_paths_of_another_kind(call, tmp_path):
    code, _, err = call("data", "verify", "breast", "--data-root", "nowhere")
    assert code == 2 and "the data root nowhere does not exist" in err
    code, _, err = call("data", "preview", "breast", "--count", 1, "--out", tmp_path)
    assert code == 2 and "is a folder; --out is the file to write, a picture" in err
    (tmp_path / "file").touch()
    code, _, err = call("data", "preview", "breast", "--count", 1, "--out", "file/a.png")
    assert code == 2 and err.startswith("error: file") and err.endswith("give another path.")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_pipes_and_devices_are_not_read(call, tmp_path, make):
    for name in ("a.yaml", "a.whl", "dataset.json"):
        make(tmp_path / name)
    for words in (
        ("suite", "a.yaml", "--dry-run"),
        ("run", "--dataset", "breast", "--method", "none", "--source", "a.yaml", "--dry-run"),
        ("data", "fetch", "hed", "--from", "a.whl"),
        ("crosswalk", "a.yaml", "a.yaml"),
    ):
        code, _, err = call(*words)
        assert code == 2 and err.startswith("error: "), err
    with pytest.raises(InputError, match="dataset.json.*Is no file"):
        read_text(tmp_path / "dataset.json")


@pytest.mark.parametrize(
    "number, advice", [(errno.EACCES, "check its permissions"), (errno.ENOSPC, "free some space")]
)
def test_what_the_machine_refuses_is_one_sentence(call, monkeypatch, number, advice):
    def refuse(*_, **__):
        raise OSError(number, "refused", "a\nb")

    monkeypatch.setattr(cli, "_check_datasets_is_ours", refuse)
    code, _, err = call("doctor")
    assert (code, err) == (2, f"error: a b: refused; {advice}.")
    with pytest.raises(OSError, match="refused"):
        call("doctor", "--debug")


def test_an_error_of_the_program_keeps_its_traceback(call, monkeypatch):
    def broken():
        raise OSError(errno.EBADF, "no path's fault")

    monkeypatch.setattr(cli, "_check_datasets_is_ours", broken)
    with pytest.raises(OSError, match="no path's fault"):
        call("doctor")
