"""Labels of methods, and commands that resolve to the very run they repeat."""

import re
import shlex

import pytest
from pydantic import ValidationError

from baselines.generators.catalogue import declared
from benchmark.core.texts import one_line
from benchmark.planning.options import Request
from benchmark.planning.request import Opened, resolve
from benchmark.planning.settings import settle
from benchmark.spec.method import Look
from benchmark.spec.protocol import PROTOCOL_NAMES, Protocol, named_protocol
from reports.comparison.labels import (
    generator_apart,
    label_value,
    method_labels,
    preset_label,
    protocol_label,
)
from reports.comparison.repeat_command import repeat_command
from tests.support import made_records
from tests.support.made_records import MSD_PROSTATE, PHANTOM, make_record

# As the generator was before the preset told the mask and styles.
OLDER = {
    "sampling": {"steps": 6, "guidance_scale": 1.5},
    "control": "net",
    "mask_shown": False,
    "style": False,
    "edge_warp": 0.0,
}


def with_generator(record, **changes):
    """The record's spec with its generator resolved as the command line does."""
    return made_records.with_generator(record, **changes).spec


def resolved(command, spec):
    """The run that the command line makes of `command`, given the source of `spec`."""
    words = shlex.split(command)
    assert words[:3] == ["python", "cli.py", "run"]
    given, sets = {}, []
    for option, value in zip(words[3::2], words[4::2], strict=True):
        if option == "--set":
            sets.append(value)
        else:
            given[option.removeprefix("--").replace("-", "_")] = value
    request = Request(
        dataset=given["dataset"],
        method=given["method"],
        transform=given.get("transform"),
        architecture=given["architecture"],
        protocol=given["protocol"],
        preset=given["preset"],
        sets=tuple(sets),
        ratio=int(given["ratio"]) if "ratio" in given else None,
        alpha=float(given["alpha"]) if "alpha" in given else None,
        patch_size=int(given["patch_size"]) if "patch_size" in given else None,
        folds=(int(given["fold"]),),
        seeds=(int(given["seeds"]),),
        training_share=float(given.get("training_share", 1)),
    )
    (run,) = resolve(settle(request), Opened(None, spec.source, [], {}))
    return run


@pytest.mark.parametrize(
    "spec",
    [
        make_record("none", fold=2, seed=7).spec,
        make_record("classic", "gamma", protocol="released", source=MSD_PROSTATE).spec,
        make_record(
            "none", protocol=Protocol(selection="test", renormalise=True), training_share=0.25
        ).spec,
        make_record(
            "none", protocol=named_protocol("released").model_copy(update={"merge": "image"})
        ).spec,
        make_record("none", numbers={"precision": "bfloat16"}).spec,
        make_record(
            "none",
            numbers={"epochs": 40, "learning_rate": 1e-5, "edge": "canny"},
            architecture="unet",
        ).spec,
        with_generator(make_record("emitdiff", ratio=5, alpha=0.3, patch_size=8)),
        with_generator(
            make_record("emitdiff", "deepstack", preset_name="compact"),
            steps=800,
            channels=[32, 64],
        ),
        with_generator(make_record("emitdiff"), **OLDER),
        with_generator(
            make_record("unconditional", preset_name="compact"),
            sampling={"steps": 4},
        ),
    ],
    ids=lambda spec: spec.method.label if hasattr(spec, "method") else None,
)
def test_the_command_resolves_to_the_same_run(spec):
    run = resolved(repeat_command(spec), spec)
    assert run.key == spec.key and run.method.changed == spec.method.changed


def test_a_plain_run_needs_no_set():
    spec = with_generator(make_record("emitdiff", fold=0, ratio=10, alpha=0.6, patch_size=32))
    assert repeat_command(spec) == (
        "python cli.py run --dataset prostate --source phantom --method emitdiff --ratio 10"
        " --alpha 0.6 --patch-size 32"
        " --architecture attention-unet --fold 0 --seeds 0 --protocol rigorous --preset smoke"
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (PHANTOM, "--source phantom --method"),
        (MSD_PROSTATE, "--source msd --data-root DIR --method"),
        (MSD_PROSTATE.model_copy(update={"kind": "folder"}), "--source FILE.yaml --method"),
        (
            MSD_PROSTATE.model_copy(update={"kind": "busi", "title": "BUSI (malignant)"}),
            "--data-root DIR --method",
        ),
        (
            MSD_PROSTATE.model_copy(
                update={"kind": "busi", "title": "BUSI (normal, 5 of 133 images)"}
            ),
            "--busi-class normal",
        ),
        (
            MSD_PROSTATE.model_copy(
                update={"kind": "busi", "title": "BUSI (malignant and benign)"}
            ),
            "--busi-class both",
        ),
    ],
)
def test_the_source_is_named_as_the_command_line_asks(source, expected):
    assert expected in repeat_command(make_record(source=source).spec)


def test_a_hostile_setting_cannot_leave_its_word():
    method = make_record("classic", "gamma").spec.method.model_copy(
        update={"transform": "gamma; rm -rf x\n# y"}
    )
    command = repeat_command(make_record(method, architecture="a b$(c)").spec)
    assert "\n" not in command
    assert shlex.split(command)[9:13] == [
        "--transform",
        "gamma; rm -rf x # y",
        "--architecture",
        "a b$(c)",
    ]


def test_labels_name_what_differs_from_the_preset_and_between_generators():
    usual, few, wide = (
        with_generator(make_record("emitdiff")),
        with_generator(make_record("emitdiff", ratio=0, alpha=1.0), steps=100),
        with_generator(make_record("emitdiff", patch_size=8)),
    )
    labels = method_labels([spec.method for spec in (usual, few, wide)], usual.preset)
    assert labels == [
        f"emitdiff (from scratch, generator steps = {usual.method.generator['steps']})",
        "emitdiff (from scratch, n = 0, alpha = 1.0, generator steps = 100)",
        f"emitdiff (from scratch, patch = 8, generator steps = {usual.method.generator['steps']})",
    ]
    assert method_labels([usual.method, wide.method], usual.preset) == [
        "emitdiff (from scratch)",
        "emitdiff (from scratch, patch = 8)",
    ]


def test_labels_name_what_differs_from_the_defaults_of_a_generator():
    longer = with_generator(make_record("unconditional"), steps=1600)
    # `smoke` has no numbers of its own for it
    assert method_labels([longer.method], longer.preset) == [
        "unconditional (generator steps = 1600)"
    ]
    plain = with_generator(make_record("emitdiff"), control="net", mask_shown=False)
    expected = "emitdiff (from scratch, generator control = net, generator mask_shown = false)"
    assert method_labels([plain.method], plain.preset) == [expected]
    usual = with_generator(make_record("emitdiff"))
    assert method_labels([usual.method], usual.preset) == ["emitdiff (from scratch)"]


def test_the_generators_part_of_a_label_can_stand_apart():
    def apart(**settings):
        spec = with_generator(make_record("emitdiff", **settings), steps=7, channels=[8, 16])
        return generator_apart(method_labels([spec.method], spec.preset)[0])

    assert apart(ratio=4) == (
        "emitdiff (from scratch, n = 4)",
        "generator channels = [8, 16], steps = 7",
    )
    assert apart(ratio=4, patch_size=8) == (
        "emitdiff (from scratch, n = 4, patch = 8)",
        "generator channels = [8, 16], steps = 7",
    )
    assert apart() == ("emitdiff (from scratch)", "generator channels = [8, 16], steps = 7")
    assert generator_apart("emitdiff (from scratch, patch = 8)") == (
        "emitdiff (from scratch, patch = 8)",
        "",
    )
    assert generator_apart("none") == ("none", "")


def test_protocols_and_presets_are_named_by_the_nearest_one():
    assert [protocol_label(named_protocol(name)) for name in PROTOCOL_NAMES] == list(PROTOCOL_NAMES)
    assert protocol_label(Protocol(selection="test")) == "rigorous (selection = test)"
    assert preset_label(make_record(numbers={"epochs": 40}).spec.preset) == "smoke (epochs = 40)"
    assert preset_label(make_record(numbers={"name": "mine"}).spec.preset) == "mine"


def test_one_line_leaves_no_control_character():
    assert one_line("a\nb\t\x1b[31mc\u202e d") == "a b [31mc d"


def test_the_label_says_which_of_the_methods_of_one_name_it_is():
    scratch, stable = (declared("emitdiff", kind) for kind in ("emitdiff", "stable-diffusion"))
    assert (scratch.label, stable.label) == (
        "emitdiff (from scratch)",
        "emitdiff (Stable Diffusion)",
    )
    assert scratch.look.marker != stable.look.marker
    both = stable.model_copy(update={"transform": "deepstack", "ratio": 5})
    assert both.label == "emitdiff (Stable Diffusion) + deepstack"
    assert scratch.plain_label == stable.plain_label == "emitdiff"
    with pytest.raises(ValidationError):
        Look(form="x) verified (by us")


def test_a_long_list_is_told_by_its_length_and_a_number():
    assert label_value([8, 16]) == "[8, 16]"
    ids = [f"case_{number}" for number in range(30)]
    assert re.fullmatch("30 items, [0-9a-f]{6}", label_value(ids))
    assert label_value(ids) != label_value([*ids[1:], "case_x"])
