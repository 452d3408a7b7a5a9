"""What `run` and `suite` keep of their sources: each run its own, at a place that any process
finds."""

import shutil

import numpy as np
import pytest
from PIL import Image

from benchmark.planning.request import location_of, open_request
from benchmark.planning.settings import settle
from benchmark.record.record import load_record
from tests.support.runs import tiny

SETS = "sets: [n_folds=2, epochs=1, validation_share=0.4, phantom_cases=4]"


def clinic(folder, extra):
    """Four made ultrasound images, described by mine.yaml with the `extra` lines."""
    rng = np.random.default_rng(0)
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for number in range(4):
        mask = np.zeros((64, 64), np.uint8)
        mask[20 : 40 + number, 20:40] = 255
        Image.fromarray(mask).save(folder / "masks" / f"p{number}_1.png")
        image = rng.integers(0, 90, mask.shape, dtype=np.uint8) + mask // 4
        Image.fromarray(image).save(folder / "images" / f"p{number}_1.png")
    text = f"dataset: breast\ntitle: {folder.name}\nimages: images\nmasks: masks\n{extra}"
    (folder / "mine.yaml").write_text(text)


@pytest.fixture
def two(tmp_path):
    clinic(tmp_path / "A", "")
    clinic(tmp_path / "B", "group: ^(p\\d+)_\nspacing_mm: [0.1, 0.1]\n")
    entries = [
        f"  - {{dataset: breast, method: none, architecture: unet, folds: 0, source: {name},"
        f" {SETS}}}\n"
        for name in ("A/mine.yaml", "B/mine.yaml", "phantom")
    ]
    (tmp_path / "two.yaml").write_text("about: two clinics\nruns:\n" + "".join(entries))
    return tmp_path


def test_each_record_has_the_notes_of_its_own_source(two, call):
    words = ("suite", "two.yaml", "--preset", "smoke", "--device", "cpu", "--logger", "none")
    code, shown, _ = call(*words, "--store", "store")
    assert code == 0 and "breast: A, 4 cases" in shown and "breast: B, 4 cases" in shown
    records = [load_record(path) for path in (two / "store" / "records").glob("*.json")]
    notes = {record.spec.source.title: " ".join(record.notes) for record in records}
    first, second, phantom = notes.pop("A"), notes.pop("B"), "".join(notes.values())
    assert "no group is given" in first and "no spacing_mm is given" in first
    assert "is given" not in second and "phantom" not in first + second
    assert "is given" not in phantom


def test_a_worker_finds_a_source_named_by_a_relative_path(two, monkeypatch):
    monkeypatch.chdir(two)
    settled = settle(tiny("none", dataset="breast", source="A/mine.yaml"))
    place = location_of(settled, open_request(settled)).source
    assert place.source == str(two / "A" / "mine.yaml")


def test_notes_on_the_images_are_said_before_what_is_wrong_with_a_plan(two, call):
    for number in range(1, 4):
        shutil.copy(two / "A" / "images" / "p0_1.png", two / "A" / "images" / f"p{number}_1.png")
    words = ("run", "--dataset", "breast", "--method", "none", "--source", "A/mine.yaml")
    code, shown, said = call(*words, "--preset", "smoke", "--device", "cpu", "--store", "store")
    assert code == 2 and "with near copies kept together, A has fewer groups of cases" in said
    assert "breast: A, 4 cases" in shown and "no spacing_mm is given" in shown
