"""Which slices, samples and predictions of a store pictures show: those that tell most of a run.

Not here: the panels that are drawn of them (pictures.py, gallery.py).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmark.record.record import Record, Split
from benchmark.stages.fit_segmenter import FitSegmenterSpec
from benchmark.stages.predict import read_predictions
from benchmark.stages.synthesize import SynthesizeSpec
from benchmark.store.store import Store
from datasets.slices.preparation import Prepared
from reports.comparison.groups import Group

SHOWN_SLICES = 4
SHOWN_VARIANTS = 4


def split_of(record: Record) -> Split:
    """The split of a done run, which has one."""
    assert record.split is not None, record.key
    return record.split


def stage_folders(store: Store, stages: list[dict], stage: str) -> list[Path]:
    """Folders of a run's stages of one name, those that are there."""
    keys = [entry["key"] for entry in stages if entry["stage"] == stage]
    return [store.folder(stage, key) for key in keys if store.has(stage, key)]


def sampled_blocks(
    store: Store, stages: list[dict], cases: Sequence[str]
) -> list[tuple[Path, SynthesizeSpec]]:
    """Folders and specs of a run's blocks of variants of all slices of these cases."""
    folders = stage_folders(store, stages, "synthesize")
    found = [(folder, SynthesizeSpec.read(folder)) for folder in folders]
    return [(folder, spec) for folder, spec in found if spec.cases == tuple(cases)]


def stack_of(blocks: Sequence[tuple[Path, SynthesizeSpec]], places: np.ndarray) -> np.ndarray:
    """The first variants of some slices: uint8 (len(places), variants, S, S)."""
    files = (np.load(folder / "images.npy", mmap_mode="r") for folder, _ in blocks)
    return np.concatenate([file[:, places] for file in files])[:SHOWN_VARIANTS].swapaxes(0, 1)


def first_run(
    store: Store, group: Group, stages: dict, method: str, needs: Sequence[str]
) -> Record | None:
    """The first done run of a method whose stages called `needs` are in the store."""
    for runs in group.methods:
        if runs.method.name != method:
            continue
        for record in runs.done:
            mine = stages.get(record.key, [])
            if all(stage_folders(store, mine, stage) for stage in needs):
                return record
    return None


def telling_rows(data: Prepared, cases: Sequence[str], rows: np.ndarray) -> np.ndarray:
    """Places in `rows` of the slice with most foreground of evenly chosen cases."""
    chosen = [cases[int(i)] for i in np.linspace(0, len(cases) - 1, min(SHOWN_SLICES, len(cases)))]
    area = data.masks[rows].reshape(len(rows), -1).sum(1)
    owner = np.array([data.cases[case].id for case in data.case_index[rows]])
    return np.array(
        [
            np.flatnonzero(owner == case)[np.argmax(area[owner == case])]
            for case in dict.fromkeys(chosen)
        ]
    )


def training_rows(store: Store, stages: list[dict]) -> tuple[Prepared, np.ndarray]:
    """The prepared slices and the rows that were synthesised or trained on, in the order of the
    variants."""
    data = Prepared(stage_folders(store, stages, "prepare")[0])
    spec = FitSegmenterSpec.read(stage_folders(store, stages, "fit-segmenter")[-1])
    return data, data.rows(spec.train, spec.minimum_foreground)


def one_prediction(folder: Path, case: str) -> dict[int, np.ndarray]:
    """Native slice number -> mask of one case."""
    for name, z, mask in read_predictions(folder):
        if name == case:
            return dict(zip(z, mask, strict=True))
    raise KeyError(case)


def slice_of(masks: dict[int, np.ndarray], z: int) -> np.ndarray:
    """The predicted slice z; nothing where the protocol left that slice out (Q9)."""
    return masks[z] if z in masks else np.zeros_like(next(iter(masks.values())))


def fullest_slice(data: Prepared, case: str) -> int:
    return int(np.argmax(data.truth(case).reshape(len(data.truth(case)), -1).sum(1)))


def native_image(data: Prepared, case: str, z: int) -> np.ndarray:
    """The working slice at its native shape, uint8."""
    row = data.rows([case])[z]
    height, width = data.truth(case).shape[1:]
    return np.asarray(
        Image.fromarray(np.asarray(data.images[row])).resize(
            (width, height), Image.Resampling.BILINEAR
        )
    )
