"""The page in Chromium: it draws, light and dark, wide and narrow."""

import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from reports.page import build
from tests.reports.made import make_record

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
)  # fmt: skip
pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    records = [make_record(method, fold=fold) for method in ("none", "emitdiff") for fold in (0, 1)]
    return build(records, [], tmp_path_factory.mktemp("report"))


def screenshot(page, folder, width, *flags):
    """The page as RGB (height, width, 3)."""
    picture = folder / "page.png"
    command = [CHROMIUM, *FLAGS, *flags, f"--user-data-dir={folder / 'profile'}", f"--window-size={width},7800",
               f"--screenshot={picture}", page.as_uri()]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return np.asarray(Image.open(picture).convert("RGB")).astype(int)


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_drawn_with_its_figures(page, tmp_path, width):
    image = screenshot(page, tmp_path, width)
    assert image.shape[1] == width
    assert image[:40, :8].mean() > 240
    assert (image < 100).all(-1).mean() > 0.003  # text
    green = (np.abs(image - (127, 206, 185)) < 12).all(-1)  # the box of emitdiff, half-transparent on white
    assert green.sum() > 200
    assert (image[:, -4:] > 200).all()  # nothing runs over the right edge


def test_the_page_follows_a_dark_desktop(page, tmp_path):
    image = screenshot(page, tmp_path, 1280, "--blink-settings=preferredColorScheme=0")
    assert image[:40, :8].mean() < 60
    assert (image > 220).all(-1).mean() > 0.005  # light text
