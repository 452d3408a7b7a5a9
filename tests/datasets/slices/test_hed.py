"""HED: the network's own answer, weights named by folder, file or hub id, and weights that are
none.

The weights are random (no published ones here): what is tested is the path of a file into the
network and out again.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from benchmark.core import published_weights
from benchmark.core.errors import InputError
from benchmark.core.published_weights import HED
from benchmark.planning.options import Request
from benchmark.planning.plan import plan_run
from benchmark.planning.request import location_of, open_request, resolve
from benchmark.planning.settings import settle
from datasets.slices.edges import edge_map, make_detector, mask_boundary
from datasets.slices.hed import (
    PUBLIC_ID,
    WEIGHTS_FILE,
    Hed,
    _library,
    find_weights,
    weights_identity,
)
from tests.support.runs import tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder as the published one, with random weights."""
    path = tmp_path_factory.mktemp("hed")
    torch.manual_seed(0)
    network = _library().ControlNetHED_Apache2()
    torch.save(network.state_dict(), path / WEIGHTS_FILE)
    return path


@pytest.fixture(scope="module")
def image():
    rng = np.random.default_rng(0)
    return np.kron(rng.integers(0, 255, (8, 8)), np.ones((8, 8))).astype(np.uint8)


def test_it_answers_as_the_detector_of_controlnet_aux(folder, image):
    theirs = _library().HEDdetector(Hed(folder / WEIGHTS_FILE)._network)
    wanted = theirs(
        np.stack([image] * 3, -1), detect_resolution=64, image_resolution=64, output_type="np"
    )[..., 0]
    found = Hed(folder / WEIGHTS_FILE)(image)
    assert found.dtype == np.uint8 and found.shape == image.shape and found.std() > 3
    assert np.abs(found.astype(int) - wanted).max() <= 1


def test_safetensors_hold_the_same_network(folder, image, tmp_path):
    save_file(torch.load(folder / WEIGHTS_FILE, weights_only=True), tmp_path / "hed.safetensors")
    assert np.array_equal(
        Hed(find_weights(str(tmp_path / "hed.safetensors")))(image),
        Hed(folder / WEIGHTS_FILE)(image),
    )


def test_the_mask_boundary_is_added_to_its_edges(folder, image):
    mask = np.zeros_like(image)
    mask[20:40, 20:40] = 1
    hed = make_detector("hed", find_weights(str(folder)))
    expected = np.minimum(hed(image).astype(int) + mask_boundary(mask), 255)
    assert np.array_equal(edge_map(image, mask, hed), expected)


def request(*sets: str) -> Request:
    return Request(
        dataset="prostate",
        method="none",
        source="phantom",
        sets=("phantom_cases=4", "n_folds=2", *sets),
    )


def test_the_checksum_enters_the_key_and_the_place_does_not(folder, tmp_path):
    copy = tmp_path / "elsewhere.pth"
    copy.write_bytes((folder / WEIGHTS_FILE).read_bytes())
    here, there = (request("edge=hed", f"edge_weights={path}") for path in (folder, copy))
    settled = [settle(one) for one in (request(), here, there)]
    plain, *runs = (resolve(one, open_request(one))[0] for one in settled)
    assert runs[0].key == runs[1].key != plain.key
    assert runs[0].preset.edge_weights == weights_identity(copy)
    assert plain.preset.edge_weights is None
    opened = open_request(settled[1])
    prepare = plan_run(runs[0], opened.cases, opened.options).nodes[0]
    assert prepare.spec.edge == "hed" and prepare.spec.edge_weights.startswith("sha256:")
    assert location_of(settled[1], opened).edge_weights == folder / WEIGHTS_FILE


def test_a_run_detects_with_the_weights(folder, tmp_path):
    from benchmark.store.store import Store
    from datasets.slices.preparation import Prepared
    from tests.support.runs import run

    code, (record,) = run(tmp_path, tiny("none", "edge=hed", f"edge_weights={folder}", "epochs=1"))
    assert code == 0 and record.spec.preset.edge == "hed"
    data = Prepared(Store(tmp_path).folder("prepare", record.stages[0].key))
    row = int(np.argmax(data.foreground))
    assert np.array_equal(
        data.edges[row], edge_map(data.images[row], data.masks[row], Hed(folder / WEIGHTS_FILE))
    )


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (("edge=hed",), "edge=hed needs the weights of HED.*data fetch hed.*edge_weights=FOLDER"),
        (("edge=hedd",), "unknown edge detector 'hedd' .did you mean 'hed'"),
        (("edge_weights=FOLDER",), "edge_weights are for edge=hed, not for edge=scharr"),
        (("edge=hed", "edge_weights=EMPTY"), f"holds no {WEIGHTS_FILE}"),
        (("edge=hed", "edge_weights=missing.pth"), "no folder, no file and no hub id"),
        (("edge=hed", "edge_weights=sha256:00"), "only says which weights they are"),
    ],
)
def test_wrong_settings_are_named(sets, message, folder, tmp_path):
    places = {"FOLDER": str(folder), "EMPTY": str(tmp_path)}
    for word, place in places.items():
        sets = tuple(text.replace(f"={word}", f"={place}") for text in sets)
    with pytest.raises(InputError, match=message):
        settle(request(*sets))


def test_fetched_weights_are_found_and_their_place_is_no_part_of_the_run(
    folder, weights_here, monkeypatch
):
    torn = replace(HED, sha256=weights_identity(folder / WEIGHTS_FILE).removeprefix("sha256:"))
    monkeypatch.setattr(published_weights, "HED", torn)
    weights_here.mkdir()
    (weights_here / HED.file).write_bytes((folder / WEIGHTS_FILE).read_bytes())
    settled = settle(request("edge=hed"))
    assert settled.edge_weights == weights_here / HED.file
    assert settled.preset.edge_weights == torn.identity
    named = settle(request("edge=hed", f"edge_weights={torn.identity}"))
    assert named.preset == settled.preset, "a record's own command finds them by their checksum"
    assert str(weights_here) not in settled.preset.model_dump_json()


def test_an_unreachable_hub_names_the_id_and_the_local_option(monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        InputError, match=f"hub id '{PUBLIC_ID}' could not be fetched.*edge_weights=FOLDER"
    ):
        find_weights(PUBLIC_ID)


def test_other_weights_are_refused(tmp_path):
    torch.save({"norm": torch.zeros(1, 3, 1, 1)}, tmp_path / "part.pth")
    with pytest.raises(
        InputError, match="does not hold the weights of HED: .* tensors are missing"
    ):
        Hed(tmp_path / "part.pth")
    (tmp_path / "broken.pth").write_bytes(b"not weights")
    with pytest.raises(InputError, match="no readable weights file"):
        Hed(tmp_path / "broken.pth")


def test_a_pickle_is_never_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "was_run"), "w"))

    torch.save({"norm": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(InputError, match="no readable weights file"):
        Hed(tmp_path / "evil.pth")
    assert not (tmp_path / "was_run").exists()
