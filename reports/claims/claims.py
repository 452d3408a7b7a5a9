"""The paper's claims held against the records: reproduced, not reproduced, or not testable yet, and
why.

Only runs that may be held against the paper's values (`paper_numbers.not_comparable`), whole and
without defects, give a verdict; all other runs that bear on a claim are reported with their
source, and never as reproduced. Not here: the rules (rules.py), the claims themselves
(claims.yaml).
"""

import functools
import inspect
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmark.spec.protocol import PROTOCOL_NAMES, nearest_protocol
from reports.claims.rules import (
    BY_CURVE,
    BY_FAMILY,
    BY_ROW,
    FAILS,
    HOLDS,
    ON_SAMPLES,
    OPEN,
    label_of,
    nearness_labels,
)
from reports.comparison.caveats import defects
from reports.comparison.format import absent_runs
from reports.comparison.groups import Group
from reports.comparison.labels import changed_settings
from reports.comparison.paper_numbers import (
    BASELINE,
    PAPER_ARCHITECTURE,
    not_comparable,
    paper_gain_percent,
    paper_value,
)
from reports.comparison.sample_numbers import absent_audits, fidelity_caveats
from reports.comparison.setting_curves import Curve, curves, families, main_ours
from reports.comparison.summaries import Summary, none_label

__all__ = [
    "FAILS",
    "HOLDS",
    "NOT_REPRODUCED",
    "NOT_TESTABLE",
    "OPEN",
    "REPRODUCED",
    "Claim",
    "Finding",
    "Verdict",
    "claims",
    "judge",
    "rule_text",
]

REPRODUCED, NOT_REPRODUCED, NOT_TESTABLE = "reproduced", "not reproduced", "not testable yet"
FILE = Path(__file__).parent / "claims.yaml"


@dataclass(frozen=True)
class Claim:
    """One sentence of the paper. rule: a name in rules.py, or None where no record can tell; minor:
    shown folded."""

    id: str
    where: str
    text: str
    needs: str
    rule: str | None = None
    dataset: str | None = None
    method: str | None = None
    minor: bool = False


@dataclass(frozen=True)
class Finding:
    """What the records of a group say, or of a family of groups (then `group` is the usual
    network's).

    outcome: of the rule, HOLDS, FAILS or OPEN. caveats: why the outcome is no verdict on the paper;
    () if it is one. methods: the rows that the outcome rests on, as (group, label).
    """

    group: Group
    outcome: str
    text: str
    caveats: tuple[str, ...]
    methods: tuple[tuple[Group, str], ...] = ()


@dataclass(frozen=True)
class Verdict:
    claim: Claim
    verdict: str
    reason: str
    findings: tuple[Finding, ...]


@functools.cache
def claims() -> tuple[Claim, ...]:
    """All claims of claims.yaml, one per dataset and method, with the printed numbers filled in."""
    entries = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return tuple(itertools.chain.from_iterable(map(_crossed, entries)))


def judge(summaries: Sequence[Summary]) -> list[Verdict]:
    """The verdict on every claim, in their order."""
    return [
        _judged(claim, sorted(_findings(claim, summaries), key=_finding_order))
        for claim in claims()
    ]


def _crossed(entry: dict) -> Iterator[Claim]:
    texts = {name: entry[name] for name in ("where", "needs")} | {"rule": entry.get("rule")}
    for dataset, method in itertools.product(
        entry.get("datasets", [None]), entry.get("methods", [None])
    ):
        words = {"dataset": dataset, "method": method}
        if method is not None:
            before, after = (paper_value(dataset, name, "dice").mean for name in (BASELINE, method))
            gain = paper_gain_percent(dataset, method)
            words |= {"before": f"{before:.2f}", "after": f"{after:.2f}", "gain": f"{gain:+.2f}"}
        name = "-".join(
            word for word in (entry["id"], *(words[part] for part in ("dataset", "method"))) if word
        )
        yield Claim(
            id=name.lower(),
            text=entry["text"].format(**words),
            dataset=dataset,
            method=method,
            minor=entry.get("minor", False),
            **texts,
        )


def _judged(claim: Claim, findings: list[Finding]) -> Verdict:
    """The first finding without a caveat decides, rigorous before paper before released; others are
    named if unlike."""
    counted = [finding for finding in findings if not finding.caveats]
    decided = [finding for finding in counted if finding.outcome != OPEN]
    if decided:
        first = decided[0]
        verdict = REPRODUCED if first.outcome == HOLDS else NOT_REPRODUCED
        others = [one for one in decided[1:] if one.outcome != first.outcome]
        differing = "".join(f" Otherwise under {_rules(one.group)}: {one.text}." for one in others)
        return Verdict(
            claim,
            verdict,
            f"Under {_rules(first.group)}: {first.text}.{differing}",
            tuple(findings),
        )
    if counted:
        reason = f"Undecided under {_rules(counted[0].group)}: {counted[0].text}."
    elif findings:
        reason = f"No comparable runs: {'; '.join(findings[0].caveats)}."
    else:
        reason = f"Needs {claim.needs}."
    return Verdict(claim, NOT_TESTABLE, reason, tuple(findings))


def rule_text(claim: Claim) -> str:
    """The rule of a claim in words, '' where no record can tell yet."""
    rules = {**BY_ROW} | {name: rule for name, (_, rule) in (*BY_CURVE.items(), *BY_FAMILY.items())}
    return (inspect.getdoc(rules[claim.rule]) or "").replace("`", "") if claim.rule else ""


def _findings(claim: Claim, summaries: Sequence[Summary]) -> Iterator[Finding]:
    mine = [summary for summary in summaries if summary.group.spec.dataset == claim.dataset]
    if claim.rule in BY_ROW:
        for summary in mine:
            if found := BY_ROW[claim.rule](summary, claim.method or ""):
                labels = _row_labels(claim, summary)
                caveats = (
                    _sample_caveats(summary, labels)
                    if claim.rule in ON_SAMPLES
                    else _caveats(summary, labels)
                )
                yield Finding(summary.group, *found, caveats, _methods(summary, labels))
    elif claim.rule in BY_CURVE:
        setting, rule = BY_CURVE[claim.rule]
        for curve in (
            curve for summary in mine for curve in curves(summary) if curve.setting == setting
        ):
            if found := rule(curve):
                labels = _curve_labels(curve)
                caveats = (*_caveats(curve.summary, labels), *_off_preset(curve.summary.group))
                yield Finding(curve.summary.group, *found, caveats, _methods(curve.summary, labels))
    elif claim.rule in BY_FAMILY:
        field, rule = BY_FAMILY[claim.rule]
        for family in families(mine, field):
            if found := rule(family):
                flaws = dict.fromkeys(
                    flaw for one in family.members for flaw in _member_flaws(one.summary)
                )
                usual = next(
                    one.summary.group for one in family.members if one.value == PAPER_ARCHITECTURE
                )
                methods = [
                    pair
                    for one in family.members
                    for pair in _methods(one.summary, _member_labels(one.summary))
                ]
                yield Finding(usual, *found, (*not_comparable(usual), *flaws), tuple(methods))


def _methods(summary: Summary, labels: set[str | None]) -> tuple[tuple[Group, str], ...]:
    """The rows of a group called `labels`, in its order."""
    return tuple(
        (summary.group, runs.label) for runs in summary.group.methods if runs.label in labels
    )


def _row_labels(claim: Claim, summary: Summary) -> set[str | None]:
    """The methods that a claim rests on: both generators of Table I, a row of Table II and none, or
    the whole table."""
    if claim.rule in ON_SAMPLES:
        return set(nearness_labels(summary))
    if claim.rule in ("gain", "smaller_sd"):
        return {label_of(summary, claim.method or ""), none_label(summary.group)}
    return set(summary.labels)


def _curve_labels(curve: Curve) -> set[str | None]:
    return {point.label for point in curve.points}


def _caveats(summary: Summary, labels: set[str | None]) -> tuple[str, ...]:
    return (*not_comparable(summary.group), *_flaws(summary, labels))


def _sample_caveats(summary: Summary, labels: set[str | None]) -> tuple[str, ...]:
    """What forbids a verdict on Table I: also edges and generators that are not the paper's, and
    runs without an audit."""
    methods = [runs for runs in summary.group.methods if runs.label in labels]
    rows = {row["method"]: row for row in summary.rows.to_dict("records")}
    absent = [
        f"{runs.label}: {text}"
        for runs in methods
        if (text := absent_audits(runs, rows[runs.label]))
    ]
    sound = (sentence.rstrip(".") for sentence in defects(summary.group))
    return (*fidelity_caveats(summary.group, methods), *absent, *sound)


def _member_labels(summary: Summary) -> set[str | None]:
    ours = main_ours(summary.group)
    return {none_label(summary.group), ours.label if ours else None}


def _member_flaws(summary: Summary) -> tuple[str, ...]:
    return (*_flaws(summary, _member_labels(summary)), *_off_preset(summary.group))


def _off_preset(group: Group) -> tuple[str, ...]:
    """What forbids a verdict where emitdiff stands there with other settings than its preset's."""
    ours = main_ours(group)
    changed = changed_settings(ours.method, group.spec.preset) if ours else {}
    return (f"{ours.label}: not the preset's {', '.join(changed)}",) if changed else ()


def _flaws(summary: Summary, labels: set[str | None]) -> tuple[str, ...]:
    rows = summary.rows[summary.rows["method"].isin(labels)].to_dict("records")
    absent = [f"{row['method']}: {text}" for row in rows if (text := absent_runs(row))]
    others = [
        runs.other_generator
        for runs in summary.group.methods
        if runs.label in labels and runs.other_generator
    ]
    return (
        *absent,
        *dict.fromkeys(others),
        *(sentence.rstrip(".") for sentence in defects(summary.group)),
    )


def _finding_order(finding: Finding) -> tuple:
    """Verdicts first, then real images before synthetic ones, and the protocols in their fixed
    order."""
    spec = finding.group.spec
    protocol, switches = nearest_protocol(spec.protocol)
    return (
        bool(finding.caveats),
        spec.source.synthetic,
        PROTOCOL_NAMES.index(protocol),
        len(switches),
        spec.architecture != PAPER_ARCHITECTURE,
        -spec.training_share,
        finding.group.id,
    )


def _rules(group: Group) -> str:
    leaky = (
        ", test cases choosing the checkpoint" if group.spec.protocol.selection == "test" else ""
    )
    return ", ".join(group.rules) + leaky
