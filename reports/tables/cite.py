"""How to cite: BibTeX of the paper, this software and the data sets in use, and a LaTeX table of
chosen numbers.

Every number comes with the keys of the records behind it and the commit that made them, so that a
reader can ask for exactly these runs. Not here: the paper's tables (tables/paper.py).
"""

from collections.abc import Sequence
from pathlib import Path

import yaml

from benchmark.core.errors import InputError
from benchmark.metrics.definitions import METRICS
from benchmark.record.record import Record
from datasets.tasks.catalogue import TASKS
from reports.comparison.format import difference_text, measured_spread, spread
from reports.comparison.groups import MethodRuns
from reports.comparison.labels import source_label
from reports.comparison.study import Study
from reports.comparison.summaries import Summary
from reports.records.load import commit_of
from reports.tables.latex import latex_table, latex_text

CITATION = Path(__file__).resolve().parents[2] / "CITATION.cff"
SHOWN_KEY, SHOWN_COMMIT = 8, 10

PAPER = r"""@article{diffboost2025,
  author  = {Zhang, Zheyuan and Yao, Lanhong and Wang, Bin and Jha, Debesh and Durak, Gorkem and
             Keles, Elif and Medetalibeyoglu, Alpay and Bagci, Ulas},
  title   = {{DiffBoost}: Enhancing Medical Image Segmentation via Text-Guided Diffusion Model},
  journal = {IEEE Transactions on Medical Imaging},
  volume  = {44},
  number  = {9},
  pages   = {3670--3682},
  year    = {2025},
  doi     = {10.1109/TMI.2024.3519307},
  note    = {Preprint: EMIT-Diff, arXiv:2310.12868},
}"""


def bibtex(records: Sequence[Record], commit: str | None = None) -> str:
    """Entries of the paper, this software (at `commit`, if given) and every published data set that
    the records used.

    A user's own images have no entry: a comment names them. Phantoms need none.
    """
    used = {
        (record.spec.dataset, record.spec.source.title)
        for record in records
        if not record.spec.source.synthetic
    }
    found = [(title, bibtex_of(dataset, title)) for dataset, title in sorted(used)]
    entries = [PAPER, software(commit), *dict.fromkeys(entry for _, entry in found if entry)]
    entries += [
        f"% cite the source of these images yourself: {' '.join(title.split())}"
        for title, entry in sorted(found, key=lambda pair: pair[0])
        if entry is None
    ]
    return "\n\n".join(entries) + "\n"


def bibtex_of(dataset: str, title: str) -> str | None:
    """The entry of the published images that a source of this title is, whole or in part; None for
    a user's own."""
    task = TASKS.of_results(dataset)
    for images in task.others:
        if title == images.title or title.startswith(f"{images.title}: "):
            return images.bibtex
    release = task.release
    if release is None or title.endswith("(own cases)"):
        return None
    begins = title[: len(release.title)] == release.title
    return release.bibtex if begins and title[len(release.title) :][:1] in ("", " ", ":") else None


def software(commit: str | None = None) -> str:
    """The entry of this software from CITATION.cff."""
    facts = yaml.safe_load(CITATION.read_text(encoding="utf-8"))
    authors = " and ".join(_author(one) for one in facts["authors"])
    lines = {
        "author": f"{{{authors}}}",
        "title": f"{{{{{latex_text(facts['title'])}}}}}",
        "version": f"{{{latex_text(str(facts['version']))}}}",
        "year": f"{{{str(facts['date-released'])[:4]}}}",
        "url": f"{{{facts['repository-code']}}}" if "repository-code" in facts else None,
        "note": f"{{Commit {latex_text(commit)}}}" if commit else None,
    }
    body = "".join(f"  {name:<7} = {value},\n" for name, value in lines.items() if value)
    return f"@software{{augbench,\n{body}}}"


def numbers_table(study: Study, methods: Sequence[str], made_on: str) -> str:
    """A LaTeX table (booktabs) of the chosen methods of every group, with record keys, commit and
    date.

    methods: labels as in the report ('none', 'classic deepstack', 'emitdiff (n = 5)'), or a method
    alone ('emitdiff') for all its rows; all if empty. made_on: the date to print, YYYY-MM-DD.
    Raises InputError where no group has such a method, naming those that there are.
    """
    done = [
        runs for comparison in study.comparisons for runs in comparison.group.methods if runs.done
    ]
    if not done:
        raise InputError(
            "these records hold no finished run, so there is no number to cite; run one first."
        )
    known = dict.fromkeys(runs.label for runs in done)
    names = set().union(*(runs.names for runs in done))
    if unknown := [name for name in methods if name not in names]:
        raise InputError(
            f"no scored run of method '{unknown[0]}' in these records; there are:"
            f" {', '.join(known)}."
        )
    lines = []
    for comparison in study.comparisons:
        group = comparison.group
        chosen = [runs for runs in group.methods if runs.done and _is_chosen(runs, methods)]
        if chosen:
            title = f"{group.spec.dataset}, {source_label(group.spec.source)}; {group.rules}"
            lines += [r"\midrule", rf"\multicolumn{{6}}{{l}}{{{latex_text(title)}}} \\"]
            lines += [_line(comparison.summary, runs) for runs in chosen]
    caption = (
        "Mean ± SD, paired difference to no augmentation with its 95 % interval, runs behind each"
        f" row (first {SHOWN_KEY} letters of their keys) and commit. Made on {made_on}."
    )
    head = ("method", "Dice, %", "difference, points", "HD95", "runs", "commit")
    return latex_table(head, lines, "lrrrp{5cm}l", caption)


def _is_chosen(runs: MethodRuns, methods: Sequence[str]) -> bool:
    return not methods or bool(runs.names & set(methods))


def _line(summary: Summary, runs: MethodRuns) -> str:
    row, unit = summary.by_label[runs.label], summary.unit or ""
    cells = [
        runs.label,
        measured_spread("dice", row, unit),
        difference_text(row),
        spread(row["hd95_mean"], row["hd95_sd"], METRICS["hd95"].decimals(unit), unit=unit),
        " ".join(record.key[:SHOWN_KEY] for record in runs.done),
        " ".join(dict.fromkeys(_commit(record) for record in runs.done)),
    ]
    return " & ".join(map(latex_text, cells)) + r" \\"


def _commit(record: Record) -> str:
    commit, dirty = commit_of(record)
    return f"{(commit or 'unknown')[:SHOWN_COMMIT]}{' with changes' if dirty else ''}"


def _author(author: dict[str, str]) -> str:
    if "name" in author:
        return f"{{{latex_text(author['name'])}}}"
    return latex_text(f"{author['family-names']}, {author['given-names']}")
