"""The audit of synthetic images in whole runs: what the record says, what the filter drops, and
that no leak gets by."""

import json
from dataclasses import replace

import numpy as np
import pytest

from baselines.generators.fit_folder import IDS_FILE
from benchmark.core.errors import InputError
from benchmark.planning.options import Request
from benchmark.planning.plan import plan_run
from benchmark.planning.request import open_request, resolve
from benchmark.planning.settings import settle
from benchmark.planning.suite import load_suite, requests
from benchmark.record.record import load_record
from benchmark.record.samples import HELD_OUT, TRAINING, Samples
from benchmark.stages.catalogue import STAGES
from benchmark.stages.leaks import refuse_leaks, seen_cases
from benchmark.store.store import Store
from tests.support.runs import run, tiny

SIX = "phantom_cases=6"
PIX = (
    SIX,
    "n_folds=2",
    "epochs=2",
    "validation_share=0.4",
    "generator.steps=4",
    "generator.batch=4",
    "generator.channels=[4,8,8]",
    "generator.discriminator_channels=[4]",
)


def pix2pix(*sets: str, **options) -> Request:
    values = {
        "dataset": "prostate",
        "source": "phantom",
        "architecture": "unet",
        "folds": (0,),
        "ratio": 2,
    } | options
    return Request(method="pix2pix", sets=(*PIX, *sets), **values)


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """A store with audited runs of three generators, and none."""
    folder = tmp_path_factory.mktemp("store")
    code, records = run(
        folder,
        pix2pix("audit=true"),
        tiny("emitdiff", SIX, "audit=true", ratio=2),
        tiny("unconditional", SIX, "audit=true", ratio=2),
        tiny("none", SIX),
    )
    assert code == 0
    return folder, {record.spec.method.name: record for record in records}


def test_the_record_says_how_the_samples_are(audited):
    _, records = audited
    assert records["none"].samples is None
    for name in ("pix2pix", "emitdiff"):
        record = records[name]
        found = record.samples
        assert {row.case for row in found.rows if row.part == TRAINING} == set(record.split.train)
        assert {row.case for row in found.rows if row.part == HELD_OUT} == set(record.split.test)
        for row in found.rows:
            assert row.images == 2 * row.slices
            assert (
                0 < row.mae < row.rmse < 1
                and row.mse < row.rmse
                and -1 < row.ssim < 1
                and 0 <= row.ms_ssim <= 1
            )
            assert (
                row.diversity > 0
                and row.pixel_sd > 0
                and row.own_distance > 0
                and 0 <= row.copied <= 1
            )
            assert 0 <= row.real_copied <= 1
            assert (
                0 <= row.agreement <= 1 and 0 <= row.agreement_volume <= 1 and row.real_nearest > 0
            )
        among = [row.real_copied for row in found.rows if row.part == TRAINING]
        assert np.mean(among) < 0.05, "the threshold is the 1 % quantile of real training slices"
        assert (
            set(found.frechet) == {TRAINING, HELD_OUT, "real"} and min(found.frechet.values()) >= 0
        )
        assert found.ms_ssim_scales == 3 and 0 <= found.reference_dice <= 1
        labelled = sum(found.agreement_histogram[TRAINING])
        assert 0 < labelled < sum(found.distance_histogram[TRAINING])
        assert found.share_below(1.0) <= 1 and found.share_below(0.0) == 0


def test_pairs_have_no_source_image_and_no_held_out_part(audited):
    _, records = audited
    found = records["unconditional"].samples
    assert found.paired and found.held_out_variants == 0
    assert all(
        row.part == TRAINING and row.mae is None and row.own_distance is None for row in found.rows
    )
    assert set(found.frechet) == {TRAINING}


def test_one_segmenter_of_method_none_judges_all_and_is_shared(audited):
    folder, records = audited
    keys = {record.samples.segmenter for record in records.values() if record.samples}
    own = next(stage.key for stage in records["none"].stages if stage.stage == "fit-segmenter")
    assert keys == {own}
    assert [stage for stage, _ in Store(folder).all_stages()].count("fit-segmenter") == 4


def test_stages_that_only_audit_are_told_apart(audited):
    _, records = audited
    stages = records["emitdiff"].stages
    audit = [stage.stage for stage in stages if stage.purpose == "audit"]
    assert audit == ["synthesize", "fit-segmenter", "audit"]
    assert [stage.stage for stage in stages if stage.purpose == "run"].count("fit-segmenter") == 1


def test_an_audit_changes_no_result(audited, tmp_path):
    _, records = audited
    _, (plain,) = run(tmp_path, pix2pix())
    assert plain.cases == records["pix2pix"].cases and plain.key != records["pix2pix"].key
    assert not plain.spec.audit and plain.spec.method.minimum_agreement is None


def test_training_ids_travel_with_every_sample(audited):
    folder, records = audited
    record = records["pix2pix"]
    for stage in record.stages:
        if stage.stage == "synthesize":
            samples = Store(folder).folder("synthesize", stage.key)
            assert set(seen_cases(samples)) == set(record.split.generator)
            assert (samples / IDS_FILE).exists()
            refuse_leaks([samples], record.split.test)
            with pytest.raises(InputError, match="trained on 1 of the test cases"):
                refuse_leaks([samples], record.split.generator[:1])


def test_a_leak_is_refused_before_any_segmenter_is_trained(tmp_path, monkeypatch):
    """A generator whose ids name a test case: its run fails in fit-segmenter, without a step of
    training."""
    from benchmark.training import segmenter

    request = pix2pix()
    settled = settle(request)
    opened = open_request(settled)
    plan = plan_run(resolve(settled, opened)[0], opened.cases, opened.options)
    real = STAGES["fit-generator"]

    def leaking(spec, inputs, out, context):
        found = real.run(spec, inputs, out, context)
        (out / IDS_FILE).write_text(
            json.dumps([f"{plan.split.test[0]}/z000", f"{plan.split.train[0]}/z000"])
        )
        return found

    monkeypatch.setitem(STAGES, "fit-generator", replace(real, run=leaking))
    monkeypatch.setattr(
        segmenter, "fit", lambda *_, **__: pytest.fail("a segmenter was trained on leaking samples")
    )
    code, (record,) = run(tmp_path, request)
    assert code == 2 and record.status == "failed"
    assert f"trained on 1 of the test cases ({plan.split.test[0]})" in record.error


def test_the_report_shows_held_out_samples_of_both_generators(audited, tmp_path):
    from PIL import Image

    from benchmark.results.pictures import panels
    from reports.comparison.study import Study
    from reports.figures.panels import LABEL_INCHES, TILE_INCHES

    folder, records = audited
    ((name, found),) = panels(Store(folder), Study(list(records.values())), tmp_path).items()
    titles = [panel.title for panel in found]
    assert "Held-out samples, as in Table I" in titles and "Synthetic variants of pix2pix" in titles
    shown = next(panel.path for panel in found if panel.title.startswith("Held-out"))
    with Image.open(shown) as picture:
        columns = 2 + 2 + 2  # real and edges, two variants of each generator
        assert picture.width == pytest.approx(160 * (LABEL_INCHES + columns * TILE_INCHES), abs=2)


@pytest.mark.parametrize("threshold", [0.0, 0.999])
def test_the_filter_drops_what_it_says(audited, threshold):
    folder, records = audited
    _, found = run(folder, pix2pix(f"filter=agreement:{threshold}"))
    record = next(r for r in found if r.spec.method.minimum_agreement == threshold)
    audit = next(stage.key for stage in record.stages if stage.stage == "audit")
    assert audit == next(
        stage.key for stage in records["pix2pix"].stages if stage.stage == "audit"
    ), "the same audit"
    agreement = np.load(Store(folder).folder("audit", audit) / "agreement.npy")
    results = next(
        s for s in record.stages if s.stage == "fit-segmenter" and s.purpose == "run"
    ).results
    below = int((agreement < threshold).sum())
    assert results["offered"] == agreement.size and results["dropped"] == below
    assert results["kept"] == agreement.size - below
    assert results["slices_real_only"] == int((agreement < threshold).all(0).sum())
    assert record.budget == records["pix2pix"].budget, "a filtered training is as long"
    if threshold == 0:
        assert below == 0 and record.cases == records["pix2pix"].cases
    else:
        assert below > 0 and record.cases != records["pix2pix"].cases


@pytest.mark.parametrize(
    ("method", "sets", "message"),
    [
        ("pix2pix", ("filter=0.7",), "give agreement:NUMBER"),
        ("pix2pix", ("filter=agreement:70",), "a Dice between 0 and 1"),
        ("pix2pix", ("filter=overlap:0.7",), "give agreement:NUMBER"),
        ("pix2pix", ("audit=maybe",), "give true, false or imagenet"),
        ("none", ("filter=agreement:0.7",), "method 'none' has none"),
    ],
)
def test_wrong_rules_are_refused(method, sets, message):
    request = Request(dataset="prostate", method=method, source="phantom", sets=sets)
    with pytest.raises(InputError, match=message):
        settle(request)


def test_the_suite_audits_all_of_its_runs():
    found = requests(load_suite("table1"), {"sets": ("epochs=2",)}, ("prostate",))
    settled = {request.method: settle(request) for request in found}
    assert {name: (one.audit, one.method.minimum_agreement) for name, one in settled.items()} == {
        "none": (False, None),
        "pix2pix": (True, None),
        "unconditional": (True, None),
        "emitdiff": (True, None),
    }
    assert all("epochs=2" in request.sets for request in found)


def test_samples_survive_the_way_through_a_file(audited):
    folder, records = audited
    for record in records.values():
        assert load_record(Store(folder).notes.record_path(record.key)) == record
    text = records["emitdiff"].samples.model_dump_json()
    assert Samples.model_validate_json(text) == records["emitdiff"].samples
    assert len(text) < 20_000
