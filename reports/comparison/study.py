"""A study: all records of a report, and what follows from them, each part computed once.

A part is computed when it is first asked for, so that a table in the terminal pays for no tests and
a page for none twice. Not here: how a part is computed (groups.py, summaries.py,
inference.py, setting_curves.py, sample_numbers.py), the paper's claims (reports/claims).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from benchmark.record.record import Record
from reports.comparison.badges import Mark, Refused, Submission
from reports.comparison.groups import Group, make_groups
from reports.comparison.inference import Inference, infer
from reports.comparison.sample_numbers import AuditedSamples, audited_samples
from reports.comparison.setting_curves import FIELDS, Curve, Family, curves, families
from reports.comparison.summaries import Summary, summarise
from reports.records.times import RunTime, run_times


@dataclass(frozen=True, eq=False)
class Comparison:
    """One group with what follows from its records."""

    group: Group

    @cached_property
    def summary(self) -> Summary:
        """Means, spreads and differences."""
        return summarise(self.group)

    @cached_property
    def inference(self) -> Inference | None:
        """Tests, ties, ranks and verdicts; None where fewer than two methods are scored."""
        return infer(self.summary)

    @cached_property
    def times(self) -> dict[str, RunTime]:
        """Time per run of each method, by its label; factors are over `none`."""
        rows = {runs.label: runs.done for runs in self.group.methods}
        return run_times(rows, self.group.none_label)

    @cached_property
    def curves(self) -> list[Curve]:
        """The paper's method over one of its settings."""
        return curves(self.summary)

    @cached_property
    def samples(self) -> AuditedSamples | None:
        """The audits of synthetic images; None where no run was audited."""
        return audited_samples(self.summary)


@dataclass(frozen=True, eq=False)
class Study:
    """records: of all runs. problems: sentences on files that could not be read. marks: by the key
    of a record, whose it is and how far it was checked. refused: submissions that are left out.
    submissions: those that are on the board."""

    records: Sequence[Record]
    problems: Sequence[str] = ()
    marks: Mapping[str, Mark] = field(default_factory=dict)
    refused: Sequence[Refused] = ()
    submissions: Sequence[Submission] = ()

    @cached_property
    def comparisons(self) -> tuple[Comparison, ...]:
        """The groups in the order of the report: real images first."""
        return tuple(map(Comparison, make_groups(self.records)))

    @cached_property
    def families(self) -> dict[str, list[Family]]:
        """Groups that differ in one field of the run alone, by that field."""
        summaries = [one.summary for one in self.comparisons]
        return {name: families(summaries, name) for name in FIELDS}

    @cached_property
    def audited(self) -> list[AuditedSamples]:
        """The audits of all groups that have any."""
        return [one.samples for one in self.comparisons if one.samples]
