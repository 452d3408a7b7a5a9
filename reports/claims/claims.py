"""The paper's claims held against the records: one answer as printed, one for other images.

As printed: whole, sound runs on the paper's images, preset `paper` and protocol `paper`, without a
stand-in for something that the paper prints. Elsewhere: all other runs on real images. Either
answer needs all folds and two seeds. Runs on synthetic images, and runs that somebody submitted and
nobody recomputed, are listed and answer nothing. Not here: the rules (rules.py), which rows they
look at (evidence.py), the claims themselves (claims.yaml).
"""

import functools
import inspect
import itertools
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmark.core.texts import one_line
from benchmark.spec.protocol import PROTOCOL_NAMES, nearest_protocol
from datasets.tasks.catalogue import TASKS
from reports.claims.evidence import (
    BY_CURVE,
    BY_FAMILY,
    BY_ROW,
    ON_SAMPLES,
    RULES,
    Evidence,
)
from reports.claims.rules import FAILS, HOLDS, OPEN
from reports.claims.rules import SMALLER as SMALLER_OUTCOME
from reports.comparison.badges import unverified_owners
from reports.comparison.groups import Group
from reports.comparison.labels import changed_settings, protocol_label, source_label
from reports.comparison.paper_numbers import (
    BASELINE,
    PAPER_ARCHITECTURE,
    paper_gain_percent,
    table2,
)
from reports.comparison.sample_numbers import absent_audits, fidelity_caveats
from reports.comparison.setting_curves import Family, main_ours
from reports.comparison.study import Comparison, Study
from reports.statistics.verdicts import FEW, LEAST_SEEDS

REPRODUCED, NOT_REPRODUCED = "reproduced", "not reproduced"
SMALLER = "gain confirmed, smaller than printed"
HOLDS_HERE, NOT_HERE = "holds here", "does not hold here"
UNDECIDED, NOT_RUN = "undecided", "not run"
AS_PRINTED = {HOLDS: REPRODUCED, SMALLER_OUTCOME: SMALLER, FAILS: NOT_REPRODUCED, OPEN: UNDECIDED}
ELSEWHERE = {HOLDS: HOLDS_HERE, FAILS: NOT_HERE, OPEN: UNDECIDED}
SHOWN = 3  # reasons in an answer; the page of the claim lists all
FILE = Path(__file__).parent / "claims.yaml"
# Parts that nobody can have as the paper had them, because it does not print them: they are named,
# and do not forbid an answer as printed.
NOT_PRINTED = ("text", "pre-training images", "edge weights")


@dataclass(frozen=True)
class Claim:
    """One sentence of the paper. rule: a name in evidence.py; minor: shown folded."""

    id: str
    where: str
    text: str
    needs: str
    rule: str
    dataset: str
    method: str | None = None
    minor: bool = False


@dataclass(frozen=True)
class Finding:
    """What the records of a group say, or of a family of groups (then `group` is the usual
    network's).

    Args:
        state: the answer that it would give: of AS_PRINTED if it has no obstacles, else of
            ELSEWHERE.
        text: its numbers.
        few: whether the runs are too few for a decision.
        obstacles: why the runs are not those of the paper; () if nothing speaks against it.
        unsound: why the runs answer nothing at all; () for sound ones.
        methods: the rows that it rests on, as (group, label).
    """

    group: Group
    state: str
    text: str
    few: bool
    obstacles: tuple[str, ...]
    unsound: tuple[str, ...]
    methods: tuple[tuple[Group, str], ...] = ()

    @property
    def as_printed(self) -> bool:
        return not self.obstacles


@dataclass(frozen=True)
class Answer:
    """One of the two answers to a claim: its state, and the numbers behind it or what is
    lacking."""

    state: str
    text: str


@dataclass(frozen=True)
class Verdict:
    claim: Claim
    printed: Answer
    elsewhere: Answer
    findings: tuple[Finding, ...]


@functools.cache
def claims() -> tuple[Claim, ...]:
    """All claims of claims.yaml, one per dataset and method, with the printed numbers filled in."""
    entries = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return tuple(itertools.chain.from_iterable(map(_crossed, entries)))


def judge(study: Study) -> list[Verdict]:
    """Both answers to every claim, in their order."""
    return [
        _judged(claim, sorted(_findings(claim, study), key=_finding_order)) for claim in claims()
    ]


def tally(verdicts: Sequence[Verdict]) -> str:
    """'As printed: 0 of 13 claims tested. Elsewhere: 2 holds here, 3 undecided, 8 not run.'"""
    printed = Counter(one.printed.state for one in verdicts)
    tested = len(verdicts) - printed[NOT_RUN]
    words = f"As printed: {tested} of {len(verdicts)} claims tested"
    if tested:
        words += f" ({_counted(printed, [*AS_PRINTED.values()])})"
    elsewhere = Counter(one.elsewhere.state for one in verdicts)
    return f"{words}. Elsewhere: {_counted(elsewhere, [*ELSEWHERE.values(), NOT_RUN])}."


def rule_text(claim: Claim) -> list[str]:
    """The rule of a claim in words, one paragraph each."""
    texts = [inspect.getdoc(rule) or "" for rule in RULES[claim.rule]]
    parts = [part for text in texts for part in text.replace("`", "").split("\n\n")]
    return [" ".join(part.split()) for part in parts]


def _counted(counts: Counter[str], states: Sequence[str]) -> str:
    return ", ".join(f"{counts[state]} {state}" for state in states if counts[state])


def _crossed(entry: dict) -> Iterator[Claim]:
    for dataset, method in itertools.product(entry["datasets"], entry.get("methods", [None])):
        words = {"dataset": dataset, "method": method}
        if method is not None:
            before, after = (table2()[dataset, name, "dice"].mean for name in (BASELINE, method))
            gain = paper_gain_percent(dataset, method)
            words |= {"before": f"{before:.2f}", "after": f"{after:.2f}", "gain": f"{gain:+.2f}"}
        name = "-".join(word for word in (entry["id"], dataset, method) if word)
        yield Claim(
            id=name.lower(),
            where=entry["where"],
            text=entry["text"].format(**words),
            needs=entry["needs"],
            rule=entry["rule"],
            dataset=dataset,
            method=method,
            minor=entry.get("minor", False),
        )


def _judged(claim: Claim, findings: list[Finding]) -> Verdict:
    sound = [one for one in findings if not one.unsound]
    printed = _answer([one for one in sound if one.as_printed])
    if printed is None:
        printed = Answer(NOT_RUN, _lacking(claim, sound))
    elsewhere = _answer([one for one in sound if not one.as_printed])
    if elsewhere is None:
        unsound = next((one for one in findings if one.unsound), None)
        why = f"{_where(unsound)}: {'; '.join(unsound.unsound)}." if unsound else ""
        elsewhere = Answer(NOT_RUN, why or f"Needs {claim.needs}.")
    return Verdict(claim, printed, elsewhere, tuple(findings))


def _lacking(claim: Claim, sound: list[Finding]) -> str:
    """Why a claim has no answer as printed."""
    papers = TASKS.of_results(claim.dataset).paper
    if papers is None or papers.title is None:
        return f"Nobody can run it: the paper does not name its {claim.dataset} images (Q30)."
    text = f"Needs {claim.needs} on {papers.title}, preset paper and protocol paper."
    if not sound:
        return text
    shown, more = sound[0].obstacles[:SHOWN], len(sound[0].obstacles) - SHOWN
    rest = f"; and {more} more reason{'s' * (more > 1)}" if more > 0 else ""
    return f"{text} Nearest runs here: {'; '.join(shown)}{rest}."


def _answer(findings: list[Finding]) -> Answer | None:
    """Of the first of several findings; the others are counted, so that none is hidden."""
    if not findings:
        return None
    first, *others = findings
    text = f"{_where(first)}: {first.text}."
    if others:
        states = Counter(one.state for one in others)
        more = _counted(states, list(states))
        text += f" {len(others)} other comparison{'s' * (len(others) > 1)}: {more}."
    return Answer(first.state, text)


def _findings(claim: Claim, study: Study) -> Iterator[Finding]:
    """What each comparison of the claim's data set says of it, or each family of them."""
    mine = [one for one in study.comparisons if one.group.spec.dataset == claim.dataset]
    if claim.rule in BY_ROW:
        for one in mine:
            yield from _row_findings(claim, one, study)
    elif claim.rule in BY_CURVE:
        for one in mine:
            yield from _curve_findings(claim, one, study)
    else:
        field, rule = BY_FAMILY[claim.rule]
        for family in study.families[field]:
            if family.spec.dataset == claim.dataset and (found := rule(family)):
                yield _family_finding(family, found, study)


def _row_findings(claim: Claim, one: Comparison, study: Study) -> Iterator[Finding]:
    rule, group, name = BY_ROW[claim.rule], one.group, claim.method or ""
    hindrances = _sample_obstacles if claim.rule in ON_SAMPLES else _row_obstacles
    found, obstacles = rule(one, name, True), ["not the preset's settings"]
    if found:
        obstacles = hindrances(group, found.labels)
    if obstacles and (found := rule(one, name, False)):
        obstacles = hindrances(group, found.labels) or obstacles
    if found:
        yield _finding(group, found, obstacles, _methods(group, found.labels), study)


def _curve_findings(claim: Claim, one: Comparison, study: Study) -> Iterator[Finding]:
    setting, rule = BY_CURVE[claim.rule]
    for curve in one.curves:
        if curve.setting == setting and (found := rule(curve)):
            obstacles = [*_obstacles(one.group, found.labels), *_off_preset(one.group)]
            yield _finding(one.group, found, obstacles, _methods(one.group, found.labels), study)


def _family_finding(family: Family, found: Evidence, study: Study) -> Finding:
    groups = [member.summary.group for member in family.members]
    usual = next(one for one in groups if one.spec.architecture == PAPER_ARCHITECTURE)
    obstacles, methods = [*usual.not_comparable, *_other_protocol(usual)], []
    for group in groups:
        ours = main_ours(group)
        labels = {group.none_label or "", ours.label if ours else ""}
        obstacles += [*_flaws(group, labels), *_off_preset(group)]
        methods += _methods(group, labels)
    return _finding(usual, found, obstacles, methods, study)


def _finding(
    group: Group,
    found: Evidence,
    obstacles: Sequence[str],
    methods: Sequence[tuple[Group, str]],
    study: Study,
) -> Finding:
    """The finding with the outcome that its runs allow."""
    few = found.folds < group.spec.preset.n_folds or found.seeds < LEAST_SEEDS
    outcome = OPEN if few else found.outcome
    folds, seeds = (_count(*pair) for pair in ((found.folds, "fold"), (found.seeds, "seed")))
    text = f"{found.text}; {FEW} ({folds}, {seeds})" if few else found.text
    keys = [one.key for where, label in methods for one in where.by_label[label].records]
    whose = unverified_owners(keys, study.marks)
    unsound = [sentence.rstrip(".") for where in _groups(methods) for sentence in where.defects]
    if whose:
        unsound.append(f"rows as submitted by {whose}, not recomputed from masks")
    if group.spec.source.synthetic:
        unsound.append("synthetic images answer nothing")
    if group.spec.source.limit:
        unsound.append("a quick look at some of the cases answers nothing")
    return Finding(
        group,
        (ELSEWHERE if obstacles else AS_PRINTED)[outcome],
        one_line(text),
        few,
        tuple(dict.fromkeys(obstacles)),
        tuple(dict.fromkeys(unsound)),
        tuple(methods),
    )


def _groups(methods: Sequence[tuple[Group, str]]) -> list[Group]:
    return list({group.id: group for group, _ in methods}.values())


def _methods(group: Group, labels: Collection[str]) -> list[tuple[Group, str]]:
    """The rows of a group called `labels`, in its order, as (group, label)."""
    return [(group, label) for label in group.by_label if label in labels]


def _obstacles(group: Group, labels: frozenset[str]) -> list[str]:
    """Why these rows are not what the paper ran; [] if nothing speaks against it."""
    return [*group.not_comparable, *_other_protocol(group), *_flaws(group, labels)]


def _row_obstacles(group: Group, labels: frozenset[str]) -> list[str]:
    ours = main_ours(group)
    swept = _off_preset(group) if ours and ours.label in labels else []
    return [*_obstacles(group, labels), *swept]


def _sample_obstacles(group: Group, labels: frozenset[str]) -> list[str]:
    """What forbids an answer on Table I: also edges that are not the paper's, and runs without an
    audit."""
    methods = [runs for runs in group.methods if runs.label in labels]
    absent = [f"{runs.label}: {text}" for runs in methods if (text := absent_audits(runs))]
    flaws = _flaws(group, labels)
    return [*fidelity_caveats(group, methods), *_other_protocol(group), *absent, *flaws]


def _other_protocol(group: Group) -> list[str]:
    label = protocol_label(group.spec.protocol)
    return [] if label == "paper" else [f"protocol is {label}, not paper"]


def _off_preset(group: Group) -> list[str]:
    """Where the paper's method has other settings than its preset's."""
    ours = main_ours(group)
    changed = changed_settings(ours.method, group.spec.preset) if ours else {}
    return [f"{ours.label}: not the preset's {', '.join(changed)}"] if ours and changed else []


def _flaws(group: Group, labels: Collection[str]) -> list[str]:
    """Absent runs, generators with other settings, and stand-ins for what the paper prints."""
    methods = [runs for runs in group.methods if runs.label in labels]
    absent = [f"{runs.label}: {text}" for runs in methods if (text := runs.absent_text)]
    others = [runs.other_generator for runs in methods if runs.other_generator]
    stand_ins = [
        one_line(f"{entry.used} in place of the paper's {entry.part}, {entry.paper}")
        for runs in methods
        for record in runs.done
        for entry in record.substitutions
        if entry.part not in ("images", *NOT_PRINTED)  # images: see `not_comparable`
    ]
    return list(dict.fromkeys([*absent, *others, *stand_ins]))


def _finding_order(finding: Finding) -> tuple:
    """Sound findings first, those with enough runs, then `rigorous` before other protocols, large
    images before small ones. The outcome has no say in it."""
    spec = finding.group.spec
    protocol, switches = nearest_protocol(spec.protocol)
    return (
        bool(finding.unsound),
        finding.few,
        PROTOCOL_NAMES.index(protocol),
        len(switches),
        spec.architecture != PAPER_ARCHITECTURE,
        -spec.training_share,
        -spec.preset.size,
        finding.group.id,
    )


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'s' * (number != 1)}"


def _where(finding: Finding) -> str:
    """The source and the rules of a finding: 'BUSI, real images, attention-unet, ...'."""
    spec = finding.group.spec
    leaky = ", test cases choosing the checkpoint" if spec.protocol.selection == "test" else ""
    return f"{source_label(spec.source)}, {finding.group.rules}{leaky}"
