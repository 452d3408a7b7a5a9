"""The picture of the board for the README: the first screen of a report, as WebP.

    python -m tests.support.board_picture site/board docs/board.webp

`make picture` makes it of the published records.
"""

import sys
import tempfile
from pathlib import Path

from PIL import Image

from tests.support.browser import Browser

SIZE = 1280, 860  # of the window, CSS pixels
MOST_BYTES = 300_000


def take(report: Path, out: Path) -> Path:
    """Writes the first screen of report/index.html to `out`, smaller than MOST_BYTES."""
    with tempfile.TemporaryDirectory() as folder:
        with Browser(Path(folder) / "profile", SIZE) as browser:
            browser.prefer("light")
            browser.open(report / "index.html")
            shot = browser.picture(Path(folder) / "shot.png", whole=False)
        Image.open(shot).convert("RGB").save(out, quality=82, method=6)
    assert out.stat().st_size < MOST_BYTES, f"{out} has {out.stat().st_size} bytes"
    return out


if __name__ == "__main__":
    take(Path(sys.argv[1]), Path(sys.argv[2]))
