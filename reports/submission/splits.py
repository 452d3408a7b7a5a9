"""Whether a record's split is the one that its rules draw, every case of the fold was tested once,
and nothing leaked. Not here: which cases there are (reference_data.py)."""

from collections import Counter
from collections.abc import Iterator
from functools import cache

from benchmark.core.errors import InputError
from benchmark.core.texts import some
from benchmark.record.record import Record, Split
from benchmark.record.splits import split_of
from datasets.copies.known import copies_of
from datasets.folds import Clusters, split_hash, thinned
from datasets.sources.base import Source
from datasets.tasks.catalogue import TASKS
from reports.submission.reference_data import Known


def recorded(record: Record) -> Split:
    """The split of a record that consistency.py has let pass, which has one."""
    assert record.split is not None
    return record.split


def wrong_cases(record: Record) -> Iterator[str]:
    """What is wrong with the case rows as a set: every test case of the fold exactly once, in the
    split's order."""
    rows, test = [row.case for row in record.cases], recorded(record).test
    if twice := [case for case, count in Counter(rows).items() if count > 1]:
        yield f"{some(twice)}: more than one row"
    if missing := sorted(set(test) - set(rows)):
        yield (
            f"{some(missing)}: no row, though the split tests"
            f" {'it' if len(missing) == 1 else 'them'}"
        )
    if foreign := sorted(set(rows) - set(test)):
        yield f"{some(foreign)}: a row, though no case that the split tests"
    if not (twice or missing or foreign) and tuple(rows) != test:
        yield "the rows do not stand in the order of the split's test cases"


def leaks(record: Record) -> Iterator[str]:
    """Cases that were trained or selected on and tested on too; and a generator that saw other
    cases than it may."""
    split, spec = recorded(record), record.spec
    test = set(split.test)
    for name, cases in (
        ("training", split.train),
        ("validation", split.validation),
        ("the generator's", split.generator),
    ):
        if leaked := sorted(test & set(cases)):
            yield f"{some(leaked)}: among {name} cases and tested on"
        if len(set(cases)) != len(cases):
            yield f"a case stands twice among {name} cases"
    if shared := sorted(set(split.train) & set(split.validation)):
        yield f"{some(shared)}: among training and validation cases"
    generates = spec.method.generates and spec.method.ratio > 0
    allowed = split.train + (
        split.validation if spec.protocol.generator_cases == "training" else ()
    )
    expected = allowed if generates else ()
    if split.generator != expected:  # in the order that the generator's key has
        yield (
            f"the generator was trained on {len(split.generator)} cases where"
            f" generator_cases={spec.protocol.generator_cases} means {len(expected)} others"
            if len(split.generator) != len(expected)
            else "the generator was trained on other cases than those of its fold"
        )


def wrong_copies(record: Record, known: Known) -> Iterator[str]:
    """How the clusters of near copies differ from those of the images at hand, or lack what is
    known of the release."""
    if known.cases is None or record.copies is None:
        return
    mine = {case: cluster for cluster in record.copies for case in cluster}
    if unknown := sorted(mine.keys() - {case.id for case in known.cases}):
        yield f"{some(unknown)}: a near copy, though no case of the data set"
    elif known.images is not None:
        if set(record.copies) != set(_copies_here(known.images)):
            yield "its near copies are not those of the images at hand"
    elif record.spec.protocol.copies == "grouped":
        release = TASKS.of_results(record.spec.dataset).release
        there = {case.id for case in known.cases}
        for cluster in release.copies if release else ():
            listed = [case for case in cluster if case in there]
            if len(listed) > 1 and not {*listed} <= {*mine.get(listed[0], ())}:
                yield f"{some(listed)}: known near copies that it does not keep together"


@cache
def _copies_here(images: Source) -> Clusters:
    return copies_of(images, None)


def wrong_split(record: Record, known: Known) -> Iterator[str]:
    """How the split differs from the one that protocol, fold and seed draw from the known cases and
    the record's near copies."""
    spec, split = record.spec, recorded(record)
    if known.cases is None:
        return
    if told := list(wrong_copies(record, known)):
        yield from told
        return
    try:
        drawn = split_of(spec, known.cases, record.copies or ())
    except InputError as error:
        yield str(error)
        return
    if drawn.hash != split.hash:
        yield f"fold {spec.fold} has another split hash than the one drawn from {known.origin}"
    expected = Split(
        hash=drawn.hash,
        train=tuple(thinned(drawn.train, spec.training_share, spec.preset.split_seed)),
        validation=drawn.validation,
        test=drawn.test,
    )
    for part in ("train", "validation", "test"):
        mine, theirs = getattr(split, part), getattr(expected, part)
        if (mine != theirs) if known.ordered else (set(mine) != set(theirs)):
            yield f"fold {spec.fold} has other {part} cases than those drawn from {known.origin}"


def wrong_patients(record: Record, known: Known) -> Iterator[str]:
    """Rows that name another patient than the known cases do; cases of one patient count once."""
    patients = {case.id: case.group for case in known.cases or ()}
    for row in record.cases:
        if row.case in patients and (row.patient or row.case) != patients[row.case]:
            yield f"case {row.case} is not of the patient '{row.patient[:40]}'"


def can_be_drawn(record: Record, known: Known) -> bool:
    """Whether the split follows from what is known: the unshuffled folds need the data set's own
    order."""
    return known.cases is not None and (known.ordered or record.spec.protocol.folds == "shuffled")


def wrong_hash(record: Record) -> bool:
    """Whether the split's hash is not that of its own cases; with a share of the training cases it
    cannot be told."""
    split = recorded(record)
    own = split_hash(train=split.train, validation=split.validation, test=split.test)
    return record.spec.training_share == 1 and own != split.hash
