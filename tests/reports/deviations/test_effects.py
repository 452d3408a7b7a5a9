"""Effects of deviations on made-up runs whose true effects are known."""

import re

import numpy as np
import pytest

from benchmark.spec.protocol import named_protocol
from reports.comparison.study import Study
from reports.deviations.effects import LOWERS, NO_CHANGE, OPEN, RAISES, deviation_effects
from reports.deviations.sentences import effect_rows, opening, sentence
from reports.figures.deviations import deviations_figure
from reports.tables.named_numbers import NamedNumbers
from tests.support.made_records import make_record
from tests.support.study import audit

CASES = {fold: [f"case_{fold}{place}" for place in range(6)] for fold in range(3)}
# by protocol: what emitdiff gains; the network itself has a Dice of .6
GAINS = {"rigorous": 0.02, "selection": 0.12, "assd": 0.02, "merge": 0.02, "released": 0.1}


def protocol_of(name):
    if name == "released":
        return named_protocol("released")
    changed = {} if name == "rigorous" else {name: named_protocol("released").model_dump()[name]}
    return named_protocol("rigorous").model_copy(update=changed)


def run(method, name, fold, seed, training=None):
    """Six cases; a little noise of each training and case, none of the protocol's alone."""
    rng = np.random.default_rng([fold, seed, method == "emitdiff", list(GAINS).index(name)])
    gain = GAINS[name] if method == "emitdiff" else 0.0
    dice = {
        case: 0.6 + 0.02 * place + gain + float(rng.normal(0, 0.004))
        for place, case in enumerate(CASES[fold])
    }
    if name == "assd":  # only scored in another way: the very Dice of rigorous
        return run(method, "rigorous", fold, seed).model_copy(
            update={
                "key": f"{method}{fold}{seed}assd",
                "spec": run(method, "merge", fold, seed).spec.model_copy(
                    update={"protocol": protocol_of("assd")}
                ),
            }
        )
    return make_record(
        method, fold=fold, seed=seed, rows=dice, protocol=protocol_of(name), preset_name="smoke"
    )


def study_of(seeds=2):
    return Study(
        [
            run(method, name, fold, seed)
            for name in GAINS
            for method in ("none", "emitdiff")
            for fold in range(3)
            for seed in range(seeds)
        ]
    )


@pytest.fixture(scope="module")
def effects():
    (found,) = deviation_effects(study_of())
    return found


def by_step(effects):
    return {effect.step.split(" = ")[0]: effect for effect in effects.all}


def test_each_deviation_has_its_true_effect_and_a_verdict(effects):
    found = by_step(effects)
    assert effects.gain.mean == pytest.approx(0.02, abs=0.004)
    assert found["selection"].moved.mean == pytest.approx(0.10, abs=0.006)
    assert effects.verdict(found["selection"]) == RAISES
    assert effects.verdict(found["merge"]) == OPEN
    assert effects.together.moved.mean == pytest.approx(0.08, abs=0.006)


def test_a_rule_that_only_scores_leaves_the_trainings_and_changes_nothing(effects):
    scored = by_step(effects)["assd"]
    assert scored.same_trainings and scored.moved.mean == 0.0
    assert effects.verdict(scored) == NO_CHANGE
    assert "changes no Dice value" in sentence(effects, scored)
    assert not by_step(effects)["selection"].same_trainings


def test_a_training_that_a_rule_does_not_touch_changes_nothing():
    """It is made anew under another key, and every case has the same Dice; of one that differs in
    one case by the last digit, the luck of a training counts."""

    def anew(record, key):
        stages = tuple(one.model_copy(update={"key": key * 64}) for one in record.stages)
        return record.model_copy(update={"stages": stages})

    def study(changed=0.0):
        records = [anew(one, "ab"[one.spec.protocol.assd == "mean"]) for one in study_of().records]
        alone = protocol_of("assd")
        place = [one.spec.protocol == alone for one in records].index(True)
        row, *rows = records[place].cases
        row = row.model_copy(update={"dice": row.dice + changed})
        records[place] = records[place].model_copy(update={"cases": (row, *rows)})
        return Study(records)

    (found,) = deviation_effects(study())
    assert by_step(found)["assd"].same_trainings
    assert found.verdict(by_step(found)["assd"]) == NO_CHANGE
    (found,) = deviation_effects(study(1e-6))
    assert not by_step(found)["assd"].same_trainings


def test_trainings_are_the_same_in_the_seeds_that_both_protocols_have():
    """Rigorous has a seed more; the numbers and networks of the other are still its own."""
    fewer = [
        record
        for record in study_of().records
        if record.spec.seed == 0 or record.spec.protocol.assd == "pooled"
    ]
    (found,) = deviation_effects(Study(fewer))
    scored = by_step(found)["assd"]
    assert scored.moved.least_seeds == 1
    assert scored.same_trainings and found.verdict(scored) == NO_CHANGE
    assert not by_step(found)["selection"].same_trainings


def test_one_seed_gives_numbers_and_no_verdict():
    (found,) = deviation_effects(study_of(seeds=1))
    selection = by_step(found)["selection"]
    assert selection.moved.mean == pytest.approx(0.10, abs=0.01)
    assert found.verdict(selection) == "too few runs (3 folds, 1 seed)"
    assert "leaves out the luck of a training" in sentence(found, selection)


def test_a_lowered_gain_is_called_so():
    fallen = {"merge": -0.1}
    old = dict(GAINS)
    GAINS.update({name: old[name] + gain for name, gain in fallen.items()})
    try:
        (found,) = deviation_effects(study_of())
    finally:
        GAINS.update(old)
    assert found.verdict(by_step(found)["merge"]) == LOWERS


def test_other_folds_cannot_be_paired_and_errors_add_up():
    records = list(study_of().records)
    swapped = [
        record.model_copy(
            update={
                "cases": tuple(
                    row.model_copy(update={"case": f"other_{row.case}"}) for row in record.cases
                )
            }
        )
        if record.spec.protocol.selection == "test"
        and record.spec.protocol != named_protocol("released")
        else record
        for record in records
    ]
    (paired,), (found,) = deviation_effects(Study(records)), deviation_effects(Study(swapped))
    moved, before = by_step(found)["selection"].moved, by_step(paired)["selection"].moved
    assert not moved.paired and moved.mean == pytest.approx(before.mean)
    gains = [by_step(found)["selection"].gain, found.gain]
    assert moved.error == pytest.approx(np.hypot(*(gain.error for gain in gains)))
    assert "nothing is paired" in sentence(found, by_step(found)["selection"])


def test_words_rows_and_figure_hold_the_same_numbers(effects, tmp_path):
    rows = effect_rows([effects]).set_index("deviation")
    assert len(rows) == len(effects.all)
    moved = rows.loc["selection = test", "moved"]
    text = sentence(effects, by_step(effects)["selection"])
    assert text.startswith(f"selection = test (Q1): moves the gain by {100 * moved:+.1f} [")
    assert "raises the gain" in text
    assert f"{100 * effects.gain.mean:+.1f}" in opening(effects)
    drawing = deviations_figure(effects, tmp_path)
    assert f"selection = test {100 * moved:+.1f}" in drawing.alt
    words = drawing.svg.read_text(encoding="utf-8")
    assert "gain under released" in words and "no change: assd" in words


def test_a_study_of_every_switch_has_effects_of_both_methods():
    found = deviation_effects(Study(audit(seeds=1)))
    assert [one.method.name for one in found] == ["classic", "emitdiff"]
    assert all(one.together for one in found)
    assert all(np.isfinite(effect.moved.mean) for one in found for effect in one.all)


def test_pages_name_an_effect_by_its_method_and_deviation(tmp_path):
    folder = tmp_path / "made" / "records"
    folder.mkdir(parents=True)
    for record in study_of().records:
        (folder / f"{record.key}.json").write_text(record.model_dump_json(), "utf-8")
    numbers = NamedNumbers(tmp_path)
    moved = "made/prostate/moved/emitdiff-from-scratch/{}".format
    mean, low, _ = map(float, re.findall(r"[+-][\d.]+", numbers.text(moved("selection-test"))))
    gain = float(numbers.text(moved("selection-test/gain")).split(" ")[0])
    assert mean == pytest.approx(10, abs=0.6) and 9 < low < mean
    assert gain == pytest.approx(12, abs=0.6)
    assert numbers.text(moved("selection-test/verdict")) == RAISES
    assert numbers.text(moved("assd-mean/verdict")) == NO_CHANGE
