"""Summaries as tables: rounded for readers (Markdown, HTML, terminal), in full precision as CSV.
The arithmetic is in summaries.py."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.core.texts import one_line
from benchmark.metrics.definitions import CASE_TABLE_METRICS, METRICS, TABLE_METRICS
from datasets.tasks.catalogue import TASKS
from reports.comparison.caveats import notes_on_numbers
from reports.comparison.format import (
    ABSENT,
    case_remark,
    difference_text,
    measured,
    measured_spread,
    rounded,
    signed,
    spread,
)
from reports.comparison.groups import Group
from reports.comparison.labels import source_label
from reports.comparison.study import Study
from reports.comparison.substituted import ledger_notes
from reports.comparison.summaries import Summary
from reports.records.load import run_frame
from reports.tables.csv_files import write_frame


@dataclass(frozen=True)
class Table:
    """Text cells under column headings; the first column names the row."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, rows: Sequence[dict[str, str]]) -> "Table":
        """The table of rows that all have the same headings as their keys."""
        return cls(tuple(rows[0]) if rows else (), tuple(tuple(row.values()) for row in rows))

    def without(self, column: str) -> "Table":
        """The table without one column, where it has that."""
        kept = [place for place, name in enumerate(self.columns) if name != column]
        cut = [tuple(row[place] for place in kept) for row in (self.columns, *self.rows)]
        return Table(cut[0], tuple(cut[1:]))

    def markdown(self) -> str:
        """A pipe table; nothing in a cell can end it or become markup."""
        head, *body = ([markdown_text(cell) for cell in row] for row in (self.columns, *self.rows))
        rule = ["---"] + ["---:"] * (len(head) - 1)
        return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *body))


def result_table(summary: Summary) -> Table:
    """Per method: the metrics as mean ± SD, how many cases and runs stand behind them, and what
    they cost.

    The last column names missing and failed runs; it is there only where some run is absent.
    """
    rows = []
    for label, row in summary.by_label.items():
        runs = summary.group.by_label[label]
        rows.append(
            {
                "method": label,
                **{
                    _heading(name, summary): measured_spread(name, row, summary.unit)
                    for name in TABLE_METRICS
                },
                "cases": str(row["cases"]),
                "missed": str(row["missed_predictions"]),
                "runs": runs.done_of_expected,
                "seeds": row["seeds"] or ABSENT,
                "generator, s": rounded(row["generator_seconds"], 1),
                "segmenter, s": rounded(row["segmenter_seconds"], 1),
                "absent runs": runs.absent_text,
            }
        )
    table = Table.of(rows)
    return table if any(row["absent runs"] for row in rows) else table.without("absent runs")


def comparison_table(summary: Summary) -> Table:
    """Per method: the paired difference to `none`, the relative gain, and the paper's values of the
    same method."""
    theirs = paper_unit(summary.group)
    paper = "paper (not comparable)" if summary.group.not_comparable else "paper"
    rows = []
    for label, row in summary.by_label.items():
        rows.append(
            {
                "method": label,
                "Dice difference to none, points [95 % CI]": difference_text(row),
                "paired cases": rounded(row["paired_cases"], 0),
                "paired seeds": row["paired_seeds"] or ABSENT,
                "gain, %": signed(row["gain_percent"], 1),
                f"{paper}: gain, %": signed(row["paper_gain_percent"], 1),
                "Dice, %": measured_spread("dice", row, summary.unit),
                f"{paper}: Dice, %": spread(row["paper_dice_mean"], row["paper_dice_sd"], 1),
                _heading("hd95", summary): measured_spread("hd95", row, summary.unit),
                f"{paper}: HD95, {theirs}": spread(
                    row["paper_hd95_mean"],
                    row["paper_hd95_sd"],
                    METRICS["hd95"].decimals(theirs),
                ),
                f"{paper}: method": row["paper_method"] or ABSENT,
            }
        )
    return Table.of(rows)


def case_table(summary: Summary, limit: int | None = None) -> Table:
    """One row per test case of every done run, the lowest Dice first; the first `limit` rows, or
    all."""
    worst = summary.cases.sort_values(["dice", "method", "case", "seed"], kind="stable").head(limit)
    rows = []
    for row in worst.to_dict("records"):
        rows.append(
            {
                "case": one_line(row["case"]),
                "method": row["method"],
                "fold": str(row["fold"]),
                "seed": str(row["seed"]),
                **{
                    _heading(name, summary): _case_value(name, row, summary)
                    for name in CASE_TABLE_METRICS
                },
                "remark": case_remark(row["missed"], row["empty_truth"]),
            }
        )
    return Table.of(rows)


def run_table(study: Study) -> list[dict[str, str]]:
    """One row per method of each group for the terminal: Dice and HD95 as mean ± SD beside the
    paper's values."""
    rows = []
    decimals = METRICS["hd95"].decimals
    for comparison in study.comparisons:
        group, summary = comparison.group, comparison.summary
        unit, theirs = summary.unit or "", paper_unit(group)
        for label, row in summary.by_label.items():
            runs = group.by_label[label]
            rows.append(
                {
                    "dataset": group.spec.dataset,
                    "source": source_label(group.spec.source),
                    "rules": group.rules,
                    "method": label,
                    "cases": str(row["cases"]),
                    "Dice, %": measured_spread("dice", row, unit),
                    "paper: Dice, %": spread(row["paper_dice_mean"], row["paper_dice_sd"], 1),
                    "HD95": spread(row["hd95_mean"], row["hd95_sd"], decimals(unit), unit=unit),
                    "paper: HD95": spread(
                        row["paper_hd95_mean"], row["paper_hd95_sd"], decimals(theirs), unit=theirs
                    ),
                    "runs": runs.done_of_expected,
                    "absent runs": runs.absent_text or ABSENT,
                    "not comparable": "; ".join(group.not_comparable),
                }
            )
    return rows


def write_tables(
    summary: Summary, folder: Path, *, packed: bool = False, further: str = ""
) -> dict[str, Path]:
    """Writes the group's summary, case and run tables as CSV in full precision and the rounded
    tables as Markdown, with `further` Markdown after them.

    Returns {"summary", "cases", "runs", "markdown"} -> path, all inside `folder`, which is made if
    absent. packed: the tables of cases and runs, which grow with everything, are compressed
    (.csv.gz).
    """
    group, spec = summary.group, summary.group.spec
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: folder / f"{group.slug}-{name}.csv" for name in ("summary", "cases", "runs")}
    if packed:
        for name in ("cases", "runs"):
            paths[name] = paths[name].with_suffix(".csv.gz")
    context = {
        "dataset": spec.dataset,
        "source": spec.source.title,
        "source_kind": spec.source.kind,
        "synthetic": spec.source.synthetic,
        "architecture": spec.architecture,
        "training_share": spec.training_share,
        "rules": group.rules,
        "aggregate": spec.protocol.aggregate,
        "hd95": spec.protocol.hd95,
        "assd": spec.protocol.assd,
    }
    write_frame(summary.rows.assign(**context), paths["summary"])
    write_frame(summary.cases, paths["cases"])
    write_frame(run_frame(group.records), paths["runs"])
    paths["markdown"] = folder / f"{group.slug}.md"
    text = markdown(summary) + (f"\n{further}\n" if further else "")
    paths["markdown"].write_text(text, encoding="utf-8")
    return paths


def markdown(summary: Summary) -> str:
    """The group's two tables with a heading and the notes on their numbers."""
    notes = "\n".join(
        f"- {markdown_text(note)}"
        for note in [*notes_on_numbers(summary), *ledger_notes(summary.group)]
    )
    tables = f"{result_table(summary).markdown()}\n\n{comparison_table(summary).markdown()}"
    return f"# {markdown_text(summary.group.title)}\n\n{tables}\n\n{notes}\n"


def paper_unit(group: Group) -> str:
    """Unit of the paper's distances."""
    return TASKS.of_results(group.spec.dataset).unit


def _heading(name: str, summary: Summary) -> str:
    """Column heading of a metric."""
    unit = "" if summary.cases.empty else summary.unit or "mixed units"
    return METRICS[name].heading(unit)


def _case_value(name: str, row: Mapping[str, Any], summary: Summary) -> str:
    """A value of a case, with its unit where the cases of the table have several."""
    text = measured(name, row[name], summary.unit)
    with_unit = METRICS[name].kind == "distance" and summary.unit is None
    return f"{text} {row['unit']}" if with_unit else text


def markdown_text(text: str) -> str:
    """Text that Markdown shows as it is, in one line."""
    marked = ("\\" + letter if letter in "\\`*_{}[]<>#|~$" else letter for letter in one_line(text))
    return "".join(marked).replace("&", "&amp;")
