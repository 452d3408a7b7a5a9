"""What lies in a folder of MSD layout instead of the files that its dataset.json names."""

import os
import re
from pathlib import Path

from benchmark.core.texts import some
from datasets.files.names import files_below, is_left_behind


def found_instead(folder: Path, name: str) -> str:
    """What to do about the missing file `name`, as the end of a sentence, by what lies there; ''
    where nothing like it does."""
    place, file = (folder / name).parent, Path(name).name
    stem = re.sub(r"(\.nii)?(\.gz)?$", "", file, flags=re.IGNORECASE)
    if not place.is_dir():
        return ""
    if os.path.lexists(folder / name):
        return f"{folder / name} leads to no file that can be opened: restore what it links to"
    names = sorted(path.name for path in place.iterdir() if not is_left_behind(path))
    if f"{stem}_0000{file[len(stem) :]}" in names:
        return (
            f"{place.name} is in nnU-Net's layout, one file per channel"
            f" ({stem}_0000{file[len(stem) :]}): give the files of the channel to use the names in"
            f" dataset.json"
        )
    if deeper := [path for path in files_below(place) if path.name == file]:
        where = deeper[0].relative_to(folder).as_posix()
        return f"it lies in a subfolder ({where}): write that name in dataset.json"
    like = [one for one in names if re.match(rf"{re.escape(stem)}(?![0-9A-Za-z])", one)]
    if like:
        return f"the folder holds {some(like)} instead: write that name in dataset.json"
    return ""
