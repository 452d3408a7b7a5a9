"""The step that a GPU records gives the plain loop's weights bit for bit, for every generator that
is trained from scratch. It is recorded here on the CPU (tests/support/taped.py)."""

import numpy as np
import pytest
import torch

from baselines.generators.base import TrainingSlices
from baselines.generators.catalogue import generator_class, generators
from baselines.generators.job import TrainingJob
from baselines.pix2pix import training as pix2pix
from baselines.scratch import training as scratch
from benchmark.training import number_format
from benchmark.training.graphs import GRAPHS_FILE, WARM_UP_STEPS, Graphs, read_graphs
from tests.support.taped import Tapes

SIZE, SLICES, STEPS = 32, 6, 11
SMALL = {"steps": STEPS, "batch": 2, "channels": [16, 16], "rotation_degrees": 10.0}
CHANGES = {"style": True, "edge_warp": 0.04, "edge_thinning": 0.3, "detail_weight": 10.0}
KINDS = {
    "emitdiff": ("emitdiff", {}),
    "emitdiff with every change": ("emitdiff", CHANGES),
    "emitdiff with a ControlNet": ("emitdiff", {"control": "net", "attention": "lowest"}),
    "unconditional": ("unconditional", {}),
    "seg-guided": ("seg-guided", {}),
    "pix2pix": ("pix2pix", {"discriminator_channels": [8], "dropout_layers": 1}),
}


@pytest.fixture(scope="module")
def data() -> TrainingSlices:
    rng = np.random.default_rng(0)
    images, edges = rng.integers(0, 256, (2, SLICES, SIZE, SIZE), dtype=np.uint8)
    masks = np.zeros((SLICES, SIZE, SIZE), np.uint8)
    masks[:, 8:20, 8:20] = 1
    ids = [f"case{row // 2}/z{row}" for row in range(SLICES)]
    return TrainingSlices(images, masks, edges, ["MRI, prostate"] * SLICES, ids)


def trained(name: str, data: TrainingSlices, folder) -> bytes:
    kind, more = KINDS[name]
    cls = generator_class(kind)
    settings = cls.settings(**cls.numbers("smoke", "rigorous", "") | SMALL | more)
    folder.mkdir()
    cls.fit(data, settings, TrainingJob(folder, torch.device("cpu"), 7))
    return (folder / "weights.safetensors").read_bytes()


def recorded_by(monkeypatch, tapes: Tapes | None) -> None:
    """Steps are recorded from now on, if there are tapes; optimisers are those of a GPU. All in
    float32: on a tape, autocast does not reach the products inside affine_grid."""
    for module in (scratch, pix2pix):
        monkeypatch.setattr(module, "make_graphs", lambda *given, **named: Graphs(tapes))
        monkeypatch.setattr(
            module,
            "recordable",
            lambda device, rate: {"lr": torch.full((), rate, dtype=torch.float64), "fused": True},
        )


@pytest.mark.parametrize("name", KINDS)
def test_a_recorded_training_ends_with_the_weights_of_the_plain_loop(
    monkeypatch, tmp_path, data, name
):
    monkeypatch.setattr(number_format, "native_dtype", lambda device: torch.float32)
    if KINDS[name][0] == "pix2pix":  # on a CPU its optimiser is another one
        recorded_by(monkeypatch, None)
    expected = trained(name, data, tmp_path / "plain")
    assert not (tmp_path / "plain" / GRAPHS_FILE).exists()

    tapes = Tapes()
    recorded_by(monkeypatch, tapes)
    assert trained(name, data, tmp_path / "recorded") == expected
    assert read_graphs(tmp_path / "recorded") == {"graphs": {"how": "graph"}}
    counts = tapes.plain, tapes.recordings, tapes.replays
    assert counts == (WARM_UP_STEPS, 1, STEPS - WARM_UP_STEPS)
    plain, recorded = (tmp_path / one / "curve.csv" for one in ("plain", "recorded"))
    assert plain.read_text() == recorded.read_text()


def test_a_generator_that_falls_back_says_so_in_its_folder(monkeypatch, tmp_path, data):
    expected = trained("unconditional", data, tmp_path / "plain")
    recorded_by(monkeypatch, Tapes("not permitted"))
    assert trained("unconditional", data, tmp_path / "tried") == expected
    told = read_graphs(tmp_path / "tried")["graphs"]
    assert told == {"how": "fallen back", "reason": "not permitted"}


def test_every_generator_from_scratch_is_recorded_above():
    others = {"stable-diffusion", "folder"}  # fine-tuned, and not trained at all
    assert {kind for kind, _ in KINDS.values()} == set(generators()) - others
