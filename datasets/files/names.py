"""Names of files: as folders have them, whatever the Unicode form in which they were written down,
and without the files that systems leave behind."""

from itertools import chain, islice
from pathlib import Path

from benchmark.core.text_files import plain_text

_LEFT_BEHIND = (
    "__MACOSX",
    "Thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "Icon\r",
    "$RECYCLE.BIN",
    "System Volume Information",
    "#recycle",
    "lost+found",
)
_STARTS = (".", "~$", "@eaDir", "@Syno")  # hidden; of an open office file; of a network disk


def is_left_behind(path: Path) -> bool:
    """Whether a file or folder is hidden, or one that a system makes beside others (".DS_Store",
    "._a.png", "Thumbs.db")."""
    return path.name.startswith(_STARTS) or path.name in _LEFT_BEHIND


def is_file(path: Path) -> bool:
    """Whether a path leads to a file; not where links go round in circles or nobody may look."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """As `is_file`, of folders."""
    try:
        return path.is_dir()
    except OSError:
        return False


def files_below(folder: Path) -> list[Path]:
    """Files of the subfolders, two levels deep; the first 2000, as a folder may be a whole disk."""
    found = chain.from_iterable(folder.glob(pattern) for pattern in ("[!._]*/*", "[!._]*/[!._]*/*"))
    return [path for path in islice(found, 2000) if _is_meant(path, folder) and is_file(path)]


def _is_meant(path: Path, folder: Path) -> bool:
    """Whether neither the file nor a folder above it was left behind."""
    below = path.relative_to(folder)
    return not any(is_left_behind(part) for part in (below, *below.parents[:-1]))


def as_on_disk(path: Path) -> Path:
    """The path whose parts are spelt as the folders have them: "\u00e9" may be stored as "e" with
    an accent of its own, and a plain space as a narrow one. The path itself where nothing fits."""
    try:
        if path.exists() or path.parent == path:
            return path
        parent = as_on_disk(path.parent)
        wanted = plain_text(path.name)
        fitting = [entry for entry in parent.iterdir() if plain_text(entry.name) == wanted]
    except (OSError, ValueError):
        return path
    return fitting[0] if len(fitting) == 1 else path
