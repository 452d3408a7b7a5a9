"""Both generators from scratch: fit, store, load, sample. Tiny networks on 16 px slices with one
disc each."""

import json
import math

import numpy as np
import pytest
import torch

from baselines.generators.base import Conditions, TrainingSlices
from baselines.generators.catalogue import generator_class
from baselines.generators.fit_folder import training_ids
from baselines.generators.job import TrainingJob
from baselines.scratch.settings import GeneratorSettings, SamplingSettings
from benchmark.core.errors import InputError
from benchmark.core.progress import silent
from benchmark.training.checkpoint import Checkpoint
from datasets.slices.edges import edge_map
from tests.support.one_variant import sample_variant

NAMES = ["unconditional", "emitdiff"]  # those trained from scratch by diffusion
CPU = torch.device("cpu")
SIZE = 16
PROMPT = "MRI, prostate, whole gland"
SETTINGS = GeneratorSettings(
    unshuffle=2,
    channels=(16, 16),
    text_width=16,
    steps=150,
    learning_rate=5e-3,
    phrases=4,
    phrase_share=0.6,
)


def disc_slices(count=24, seed=0):
    """Bright discs of random place and radius on a dark ground, with their edge maps."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    centre = rng.uniform(5, 11, (2, count, 1, 1))
    distance = np.hypot(rows - centre[0], columns - centre[1])
    masks = (distance < rng.uniform(2, 4, (count, 1, 1))).astype(np.uint8)
    images = (60 + 130 * masks + rng.normal(0, 8, masks.shape)).clip(0, 255).astype(np.uint8)
    edges = np.stack([edge_map(image, mask) for image, mask in zip(images, masks, strict=True)])
    return TrainingSlices(
        images, masks, edges, [PROMPT] * count, [f"case_{n:02d}/z000" for n in range(count)]
    )


def conditions_of(data, phrase="", rows=slice(None)):
    prompts = [f"{prompt}, {phrase}" if phrase else prompt for prompt in data.prompts[rows]]
    return Conditions(data.ids[rows], data.masks[rows], data.edges[rows], prompts)


@pytest.fixture(scope="module")
def fits(tmp_path_factory):
    """Folder of each generator, fitted on the same slices."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # many tiny steps: a second thread only waits
    folders = {name: tmp_path_factory.mktemp(name) for name in NAMES}
    for name, folder in folders.items():
        generator_class(name).fit(
            disc_slices(), SETTINGS, TrainingJob(seed=0, device=CPU, out=folder)
        )
    yield folders
    torch.set_num_threads(threads)


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def load(name, fits):
    return generator_class(name).load(fits[name], CPU)


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


@pytest.mark.parametrize(
    "change",
    [
        {"edge_warp": 0.06},
        {"edge_thinning": 0.9},
        {"edge_dropout": 0.5},
        {"guidance_scale": 3.0},
        {"noise_scale": 0.2},
    ],
)
def test_every_knob_changes_the_image_by_its_address_and_keeps_the_mask(fits, change):
    generator, data = load("emitdiff", fits), disc_slices(8)
    plain = SamplingSettings(edge_dropout=0, guidance_scale=1)
    conditions = conditions_of(data, "darkened image")

    def sample(sampling, variant=0, batch_size=8):
        return sample_variant(
            generator,
            conditions,
            variant=variant,
            key="k",
            batch_size=batch_size,
            sampling=sampling,
        )

    before, (after, masks) = sample(plain)[0], sample(plain.model_copy(update=change))
    assert np.abs(after.astype(int) - before).mean() > 0.2
    assert np.array_equal(masks, data.masks)
    alone = sample(plain.model_copy(update=change), batch_size=3)[0]
    assert np.abs(after.astype(int) - alone).max() <= 1


def test_less_starting_noise_makes_variants_more_alike(fits):
    generator, conditions = load("emitdiff", fits), conditions_of(disc_slices(8))

    def spread(scale):
        sampling = SamplingSettings(edge_dropout=0, noise_scale=scale)
        drawn = [
            sample_variant(
                generator, conditions, variant=v, key="k", batch_size=8, sampling=sampling
            )[0]
            for v in range(4)
        ]
        return np.std(drawn, axis=0).mean()

    assert spread(0.0) == 0 < spread(0.3) < 0.8 * spread(1.0)


def test_held_out_samples_take_the_whole_edge_map_and_no_other_cases_style():
    switches = {"noise": "shared", "text_mix": "plain"}
    settings = GeneratorSettings(style=True, sampling={"style": "other", "edge_warp": 0.02})
    plain = GeneratorSettings().sampling_spec(switches)
    assert settings.held_out_sampling(settings.sampling_spec(switches)) == plain


def test_a_sample_does_not_depend_on_batch_size_or_order(name, fits):
    generator, data = load(name, fits), disc_slices(15)
    whole = conditions_of(data)
    backwards = conditions_of(data, rows=slice(None, None, -1))
    one, mask_one = sample_variant(generator, whole, variant=0, key="k", batch_size=1)
    seven, mask_seven = sample_variant(generator, whole, variant=0, key="k", batch_size=7)
    reversed_, _ = sample_variant(generator, backwards, variant=0, key="k", batch_size=7)
    for other in (seven, reversed_[::-1]):
        # A convolution over another batch size may sum in another order: the last bits of a float
        # differ, and a value that lies on the border between two grey levels is rounded to the
        # other one.
        difference = np.abs(one.astype(int) - other.astype(int))
        assert difference.max() <= 1
        assert (difference > 0).mean() < 0.001
    assert (mask_one != mask_seven).mean() < 0.001


def test_variants_keys_and_slices_have_noise_of_their_own(name, fits):
    generator = load(name, fits)
    data = disc_slices(1)
    twins = Conditions(
        ["a", "b"], data.masks.repeat(2, 0), data.edges.repeat(2, 0), data.prompts * 2
    )
    first, _ = sample_variant(generator, twins, variant=0, key="k", batch_size=2)
    assert not np.array_equal(first[0], first[1])
    for variant, key in ((1, "k"), (0, "l")):
        assert not np.array_equal(
            first, sample_variant(generator, twins, variant=variant, key=key, batch_size=2)[0]
        )
    shared = SamplingSettings(noise="shared", edge_dropout=0)
    alike, _ = sample_variant(generator, twins, variant=0, key="k", batch_size=1, sampling=shared)
    assert np.array_equal(alike[0], alike[1])


@pytest.mark.parametrize("sampler", ["ddim", "dpm-solver++", "unipc"])
def test_every_sampler_gives_images(name, fits, sampler):
    settings = SamplingSettings(sampler=sampler, steps=4)
    conditions = conditions_of(disc_slices(4))
    images, _ = sample_variant(
        load(name, fits), conditions, variant=0, key="k", batch_size=4, sampling=settings
    )
    assert images.std() > 10


def test_emitdiff_shows_the_organ_where_the_mask_is(fits):
    data = disc_slices(24, seed=1)  # slices it has not seen
    images, masks = sample_variant(
        load("emitdiff", fits), conditions_of(data), variant=0, key="k", batch_size=24
    )
    assert np.array_equal(masks, data.masks)
    assert masks is not data.masks
    inside, outside = images[masks > 0].mean(), images[masks == 0].mean()
    assert inside - outside > 65, "at least half the contrast of the training discs"


def test_unconditional_pairs_show_the_organ_where_their_own_mask_is(fits):
    data = disc_slices(24)
    images, masks = sample_variant(
        load("unconditional", fits), conditions_of(data), variant=0, key="k", batch_size=24
    )
    assert 0.3 * data.masks.mean() < masks.mean() < 3 * data.masks.mean()
    assert images[masks > 0].mean() - images[masks == 0].mean() > 65


def test_the_prompt_changes_the_sample_as_it_says(fits):
    generator, data = load("emitdiff", fits), disc_slices(12)
    plain, dark, strong = (
        sample_variant(generator, conditions_of(data, phrase), variant=0, key="k", batch_size=12)[
            0
        ].astype(float)
        for phrase in ("", "darkened image", "enhanced contrast")
    )
    assert dark.mean() < plain.mean() - 5
    assert strong.std() > plain.std()


def test_guidance_goes_further_the_way_of_the_prompt(fits):
    generator, conditions = load("emitdiff", fits), conditions_of(disc_slices(12), "darkened image")
    plain, guided = (
        sample_variant(
            generator,
            conditions,
            variant=0,
            key="k",
            batch_size=12,
            sampling=SamplingSettings(guidance_scale=scale),
        )
        for scale in (1.0, 3.0)
    )
    assert guided[0].mean() < plain[0].mean()


def test_weighted_text_almost_silences_the_prompt(fits):
    generator, data = load("emitdiff", fits), disc_slices(12)

    def effect(text_mix):
        plain, dark = (
            sample_variant(
                generator,
                conditions_of(data, phrase),
                variant=0,
                key="k",
                batch_size=12,
                sampling=SamplingSettings(text_mix=text_mix, guidance_scale=1),
            )[0].astype(float)
            for phrase in ("", "darkened image")
        )
        return np.abs(dark - plain).mean()

    assert effect("weighted") < 0.2 * effect("plain")


def test_dropped_edges_change_the_image_but_not_the_mask(fits):
    generator, conditions = load("emitdiff", fits), conditions_of(disc_slices(8))
    results = [
        sample_variant(
            generator,
            conditions,
            variant=0,
            key="k",
            batch_size=8,
            sampling=SamplingSettings(edge_dropout=share),
        )
        for share in (0.0, 0.9)
    ]
    assert not np.array_equal(results[0][0], results[1][0])
    assert np.array_equal(results[0][1], results[1][1])


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
