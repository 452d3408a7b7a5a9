"""What the store holds and no run needs: found with its size, removed only on demand, never what a
record lists."""

import pytest

from benchmark.commands.store import collect_garbage
from benchmark.store.garbage import remove, unneeded
from benchmark.store.store import Store

KEPT, WAITING, OLD = "aa" * 32, "bb" * 32, "cc" * 32


@pytest.fixture
def store(tmp_path):
    """A stage of a run, one of an older version that no run lists, and a leftover of a process that
    is gone."""
    store = Store(tmp_path)
    for key in (KEPT, OLD):
        store.compute(
            "predict", key, lambda folder: (folder / "mask.npy").write_bytes(bytes(1000)) and {}
        )
        store.notes.write_plan(key, {"stage": "predict", "key": key})
    stages = [{"stage": "predict", "key": KEPT}, {"stage": "score", "key": WAITING}]
    store.notes.write_run("11" * 32, {"key": "11" * 32, "stages": stages})
    for key in (WAITING, OLD):
        store.notes.partial(key).mkdir(parents=True)
    (tmp_path / "tmp" / f"predict-{OLD}-x1y2").mkdir()
    (tmp_path / "tmp" / f"predict-{OLD}-x1y2" / "half.npy").write_bytes(bytes(300))
    return store


def test_only_what_no_run_lists_is_found(store):
    store.notes.write_failure(WAITING, "score", "broken", final=True)
    store.notes.write_failure(OLD, "predict", "broken", final=True)
    found = unneeded(store)
    assert [(item.what, item.key) for item in found if item.key] == [("predict", OLD)]
    names = {item.path.name for item in found}
    assert f"{OLD}.json" in names and f"{WAITING}.json" not in names and f"{KEPT}.json" not in names
    assert next(item.bytes for item in found if item.what.startswith("leftover")) == 300
    assert [item.path for item in found if item.what.startswith("state")] == [
        store.notes.partial(OLD)
    ]
    assert next(item.bytes for item in found if item.key == OLD) > 1000


def test_it_is_listed_first_and_removed_on_demand(store, capsys):
    assert collect_garbage(store.root, False) == 0
    assert "nothing was removed" in capsys.readouterr().out and store.has("predict", OLD)
    assert collect_garbage(store.root, True) == 0
    assert (
        not store.has("predict", OLD)
        and store.has("predict", KEPT)
        and not list((store.root / "tmp").iterdir())
    )
    assert collect_garbage(store.root, False) == 0
    assert "holds nothing" in capsys.readouterr().out


def test_what_is_at_work_is_left_alone(store):
    with Store(store.root).locked(OLD):
        found = unneeded(store)
        assert not [item for item in found if item.what.startswith("leftover")]
        remove(store, [item for item in found if item.key])
    assert store.has("predict", OLD)
