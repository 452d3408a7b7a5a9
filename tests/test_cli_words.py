"""The words around a run: help, lists, version, completion, comparisons, single runs, quick
looks."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.planning.suite import suite_names
from benchmark.spec.protocol import Protocol

ROOT = Path(__file__).resolve().parent.parent
GPU = ROOT / "reports" / "published" / "gpu-384px"
PANELS = ("What", "Method", "Data", "Rules", "Engine", "Output")


def test_the_help_of_run_has_six_panels_and_two_examples_in_sixty_lines():
    done = subprocess.run(
        [sys.executable, "cli.py", "run", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"COLUMNS": "80", "TERMINAL_WIDTH": "80"},
    )
    lines = done.stdout.splitlines()
    assert len(lines) <= 60 and "<bool>" not in done.stdout
    assert [line.split()[1] for line in lines if line.startswith("╭")] == list(PANELS)
    assert sum(line.strip().startswith("python cli.py run") for line in lines) == 2


def test_without_the_packages_one_sentence_says_what_to_do(tmp_path):
    (tmp_path / "typer.py").write_text("raise ModuleNotFoundError(name='typer')")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import cli"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("error: the package typer is not installed")
    assert done.stderr.count("\n") == 1 and "make install" in done.stderr


def test_a_shell_completes_the_commands():
    asked = {
        "AUGBENCH_COMMAND": "augbench",
        "_AUGBENCH_COMPLETE": "complete_bash",
        "COMP_WORDS": "augbench com",
        "COMP_CWORD": "1",
    }
    done = subprocess.run(
        [sys.executable, "cli.py"], cwd=ROOT, capture_output=True, text=True, env=os.environ | asked
    )
    assert done.stdout.split() == ["compare"], done.stderr


def test_the_version_names_the_program(call):
    code, out, _ = call("--version")
    assert code == 0 and out.startswith("augbench 0.")


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("methods", ("none", "classic", "unconditional", "pix2pix", "stable-diffusion")),
        ("transforms", ("mirror", "deepstack", "stack")),
        ("architectures", ("attention-unet", "unetr", "smp:DECODER:ENCODER")),
        ("suites", (*suite_names(), "hardware: one GPU", "expected:")),
        ("settings", (*Protocol.model_fields, "epochs", "generator.sampling.steps")),
        ("datasets", ("prostate", "breast", "CC BY 4.0")),
    ],
)
def test_lists_hold_every_word(call, what, words):
    code, out, _ = call("list", what)
    assert code == 0 and [word for word in words if word not in out] == []


def test_an_unknown_setting_names_the_nearest_ones_and_the_list(call):
    words = ("run", "--dataset", "prostate", "--method", "none", "--set", "epoch=3")
    code, _, err = call(*words)
    assert code == 2 and "did you mean 'epochs'?" in err and "`python cli.py list settings`" in err
    assert len(err) < 300


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--seeds", "0", "--seeds", "1"), "--seeds is given 2 times"),
        (("--set", "generator.step=3"), "generator.step: no generator has it (did you mean"),
    ],
)
def test_words_of_which_only_one_or_none_would_count_are_refused(call, words, told):
    code, _, err = call("run", "--dataset", "prostate", "--method", "none", "--dry-run", *words)
    assert code == 2 and told in err and err.count("\n") <= 2


def test_two_methods_are_compared_from_the_records(call):
    code, out, _ = call("compare", "mirror", "none", "--store", GPU)
    assert code == 0
    assert "+9.6 [" in out and "too few runs" in out and "could show" in out


def test_rows_are_named_shortly_and_their_shared_settings_stand_once(call):
    store = GPU.with_name("cpu-128px")
    code, out, _ = call("compare", "emitdiff, n = 10", "none", "--store", store)
    assert code == 0 and "│ emitdiff, n = 10 │ none │" in out
    assert out.count("learning_rate") == 1 and "from scratch; alpha = 0.6" in out
    code, _, err = call("compare", "emitdif", "none", "--store", store)
    assert code == 2 and "nearest are: emitdiff, " in err and len(err) < 250


def test_methods_that_no_comparison_has_are_refused(call):
    code, _, err = call("compare", "mirror", "pix2pix", "--store", GPU)
    assert code == 2 and "both 'mirror' and 'pix2pix'; there are: mirror, none." in err


def test_one_run_is_shown_by_the_first_letters_of_its_key(call):
    code, out, _ = call("show", "28efa665", "--store", GPU)
    assert code == 0
    for text in ("classic mirror", "70.4 ± 17.5", "malignant (80)", "fit-segmenter", "1d5fed35f0"):
        assert text in out
    assert "python cli.py run --dataset breast --source busi" in out
    code, _, err = call("show", "00", "--store", GPU)
    assert code == 2 and "no record has a key that begins with '00'" in err


def test_published_records_have_a_status_and_are_verified(call, tmp_path):
    shutil.copytree(GPU, tmp_path / "gpu")
    code, out, _ = call("status", "--store", "gpu")
    assert code == 0 and "6 done, 0 running" in out
    code, out, _ = call("verify", "--store", "gpu")
    assert code == 0 and "6 records read, 0 stages sound" in out and "themselves alone" in out


def test_a_quick_look_stands_beside_none_of_its_own_and_in_no_table_of_results(call, tmp_path):
    small = ("phantom_cases=9", "epochs=1", "validation_share=0.3")
    run = ("run", "--source", "phantom", "--dataset", "breast", "--preset", "smoke", "--fold", "0")
    run += ("--device", "cpu", "--architecture", "unet", "--store", "s")
    run += tuple(word for text in small for word in ("--set", text))
    assert call(*run, "--method", "none")[0] == 0
    mirror = (*run, "--method", "classic", "--transform", "mirror", "--limit", "6")
    code, out, err = call(*mirror)
    assert code == 0, err
    assert "a quick look at 6 of 9 cases" in out
    command = out.partition("nothing to compare with yet: python cli.py ")[2].partition(" Next:")[0]
    assert "--limit 6 --method none" in command and "--store s" in command
    assert call(*command.split(), "--device", "cpu")[0] == 0
    code, out, _ = call(*mirror)
    assert "classic mirror - none: " in out and "too few runs (1 fold, 1 seed)" in out
    code, out, err = call("leaderboard", "submit", "--out", "mine.zip", "--store", "s")
    assert code == 0 and "1 runs" in out, err


def test_data_list_and_preview(call, tmp_path):
    code, out, _ = call("data", "list")
    assert code == 0 and "prostate" in out and "breast" in out
    code, out, err = call("data", "preview", "breast", "--source", "phantom", "--count", "4")
    assert code == 0 and (tmp_path / "preview.png").stat().st_size > 10_000
