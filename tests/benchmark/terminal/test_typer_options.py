"""Options of the command line are fields of dataclasses: one more field is one more option."""

from dataclasses import MISSING, dataclass
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from benchmark.core.errors import ExitCode, InputError
from benchmark.core.options import option, words_of
from benchmark.planning.options import Request
from benchmark.terminal.typer_options import Changes, Given, PanelCommand, with_options

PANEL = "A panel of its own"


@dataclass(frozen=True, kw_only=True)
class Longer(Request):
    """What a run is, and one field more."""

    patience: int = option(7, "how long to wait", PANEL, metavar="DAYS", least=2)


@dataclass(frozen=True)
class Kinds:
    """One field of each kind."""

    many: tuple[str, ...] = option((), "words", PANEL, flag="--word")
    numbers: tuple[int, ...] = option(
        (1,),
        "a list",
        PANEL,
        metavar="LIST",
        default_text="1",
        parse=lambda text: tuple(map(int, text.split(","))),
    )
    place: Path | None = option(None, "a folder", PANEL)
    yes: bool = option(False, "a flag", PANEL)
    share: float = option(0.5, "a number", PANEL)


def invoke(command, *words: str):
    app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode="rich")
    app.command(cls=PanelCommand)(with_options(command))
    return CliRunner().invoke(app, list(words), env={"COLUMNS": "100"})


def received(kind, *words: str):
    """(what the command was given for a parameter of type `kind`, how the call ended)."""
    got = []

    def command(value: kind) -> ExitCode:
        got.append(value)
        return ExitCode.FAILED

    result = invoke(command, *words)
    return (got or [None])[0], result


def test_a_field_more_is_an_option_more_with_its_help_and_panel():
    must = ("--dataset", "prostate", "--method", "none")
    value, result = received(Longer, *must, "--patience", "9")
    assert result.exit_code == 1 and value == Longer(dataset="prostate", method="none", patience=9)
    assert received(Longer, *must)[0].patience == 7
    assert received(Longer, *must, "--patience", "1")[1].exit_code == 2
    shown = received(Longer, "--help")[1].output
    before, _, panel = shown.partition(PANEL)
    assert "--patience" not in before and "--dataset" in before + panel
    for text in ("--patience", "DAYS", "how long to wait", "[default: 7]", "x>=2"):
        assert text in panel


def test_each_kind_of_field_is_read_as_its_type():
    words = ("--word", "a", "--word", "b", "--numbers", "3,4", "--place", "x", "--yes")
    assert received(Kinds, *words, "--share", "0.25")[0] == Kinds(
        ("a", "b"), (3, 4), Path("x"), True, 0.25
    )
    assert received(Kinds)[0] == Kinds()


def test_given_tells_what_the_call_named_even_where_it_is_the_default():
    assert received(Given[Kinds], "--share", "0.5")[0].values == {"share": 0.5}
    assert received(Given[Kinds])[0].make(share=0.1) == Kinds(share=0.1)
    assert received(Given[Kinds], "--share", "0.2")[0].make(share=0.1) == Kinds(share=0.2)


def test_the_help_of_changes_names_no_defaults():
    assert "[default: 0.5]" in received(Given[Kinds], "--help")[1].output
    assert "default" not in received(Changes[Kinds], "--help")[1].output


def test_what_must_be_given_is_said():
    result = received(Longer, "--method", "none")[1]
    assert result.exit_code == 2 and "--dataset" in result.output


def test_an_input_error_of_a_parser_reaches_the_caller():
    def refuse(text: str) -> int:
        raise InputError(f"--n {text} is odd.")

    @dataclass(frozen=True)
    class Odd:
        n: int = option(MISSING, "a number", PANEL, parse=refuse)

    with pytest.raises(InputError, match="--n 3 is odd"):
        raise received(Odd, "--n", "3")[1].exception


def test_words_say_what_a_dataclass_holds():
    assert words_of(Kinds(share=0.1, yes=True), Kinds)[-3:] == ["--yes", "--share", "0.1"]


def test_a_list_is_given_once_and_other_options_as_often_as_one_likes():
    words = ("--word", "a", "--yes", "--word", "b", "--yes", "--share", "1", "--share", "0")
    value, _ = received(Kinds, *words)
    assert value == Kinds(many=("a", "b"), yes=True, share=0.0)
    value, result = received(Kinds, "--numbers", "1", "--word", "a", "--numbers", "2")
    assert value is None and isinstance(result.exception, InputError)
    assert "--numbers is given 2 times" in str(result.exception)
