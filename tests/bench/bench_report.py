"""Time and size of a report over the made-up study of every suite (828 runs, 9,516 case rows).

    OMP_NUM_THREADS=1 python tests/bench/bench_report.py [FOLDER]

Prints seconds of reading and of building, and the size of the folder by kind of file. Records are made, not run.
"""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from reports.load import load_records  # noqa: E402
from reports.page import build  # noqa: E402
from tests.reports.study import whole_study  # noqa: E402


def main(folder: Path) -> None:
    records = folder / "store" / "records"
    records.mkdir(parents=True, exist_ok=True)
    for record in whole_study():
        (records / f"{record.key}.json").write_text(record.model_dump_json(), encoding="utf-8")
    start, used = time.perf_counter(), time.process_time()
    loaded = load_records([records])
    read = time.perf_counter() - start
    out = folder / "report"
    build(loaded.records, loaded.problems, out)
    wall, cpu = time.perf_counter() - start, time.process_time() - used
    print(f"{len(loaded.records)} records read in {read:.2f} s; report in {wall:.1f} s ({cpu:.1f} s of one core)")
    for kind in ("html", "png", "svg", "pdf", "csv", "md", "tex"):
        files = list(out.rglob(f"*.{kind}"))
        print(f"{kind:5} {len(files):4} files {sum(path.stat().st_size for path in files) / 1e6:6.2f} MB")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            main(Path(folder))
