"""Evaluation results as the Hugging Face hub reads them: `.eval_results/NAME.yaml` of a model
repository.

One entry per method and comparison: the mean Dice over all cases. The hub shows it on the board of
the data set repository that it names, which its staff must have registered as a benchmark (it holds
an eval.yaml); whether one exists for these data sets is not known here, so its name is the user's
to give. Format: hub documentation, "Evaluation results", 2026.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from benchmark.core.errors import InputError
from reports.comparison.format import with_interval
from reports.comparison.labels import source_label
from reports.comparison.study import Comparison, Study


def hub_results(study: Study, repository: str, made_on: str, methods: Sequence[str] = ()) -> str:
    """YAML of the finished methods of real images, all if `methods` is empty.

    repository: OWNER/NAME of the data set repository; made_on: YYYY-MM-DD. Raises InputError for a
    name of another form, and where nothing is left to write.
    """
    owner, slash, name = repository.partition("/")
    if not (owner and slash and name) or "/" in name or " " in repository:
        raise InputError(
            f"--format hf needs --hub-dataset OWNER/NAME, a data set repository of the hub; given"
            f" is '{repository}'."
        )
    found = [
        entry
        for comparison in study.comparisons
        for entry in _entries(comparison, repository, made_on, methods)
    ]
    if not found:
        raise InputError(
            "these records hold no finished run of real images for that; run one first, or name"
            " another --method."
        )
    return yaml.safe_dump(found, sort_keys=False, allow_unicode=True, width=100)


def _entries(
    comparison: Comparison, repository: str, made_on: str, methods: Sequence[str]
) -> Iterator[dict[str, Any]]:
    group, summary = comparison.group, comparison.summary
    source = group.spec.source
    if source.synthetic or source.limit:
        return
    for runs in group.methods:
        row = summary.by_label[runs.label]
        if not runs.done or (methods and not runs.names & set(methods)):
            continue
        ends = row["dice_difference"], row["dice_difference_low"], row["dice_difference_high"]
        known = ends[0] is not None and ends[0] == ends[0]
        gain = f"; minus none: {with_interval(*ends)} points" if known else ""
        keys = " ".join(record.key[:8] for record in runs.done)
        yield {
            "dataset": {"id": repository, "task_id": f"{group.spec.dataset}_dice"},
            "value": round(float(row["dice_mean"]), 4),
            "date": made_on,
            "notes": (
                f"{runs.label}, {source_label(source)}, {group.rules}; mean Dice over"
                f" {row['cases']} cases, runs {runs.done_of_expected}, seeds {row['seeds']}{gain};"
                f" records {keys}"
            ),
        }
