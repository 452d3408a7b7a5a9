"""Writes a folder of synthetic images as another tool would."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image


def write_made(
    folder: Path, pairs: Mapping[str, tuple[np.ndarray, np.ndarray]], manifest: str = ""
) -> Path:
    """images/NAME.png and masks/NAME.png of each (image, mask), and manifest.yaml if it is
    given."""
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for name, (image, mask) in pairs.items():
        Image.fromarray(image).save(folder / "images" / f"{name}.png")
        Image.fromarray(mask.astype(np.uint8) * 255).save(folder / "masks" / f"{name}.png")
    if manifest:
        (folder / "manifest.yaml").write_text(manifest, encoding="utf-8")
    return folder
