"""The images of pre-training: a folder modality/organ/category/*.png, as RadImageNet is laid out
(paper III-B).

The three folder names become the prompt "modality, organ, category". Not here: the training. No
torch here.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from baselines.stable.weights import SHA256
from benchmark.core.errors import InputError
from datasets.files import raster
from datasets.files.fingerprint import folder_fingerprint
from datasets.slices.intensity import grey_rule


@dataclass(frozen=True)
class LabelledImages:
    """Images of a folder, in the order of their paths, with the number of their prompt in
    `prompts`."""

    files: tuple[Path, ...]
    prompt_of_image: tuple[int, ...]
    prompts: tuple[str, ...]


def listed(name: str) -> LabelledImages:
    """What lies in the folder. Raises InputError for one without images three folders deep."""
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise InputError(f"generator.pretraining={name}: there is no such folder.")
    files = tuple(sorted(filter(raster.is_image_file, folder.glob("[!.]*/[!.]*/[!.]*/*"))))
    if not files:
        raise InputError(
            f"generator.pretraining={name} holds no image three folders deep; expected"
            f" modality/organ/category/*.png."
        )
    texts = [_prompt(path.relative_to(folder)) for path in files]
    prompts = tuple(sorted(set(texts)))
    number = {text: place for place, text in enumerate(prompts)}
    return LabelledImages(files, tuple(number[text] for text in texts), prompts)


def identified(name: str, version: str, cache: Path | None) -> tuple[str, str]:
    """(absolute folder, "sha256:..." of its images). Raises InputError where `version` is given and
    it is another."""
    folder = Path(name).expanduser().absolute()
    files = {str(path.relative_to(folder)): path for path in listed(str(folder)).files}
    found = SHA256 + folder_fingerprint(files, {}, cache)
    if version and version != found:
        raise InputError(
            f"generator.pretraining: the images in {folder} have {found}, not {version}."
        )
    return str(folder), found


def read_image(path: Path, size: int) -> np.ndarray:
    """uint8 (size, size): the grey image, scaled to a square; of deeper files than 8 bits the range
    between the percentiles of rule "slice-percentile". Raises InputError for a file that is no
    picture."""
    (grey,) = raster.read_native(path)
    if grey.dtype != np.uint8:
        if not np.isfinite(grey).all():
            raise InputError(f"the image {path} holds NaN or infinity; remove it.")
        grey = grey_rule("slice-percentile", "", grey)(grey.astype(np.float32))
    square = Image.fromarray(grey).resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(square)


def _prompt(path: Path) -> str:
    words = [part.replace("_", " ").replace("-", " ").strip() for part in path.parts[:3]]
    return ", ".join(words)
