"""Pictures for the report, chosen from the stages of a store: synthetic samples, predictions,
transforms.

What the store no longer holds (records that came from elsewhere, stages that were removed) is left
out; the tables need none of it. Not here: drawing (reports/figures/panels.py).
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
from reports.comparison.study import Comparison, Study
from reports.figures.panels import (
    Panel,
    choose_cases,
    prediction_panel,
    synthesis_panel,
    transform_sheet,
)

OTHERS = 7  # slices beside the one whose classic augmentation is shown
SHOWN_SLICES = 4
SHOWN_VARIANTS = 4
MOST_GROUPS = 6  # pictures are large; those of the comparisons with most methods tell most


def panels(store: Store, study: Study, out: Path) -> dict[str, list[Panel]]:
    """Panels by group, written below out/panels."""
    stages = {run["key"]: run["stages"] for run in store.notes.runs()}
    found: dict[str, list[Panel]] = {}
    held = [
        one
        for one in study.comparisons
        if any(record.key in stages for record in one.group.records)
    ]
    for one in sorted(held, key=lambda one: -len(one.group.methods))[:MOST_GROUPS]:
        group, name = one.group, one.group.id
        made = [
            *(
                _samples(store, group, stages, out / "panels" / f"{name}-{method}.png", method)
                for method in _generators(group, "patches")
            ),
            _held_out(store, group, stages, out / "panels" / f"{name}-held-out.png"),
            *(
                _pairs(store, group, stages, out / "panels" / f"{name}-{method}.png", method)
                for method in _generators(group, "pairs")
            ),
            _predictions(store, one, stages, out / "panels" / f"{name}-predictions.png"),
            _transforms(store, group, stages, out / "panels" / f"{name}-transforms.png"),
        ]
        found[name] = [panel for panel in made if panel is not None]
    return found


def _generators(group: Group, joins: str) -> list[str]:
    """Names of the group's methods whose samples are made to join the training this way."""
    names = (runs.method.name for runs in group.methods if runs.method.of_class["joins"] == joins)
    return list(dict.fromkeys(names))


def _split(record: Record) -> Split:
    """The split of a done run, which has one."""
    assert record.split is not None, record.key
    return record.split


def _folders(store: Store, stages: list[dict], stage: str) -> list[Path]:
    """Folders of a run's stages of one name, those that are there."""
    keys = [entry["key"] for entry in stages if entry["stage"] == stage]
    return [store.folder(stage, key) for key in keys if store.has(stage, key)]


def _blocks(
    store: Store, stages: list[dict], cases: Sequence[str]
) -> list[tuple[Path, SynthesizeSpec]]:
    """Folders and specs of a run's blocks of variants of all slices of these cases."""
    folders = _folders(store, stages, "synthesize")
    found = [(folder, SynthesizeSpec.read(folder)) for folder in folders]
    return [(folder, spec) for folder, spec in found if spec.cases == tuple(cases)]


def _stack(blocks: Sequence[tuple[Path, SynthesizeSpec]], places: np.ndarray) -> np.ndarray:
    """The first variants of some slices: uint8 (len(places), variants, S, S)."""
    files = (np.load(folder / "images.npy", mmap_mode="r") for folder, _ in blocks)
    return np.concatenate([file[:, places] for file in files])[:SHOWN_VARIANTS].swapaxes(0, 1)


def _first_run(
    store: Store, group: Group, stages: dict, method: str, needs: Sequence[str]
) -> Record | None:
    """The first done run of a method whose stages called `needs` are in the store."""
    for runs in group.methods:
        if runs.method.name != method:
            continue
        for record in runs.done:
            mine = stages.get(record.key, [])
            if all(_folders(store, mine, stage) for stage in needs):
                return record
    return None


def _telling_rows(data: Prepared, cases: Sequence[str], rows: np.ndarray) -> np.ndarray:
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


def _samples(store: Store, group: Group, stages: dict, out: Path, method: str) -> Panel | None:
    record = _first_run(store, group, stages, method, ("prepare", "synthesize"))
    if record is None:
        return None
    data, rows = _training_rows(store, stages[record.key])
    blocks = _blocks(store, stages[record.key], _split(record).train)
    places = _telling_rows(data, _split(record).train, rows)
    phrases = [phrase for _, spec in blocks for phrase in spec.phrases][:SHOWN_VARIANTS]
    synthesis_panel(
        {
            "images": data.images[rows[places]],
            "masks": data.masks[rows[places]],
            "edges": data.edges[rows[places]],
            "variants": _stack(blocks, places),
            "titles": data.slice_ids(rows[places]),
            "variant_titles": [
                phrase or f"variant {number}" for number, phrase in enumerate(phrases, start=1)
            ],
        },
        out,
    )
    return Panel(
        out,
        f"Synthetic variants of {method}",
        "Training slices of one fold with their mask, the edge map that conditions the generator,"
        " and variants by phrase.",
    )


def _held_out(store: Store, group: Group, stages: dict, out: Path) -> Panel | None:
    """What the generators of one fold make of the edges of its test slices, where an audit sampled
    them."""
    columns, heads, shown = [], [], None
    for method in _generators(group, "patches"):
        record = _first_run(store, group, stages, method, ("prepare", "audit", "synthesize"))
        if record is None or (shown is not None and record.spec.fold != shown.spec.fold):
            continue
        blocks = _blocks(store, stages[record.key], _split(record).test)
        if not blocks:
            continue
        if shown is None:
            shown, data = record, Prepared(_folders(store, stages[record.key], "prepare")[0])
            rows = data.rows(blocks[0][1].cases, blocks[0][1].minimum_foreground)
            places = _telling_rows(data, _split(record).test, rows)
        made = _stack(blocks, places)
        columns.append(made)
        heads += [f"{method}, variant {number + 1}" for number in range(made.shape[1])]
    if shown is None:
        return None
    real = rows[places]
    synthesis_panel(
        {
            "images": data.images[real],
            "masks": data.masks[real],
            "edges": data.edges[real],
            "variants": np.concatenate(columns, axis=1),
            "titles": data.slice_ids(real),
            "variant_titles": heads,
        },
        out,
    )
    return Panel(
        out,
        "Held-out samples, as in Table I",
        "Test slices of one fold, which no generator was trained on, and what each makes of their"
        " edges with the plain prompt.",
    )


def _pairs(store: Store, group: Group, stages: dict, out: Path, method: str) -> Panel | None:
    record = _first_run(store, group, stages, method, ("prepare", "synthesize"))
    if record is None:
        return None
    folder, _ = _blocks(store, stages[record.key], _split(record).train)[0]
    images, masks = (
        np.load(folder / name, mmap_mode="r")[0] for name in ("images.npy", "masks.npy")
    )
    data, rows = _training_rows(store, stages[record.key])
    place = _telling_rows(data, _split(record).train[:1], rows)[0]
    largest = np.argsort(-masks.reshape(len(masks), -1).sum(1), kind="stable")
    shown = largest[: max(1, len(largest) // 2)][:: max(1, len(largest) // 12)][:6]
    transform_sheet(
        {
            "original": data.images[rows[place]],
            "original_mask": data.masks[rows[place]],
            "transforms": {method: images[shown]},
            "masks": {method: masks[shown]},
        },
        out,
    )
    return Panel(
        out,
        f"Pairs of {method}",
        "A training slice, and sampled images with their sampled masks.",
    )


def _predictions(store: Store, one: Comparison, stages: dict, out: Path) -> Panel | None:
    group, chosen = one.group, choose_cases(one.summary)
    if not chosen:
        return None
    shown: list[tuple[str, Prepared, str, int]] = []
    columns: dict[str, list[dict[int, np.ndarray]]] = {}
    for rank, fold, case in chosen:
        mine: list[dict] = []
        for runs in group.methods:
            found = (r for r in runs.done if r.spec.fold == fold and case in _split(r).test)
            record = next(found, None)
            mine = stages.get(record.key, []) if record else []
            folders = _folders(store, mine, "predict")
            if not folders:
                return None
            columns.setdefault(runs.label, []).append(_one_prediction(folders[0], case))
        data = Prepared(_folders(store, mine, "prepare")[0])
        z = _fullest_slice(data, case)
        shown.append((f"{rank}: {case}", data, case, z))
    cases = {
        "titles": [title for title, *_ in shown],
        "images": [_native_image(data, case, z) for _, data, case, z in shown],
        "truth": [data.truth(case)[z] for _, data, case, z in shown],
        "predictions": {
            label: [_slice_of(masks, z) for masks, (*_, z) in zip(column, shown, strict=True)]
            for label, column in columns.items()
        },
    }
    prediction_panel(cases, out)
    return Panel(
        out,
        "Predictions",
        "Best, median and worst test case by mean Dice: the slice with the largest truth.",
    )


def _transforms(store: Store, group: Group, stages: dict, out: Path) -> Panel | None:
    from baselines.transforms.augmenter import sheet_samples

    names = [
        runs.method.transform
        for runs in group.methods
        if runs.method.name == "classic" and runs.method.transform and runs.done
    ]
    record = _first_run(store, group, stages, "classic", ("prepare",))
    if record is None:
        return None
    data, rows = _training_rows(store, stages[record.key])
    row = rows[_telling_rows(data, _split(record).train[:1], rows)[0]]
    image, mask = data.images[row].astype(np.float32) / 255, np.array(data.masks[row])
    beside = np.setdiff1d(rows[:: max(1, len(rows) // OTHERS)], [row])
    others = data.images[beside].astype(np.float32) / 255, np.array(data.masks[beside])
    seed = record.spec.seed
    sheets = {name: sheet_samples(name, image, mask, 6, seed, others) for name in names}
    transform_sheet(
        {
            "original": data.images[row],
            "original_mask": data.masks[row],
            "transforms": {
                name: (images.clip(0, 1) * 255).astype(np.uint8)
                for name, (images, *_) in sheets.items()
            },
            "masks": {name: masks for name, (_, masks, _) in sheets.items()},
        },
        out,
    )
    return Panel(
        out,
        "Classic augmentation",
        "One training slice and seeded draws of each transform, with the mask.",
    )


def _training_rows(store: Store, stages: list[dict]) -> tuple[Prepared, np.ndarray]:
    """The prepared slices and the rows that were synthesised or trained on, in the order of the
    variants."""
    data = Prepared(_folders(store, stages, "prepare")[0])
    spec = FitSegmenterSpec.read(_folders(store, stages, "fit-segmenter")[-1])
    return data, data.rows(spec.train, spec.minimum_foreground)


def _one_prediction(folder: Path, case: str) -> dict[int, np.ndarray]:
    """Native slice number -> mask of one case."""
    for name, z, mask in read_predictions(folder):
        if name == case:
            return dict(zip(z, mask, strict=True))
    raise KeyError(case)


def _slice_of(masks: dict[int, np.ndarray], z: int) -> np.ndarray:
    """The predicted slice z; nothing where the protocol left that slice out (Q9)."""
    return masks[z] if z in masks else np.zeros_like(next(iter(masks.values())))


def _fullest_slice(data: Prepared, case: str) -> int:
    return int(np.argmax(data.truth(case).reshape(len(data.truth(case)), -1).sum(1)))


def _native_image(data: Prepared, case: str, z: int) -> np.ndarray:
    """The working slice at its native shape, uint8."""
    row = data.rows([case])[z]
    height, width = data.truth(case).shape[1:]
    return np.asarray(
        Image.fromarray(np.asarray(data.images[row])).resize(
            (width, height), Image.Resampling.BILINEAR
        )
    )
