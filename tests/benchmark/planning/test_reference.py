"""What a dry run says of stages that the store never measured."""

import csv

import pytest

from baselines.networks.architectures import ARCHITECTURES, describe
from benchmark.commands.run import _planned
from benchmark.planning.forecast import forecast, kinds_of
from benchmark.planning.plan import unique_nodes
from benchmark.planning.reference import (
    TABLE,
    Load,
    Table,
    loads_of,
    network_name,
    published,
    published_table,
    sampler_passes,
    short,
    trained,
)
from benchmark.spec.presets import PRESETS
from benchmark.stages.synthesize import SynthesizeSpec
from benchmark.store.store import Store
from tests.bench.count_generators import counted
from tests.bench.write_reference_costs import measured_rows, measured_stages
from tests.support.runs import compute, tiny

H200 = "NVIDIA H200"


def rows_of(kind: str) -> list[dict[str, str]]:
    with TABLE.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["row"] == kind]


@pytest.fixture(scope="module")
def plans(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("store"))
    return _planned([tiny("none"), tiny("emitdiff", ratio=2)], store).plans


def test_the_table_is_what_the_records_of_the_gpu_say():
    made = {
        (row["what"], row["kind"]): row
        for row in measured_rows(["gpu-384px"], published_table())
        if row["row"] == "measured"
    }
    shipped = {
        (row["what"], row["kind"]): row for row in rows_of("measured") if row["machine"] == H200
    }
    assert made == shipped, "write it anew: python -m tests.bench.write_reference_costs"
    assert len(made) == 4


def test_a_measured_stage_is_told_its_own_seconds_again():
    record, plan, stages = next(measured_stages(["gpu-384px"]))
    node = plan.node("fit-segmenter")
    kind, load = kinds_of(plan.nodes)[node.key], loads_of([plan], published_table())[node.key]
    assert load.items == 7800  # 78 slices, 100 epochs
    seconds, measured = published_table().seconds(H200, kind, load, 384)
    spent = next(cost.seconds for cost in stages if cost.stage == "fit-segmenter")
    assert measured and abs(seconds - spent) < 0.15 * spent
    assert record.spec.method.name in ("none", "classic")


@pytest.mark.parametrize("network, size", [("unet", 64), ("attention-unet", 384)])
def test_operations_are_those_of_the_networks(network, size):
    again = "write them anew: python -m tests.bench.write_reference_costs"
    found = [row["value"] for row in rows_of("gflop") if row["what"] == network]
    assert f"{describe(network, size)['gflops']:.5g}" in found, again


def test_operations_of_a_generator_are_those_of_its_network():
    found = {row["what"]: row["value"] for row in rows_of("gflop")}
    for kind, gflop in counted("smoke", 64).items():
        assert found[network_name(kind, "smoke")] == f"{gflop:.5g}", kind


def test_every_network_has_operations_at_every_size():
    told = {(row["what"], int(row["size"])) for row in rows_of("gflop")}
    wanted = {(name, preset.size) for name in ARCHITECTURES for preset in PRESETS.values()}
    assert wanted <= told, "write them anew: python -m tests.bench.write_reference_costs"


def test_estimates_grow_with_the_work_and_with_the_pixels():
    table = Table(
        measured={("m", short("known")): 0.5},
        rates={("m", "training"): (100.0, 0.25)},
        gflop={"net": {64: 2.0}},
        slices={},
        notes={},
    )
    load = Load(items=40, steps=10, network="net", role="training", passes=3)
    assert table.seconds("m", "known", load, 64) == (20.0, True)
    # 40 slices, 3 passes of 2 GFLOP each, 100 GFLOP/s; steps that wait 0.25 s each are slower
    assert table.seconds("m", "other", load, 64) == (2.5, False)
    assert table.seconds("m", "other", load, 128) == (40 * 3 * 8.0 / 100, False)
    unknown = Load(items=40, network="nobody's", role="training")
    assert table.seconds("m", "other", unknown, 64) is None
    assert table.seconds("another", "other", load, 64) is None


def test_the_length_of_a_training_is_epochs_or_steps():
    assert trained({"steps": 300, "batch": 4}, 100) == (300, 1200)
    assert trained({"epochs": 2, "batch": 4}, 100) == (50, 200)


@pytest.mark.parametrize(
    "sampling, passes",
    [({"steps": 4, "guidance_scale": 7.5}, 8), ({"steps": 4, "guidance_scale": 1}, 4), ({}, 1)],
)
def test_passes_of_a_sample_count_the_guidance(sampling, passes):
    spec = SynthesizeSpec(
        generator="g", sampling=sampling, first=0, phrases=("",), cases=(), minimum_foreground=None
    )
    assert sampler_passes(spec) == passes


def test_every_machine_tells_of_all_outstanding_stages_or_of_none(plans):
    nodes = unique_nodes(plans)
    told = published(plans, nodes, kinds_of(nodes))
    assert set(told) == {H200, "AMD EPYC, 2 cores"}
    for shares in told.values():
        assert sum(share.stages for share in shares.values()) == len(nodes)
        assert all(0 <= share.estimated <= share.seconds for share in shares.values())
        assert shares["fit-segmenter"].estimated == shares["fit-segmenter"].seconds > 0
    assert published(plans, [], {}) == {machine: {} for machine in told}


def test_stages_of_the_store_are_not_told_of_again(tmp_path, plans, capsys):
    store = Store(tmp_path / "store")
    assert compute(store.root, tiny("none")) == 0
    outlook = forecast(plans, store)
    unknown = sum(row.todo - row.known for row in outlook.rows)
    assert 0 < unknown < sum(row.todo for row in outlook.rows)
    for shares in outlook.published.values():
        assert sum(share.stages for share in shares.values()) == unknown
    capsys.readouterr()
    assert compute(store.root, tiny("emitdiff", ratio=2), actions={"dry_run": True}) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"{unknown} of" in said and "stages unknown" in said and "at least" in said
    assert "of it an estimate" in said and "Forecast: unknown" not in said
