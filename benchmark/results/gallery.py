"""Small pictures of a phantom that are shipped with the program, so that every report can show what
samples and predictions look like: made from the runs of a store.

    python cli.py run --dataset prostate --source phantom --method none --preset smoke --fold 0
    python cli.py run --dataset prostate --source phantom --method emitdiff --preset smoke --fold 0
    python -m benchmark.results.gallery --store store --out reports/pages/assets/gallery

Writes one WebP per tile and gallery.json, which says what each shows (read by
reports/pages/gallery.py). Drawn images alone: a run of real images is refused. Not here: the panels
of a report (pictures.py).
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from benchmark.core.errors import InputError
from benchmark.results.stored_slices import (
    SHOWN_VARIANTS,
    first_run,
    fullest_slice,
    native_image,
    one_prediction,
    sampled_blocks,
    slice_of,
    split_of,
    stack_of,
    stage_folders,
    telling_rows,
    training_rows,
)
from benchmark.store.store import Store
from datasets.slices.preparation import Prepared
from reports.comparison.study import Comparison, Study
from reports.figures.panels import PREDICTION_COLOUR, TRUTH_COLOUR, choose_cases, prompt_title
from reports.records.load import load_records

SHOWN_SLICES = 2
SIDE = 192  # pixels of a tile


@dataclass(frozen=True)
class Tile:
    """One picture: its file, its row's name, what stands below it, and the text for those who
    cannot see it."""

    file: str
    row: str
    words: str
    alt: str


def make_gallery(store: Store, folder: Path) -> Path:
    """Writes the tiles of the store's comparison with most methods; returns gallery.json. Raises
    InputError where the store holds no phantom's runs."""
    study = Study(load_records([store.root]).records)
    if not study.comparisons:
        raise InputError(f"the store {store.root} holds no records; run a phantom first.")
    one = max(study.comparisons, key=lambda found: len(found.group.methods))
    source = one.group.spec.source
    if not source.synthetic:
        raise InputError(
            f"{source.title} holds real images, which are not shipped; give a phantom's store."
        )
    folder.mkdir(parents=True, exist_ok=True)
    stages = {run["key"]: run["stages"] for run in store.notes.runs()}
    sets = [
        {
            "title": f"Synthetic variants of {name}",
            "caption": "Training slices with their mask, the edges that condition the generator,"
            " and variants. The mask is drawn on all but the edges.",
            "tiles": [asdict(tile) for tile in _samples(store, one, stages, name, folder)],
        }
        for name in dict.fromkeys(
            runs.method.name
            for runs in one.group.methods
            if runs.method.of_class["joins"] == "patches"
        )
    ]
    sets.append(
        {
            "title": "Predictions",
            "caption": "Best, median and worst test case by mean Dice over the methods: truth in"
            " yellow, prediction in blue, and the Dice of the whole case.",
            "tiles": [asdict(tile) for tile in _predictions(store, one, stages, folder)],
        }
    )
    found = {
        "heading": f"{one.group.heading}, {one.group.spec.preset.size} px",
        "sets": [one for one in sets if one["tiles"]],
    }
    path = folder / "gallery.json"
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return path


def _samples(
    store: Store, one: Comparison, stages: dict, method: str, folder: Path
) -> Iterator[Tile]:
    record = first_run(store, one.group, stages, method, ("prepare", "synthesize"))
    if record is None:
        return
    train = split_of(record).train
    data, rows = training_rows(store, stages[record.key])
    blocks = sampled_blocks(store, stages[record.key], train)
    places = telling_rows(data, train, rows)[:SHOWN_SLICES]
    phrases = [phrase for _, spec in blocks for phrase in spec.phrases][:SHOWN_VARIANTS]
    variants = stack_of(blocks, places)
    for number, row in enumerate(rows[places]):
        image, mask = np.asarray(data.images[row]), np.asarray(data.masks[row])
        title = data.slice_ids(rows[places])[number]
        shown = [("real", image, mask), ("edges", np.asarray(data.edges[row]), None)]
        shown += [
            (prompt_title(phrase, place + 1), variants[number, place], mask)
            for place, phrase in enumerate(phrases)
        ]
        for place, (words, picture, drawn) in enumerate(shown):
            name = f"{method}-{number}-{place}.webp"
            outlines = [(drawn, TRUTH_COLOUR)] if drawn is not None else []
            _write(folder / name, picture, outlines)
            yield Tile(name, title, words, f"{title}, {words}")


def _predictions(store: Store, one: Comparison, stages: dict, folder: Path) -> Iterator[Tile]:
    for rank, fold, case in choose_cases(one.summary):
        for number, runs in enumerate(one.group.methods):
            found = [r for r in runs.done if r.spec.fold == fold and case in split_of(r).test]
            mine = stages.get(found[0].key, []) if found else []
            folders = stage_folders(store, mine, "predict")
            if not folders:
                continue
            data = Prepared(stage_folders(store, mine, "prepare")[0])
            z = fullest_slice(data, case)
            predicted = slice_of(one_prediction(folders[0], case), z)
            dice = next(row.dice for row in found[0].cases if row.case == case)
            short = one.group.short[runs.label].text
            name = f"{rank}-{number}.webp"
            outlines = [(data.truth(case)[z], TRUTH_COLOUR), (predicted, PREDICTION_COLOUR)]
            _write(folder / name, native_image(data, case, z), outlines)
            words = f"{short}: Dice {100 * dice:.1f} %"
            yield Tile(name, f"{rank}: {case}", words, f"{rank} case {case}, {words}")


def _write(path: Path, image: np.ndarray, outlines: Sequence[tuple[np.ndarray, str]]) -> None:
    """A tile of SIDE pixels; image: uint8 (H, W); outlines: masks (H, W) with their colours."""
    picture = Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    pixels = np.asarray(picture.convert("RGB")).copy()
    for mask, colour in outlines:
        large = Image.fromarray(np.asarray(mask, np.uint8) * 255).resize((SIDE, SIDE))
        inside = np.asarray(large) > 127
        edge = inside & ~ndimage.binary_erosion(inside, iterations=2)
        pixels[edge] = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    Image.fromarray(pixels).save(path, quality=70, method=6)


def main() -> None:
    """The command above."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    make_gallery(Store(options.store, write=False), options.out)


if __name__ == "__main__":
    main()
