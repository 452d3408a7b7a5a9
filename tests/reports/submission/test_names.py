"""Names from outside: none looks like another's, none hides a letter, none claims what the board
says."""

import pytest

from benchmark.spec.run import SourceSpec
from reports.submission.findings import Refusal
from reports.submission.plain_names import claimed, flaw, folded
from reports.submission.reference_data import Library
from tests.reports.submission.made import put, tiny_spec


@pytest.mark.parametrize(
    "title",
    [
        "BUSI (malignant)",
        "BUSI (malignant) ",
        "busi (malignant)",
        "BUSI  (malignant)",
        "BUSI (malignant, 5 of 210 images)",
        "BUSI-malignant",
        "BUSI",
        "BUSI (malignant), cleaned",
        "ＢＵＳＩ (malignant)",
        "BUSI\u3164(malignant)",
        "BU\u034fSI (malignant)",
        "BU\u200bSI (malignant)",
        "BUSІ (malignant)",  # Ukrainian I
        "ВUSI (malignant)",  # Cyrillic V
        "𝐁𝐔𝐒𝐈 (malignant)",
        "ʙᴜꜱɪ (malignant)",
        "BÚSI (malignant)",
        "phantom",
        "Phantom",
        "phаntom",
        "phan tom",
        "msd task09_spleen",
        "MSD Task05 Prostate",
        "\u00a0phantom",
        "",
        " ",
        "a\nb",
        "mine\u2800",
        "ours\ufe0f",
        "a" + "\u0301" * 4,
    ],
)
def test_a_title_that_readers_take_for_another(title):
    source = SourceSpec(
        kind="folder", title=title, licence="CC0", fingerprint="5" * 64, synthetic=False
    )
    spec = tiny_spec().model_copy(update={"source": source})
    with pytest.raises(Refusal):
        Library().known(spec, [])


@pytest.mark.parametrize(
    "title",
    ["PROMISE12", "Our clinic's images", "Унив. клиника", "病院の画像", "Hôpital, phantoms 2"],
)
def test_titles_of_ones_own(title):
    source = SourceSpec(
        kind="folder", title=title, licence="CC0", fingerprint="5" * 64, synthetic=False
    )
    spec = tiny_spec().model_copy(update={"source": source})
    assert Library().known(spec, []).cases is None


def test_a_licence_is_given_and_a_fingerprint_is_one(edited):
    source = SourceSpec(
        kind="folder", title="ours", licence="", fingerprint="5" * 64, synthetic=False
    )
    spec = tiny_spec().model_copy(update={"source": source})
    with pytest.raises(Refusal, match="the licence of its source, '', is empty"):
        Library().known(spec, [])
    for text in ("", "7777", "g" * 64, "A" * 64):
        (reason,) = edited(put("spec", "source", "fingerprint", to=text), rekey=True).reasons
        assert "field spec.source.fingerprint" in reason


@pytest.mark.parametrize(
    ("owner", "says"),
    [
        ("A\u3164Author", "holds a letter that nobody sees"),
        ("A\u200bAuthor", "control characters and halves of letters"),
        ("A\u202eAuthor", "holds U+202E (RIGHT-TO-LEFT OVERRIDE)"),
        ("A\u00a0Author", "is not one line of text"),
        ("A. Author ", "is not one line of text"),
        ("A" + "\u0336" * 5, "stacks marks on one letter"),
        ("А. Аuthor", "mixes the letters of several scripts in one word"),
        ("A. Author verified", "holds 'verified', which the board alone says"),
        ("A. Author (VERIFIED)", "holds 'verified'"),
        ("A (ｖｅｒｉｆｉｅｄ)", "holds 'verified'"),
        ("as  submitted by A", "is not one line"),
        ("As-Submitted", "holds 'as submitted'"),
    ],
)
def test_owners_that_are_refused(stated, owner, says):
    (reason,) = stated(put("owner", to=owner)).reasons
    assert says in reason


@pytest.mark.parametrize("owner", ["", "A. Author", "Анна Автор", "Nguyễn Văn A", "著者", "O'B-C"])
def test_owners_of_all_languages(stated, owner):
    assert stated(put("owner", to=owner)).valid


def test_what_counts_of_a_name():
    assert folded("BUSI (malignant)") == folded("b u.s.i MALIGNANT") == folded("ВUЅІ malignant")
    assert folded("phantom 1") != folded("phantom 2")
    assert flaw("A. Author") == "" == claimed("A. Author")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("paper", "its preset is called paper and has the numbers of smoke"),
        ("compact", "its preset is called compact and has the numbers of smoke"),
        ("compact:..-_", "its preset is called compact:..-_"),
        ("mine", "its preset is called mine and has the numbers of smoke"),
        ("", "its preset is called "),
    ],
)
def test_a_preset_is_called_by_its_numbers(edited, name, says):
    (reason,) = edited(put("spec", "preset", "name", to=name)).reasons
    assert says in reason


@pytest.mark.parametrize("value", [0, -5, 1, 3, 2.0, True, None, "2"])
def test_the_schema_is_a_number(edited, value):
    assert "has record schema" in edited(put("schema_version", to=value)).reasons[0]


@pytest.mark.parametrize("value", [0, 2, 1.0, True, None, "1"])
def test_the_version_of_the_manifest_is_a_number(stated, value):
    assert "field version" in stated(put("version", to=value)).reasons[0]


@pytest.mark.parametrize("blank", ["\u202f", "\u00a0", "\u2009", "\u3000"])
def test_blanks_of_other_widths_in_the_names_of_files(edited, blank):
    """As macOS writes them into the names of screenshots."""

    def rename(record):
        old, new = record["split"]["train"][0], f"Screenshot at 0.10{blank}PM"
        for name in ("train", "generator"):
            record["split"][name] = [new if case == old else case for case in record["split"][name]]

    # it is another case than the phantom has, and so refused for that alone
    assert not any("control" in reason for reason in edited(rename).reasons)


@pytest.mark.parametrize(
    ("letter", "says"),
    [("\u202e", "U+202E (RIGHT-TO-LEFT OVERRIDE)"), ("\x1b", "U+001B"), ("\ud800", "U+D800")],
)
def test_letters_that_are_refused_are_named(edited, letter, says):
    (reason,) = edited(put("cases", 0, "case", to=f"case{letter} 1")).reasons
    assert "the text 'case" in reason and f"holds {says};" in reason
