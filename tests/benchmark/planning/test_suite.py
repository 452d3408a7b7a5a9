"""Suites: every built-in one resolves, grids cross, and a wrong key is named with its line."""

from pathlib import Path

import pytest

from benchmark.core.errors import InputError
from benchmark.planning.suite import (
    load_suite,
    requests,
    scaled_patch_sizes,
    scaling_notes,
    suite_names,
)

EXPECTED = {
    "smoke": 4,
    "table2": 36,
    "ratio": 8,
    "alpha": 8,
    "patch": 6,
    "architectures": 10,
    "scarcity": 16,
    "breast-384": 12,
}


def test_all_suites_of_the_design_are_there():
    assert set(EXPECTED) | {"audit"} <= set(suite_names())


@pytest.mark.parametrize("name", EXPECTED)
def test_suites_cross_their_grids(name):
    found = requests(load_suite(name), {"preset": "compact"} if name == "patch" else {})
    assert len(found) == EXPECTED[name]
    assert all(request.folds is None for request in found) or name == "smoke"


def test_the_suite_at_the_paper_s_size_starts_with_what_tells_most_and_needs_no_weights():
    found = requests(load_suite("breast-384"), {})
    assert [(one.method, one.transform) for one in found[:5]] == [
        ("none", None),
        ("classic", "deepstack"),
        ("emitdiff", None),
        ("emitdiff", "deepstack"),
        ("classic", "mirror"),
    ]
    assert all(one.preset == "paper" and "edge=scharr" in one.sets for one in found)
    assert all("generator.kind=emitdiff" in one.sets for one in found if one.method == "emitdiff")


def test_every_suite_says_what_it_is():
    for name in suite_names():
        suite = load_suite(name)
        assert suite.about and suite.hardware and suite.expected


def test_audit_walks_one_switch_at_a_time_to_released():
    from benchmark.spec.protocol import differences, named_protocol

    found = requests(load_suite("audit"), {})
    switches = differences(named_protocol("released"))
    assert len(found) == 3 * (len(switches) + 2)
    singles = {request.sets[0].split("=")[0] for request in found if request.sets}
    assert singles == set(switches)
    assert [
        request.sets for request in found if request.sets and request.sets[0] == "resize_z=true"
    ][0] == (
        "resize_z=true",
        "slices=foreground",
    )
    assert sum(request.protocol == "released" for request in found) == 3


def test_options_of_the_command_line_win():
    found = requests(load_suite("ratio"), {"ratio": 7, "preset": "smoke", "folds": (1,)})
    assert len(found) == 1 and found[0].ratio == 7 and found[0].folds == (1,)


def test_a_suite_can_be_narrowed_to_datasets():
    found = requests(load_suite("table2"), {}, ("breast",))
    assert {request.dataset for request in found} == {"breast"} and len(found) == 12
    with pytest.raises(InputError, match="has no run for --dataset spleen"):
        requests(load_suite("ratio"), {}, ("spleen",))


def test_scaled_patch_sizes_are_said():
    suite = load_suite("patch")
    assert (
        "are scaled to 1, 2, 4, 8, 16, 64 of 64 px" in scaling_notes(suite, {"preset": "smoke"})[0]
    )
    assert scaling_notes(suite, {"preset": "smoke", "sets": ("size=384",)}) == []
    assert scaling_notes(load_suite("ratio"), {}) == []


def test_patch_sizes_scale_to_divisors():
    assert scaled_patch_sizes([1, 16, 32, 64, 96, 128, 384], 384) == [1, 16, 32, 64, 96, 128, 384]
    assert scaled_patch_sizes([1, 16, 32, 64, 96, 128, 384], 64) == [1, 2, 4, 8, 16, 64]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "runs:\n  - {dataset: prostate, methods: none}\n",
            "line 2: unknown key 'methods' \\(did you mean 'method'",
        ),
        (
            "abuot: x\nruns:\n  - {method: none}\n",
            "line 1: unknown key 'abuot' \\(did you mean 'about'",
        ),
        ("about: x\n", "no list `runs`"),
        ("runs: [a\n", "is not YAML"),
        ("- 1\n", "line 1: expected"),
        ("runs:\n  - 7\n", "line 2: expected"),
    ],
)
def test_a_wrong_file_is_named_with_its_line(tmp_path, text, says):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=says):
        load_suite(str(path))


def test_an_unknown_suite_and_an_absent_file():
    with pytest.raises(InputError, match="did you mean 'table2'"):
        load_suite("tabel2")
    with pytest.raises(InputError, match="cannot be read"):
        load_suite("nowhere.yaml")


def test_the_published_suite_takes_each_dataset_from_its_own_folder():
    found = requests(load_suite("published"), {"data_root": Path("real")})
    roots = {(request.dataset, request.source, request.data_root) for request in found}
    assert roots == {
        ("prostate", "msd", Path("real/promise12")),
        ("breast", "busi", Path("real/busi")),
    }
    assert {(request.preset, request.folds, request.seeds) for request in found} == {
        ("compact", None, (0, 1, 2))
    }
    labels = {(request.dataset, request.method, request.transform) for request in found}
    assert len(labels) == 2 * (1 + 9 + 2 + 1) and len({request.ratio for request in found}) == 1 + 8
    assert requests(load_suite("published"), {})[0].data_root == Path("promise12")


@pytest.mark.data
def test_the_published_suite_plans_on_the_real_images(data_root, call):
    code, shown, _ = call("suite", "published", "--data-root", data_root, "--dry-run")
    assert code == 0 and "405 runs, 0 of them done" in shown
    assert "prostate: PROMISE12" in shown and "breast: BUSI" in shown


def suite_of(folder, entry, name="mine.yaml"):
    path = folder / name
    path.write_text(f"about: t\nruns:\n  - {{dataset: breast, method: emitdiff}}\n  - {entry}\n")
    return load_suite(str(path))


@pytest.mark.parametrize(
    ("value", "field", "meant"),
    [
        ("seeds: 0,1,2", "seeds", (0, 1, 2)),
        ('seeds: "0, 1"', "seeds", (0, 1)),
        ("seeds: [0, 08]", "seeds", (0, 8)),
        ("folds: 08", "folds", (8,)),
        ("folds: 0,1", "folds", (0, 1)),
        ("folds: [all]", "folds", None),
        ("training_share: 5e-1", "training_share", 0.5),
        ("alpha: 6e-1", "alpha", 0.6),
        ('ratio: "2"', "ratio", 2),
        ("ratio: 08", "ratio", 8),
        ("transform: ~", "transform", None),
        ("sets: epochs=1", "sets", ("epochs=1",)),
        ("allow_incomplete: on", "allow_incomplete", True),
        ("allow_incomplete: no", "allow_incomplete", False),
        ("patch_size_at_384: 96", "patch_size", 16),
        ("source: 2024-01-02", "source", "2024-01-02"),
    ],
)
def test_values_mean_what_they_mean_on_the_command_line(tmp_path, value, field, meant):
    entry = f"dataset: breast\n    method: emitdiff\n    {value}"
    found = requests(suite_of(tmp_path, entry), {})
    assert getattr(found[-1], field) == meant


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("method: no", "method: unknown method 'no'"),
        ("method:", "method: has no value"),
        ("method: null", "method: null is no value"),
        ("architecture: null", "architecture: null"),
        ("seeds: all", "seeds: .*all is not a list of whole numbers"),
        ("seeds: 0..2", "seeds: .* is not a list"),
        ("seeds: [0, 1.5]", "seeds: .* is not a list"),
        ("seeds: []", "seeds: the list is empty"),
        ("folds: {a: 1}", "folds: holds a group of keys"),
        ("folds: [[1]]", "folds: holds a list"),
        ("sets: 5", "sets: .*5 is not of the form name=value"),
        ("sets: [epochs: 1]", "sets: holds a group"),
        ("ratio: 2e0", "ratio: '2e0' is not a whole number"),
        ("training_share: 50%", "training_share: '50%' is not a number"),
        (f"ratio: {'1' * 6000}", "ratio: '1{60}' is not a whole number"),
        (f"seeds: {'1' * 6000}", "seeds: .{0,90}\\.\\.\\. is not a list"),
        ("towards: [paper, released]", "towards: give one value"),
        ("towards: paperr", "towards: unknown protocol"),
        ("patch_size_at_384: x", "patch_size_at_384: 'x' is not a whole number"),
        ("preset: !!int abc", "tags such as"),
        ("source: !!python/name:os.system x", "tags such as"),
        ("allow_incomplete: 2", "allow_incomplete: '2' is not true or false"),
        ('source: "a\\u001bb"', "source: .* invisible letter"),
        ("limit: -1", "limit: -1 is less than 6"),
        ("limit: 5", "limit: 5 is less than 6"),
        ("ratio: 1_0", "ratio: '1_0' is not a whole number"),
        ("ratio: ２", "ratio: '２' is not a whole number"),
        ("training_share: ٠.٥", "training_share: .* is not a number such as"),
        ("seeds: 1_0", "seeds: --seeds 1_0 is not a list"),
        ("sets: [epochs=1, epochs=2]", "sets: --set epochs=1 and --set epochs=2 contradict"),
    ],
)
def test_a_wrong_value_is_named_with_file_line_and_key(tmp_path, value, says):
    key = value.partition(":")[0]
    rest = "" if key == "method" else "method: none\n    "
    with pytest.raises(InputError, match=f"mine.yaml, line {5 + bool(rest)}: {says}"):
        suite_of(tmp_path, f"dataset: breast\n    {rest}{value}")


def test_what_planning_refuses_names_the_entry(tmp_path, call):
    text = "runs:\n  - {dataset: breast, method: none, folds: 9, architecture: unet}\n"
    (tmp_path / "mine.yaml").write_text(text)
    code, _, error = call("suite", tmp_path / "mine.yaml", "--preset", "smoke", "--dry-run")
    assert code == 2 and "mine.yaml, line 2: --fold 9 does not exist" in error


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("{method: none}", "line 4: the entry lacks the key 'dataset'"),
        ("{dataset: breast, method: none, method: classic}", "'method' appears again"),
        ("{dataset: breast, <<: {method: none}}", "unknown key '<<'"),
        ("{dataset: breast, method: none, sets: [size=6.4e1], patch_size_at_384: 4}", "size=6.4e1"),
        (f"{{dataset: breast, sets: {'[' * 20000}", "more than 20 deep"),
        ("{dataset: breast, sets: &a [*a]}", "stands for no finished value"),
        (
            "{about: [&a [x,x,x,x,x,x,x,x,x,x],"
            + ",".join(f"&{n} [{','.join([f'*{m}'] * 10)}]" for m, n in ("ab", "bc", "cd", "de"))
            + "]}",
            "more than 20000 values",
        ),
        (
            f"{{dataset: breast, method: emitdiff, ratio: [{','.join(map(str, range(400)))}],"
            f" alpha: [{','.join(['0.5'] * 400)}], patch_size: [{','.join(['1'] * 300)}]}}",
            "cross to more than 20000 runs",
        ),
    ],
)
@pytest.mark.timeout(30)
def test_hostile_suites_end_in_one_sentence(tmp_path, entry, says):
    with pytest.raises(InputError, match=says) as refusal:
        requests(suite_of(tmp_path, entry), {})
    assert len(str(refusal.value)) < 1500


def test_a_long_suite_and_one_of_bytes_are_refused(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("about: " + "x" * 300_000)
    with pytest.raises(InputError, match="longer than 200 kB"):
        load_suite(str(path))
    path.write_bytes(b"about: \xff\xfe\x00")
    with pytest.raises(InputError, match="line 1 is not UTF-8"):
        load_suite(str(path))
