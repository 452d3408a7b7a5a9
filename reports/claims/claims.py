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
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from benchmark.spec.protocol import PROTOCOL_NAMES, nearest_protocol
from reports.claims.rules import (
    BY_CURVE,
    BY_FAMILY,
    BY_ROW,
    HOLDS,
    ON_SAMPLES,
    OPEN,
    label_of,
    nearness_labels,
)
from reports.comparison.badges import unverified_owners
from reports.comparison.groups import Group
from reports.comparison.labels import changed_settings
from reports.comparison.paper_numbers import (
    BASELINE,
    PAPER_ARCHITECTURE,
    paper_gain_percent,
    table2,
)
from reports.comparison.sample_numbers import absent_audits, fidelity_caveats
from reports.comparison.setting_curves import Family, main_ours
from reports.comparison.study import Comparison, Study
from reports.comparison.summaries import Summary

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


def judge(study: Study) -> list[Verdict]:
    """The verdict on every claim, in their order."""
    return [
        _judged(claim, sorted(_marked_findings(claim, study), key=_finding_order))
        for claim in claims()
    ]


def _marked_findings(claim: Claim, study: Study) -> Iterator[Finding]:
    """The findings, those on runs that somebody submitted and nobody recomputed with a caveat that
    says so: invented rows give no verdict on the paper."""
    for found in _findings(claim, study):
        records = [one for group, label in found.methods for one in group.by_label[label].records]
        whose = unverified_owners((one.key for one in records), study.marks)
        said = (f"rows as submitted by {whose}, not recomputed from masks",) if whose else ()
        yield replace(found, caveats=(*found.caveats, *said))


def _crossed(entry: dict) -> Iterator[Claim]:
    texts = {name: entry[name] for name in ("where", "needs")} | {"rule": entry.get("rule")}
    for dataset, method in itertools.product(
        entry.get("datasets", [None]), entry.get("methods", [None])
    ):
        words = {"dataset": dataset, "method": method}
        if method is not None:
            before, after = (table2()[dataset, name, "dice"].mean for name in (BASELINE, method))
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
    """The rule of a claim in words, a line per paragraph; '' where no record can tell yet."""
    if claim.rule is None:
        return ""
    rules: dict[str, Any] = {**BY_ROW}
    rules |= {name: rule for name, (_, rule) in (*BY_CURVE.items(), *BY_FAMILY.items())}
    text = (inspect.getdoc(rules[claim.rule]) or "").replace("`", "")
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def _findings(claim: Claim, study: Study) -> Iterator[Finding]:
    """What each comparison of the claim's data set says of it, or each family of them."""
    mine = [one for one in study.comparisons if one.group.spec.dataset == claim.dataset]
    if claim.rule in BY_ROW:
        for one in mine:
            yield from _row_findings(claim, one)
    elif claim.rule in BY_CURVE:
        for one in mine:
            yield from _curve_findings(claim.rule, one)
    elif claim.rule in BY_FAMILY:
        field, rule = BY_FAMILY[claim.rule]
        for family in study.families[field]:
            if family.spec.dataset == claim.dataset and (found := rule(family)):
                yield _family_finding(family, *found)


def _row_findings(claim: Claim, one: Comparison) -> Iterator[Finding]:
    found = BY_ROW[claim.rule or ""](one, claim.method or "")
    if found:
        labels = _row_labels(claim, one.summary)
        caveats = _sample_caveats if claim.rule in ON_SAMPLES else _caveats
        methods = _methods(one.group, labels)
        yield Finding(one.group, *found, caveats(one.group, labels), methods)


def _curve_findings(name: str, one: Comparison) -> Iterator[Finding]:
    setting, rule = BY_CURVE[name]
    for curve in one.curves:
        if curve.setting == setting and (found := rule(curve)):
            labels: set[str | None] = {point.label for point in curve.points}
            caveats = (*_caveats(one.group, labels), *_off_preset(one.group))
            yield Finding(one.group, *found, caveats, _methods(one.group, labels))


def _family_finding(family: Family, outcome: str, text: str) -> Finding:
    groups = [member.summary.group for member in family.members]
    usual = next(one for one in groups if one.spec.architecture == PAPER_ARCHITECTURE)
    labels = {one.id: _member_labels(one) for one in groups}
    flaws = [flaw for one in groups for flaw in (*_flaws(one, labels[one.id]), *_off_preset(one))]
    methods = [pair for one in groups for pair in _methods(one, labels[one.id])]
    caveats = (*usual.not_comparable, *dict.fromkeys(flaws))
    return Finding(usual, outcome, text, caveats, tuple(methods))


def _methods(group: Group, labels: set[str | None]) -> tuple[tuple[Group, str], ...]:
    """The rows of a group called `labels`, in its order."""
    return tuple((group, label) for label in group.by_label if label in labels)


def _row_labels(claim: Claim, summary: Summary) -> set[str | None]:
    """The methods that a claim rests on: both generators of Table I, a row of Table II and none, or
    the whole table."""
    if claim.rule in ON_SAMPLES:
        return set(nearness_labels(summary.group))
    if claim.rule in ("gain", "smaller_sd"):
        return {label_of(summary, claim.method or ""), summary.group.none_label}
    return set(summary.labels)


def _caveats(group: Group, labels: set[str | None]) -> tuple[str, ...]:
    return (*group.not_comparable, *_flaws(group, labels))


def _sample_caveats(group: Group, labels: set[str | None]) -> tuple[str, ...]:
    """What forbids a verdict on Table I: also edges and generators that are not the paper's, and
    runs without an audit."""
    methods = [runs for runs in group.methods if runs.label in labels]
    absent = [f"{runs.label}: {text}" for runs in methods if (text := absent_audits(runs))]
    return (*fidelity_caveats(group, methods), *absent, *_defects(group))


def _member_labels(group: Group) -> set[str | None]:
    ours = main_ours(group)
    return {group.none_label, ours.label if ours else None}


def _off_preset(group: Group) -> tuple[str, ...]:
    """What forbids a verdict where the paper's method has other settings than its preset's."""
    ours = main_ours(group)
    changed = changed_settings(ours.method, group.spec.preset) if ours else {}
    return (f"{ours.label}: not the preset's {', '.join(changed)}",) if ours and changed else ()


def _flaws(group: Group, labels: set[str | None]) -> tuple[str, ...]:
    """What speaks against these rows: absent runs, generators with other settings, defects."""
    methods = [runs for runs in group.methods if runs.label in labels]
    absent = [f"{runs.label}: {text}" for runs in methods if (text := runs.absent_text)]
    others = dict.fromkeys(runs.other_generator for runs in methods if runs.other_generator)
    return (*absent, *others, *_defects(group))


def _defects(group: Group) -> list[str]:
    return [sentence.rstrip(".") for sentence in group.defects]


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
    leaky = group.spec.protocol.selection == "test"
    return group.rules + (", test cases choosing the checkpoint" if leaky else "")
