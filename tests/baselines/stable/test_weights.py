"""Weights for Stable Diffusion: what they are, and one sentence for every way in which they cannot
be used."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from baselines.generators.places import Places
from baselines.stable import pretraining_folder, weights
from baselines.stable.settings import StableSettings
from benchmark.core.errors import InputError
from tests.conftest import ROOT
from tests.support.tiny_stable import save_base, save_controlnet


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    save_base(folder / "base")
    save_controlnet(folder / "control")
    save_controlnet(folder / "wide", cross_attention=32)
    return folder


@pytest.fixture
def base(whole, tmp_path):
    """A copy that a test may spoil."""
    return shutil.copytree(whole / "base", tmp_path / "base")


def change(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def settings(**given):
    return StableSettings(**given)


def test_a_folder_is_known_by_its_content_and_not_by_its_place(whole, base, tmp_path):
    one, places = settings(base=str(whole / "base")).pinned(None)
    other, _ = settings(base=str(base)).pinned(None)
    assert one == other
    assert one.base == "local"
    assert one.base_version.startswith("sha256:")
    assert places.found["base"] == str(whole / "base")
    (base / "notes.txt").write_text("not part of the model")
    assert settings(base=str(base)).pinned(None)[0] == one
    change(base / "scheduler" / "scheduler_config.json", beta_end=0.02)
    assert settings(base=str(base)).pinned(None)[0] != one


def test_a_given_version_is_checked(whole):
    found = settings(base=str(whole / "base")).pinned(None)[0].base_version
    assert (
        settings(base=str(whole / "base"), base_version=found).pinned(None)[0].base_version == found
    )
    with pytest.raises(InputError, match="they are other weights"):
        settings(base=str(whole / "base"), base_version="sha256:0").pinned(None)


def test_a_hub_id_is_known_by_its_commit_without_any_network():
    pinned, places = settings().pinned(None)
    assert pinned.base == "stable-diffusion-v1-5/stable-diffusion-v1-5"
    assert len(pinned.base_version) == 40
    assert places.found["base"] == f"hub:{pinned.base}@{pinned.base_version}"
    assert (
        settings(base="some/model", base_version="abc").pinned(None)[1].found["base"]
        == "hub:some/model@abc"
    )


def test_the_micro_batch_is_no_part_of_what_a_run_is(whole):
    few, places = settings(base=str(whole / "base"), micro_batch=1).pinned(None)
    assert few == settings(base=str(whole / "base")).pinned(None)[0]
    assert places.micro_batch == 1


def spoil_tokenizer(base):
    for name in ("vocab.json", "tokenizer.json"):
        (base / "tokenizer" / name).unlink(missing_ok=True)


def pickle_unet(base):
    (base / "unet" / "diffusion_pytorch_model.safetensors").rename(
        base / "unet" / "diffusion_pytorch_model.bin"
    )


def cut_vae(base):
    path = base / "vae" / "diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda base: shutil.rmtree(base / "vae"),
            "vae has no config.json; the folder is incomplete",
        ),
        (
            lambda base: (base / "text_encoder" / "model.safetensors").unlink(),
            "text_encoder has no model.safetensors",
        ),
        (
            pickle_unet,
            "unet has only pickled weights .diffusion_pytorch_model.bin., which are never read",
        ),
        (cut_vae, "vae: diffusion_pytorch_model.safetensors is damaged"),
        (spoil_tokenizer, "tokenizer has no vocab.json"),
        (lambda base: (base / "text_encoder_2").mkdir(), "holds Stable Diffusion XL"),
        (
            lambda base: change(base / "unet" / "config.json", addition_embed_type="text_time"),
            "Stable Diffusion XL",
        ),
        (
            lambda base: change(base / "unet" / "config.json", in_channels=9),
            "reads 9 channels and its VAE makes 4",
        ),
        (
            lambda base: change(base / "unet" / "config.json", cross_attention_dim=1024),
            "expects text of width 1024",
        ),
        (
            lambda base: change(base / "unet" / "config.json", _class_name="SD3Transformer"),
            "SD3Transformer, not UNet2D",
        ),
        (
            lambda base: (base / "vae" / "config.json").write_text("{"),
            "config.json is not readable",
        ),
    ],
)
def test_a_folder_that_cannot_work_is_refused_with_its_reason(base, spoil, message):
    spoil(base)
    with pytest.raises(InputError, match=message):
        settings(base=str(base)).check_size(32)


def test_weights_with_missing_layers_are_refused(base):
    from safetensors.torch import load_file, save_file

    from baselines.stable.parts import load_parts

    path = base / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(path)
    del tensors["conv_in.weight"]
    save_file(tensors, path)
    with pytest.raises(
        InputError,
        match="1 of the weights of UNet2DConditionModel are missing .*first: conv_in.weight",
    ):
        load_parts(Places({"base": str(base)}))


def test_a_controlnet_of_another_model_is_refused(whole, base):
    settings(base=str(base), controlnet=str(whole / "control")).check_size(32)
    with pytest.raises(InputError, match="has cross_attention_dim 32, the UNet of the base 16"):
        settings(base=str(base), controlnet=str(whole / "wide")).check_size(32)
    with pytest.raises(InputError, match="holds UNet2DConditionModel, not ControlNetModel"):
        settings(base=str(base), controlnet=str(base / "unet")).check_size(32)


def test_names_that_are_neither_a_folder_nor_an_id_are_refused(tmp_path):
    with pytest.raises(
        InputError, match="there is no such folder, and a hub id has the form OWNER/NAME"
    ):
        settings(base=str(tmp_path / "absent")).check_size(64)
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match="is a single file"):
        settings(base=str(tmp_path / "model.safetensors")).check_size(64)


@pytest.mark.parametrize(("given", "size", "unit"), [({}, 100, 64), (None, 40, 16)])
def test_a_size_that_does_not_divide_is_refused(base, given, size, unit):
    with pytest.raises(InputError, match=f"need a multiple of {unit}; set size="):
        settings(**{"base": str(base)} if given is None else given).check_size(size)


def test_an_unreachable_hub_is_one_sentence_before_anything_is_computed(tmp_path):
    nowhere = {
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "HF_HOME": str(tmp_path / "hub"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    words = [
        "run",
        "--dataset",
        "prostate",
        "--source",
        "phantom",
        "--method",
        "emitdiff",
        "--preset",
        "paper",
        "--set",
        "edge=hed",
        "--set",
        f"edge_weights={__file__}",
    ]
    done = subprocess.run(
        [sys.executable, "cli.py", *words, "--store", str(tmp_path / "store"), "--fold", "0"],
        cwd=ROOT,
        env=os.environ | nowhere,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    said = " ".join(done.stderr.split())
    assert said.count("error:") == 1
    assert "the hub does not give stable-diffusion-v1-5/stable-diffusion-v1-5" in said
    assert "--set generator.base=FOLDER" in said
    assert "Traceback" not in said
    assert not list((tmp_path / "store" / "stages").iterdir())
    assert not list((tmp_path / "store" / "runs").iterdir())


def test_pre_training_folders(tmp_path):
    from PIL import Image

    with pytest.raises(InputError, match="there is no such folder"):
        pretraining_folder.listed(str(tmp_path / "absent"))
    with pytest.raises(InputError, match="expected modality/organ/category"):
        pretraining_folder.listed(str(tmp_path))
    for path in (
        "CT/lung/airspace_opacity/b.png",
        "CT/lung/airspace_opacity/a.png",
        "US/liver/normal/c.PNG",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 10), (50, 50, 50)).save(tmp_path / path, format="PNG")
    found = pretraining_folder.listed(str(tmp_path))
    assert found.prompts == ("CT, lung, airspace opacity", "US, liver, normal")
    assert [path.name for path in found.files] == ["a.png", "b.png", "c.PNG"]
    assert found.prompt_of_image == (0, 0, 1)
    image = pretraining_folder.read_image(found.files[0], 16)
    assert image.shape == (16, 16)
    assert (image == 50).all()
    _, version = pretraining_folder.identified(str(tmp_path), "", None)
    with pytest.raises(InputError, match="not sha256:0"):
        pretraining_folder.identified(str(tmp_path), "sha256:0", None)
    found.files[0].write_bytes(b"no picture")
    assert pretraining_folder.identified(str(tmp_path), "", None)[1] != version
    with pytest.raises(InputError, match="cannot read the image .*a.png"):
        pretraining_folder.read_image(found.files[0], 16)


def test_is_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not weights.is_folder("owner/name")
    (tmp_path / "owner" / "name").mkdir(parents=True)
    assert weights.is_folder("owner/name")
    assert weights.is_folder("./weights")
