"""Pictures for the report, chosen from the stages of a store: synthetic samples, predictions,
transforms.

What the store no longer holds (records that came from elsewhere, stages that were removed) is left
out; the tables need none of it. Not here: drawing (reports/figures/panels.py).
"""

from pathlib import Path

import numpy as np

from benchmark.record.record import Record
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
from reports.comparison.groups import Group
from reports.comparison.study import Comparison, Study
from reports.figures.panels import (
    Panel,
    choose_cases,
    prediction_panel,
    prompt_title,
    synthesis_panel,
    transform_sheet,
)

OTHERS = 7  # slices beside the one whose classic augmentation is shown
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


def _samples(store: Store, group: Group, stages: dict, out: Path, method: str) -> Panel | None:
    record = first_run(store, group, stages, method, ("prepare", "synthesize"))
    if record is None:
        return None
    data, rows = training_rows(store, stages[record.key])
    blocks = sampled_blocks(store, stages[record.key], split_of(record).train)
    places = telling_rows(data, split_of(record).train, rows)
    phrases = [phrase for _, spec in blocks for phrase in spec.phrases][:SHOWN_VARIANTS]
    synthesis_panel(
        {
            "images": data.images[rows[places]],
            "masks": data.masks[rows[places]],
            "edges": data.edges[rows[places]],
            "variants": stack_of(blocks, places),
            "titles": data.slice_ids(rows[places]),
            "variant_titles": [
                prompt_title(phrase, number) for number, phrase in enumerate(phrases, start=1)
            ],
        },
        out,
    )
    return Panel(
        out,
        f"Synthetic variants of {method}",
        "Training slices of one fold with their mask, the edge map that conditions the generator,"
        " and variants by prompt.",
        (method,),
    )


def _held_out(store: Store, group: Group, stages: dict, out: Path) -> Panel | None:
    """What the generators of one fold make of the edges of its test slices, where an audit sampled
    them."""
    columns, heads, shown = [], [], None
    for method in _generators(group, "patches"):
        record = first_run(store, group, stages, method, ("prepare", "audit", "synthesize"))
        if record is None or (shown is not None and record.spec.fold != shown.spec.fold):
            continue
        blocks = sampled_blocks(store, stages[record.key], split_of(record).test)
        if not blocks:
            continue
        if shown is None:
            shown, data = record, Prepared(stage_folders(store, stages[record.key], "prepare")[0])
            rows = data.rows(blocks[0][1].cases, blocks[0][1].minimum_foreground)
            places = telling_rows(data, split_of(record).test, rows)
        made = stack_of(blocks, places)
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
    record = first_run(store, group, stages, method, ("prepare", "synthesize"))
    if record is None:
        return None
    folder, _ = sampled_blocks(store, stages[record.key], split_of(record).train)[0]
    images, masks = (
        np.load(folder / name, mmap_mode="r")[0] for name in ("images.npy", "masks.npy")
    )
    data, rows = training_rows(store, stages[record.key])
    place = telling_rows(data, split_of(record).train[:1], rows)[0]
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
        (method,),
    )


def _predictions(store: Store, one: Comparison, stages: dict, out: Path) -> Panel | None:
    group, chosen = one.group, choose_cases(one.summary)
    if not chosen:
        return None
    shown: list[tuple[str, Prepared, str, int]] = []
    columns: dict[str, list[dict[int, np.ndarray]]] = {}
    dice: dict[str, list[float]] = {}
    for rank, fold, case in chosen:
        mine: list[dict] = []
        for runs in group.methods:
            found = (r for r in runs.done if r.spec.fold == fold and case in split_of(r).test)
            record = next(found, None)
            mine = stages.get(record.key, []) if record else []
            folders = stage_folders(store, mine, "predict")
            if not folders:
                return None
            name = group.short[runs.label].text
            columns.setdefault(name, []).append(one_prediction(folders[0], case))
            dice.setdefault(name, []).append(_dice(record, case))
        data = Prepared(stage_folders(store, mine, "prepare")[0])
        z = fullest_slice(data, case)
        shown.append((f"{rank}: {case}", data, case, z))
    cases = {
        "titles": [title for title, *_ in shown],
        "images": [native_image(data, case, z) for _, data, case, z in shown],
        "truth": [data.truth(case)[z] for _, data, case, z in shown],
        "predictions": {
            label: [slice_of(masks, z) for masks, (*_, z) in zip(column, shown, strict=True)]
            for label, column in columns.items()
        },
        "dice": dice,
    }
    prediction_panel(cases, out)
    return Panel(
        out,
        "Predictions",
        "Best, median and worst test case by mean Dice: the slice with the largest truth, and the"
        " Dice of the whole case.",
    )


def _dice(record: Record | None, case: str) -> float:
    rows = record.cases if record else ()
    return next(row.dice for row in rows if row.case == case)


def _transforms(store: Store, group: Group, stages: dict, out: Path) -> Panel | None:
    from baselines.transforms.augmenter import sheet_samples

    names = [
        runs.method.transform
        for runs in group.methods
        if runs.method.name == "classic" and runs.method.transform and runs.done
    ]
    record = first_run(store, group, stages, "classic", ("prepare",))
    if record is None:
        return None
    data, rows = training_rows(store, stages[record.key])
    row = rows[telling_rows(data, split_of(record).train[:1], rows)[0]]
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
        ("classic",),
    )
