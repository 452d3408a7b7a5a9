"""Tables I and II in the paper's shape, ours beside the printed values: CSV in full precision,
Markdown, LaTeX.

A table I is one group. A table II is one edition: all datasets under one protocol, preset, network
and training share, real and synthetic images apart. Not here: the tables of a group (tables.py),
Table I (tables/samples.py).
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmark.core.identity import digest
from benchmark.core.texts import one_line
from benchmark.metrics.definitions import METRICS
from datasets.tasks.catalogue import TASKS, order
from reports.comparison.format import ABSENT, spread
from reports.comparison.groups import shared_parts
from reports.comparison.paper_numbers import table2
from reports.comparison.study import Study
from reports.comparison.summaries import Summary, mean_and_sd
from reports.tables.csv_files import write_frame
from reports.tables.latex import latex
from reports.tables.samples import (
    FIDELITY_GUIDE,
    fidelity_frame,
    fidelity_notes,
    fidelity_table,
    printed_table,
)
from reports.tables.tables import Table, markdown_text

PRINTED = ("dice", "precision", "recall", "hd95", "assd")  # the metrics of the paper's Table II
LEAST_ROWS = 4  # rows of Table II that one of the edition's datasets must have


@dataclass(frozen=True)
class Edition:
    """Summaries that make one Table II, in the order of the paper's datasets."""

    summaries: tuple[Summary, ...]

    @property
    def title(self) -> str:
        images = (
            "synthetic images" if self.summaries[0].group.spec.source.synthetic else "real images"
        )
        return f"Table II, ours: {images}, {self.summaries[0].group.rules}"

    @property
    def slug(self) -> str:
        group = self.summaries[0].group
        return f"table2-{group.slug.removeprefix(group.spec.dataset + '-')}"


def editions(study: Study) -> list[Edition]:
    """Every Table II that the records support; of two sources of one dataset, each has its own."""
    joined: dict[tuple, list[Summary]] = defaultdict(list)
    sources: Counter[tuple] = Counter()  # of a dataset under the same rules, so far
    for summary in (one.summary for one in study.comparisons):
        spec, parts = summary.group.spec, shared_parts(summary.group.spec)
        rules = {name: parts[name] for name in parts if name not in ("dataset", "source")}
        key = digest(rules), spec.source.synthetic
        joined[*key, sources[*key, spec.dataset]].append(summary)
        sources[*key, spec.dataset] += 1
    ordered = (
        tuple(sorted(ones, key=lambda one: order(TASKS.of_results(one.group.spec.dataset))))
        for ones in joined.values()
    )
    return [
        Edition(ones)
        for ones in ordered
        if max(len(one.group.paper_rows) for one in ones) >= LEAST_ROWS
    ]


def edition_frame(edition: Edition) -> pd.DataFrame:
    """One row per dataset, row of Table II and metric: ours by both definitions of mean and SD, and
    as printed.

    Dice, precision and recall in %, distances in `unit`. Rows of the paper that were not run are
    there, with nan.
    """
    rows = []
    for summary in edition.summaries:
        group, spec = summary.group, summary.group.spec
        for name in _printed_rows(spec.dataset):
            label = group.paper_rows.get(name, "")
            values, runs = summary.of(label), group.by_label.get(label)
            found = {
                how: mean_and_sd(values, how, PRINTED) if len(values) else None
                for how in ("cases", "folds")
            }
            row = summary.by_label.get(label, {})
            for metric in PRINTED:
                defined, printed = METRICS[metric], table2()[spec.dataset, name, metric]
                numbers = {
                    f"{part}_{how}": defined.scale * float(pair[place][metric])
                    if pair
                    else float("nan")
                    for how, pair in found.items()
                    for place, part in enumerate(("mean", "sd"))
                }
                rows.append(
                    {
                        "dataset": spec.dataset,
                        "source": one_line(spec.source.title),
                        "row": name,
                        "method": label,
                        "metric": metric,
                        "unit": summary.unit or "" if defined.kind == "distance" else "%",
                        **numbers,
                        "cases": row.get("cases", 0),
                        "runs_done": row.get("runs_done", 0),
                        "runs_expected": row.get("runs_expected", 0),
                        "seeds": row.get("seeds", ""),
                        "absent_runs": runs.absent_text if runs else "not run",
                        "printed_mean": printed.mean,
                        "printed_sd": printed.sd,
                        "printed_unit": printed.unit,
                        "aggregate": spec.protocol.aggregate,
                        "not_comparable": "; ".join(group.not_comparable),
                    }
                )
    return pd.DataFrame(rows)


def edition_table(edition: Edition, frame: pd.DataFrame | None = None) -> Table:
    """The paper's rows per dataset, each twice: ours, by the protocol's definition of mean and SD,
    and as printed."""
    frame = edition_frame(edition) if frame is None else frame
    rows = []
    for (dataset, name), group in frame.groupby(["dataset", "row"], sort=False):
        ours, printed = {}, {}
        for row in group.to_dict("records"):
            how, metric = row["aggregate"], METRICS[row["metric"]]
            head, decimals = metric.heading(""), 1 if row["unit"] == "px" else 2
            unit = "" if row["unit"] == "%" else row["unit"]
            ours[head] = spread(row[f"mean_{how}"], row[f"sd_{how}"], decimals, unit=unit)
            unit = "" if row["printed_unit"] == "%" else row["printed_unit"]
            printed[head] = spread(row["printed_mean"], row["printed_sd"], 2, unit=unit)
        runs = f"{row['runs_done']} of {row['runs_expected']}" if row["runs_expected"] else ABSENT
        first = {
            "method": f"{name} ({row['method']})" if row["method"] else name,
            "dataset": dataset,
        }
        rows.append(
            {
                **first,
                "from": "ours",
                **ours,
                "cases": str(row["cases"] or ABSENT),
                "runs": runs,
                "absent runs": row["absent_runs"] or ABSENT,
            }
        )
        rows.append(
            {
                "method": name,
                "dataset": dataset,
                "from": "paper",
                **printed,
                "cases": ABSENT,
                "runs": ABSENT,
                "absent runs": ABSENT,
            }
        )
    return Table.of(rows)


@dataclass(frozen=True)
class PaperTable:
    """A table of the paper on disk: its title, what readers see, {"csv", "md", "tex"} -> path, and
    how to read it.

    notes: of this table alone; guide: of all tables of its kind.
    """

    title: str
    table: Table
    files: dict[str, Path]
    notes: tuple[str, ...] = ()
    guide: tuple[str, ...] = ()


def write_paper_tables(study: Study, folder: Path) -> list[PaperTable]:
    """Writes the Table I of every audited group, or the printed one alone, and every Table II."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for samples in study.audited:
        title, stem = f"Table I, ours: {samples.group.title}", f"table1-{samples.group.slug}"
        notes, frame = tuple(fidelity_notes(samples)), fidelity_frame(samples)
        found.append(
            _written(
                title, fidelity_table(samples, frame), frame, stem, folder, notes, FIDELITY_GUIDE
            )
        )
    if not found:
        table = printed_table()
        notes = ("No run was audited yet: python cli.py suite table1 does it.",)
        frame = pd.DataFrame(table.rows, columns=table.columns)
        found.append(_written("Table I: image fidelity", table, frame, "table1", folder, notes))
    for edition in editions(study):
        frame = edition_frame(edition)
        found.append(
            _written(edition.title, edition_table(edition, frame), frame, edition.slug, folder)
        )
    return found


def _written(
    title: str,
    table: Table,
    frame: pd.DataFrame,
    stem: str,
    folder: Path,
    notes: tuple[str, ...] = (),
    guide: tuple[str, ...] = (),
) -> PaperTable:
    paths = {kind: folder / f"{stem}.{kind}" for kind in ("csv", "md", "tex")}
    under = "".join(f"- {markdown_text(note)}\n" for note in (*notes, *guide))
    text = f"# {markdown_text(title)}\n\n{table.markdown()}\n" + (f"\n{under}" if under else "")
    paths["md"].write_text(text, encoding="utf-8")
    paths["tex"].write_text(latex(table, title), encoding="utf-8")
    write_frame(frame, paths["csv"])
    return PaperTable(title, table, paths, notes, guide)


def _printed_rows(dataset: str) -> list[str]:
    return list(dict.fromkeys(name for where, name, _ in table2() if where == dataset))
