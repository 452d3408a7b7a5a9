"""Commands in the README and the docs: each one parses; each one is run here, or by another test,
or it is named with what it needs. And the pages themselves: short, complete, without dead links."""

import re
import shlex
from pathlib import Path

import pytest
import typer
import yaml

import cli
from tests.test_layers import ROOT

PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "reports" / "published" / "README.md",
    ROOT / "reports" / "published" / "archive" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
BLOCK = re.compile(r"```[a-z]*\n(.*?)```", re.DOTALL)
INLINE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
STARTS = re.compile(
    r"(OMP_NUM_THREADS=1 )?(\.venv/bin/)?(python |make |augbench |docker |apptainer )"
)
# Run by the test below, in a folder whose store/ holds published records.
RUN_HERE = {
    "python cli.py --version",
    "python cli.py cite",
    "python cli.py cite --numbers",
    "python cli.py compare emitdiff none",
    "python cli.py compare mirror none --store reports/published/gpu-384px",
    "python cli.py data list",
    "python cli.py data preview breast --source phantom",
    "python cli.py list methods",
    "python cli.py list settings",
    "python cli.py list suites",
    "python cli.py power",
    "python cli.py power --store reports/published/gpu-384px",
    "python cli.py show 28efa665 --store reports/published/gpu-384px",
    "python cli.py status",
    "python cli.py suite table2 --preset compact --dry-run",
}
# Why a command is not run here: another test runs it with small numbers, or what it needs.
ELSEWHERE = {
    r"cli.py audit": "tests/test_folder_of_images.py",
    r"--method folder:|examples/outside_tool.py": "tests/test_folder_of_images.py",
    r"cli.py crosswalk": "tests/test_cli.py",
    r"cli.py doctor": "tests/test_cli.py",
    r"cli.py gc": "tests/benchmark/store/test_garbage.py",
    r"cli.py leaderboard": "tests/test_leaderboard.py",
    r"cli.py report( --store \S+)?$": "tests/test_cli.py",
    r"cli.py report --numbers": "tests/reports/tables/test_marked_pages.py",
    r"cli.py cite --format": "tests/reports/formats/test_formats.py",
    r"cli.py power": "tests/reports/tables/test_power.py",
    r"cli.py show KEY": "tests/test_cli_words.py",
    r"cli.py stage": "tests/test_cli.py",
    r"cli.py verify": "tests/test_cli.py",
    r"cli.py data prepare": "tests/datasets/fetching/test_metaimage.py",
    r"--method (examples/shaken|mine)\.py": "tests/test_own_method.py",
    r"cli.py suite (NAME|smoke|table1)": "tests/benchmark/planning/test_suite.py",
    r"augbench ": "tests/test_cli_words.py",
    r"make (test|test-all|lint|smoke|fuzz|bench)\b": ".github/workflows/ci.yml",
    r"make demo": ".github/workflows/ci.yml",
    r"make site": ".github/workflows/pages.yml",
    r"^(docker|apptainer) ": ".github/workflows/containers.yml",
    r"-m tests.support.metric_table": "tests/support/metric_table.py",
    r"-m pytest": "tests/benchmark/store/test_store.py",
    r"tests[./]bench": "tests/bench",
}
NEEDS = {
    r"data fetch|make mutants": "a download",
    r"--engine ray": "several machines",
    r"--preset paper|breast-384|make bench-gpu": "a GPU",
    r"--data-root|data verify": "a download, real images",
}


def commands(page: Path) -> set[str]:
    """The commands of a page, those of code blocks and those in a line, with single spaces."""
    text = page.read_text("utf-8")
    lines = [
        line.partition(" # ")[0]
        for block in BLOCK.findall(text)
        for line in block.replace("\\\n", " ").splitlines()
    ]
    found = [*lines, *INLINE.findall(BLOCK.sub("", text))]
    return {" ".join(one.split()) for one in found if STARTS.match(" ".join(one.split()))}


ALL = sorted({command for page in PAGES for command in commands(page)})


def reason(command: str) -> str | None:
    for patterns in (NEEDS, ELSEWHERE):
        for pattern, text in patterns.items():
            if re.search(pattern, command):
                return text
    return None


def test_pages_have_commands():
    assert len(ALL) > 50 and set(ALL) >= RUN_HERE


@pytest.mark.parametrize("command", ALL)
def test_every_command_is_run_by_a_test_or_named_with_what_it_needs(command):
    bare = re.fullmatch(r"(\.venv/bin/)?python( cli\.py)?", command)
    said = reason(command)
    assert command in RUN_HERE or bare or said, "run it in RUN_HERE, or say what it needs"
    if said and "/" in said:
        assert (ROOT / said).exists()


@pytest.mark.parametrize("command", [one for one in ALL if " cli.py " in one])
def test_every_command_of_the_program_parses(command):
    words = shlex.split(re.sub(r"\[[^\]]*\]", "", command).partition(" cli.py ")[2])
    group = typer.main.get_command(cli.app)
    context = group.make_context("cli.py", [words[0]], resilient_parsing=True)
    while hasattr(group, "commands"):
        if words[0].startswith("--"):  # --version, --help
            assert any(words[0] in one.opts for one in group.params)
            return
        assert words[0] in group.commands, f"no command {words[0]}"
        group, words = group.commands[words[0]], words[1:]
    known = {flag for one in group.get_params(context) for flag in one.opts}
    assert {word for word in words if word.startswith("--")} <= known


@pytest.mark.parametrize("command", [one for one in ALL if one.startswith("make ")])
def test_every_target_of_make_is_there(command):
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert command.split()[1] in targets


@pytest.mark.parametrize("command", sorted(RUN_HERE))
def test_commands_of_the_pages_end_well(command, call, tmp_path):
    (tmp_path / "reports").symlink_to(ROOT / "reports")
    store = tmp_path / "store"
    store.mkdir()
    (store / "records").symlink_to(ROOT / "reports" / "published" / "cpu-128px" / "records")
    code, out, err = call(*shlex.split(command.partition(" cli.py ")[2]))
    assert code == 0 and out, err


def test_the_readme_is_short_and_keeps_its_two_commands():
    text = (ROOT / "README.md").read_text("utf-8")
    words = re.sub(r"<!--.*?-->", "", text).split()
    assert len(words) <= 900 and text.count("\n") <= 150
    assert "make demo" in text and "make test" in text


def test_every_page_of_the_docs_stands_in_the_menu_of_the_site():
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))

    def files(entry):
        if isinstance(entry, str):
            return [entry]
        parts = entry.values() if isinstance(entry, dict) else entry
        return [file for part in parts for file in files(part)]

    listed = files(config["nav"])
    assert sorted(listed) == sorted(path.name for path in (ROOT / "docs").glob("*.md"))
    assert config["strict"] is True and config["theme"]["font"] is False


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda path: path.name)
def test_links_to_a_heading_lead_to_one(page):
    for target, anchor in re.findall(r"\]\(([^)#]*)#([^)]+)\)", page.read_text("utf-8")):
        if target.startswith("http"):
            continue
        text = ((page.parent / target) if target else page).read_text("utf-8")
        heads = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        slugs = {re.sub(r"[^a-z0-9 -]", "", head.lower()).replace(" ", "-") for head in heads}
        assert anchor in slugs
