"""Short labels: distinct, and what they leave out stands once."""

from benchmark.spec.presets import preset
from reports.comparison.labels import shared_settings, short_labels
from tests.support.made_records import make_record, with_generator


def methods(*settings):
    """emitdiff with each of several settings, after none."""
    records = [make_record("none"), *(make_record("emitdiff", **one) for one in settings)]
    return [one.spec.method for one in records]


def test_a_label_names_n_and_what_is_unlike_the_others():
    found = methods({"ratio": 4}, {"ratio": 4, "alpha": 0.2}, {"ratio": 2}, {"ratio": 8})
    texts = [label.text for label in short_labels(found)]
    assert texts == [
        "none",
        "emitdiff, n = 4",
        "emitdiff, n = 4, alpha = 0.2",
        "emitdiff, n = 2",
        "emitdiff, n = 8",
    ]


def test_what_all_share_stands_once():
    record = with_generator(make_record("emitdiff", ratio=4), steps=9)
    [sentence] = shared_settings([record.spec.method], preset("smoke"))
    assert sentence.startswith("emitdiff: from scratch; alpha = 0.6; patch = 16")
    assert "generator with steps = 9 in place of the preset's" in sentence
    [label] = short_labels([record.spec.method])
    assert label.text == "emitdiff, n = 4"
    assert shared_settings(methods()[:1], preset("smoke")) == []


def test_generators_that_differ_are_told_apart():
    few, many = (with_generator(make_record("emitdiff"), steps=steps) for steps in (9, 99))
    first, second = short_labels([few.spec.method, many.spec.method])
    assert first != second and "steps = " in f"{first.text} {second.text}"


def test_two_forms_of_one_method_keep_their_forms():
    scratch = make_record("emitdiff").spec.method
    stable = scratch.model_copy(
        update={"look": scratch.look.model_copy(update={"form": "Stable Diffusion"})}
    )
    names = [label.name for label in short_labels([scratch, stable])]
    assert names == ["emitdiff (from scratch)", "emitdiff (Stable Diffusion)"]


def test_labels_that_would_be_alike_are_numbered():
    one = make_record("classic", "gamma").spec.method
    texts = [label.text for label in short_labels([one, one])]
    assert texts == ["classic gamma, no. 1", "classic gamma, no. 2"]
