"""What the pages show of audited samples: a block of the page of audits, and a part of the page of
a run.

Files they link are written on the way. Not here: the numbers (sample_numbers.py), Table I
(tables/paper.py).
"""

from typing import Any

from benchmark.record.record import Record
from reports.comparison.format import rounded
from reports.comparison.links import run_page
from reports.comparison.sample_numbers import (
    LEAST_OF_REFERENCE,
    LOW_AGREEMENT,
    AuditedSamples,
    audited_runs,
    sample_means,
    sample_warnings,
    samples_of,
)
from reports.comparison.study import Study
from reports.figures.samples import sample_figures
from reports.pages.parts import figure_links, short_names
from reports.pages.site import Site
from reports.tables.csv_files import write_frame
from reports.tables.samples import label_table, memory_table, standard_table
from reports.tables.tables import Table, markdown_text

SHOWN_WARNINGS = 12
LABEL_NOTES = (
    "Diversity: 1 - MS-SSIM between the variants of one slice, averaged over pairs. SD of a pixel:"
    " over variants, grey range 0-1. Both are 0 where all variants are alike.",
    "Agreement: Dice of a sample's label with what a segmenter finds on the sample; method none"
    " trained that segmenter on the fold's real training slices. By slice, or over all slices of a"
    " case. Beside it: the same segmenter on the real images of the same slices (flattered on"
    " training slices, which it was trained on) and on its validation cases (whole cases).",
    f"Below {LOW_AGREEMENT:g}: share of labelled samples; --set filter=agreement:{LOW_AGREEMENT:g}"
    f" drops them before training.",
)
MEMORY_NOTES = (
    "Distances are between images at 32 px without their brightness and contrast: 0 is the same"
    " image, 1.41 nothing in common. The nearest training slice is sought in all cases but the"
    " sample's own, for real slices likewise. A ratio far below 1: samples lie nearer to the"
    " training set than real images do, because they copy it or lack detail.",
    "Copied: share of samples nearer to any training slice than 99 % of real training slices are to"
    " one of another case. Beside it: the share of the part's real slices; where that is large,"
    " real slices of different cases lie as near at this size. Training samples lie near their own"
    " source by construction; only held-out samples, and pairs, tell of memorisation.",
    "Frechet distance: between the segmenter's deepest features on samples and on the part's real"
    " slices. It is ours, on features of the segmenter of this run, no FID: it compares within one"
    " segmenter only. Few images inflate it; the distance of held-out real slices to training"
    " slices is its scale.",
)
STANDARD_NOTES = (
    "Features: the 1,280 pooled ones of EfficientNet-Lite0 trained on ImageNet, of grey images at"
    " 224 px. They are the same for every run and program, so these distances compare between"
    " segmenters and folders; those printed as FID and KID have Inception's features and other"
    " values. Few images inflate Frechet's distance, and do not inflate the kernel distance"
    " (unbiased, 0 on average for images of one distribution, so it may be negative).",
)


def samples_view(site: Site, study: Study) -> dict[str, Any] | None:
    """Per audited group its tables, figures, files and warnings; None where no run was audited."""
    groups = [_group_view(site, samples) for samples in study.audited]
    if not groups:
        return None
    return {
        "groups": groups,
        "label_notes": LABEL_NOTES,
        "memory_notes": MEMORY_NOTES,
        "standard_notes": STANDARD_NOTES,
        "least": f"{LEAST_OF_REFERENCE:g}",
    }


def run_samples(record: Record) -> dict[str, Any] | None:
    """The audit of one run: numbers by part, and what speaks against its samples; None where it was
    not audited."""
    if record.samples is None:
        return None
    samples, rows = record.samples, []
    for part, means in sample_means(samples).items():
        low = samples.share_below(LOW_AGREEMENT, part)
        rows.append(
            {
                "samples": part,
                "images": str(int(means["images"])),
                "MAE": rounded(means["mae"], 4),
                "MSE": rounded(means["mse"], 4),
                "RMSE": rounded(means["rmse"], 4),
                "SSIM": rounded(means["ssim"], 4),
                "MS-SSIM": rounded(means["ms_ssim"], 4),
                "diversity": rounded(means["diversity"], 3),
                "agreement, slices": rounded(means["agreement"], 3),
                "agreement, volumes": rounded(means["agreement_volume"], 3),
                f"below {LOW_AGREEMENT:g}, %": rounded(low, 0, 100),
                "nearest": rounded(means["nearest"], 3),
                "real": rounded(means["real_nearest"], 3),
                "copied, %": rounded(means["copied"], 1, 100),
                "Frechet (ours)": rounded(samples.frechet.get(part), 2),
            }
        )
        if found := samples.standard:
            rows[-1] |= {
                "Frechet (EfficientNet-Lite0)": rounded(found.frechet.get(part), 2),
                "kernel (EfficientNet-Lite0)": rounded(found.kernel.get(part), 4),
            }
    facts = {
        "judged by the segmenter of method none": samples.segmenter[:12],
        "its Dice on its validation cases": rounded(samples.reference_dice, 3),
        "variants per slice, of which measured": f"{samples.variants}, {samples.measured_variants}",
    }
    fitted = next(
        (
            one.results
            for one in record.stages
            if one.stage == "fit-segmenter" and one.purpose == "run"
        ),
        {},
    )
    if "dropped" in fitted:
        facts["dropped by the filter"] = f"{fitted['dropped']} of {fitted['offered']}"
        facts["slices that keep no sample"] = str(fitted["slices_real_only"])
    return {"table": Table.of(rows), "facts": facts, "warnings": sample_warnings(samples)}


def _group_view(site: Site, samples: AuditedSamples) -> dict[str, Any]:
    group = samples.group
    warnings: dict[str, list[tuple[str, str]]] = {}  # equal ones stand once, with their runs
    for runs in samples.methods:
        label = group.short[runs.label].text
        for one, audit in zip(audited_runs(runs), samples_of(runs), strict=True):
            name = f"{label}, fold {one.spec.fold}, seed {one.spec.seed}"
            for text in sample_warnings(audit):
                warnings.setdefault(text, []).append((run_page(one.key), name))
    tables = {"labels": label_table(samples), "memory": memory_table(samples)}
    if standard := standard_table(samples):
        tables["standard"] = standard
    return {
        "title": group.heading,
        "slug": group.slug,
        "rules": group.rules,
        "page": group.page,
        "synthetic": group.spec.source.synthetic,
        "standard": None,  # where nothing was measured
        **{name: short_names(table, group) for name, table in tables.items()},
        "warnings": dict(list(warnings.items())[:SHOWN_WARNINGS]),
        "more_warnings": max(0, len(warnings) - SHOWN_WARNINGS),
        "files": _files(site, samples, tables),
        "figures": [
            figure_links(drawing, site) for drawing in sample_figures(samples, site.out / "figures")
        ],
    }


def _files(site: Site, samples: AuditedSamples, tables: dict[str, Table]) -> dict[str, str]:
    """Writes what the records hold by case as CSV, the two tables with their notes as Markdown;
    their addresses."""
    stem = site.out / "tables" / f"{samples.group.slug}-samples"
    paths = {"csv": stem.with_name(f"{stem.name}.csv"), "md": stem.with_name(f"{stem.name}.md")}
    write_frame(samples.by_case(), paths["csv"])
    parts = [f"# {markdown_text(f'Synthetic images: {samples.group.title}')}\n"]
    told = {"labels": LABEL_NOTES, "memory": MEMORY_NOTES, "standard": STANDARD_NOTES}
    for name, notes in ((name, told[name]) for name in tables):
        parts += [tables[name].markdown(), "", *(f"- {markdown_text(note)}" for note in notes), ""]
    paths["md"].write_text("\n".join(parts), encoding="utf-8")
    return {name: site.link(path) for name, path in paths.items()}
