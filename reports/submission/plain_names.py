"""Names from outside that people read: no letter in them is invisible, and none makes a name look
like another's. Not here: which names are taken (reference_data.py)."""

import unicodedata

from reports.comparison.badges import BADGES

MAX_MARKS = 2  # on one letter
# Letters that are drawn as nothing, though they are neither blanks nor control characters.
_INVISIBLE = frozenset("\u115f\u1160\u2800\u3164\uffa0\u034f\u17b4\u17b5\u180b\u180c\u180d")
_SELECTORS = frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
# Letters, most of other scripts, that are drawn as a Latin letter or a digit (Unicode TS 39): small
# ones, and those of which the capital is.
_LOOK_ALIKE = {
    ord(letter): latin
    for latin, letters in {
        "a": "аɑαᴀ",
        "b": "вьβʙ",
        "c": "сϲᴄ",
        "d": "ԁᴅ",
        "e": "еεᴇ",
        "g": "ɡɢ",
        "h": "нһηհʜ",
        "i": "іıιɪ1lӏ|",
        "j": "јϳᴊ",
        "k": "кκᴋ",
        "m": "мμᴍ",
        "n": "νոɴ",
        "o": "оοօ0ᴏ",
        "p": "рρᴘ",
        "q": "ԛ",
        "s": "ѕꜱ",
        "t": "тτᴛ",
        "u": "սᴜ",
        "w": "ԝωᴡ",
        "x": "хχ",
        "y": "уүυʏ",
        "z": "ζᴢ",
    }.items()
    for letter in letters
}
_SCRIPTS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE")


def flaw(name: str) -> str:
    """What is wrong with a name that readers will see, '' where nothing is."""
    if not name:
        return "is empty"
    if " ".join(name.split()) != name or not name.isprintable():
        return "is not one line of text"
    if not _INVISIBLE.isdisjoint(name) or not _SELECTORS.isdisjoint(name):
        return "holds a letter that nobody sees"
    marks = 0
    for letter in unicodedata.normalize("NFC", name):
        marks = marks + 1 if unicodedata.category(letter) in ("Mn", "Me") else 0
        if marks > MAX_MARKS:
            return "stacks marks on one letter"
    if any(len(_scripts(word)) > 1 for word in name.split()):
        return "mixes the letters of several scripts in one word"
    return ""


def claimed(owner: str) -> str:
    """What is wrong with the name of an owner who claims what a board says, '' where nothing is."""
    words = folded(owner)
    taken = next((badge for badge in BADGES if folded(badge) in words), "")
    return f"holds '{taken}', which the board alone says" if taken else ""


def folded(name: str) -> str:
    """What is left of a name where case, blanks, punctuation, marks and the script of letters that
    look alike do not count: equal for names that a reader takes for each other."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold())
    shown = (letter for letter in plain.translate(_LOOK_ALIKE) if letter not in _INVISIBLE)
    return "".join(filter(str.isalnum, shown))


def _scripts(word: str) -> set[str]:
    names = (unicodedata.name(letter, "").partition(" ")[0] for letter in word if letter.isalpha())
    return {name for name in names if name in _SCRIPTS}
