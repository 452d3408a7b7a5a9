"""Record files to records and flat tables."""

import json

import pytest

from benchmark.core.errors import InputError
from reports.records.compact_records import CaseTable, Pool
from reports.records.load import case_frame, load_records, run_frame
from tests.support.made_records import make_record


def write(record, folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{record.key}.json").write_text(json.dumps(record.model_dump(mode="json")))


def test_reads_stores_folders_and_single_files(tmp_path):
    in_store, in_folder, alone = (make_record(fold=fold) for fold in range(3))
    write(in_store, tmp_path / "store" / "records")
    write(in_folder, tmp_path / "plain")
    write(alone, tmp_path / "alone")
    loaded = load_records(
        [tmp_path / "store", tmp_path / "plain", tmp_path / "alone" / f"{alone.key}.json"]
    )
    assert loaded.records == [in_store, in_folder, alone]
    assert loaded.problems == []


def test_a_broken_file_is_named_and_hides_no_other(tmp_path):
    good = make_record()
    write(good, tmp_path)
    (tmp_path / "cut.json").write_text('{"schema_version": 1, "key"')
    newer = good.model_dump(mode="json") | {"schema_version": 99}
    (tmp_path / "newer.json").write_text(json.dumps(newer))
    wrong = good.model_dump(mode="json")
    wrong["cases"][0]["dice"] = 1.7
    (tmp_path / "wrong.json").write_text(json.dumps(wrong))
    loaded = load_records([tmp_path])
    assert loaded.records == [good]
    assert [problem.split("/")[-1].split(" ")[0] for problem in loaded.problems] == [
        "cut.json",
        "newer.json",
        "wrong.json",
    ]
    assert "dice" in loaded.problems[2]


def test_a_folder_that_does_not_exist_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        load_records([tmp_path / "nowhere"])


def test_case_frame_has_one_row_per_case_with_the_recorded_values():
    records = [
        make_record("emitdiff", fold=1, seed=3, rows={"a": 0.8, "b": 0.6}),
        make_record(error="stopped"),
    ]
    frame = case_frame(records)
    assert frame[["case", "fold", "seed", "dice", "hd95_max"]].to_dict("records") == [
        {"case": "a", "fold": 1, "seed": 3, "dice": 0.8, "hd95_max": records[0].cases[0].hd95_max},
        {"case": "b", "fold": 1, "seed": 3, "dice": 0.6, "hd95_max": records[0].cases[1].hd95_max},
    ]
    assert set(frame["method"]) == {"emitdiff (from scratch)"}
    assert case_frame([]).empty


def test_run_frame_splits_the_seconds_by_kind_of_stage():
    frame = run_frame([make_record("emitdiff"), make_record("none", error="out of memory")])
    done, failed = frame.to_dict("records")
    assert (done["seconds"], done["generator_seconds"], done["segmenter_seconds"]) == (
        61.0,
        40.0,
        20.0,
    )
    assert (done["commit"], done["machine"], done["optimiser_steps"]) == (
        "a" * 40,
        "test machine, 2 cores",
        240,
    )
    assert (failed["status"], failed["error"], failed["cases"]) == ("failed", "out of memory", 0)


def test_a_record_without_git_state_has_no_commit():
    record = make_record().model_copy(update={"provenance": {"git": "unknown"}})
    assert run_frame([record])["commit"].isna().all()


def test_a_small_record_reads_like_the_whole_one(tmp_path):
    write(make_record("emitdiff", fold=1, seed=3, rows={"a": 0.8, "b": 0.6}), tmp_path)
    write(make_record(error="stopped"), tmp_path)
    whole, small = (load_records([tmp_path], small=small).records for small in (False, True))
    for one, other in zip(whole, small, strict=True):
        assert list(one.cases) == list(other.cases)
        assert [row.model_dump() for row in one.cases] == [row.model_dump() for row in other.cases]
        assert [type(row.truth_voxels) for row in other.cases] == [int] * len(one.cases)
        rest = {"cases": (), "stages": ()}
        assert one.model_copy(update=rest) == other.model_copy(update=rest)
        assert [stage.model_copy(update={"curve": {}}) for stage in one.stages] == [
            stage.model_copy(update={"curve": {}}) for stage in other.stages
        ]
    assert case_frame(whole).equals(case_frame(small))
    scored = next(record for record in small if record.cases)
    again = next(record for record in load_records([tmp_path], small=True).records if record.cases)
    assert scored.cases == again.cases
    others = [
        row.model_copy(update={"dice": 0.1})
        for row in next(one for one in whole if one.cases).cases
    ]
    assert scored.cases != CaseTable(others, Pool())


def test_small_records_share_what_is_equal(tmp_path):
    for seed in range(3):
        write(make_record("emitdiff", seed=seed, rows={"a": 0.8, "b": 0.6}), tmp_path)
    first, second, third = load_records([tmp_path], small=True).records
    assert first.spec.preset is second.spec.preset is third.spec.preset
    assert first.split is second.split and first.cases.cases is third.cases.cases
