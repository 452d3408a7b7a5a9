"""Table I in the paper's shape, ours beside the printed values, and tables of what the paper
lacks. One set per group. The arithmetic is in sample_numbers.py."""

import functools
from collections.abc import Sequence
from typing import Any, Literal

import pandas as pd

from benchmark.core.texts import one_line
from benchmark.record.samples import HELD_OUT, TRAINING, Part, Samples
from reports.comparison.format import ABSENT, rounded, spread
from reports.comparison.groups import MethodRuns
from reports.comparison.paper_numbers import PAPERS_METHOD, TABLE1_GENERATORS, table1
from reports.comparison.sample_numbers import (
    FIDELITY,
    LOW_AGREEMENT,
    MEASURES,
    PARTS,
    AuditedSamples,
    absent_audits,
    audited_runs,
    fidelity_caveats,
    samples_of,
)
from reports.tables.tables import Table

NOT_RUN, NOT_AUDITED = "not run", "not audited"


def printed_table() -> Table:
    """Table I as printed, where no record holds an audit."""
    rows = []
    for ours, theirs in TABLE1_GENERATORS.items():
        rows.append(
            {"generator": ours, "from": "ours", **dict.fromkeys(MEASURES.values(), NOT_RUN)}
        )
        if theirs:
            rows.append({"generator": ours, "from": "paper", **_printed(theirs)})
    return Table.of(rows)


def fidelity_frame(samples: AuditedSamples) -> pd.DataFrame:
    """One row per generator, part and measure: mean and SD over cases and over images, and as
    printed.

    Generators of Table I that were not run or not audited are there, with nan.
    """
    rows, group = [], samples.group
    for name, runs in _generators(samples):
        label = runs.label if runs else name
        absent = _absent(samples, runs)
        for part in PARTS:
            mine = samples.of(label, part)
            values = samples.case_means(label, part)
            for metric in FIDELITY:
                printed = table1().get((TABLE1_GENERATORS.get(name) or "", metric))
                images = samples.over_images(label, part, metric)
                rows.append(
                    {
                        "dataset": group.spec.dataset,
                        "source": one_line(group.spec.source.title),
                        "generator": label,
                        "part": part,
                        "metric": metric,
                        "mean_cases": values[metric].mean(),
                        "sd_cases": values[metric].std(),
                        "mean_images": images[0],
                        "sd_images": images[1],
                        "cases": int(values[metric].count()),
                        "images": int(mine.dropna(subset=[metric])["images"].sum()),
                        "folds": mine["fold"].nunique(),
                        "seeds": " ".join(map(str, sorted(mine["seed"].unique()))),
                        "runs_audited": len(audited_runs(runs)) if runs else 0,
                        "runs_expected": runs.expected if runs else 0,
                        "absent_runs": absent,
                        "printed_generator": TABLE1_GENERATORS.get(name) or "",
                        "printed_mean": printed.mean if printed else float("nan"),
                        "printed_sd": printed.sd if printed else float("nan"),
                        "not_comparable": "; ".join(
                            fidelity_caveats(group, [runs] if runs else [])
                        ),
                    }
                )
    return pd.DataFrame(rows)


def fidelity_table(samples: AuditedSamples, frame: pd.DataFrame | None = None) -> Table:
    """Per generator: held-out samples by case and by image, training samples by case, then the
    paper's row."""
    frame = fidelity_frame(samples) if frame is None else frame
    rows, generators = [], _generators(samples)
    for place, (name, runs) in enumerate(generators):
        label = runs.label if runs else name
        mine = frame[frame["generator"] == label]
        if runs in samples.methods:
            shown = [(HELD_OUT, "cases"), (HELD_OUT, "images"), (TRAINING, "cases")]
            rows += [_ours(mine, *which) for which in shown if len(samples.of(label, which[0]))]
        else:
            words = dict.fromkeys(MEASURES.values(), NOT_AUDITED if runs else NOT_RUN)
            rows.append(_line(label, "ours", ABSENT, words, {}))
        last = name not in {other for other, _ in generators[place + 1 :]}
        if last and (theirs := TABLE1_GENERATORS.get(name)):
            held = "paper (not comparable)" if any(mine["not_comparable"]) else "paper"
            rows.append(_line(name, held, "by image", _printed(theirs), {}))
    return Table.of(rows)


FIDELITY_GUIDE = (
    "Each sample is compared with the slice whose edges it was made from, in grey range 0-1."
    " Held-out samples were made from the edges of test cases, which no generator of that fold has"
    " seen, with the plain prompt: read Table I there. Training samples were made from the training"
    " slices, and one learned by heart would look best. Samples that bring masks of their own have"
    " no source image: –.",
    "By case: a case's value is the mean over its images, seeds and folds; ± is the SD over cases"
    " (n - 1). By image: mean and SD of all images, as the paper's, whose RMSE² + SD² is its MSE,"
    " which holds for images alone. The paper does not say which images those were. Its EMIT-Diff"
    f" is {PAPERS_METHOD} here.",
)


def fidelity_notes(samples: AuditedSamples) -> list[str]:
    """What holds for the numbers of one Table I, in sentences that stand under it; FIDELITY_GUIDE
    holds for all."""
    size = samples.group.spec.preset.size
    scales = {one.ms_ssim_scales for runs in samples.methods for one in samples_of(runs)}
    notes = [
        f"MS-SSIM has {' or '.join(map(str, sorted(scales)))} scales at {size} px (five from 176 px"
        " on): values of other sizes do not compare."
    ]
    if reasons := fidelity_caveats(
        samples.group, [runs for runs in samples.methods if runs.method.name in TABLE1_GENERATORS]
    ):
        notes.append(f"Not comparable with the paper's values: {'; '.join(reasons)}.")
    return notes


def label_table(samples: AuditedSamples) -> Table:
    """Per method and part: how much the variants differ, whether they show their label, and what
    the filter dropped."""
    rows = []
    for runs, part in _parts(samples, samples.methods):
        label = runs.label
        mean = functools.partial(samples.mean, label, part)
        low = samples.share_below(label, LOW_AGREEMENT, part)
        rows.append(
            {
                "method": label,
                "samples": part,
                "diversity, 1 - MS-SSIM": rounded(mean("diversity"), 3),
                "SD of a pixel": rounded(mean("pixel_sd"), 4),
                "agreement, slices": rounded(mean("agreement"), 3),
                "real, slices": rounded(mean("real_agreement"), 3),
                "agreement, volumes": rounded(mean("agreement_volume"), 3),
                "real, volumes": rounded(mean("real_agreement_volume"), 3),
                "segmenter's validation Dice": rounded(
                    samples.run_mean(label, lambda one: one.reference_dice), 3
                ),
                f"below {LOW_AGREEMENT:g}, %": rounded(low, 0, 100),
                "dropped by the filter": dropped_text(runs) if part == TRAINING else ABSENT,
            }
        )
    return Table.of(rows)


def memory_table(samples: AuditedSamples) -> Table:
    """Per method and part: distance to the nearest training slice against that of real slices,
    copies, Frechet distance."""
    rows = []
    for runs, part in _parts(samples, samples.distinct):
        label = runs.label
        mean = functools.partial(samples.mean, label, part)
        nearest, real = mean("nearest"), mean("real_nearest")
        rows.append(
            {
                "method": label,
                "samples": part,
                "to the nearest training slice": rounded(nearest, 3),
                "real slices": rounded(real, 3),
                "ratio": rounded(nearest / real if real else float("nan"), 2),
                "to its source": rounded(mean("own_distance"), 3),
                "copied, %": rounded(mean("copied"), 1, 100),
                "real, %": rounded(mean("real_copied"), 1, 100),
                "Frechet distance (ours, no FID)": rounded(
                    samples.run_mean(label, functools.partial(_frechet, part)), 2
                ),
                "held-out real to training": rounded(
                    samples.run_mean(label, functools.partial(_frechet, "real")), 2
                ),
            }
        )
    return Table.of(rows)


def standard_table(samples: AuditedSamples) -> Table | None:
    """Per method and part: distances in features of a public network, beside those of held-out
    real slices to training slices; None where no run measured them."""
    rows = []
    for runs, part in _parts(samples, samples.distinct):
        if not any(one.standard for one in samples_of(runs)):
            continue
        mean = functools.partial(_standard_mean, samples, runs.label)
        rows.append(
            {
                "method": runs.label,
                "samples": part,
                "Frechet distance of EfficientNet-Lite0 features, no FID": rounded(
                    mean("frechet", part), 2
                ),
                "Frechet, held-out real to training": rounded(mean("frechet", "real"), 2),
                "kernel distance of EfficientNet-Lite0 features, no KID": rounded(
                    mean("kernel", part), 4
                ),
                "kernel, held-out real to training": rounded(mean("kernel", "real"), 4),
            }
        )
    return Table.of(rows) if rows else None


def _standard_mean(
    samples: AuditedSamples, label: str, name: str, part: Part | Literal["real"]
) -> float:
    return samples.run_mean(
        label, lambda one: getattr(one.standard, name).get(part) if one.standard else None
    )


def _frechet(part: Part | Literal["real"], samples: Samples) -> float | None:
    return samples.frechet.get(part)


def dropped_text(runs: MethodRuns) -> str:
    """'12 of 240 (3 slices keep none)' over all done runs, 'no filter' where none was asked for."""
    if runs.method.minimum_agreement is None:
        return "no filter"
    counts: dict[str, int] = dict.fromkeys(("offered", "dropped", "slices_real_only"), 0)
    for record in runs.done:
        for stage in record.stages:
            if stage.stage == "fit-segmenter" and stage.purpose == "run":
                counts = {
                    name: count + int(stage.results.get(name, 0)) for name, count in counts.items()
                }
    return (
        f"{counts['dropped']} of {counts['offered']} ({counts['slices_real_only']} slices keep"
        f" none)"
    )


def _parts(samples: AuditedSamples, methods: Sequence[MethodRuns]) -> list[tuple[MethodRuns, Part]]:
    return [(runs, part) for runs in methods for part in PARTS if len(samples.of(runs.label, part))]


def _generators(samples: AuditedSamples) -> list[tuple[str, MethodRuns | None]]:
    """(name, method) of the generators of Table I and of all others that were audited; None for one
    that was not run."""
    found: list[tuple[str, MethodRuns | None]] = []
    known = dict.fromkeys((*TABLE1_GENERATORS, *(runs.method.name for runs in samples.methods)))
    for name in known:
        mine = [runs for runs in samples.distinct if runs.method.name == name]
        rest = [runs for runs in samples.group.methods if runs.method.name == name]
        found += [(name, runs) for runs in mine] or [(name, rest[0] if rest else None)]
    return found


def _absent(samples: AuditedSamples, runs: MethodRuns | None) -> str:
    if runs is None:
        return NOT_RUN
    return absent_audits(runs) if runs in samples.methods else NOT_AUDITED


def _ours(frame: pd.DataFrame, part: str, over: str) -> dict[str, str]:
    mine = {row["metric"]: row for row in frame[frame["part"] == part].to_dict("records")}
    cells = {
        MEASURES[name]: spread(mine[name][f"mean_{over}"], mine[name][f"sd_{over}"], 4)
        for name in FIDELITY
    }
    first = mine[FIDELITY[0]]
    return _line(first["generator"], "ours", f"{part}, by {over.rstrip('s')}", cells, first)


def _line(
    label: str, origin: str, which: str, cells: dict[str, str], row: dict[str, Any]
) -> dict[str, str]:
    runs = f"{row['runs_audited']} of {row['runs_expected']}" if row else ABSENT
    counts = {name: str(row.get(name) or ABSENT) for name in ("images", "cases", "folds")}
    return {
        "generator": label,
        "from": origin,
        "samples": which,
        **cells,
        **counts,
        "runs": runs,
        "absent runs": row.get("absent_runs") or ABSENT,
    }


def _printed(theirs: str) -> dict[str, str]:
    return {
        MEASURES[name]: spread(table1()[theirs, name].mean, table1()[theirs, name].sd, 4)
        for name in FIDELITY
    }
