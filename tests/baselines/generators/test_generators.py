"""Both generators from scratch: fit, store, load, sample. Tiny networks on 16 px slices with one
disc each."""

import json
import math

import numpy as np
import pytest

from baselines.generators.base import TrainingSlices
from baselines.generators.catalogue import generator_class
from baselines.generators.fit_folder import training_ids
from baselines.generators.job import TrainingJob
from baselines.scratch.settings import GeneratorSettings
from benchmark.core.errors import InputError
from benchmark.core.progress import silent
from benchmark.training.checkpoint import Checkpoint
from tests.baselines.generators.discs import (
    CPU,
    PROMPT,
    SETTINGS,
    SIZE,
    conditions_of,
    disc_slices,
    load,
)
from tests.support.one_variant import sample_variant


def test_training_improves_the_loss_clearly(name, fits):
    rows = (fits[name] / "curve.csv").read_text().splitlines()
    assert rows[0] == "step,loss,learning_rate"
    losses = [float(row.split(",")[1]) for row in rows[1:]]
    assert len(losses) == SETTINGS.steps / 10
    assert np.mean(losses[-3:]) < 0.5 * losses[0]


def test_folder_names_every_training_slice_and_holds_no_pickle(name, fits):
    assert training_ids(fits[name]) == disc_slices().ids
    assert {path.name for path in fits[name].iterdir()} == {
        "weights.safetensors",
        "config.json",
        "curve.csv",
        "training_ids.json",
    }
    config = json.loads((fits[name] / "config.json").read_text())
    assert config["generator"] == name
    assert GeneratorSettings(**config["settings"]) == SETTINGS


def test_loading_twice_gives_the_same_samples(name, fits):
    conditions = conditions_of(disc_slices(8))
    first = sample_variant(load(name, fits), conditions, variant=0, key="k", batch_size=4)
    second = sample_variant(load(name, fits), conditions, variant=0, key="k", batch_size=4)
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one, other)
        assert one.shape == (8, SIZE, SIZE)
        assert one.dtype == np.uint8
    assert set(np.unique(first[1])) <= {0, 1}


def test_the_same_seed_trains_the_same_weights(name, tmp_path):
    settings = SETTINGS.model_copy(update={"steps": 3})
    for folder, seed in (("a", 0), ("b", 0), ("c", 1)):
        generator_class(name).fit(
            disc_slices(), settings, TrainingJob(seed=seed, device=CPU, out=tmp_path / folder)
        )
    weights = [(tmp_path / folder / "weights.safetensors").read_bytes() for folder in "abc"]
    assert weights[0] == weights[1]
    assert weights[0] != weights[2]


def test_a_killed_training_goes_on_to_the_same_weights(name, tmp_path):
    settings = SETTINGS.model_copy(update={"steps": 45})
    settings = settings.model_copy(update={"style": True, "edge_warp": 0.05, "edge_thinning": 0.5})

    def fit(folder, report, checkpoint=None):
        out = tmp_path / folder
        kind = generator_class(name)
        kind.fit(
            disc_slices(),
            settings,
            TrainingJob(seed=0, device=CPU, out=out, report=report, checkpoint=checkpoint),
        )

    class Killed(Exception):
        pass

    def kill(done, total, **_):
        if done == 20:
            raise Killed

    fit("whole", silent)
    with pytest.raises(Killed):
        fit("killed", kill, Checkpoint(tmp_path / "partial", every_seconds=0))
    steps = []
    fit("resumed", lambda done, *_, **__: steps.append(done), Checkpoint(tmp_path / "partial"))
    assert steps == [20, 30, 40, 45]
    for file in ("weights.safetensors", "curve.csv", "config.json"):
        whole, resumed = (
            (tmp_path / folder / file).read_bytes() for folder in ("whole", "resumed")
        )
        assert whole == resumed


def test_unknown_words_are_reported(fits):
    prompts = [PROMPT, "CT, prostate, darkened image"]
    assert load("emitdiff", fits).unknown_words(prompts) == ["ct"]
    assert load("unconditional", fits).unknown_words(prompts) == []


def test_progress_is_reported(name, fits, tmp_path):
    calls = []
    settings = SETTINGS.model_copy(update={"steps": 12})
    generator_class(name).fit(
        disc_slices(),
        settings,
        TrainingJob(
            seed=0,
            device=CPU,
            out=tmp_path,
            report=lambda *a, **k: calls.append((*a, k.get("loss"))),
        ),
    )
    assert [call[:2] for call in calls] == [(0, 12), (10, 12), (12, 12)]
    assert calls[0][2] is None and all(math.isfinite(call[2]) for call in calls[1:])
    calls.clear()
    sample_variant(
        load(name, fits),
        conditions_of(disc_slices(5)),
        variant=0,
        key="k",
        batch_size=2,
        report=lambda *a, **k: calls.append(a),
    )
    assert calls == [(2, 5), (4, 5), (5, 5)]


@pytest.mark.parametrize("attention", ["middle", "lowest"])
@pytest.mark.parametrize(("prediction", "control"), [("sample", "input"), ("velocity", "net")])
def test_other_networks_run(name, attention, prediction, control, tmp_path):
    more = {"attention": attention, "prediction": prediction, "control": control}
    numbers = more | {"style": control == "net", "mask_shown": attention == "lowest"}
    settings = GeneratorSettings(
        channels=(8, 8, 16), unshuffle=1, layers=2, steps=2, text_width=8, **numbers
    )
    generator = generator_class(name)
    generator.fit(disc_slices(3), settings, TrainingJob(seed=0, device=CPU, out=tmp_path))
    images, _ = sample_variant(
        generator.load(tmp_path, CPU),
        conditions_of(disc_slices(3)),
        variant=0,
        key="k",
        batch_size=3,
    )
    assert images.shape == (3, SIZE, SIZE)


def test_slices_that_do_not_fit_the_grid_are_refused(name, tmp_path):
    settings = GeneratorSettings(channels=(8, 8, 8), unshuffle=8)
    with pytest.raises(InputError, match="multiple of 32"):
        generator_class(name).fit(
            disc_slices(), settings, TrainingJob(seed=0, device=CPU, out=tmp_path)
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prompts": [PROMPT]}, "ids and prompts"),
        ({"masks": np.zeros((24, 8, 8), np.uint8)}, "one shape"),
        ({"images": np.zeros((24, SIZE, SIZE), np.float32)}, "float32"),
    ],
)
def test_slices_that_do_not_belong_together_are_refused(change, message):
    data = disc_slices()
    parts = {
        field: getattr(data, field) for field in ("images", "masks", "edges", "prompts", "ids")
    } | change
    with pytest.raises(InputError, match=message):
        TrainingSlices(**parts)


def test_no_slice_at_all_is_refused():
    nothing = np.zeros((0, SIZE, SIZE), np.uint8)
    with pytest.raises(InputError, match="at least one"):
        TrainingSlices(nothing, nothing, nothing, [], [])


@pytest.mark.parametrize(
    "numbers", [{"channels": (30,)}, {"scale_range": (1.2, 0.8)}, {"steps": 0}, {"step": 5}]
)
def test_numbers_that_cannot_work_are_refused(numbers):
    with pytest.raises(ValueError, match="norm_groups|scale_range|greater than|Extra inputs"):
        GeneratorSettings(**numbers)
