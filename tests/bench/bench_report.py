"""Time, size and first view of a report over made-up records as large as real ones (settings,
curves, packages).

    OMP_NUM_THREADS=1 python -m tests.bench.bench_report [--records 1000] [--cases 0] [--out FOLDER]

The records are the made-up study of every suite (828 runs of 10 to 14 cases), with further seeds
until there are enough; --cases 40 gives each of them 40 cases instead. Prints seconds of reading
and building, peak memory, the size of the folder by kind of file and, where Chromium is installed,
the seconds until the leaderboard can be used. Nothing is run.
"""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from baselines.generators.catalogue import generator_class, settings_of_generator
from benchmark.record.record import Record
from reports.comparison.study import Study
from reports.pages.build import build
from reports.pages.parallel import usable_cores
from reports.records.load import load_records
from tests.support.browser import CHROMIUM, Browser
from tests.support.study import whole_study

WHO = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
PACKAGES = dict.fromkeys(
    ("diffusers", "monai", "nibabel", "numpy", "pandas", "scipy", "torch", "torchvision"), "1.22.33"
)
CURVE = {
    "loss": tuple((40.0 * k, 0.9 / (1 + k)) for k in range(60)),
    "dice": tuple((40.0 * k, k / 60) for k in range(60)),
}


def records(count: int, cases: int) -> Iterator[Record]:
    """`count` records: the study again and again, each time under other seeds."""
    study, made = whole_study(), 0
    numbers = generator_class("emitdiff").presets["compact"]  # the study's preset
    settings = settings_of_generator("emitdiff", numbers).model_dump(mode="json")
    while made < count:
        for record in study[: count - made]:
            yield realistic(record, 10 * (made // len(study)), cases, settings)
        made += len(study)


def realistic(record: Record, more: int, cases: int, settings: dict) -> Record:
    """The record under another seed, with what a real one holds besides its rows."""
    method = record.spec.method
    if method.name == "emitdiff":
        method = method.model_copy(update={"generator": settings})
    spec = record.spec.model_copy(update={"seed": record.spec.seed + more, "method": method})
    stages = tuple(
        stage.model_copy(update={"curve": CURVE} if stage.stage == "fit-segmenter" else {})
        for stage in record.stages
    )
    rows = record.cases
    if cases:
        rows = tuple(
            rows[k % len(rows)].model_copy(update={"case": f"{spec.fold}_case_{k:03d}"})
            for k in range(cases)
        )
    split = record.split.model_copy(update={"test": tuple(row.case for row in rows)})
    provenance = {
        **record.provenance,
        "packages": PACKAGES,
        "platform": "made",
        "python": "3.11",
        "threads": 1,
    }
    new = {
        "spec": spec,
        "key": spec.key,
        "stages": stages,
        "cases": rows,
        "split": split,
        "provenance": provenance,
    }
    return record.model_copy(update=new)


def first_view(page: Path) -> tuple[float, float]:
    """(seconds until the first view is painted, seconds until the page's script has run): medians
    of five loads."""
    with tempfile.TemporaryDirectory() as folder, Browser(Path(folder)) as browser:
        found = []
        for _ in range(5):
            browser.open(page)
            browser.until("performance.getEntriesByName('first-contentful-paint').length")
            paint = browser.run(
                "performance.getEntriesByName('first-contentful-paint')[0].startTime"
            )
            ready = browser.run(
                "performance.timing.loadEventEnd - performance.timing.navigationStart"
            )
            found.append((paint / 1000, ready / 1000))
        assert not browser.problems, browser.problems
    return tuple(sorted(one[part] for one in found)[2] for part in (0, 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=1000)
    parser.add_argument(
        "--cases", type=int, default=0, help="rows per record [default: those of the study]"
    )
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.out or Path(scratch)
        store = folder / "store" / "records"
        store.mkdir(parents=True, exist_ok=True)
        for record in records(given.records, given.cases):
            (store / f"{record.key}.json").write_text(record.model_dump_json(), encoding="utf-8")
        measure(store, folder / "report")


def measure(store: Path, out: Path) -> None:
    start = time.perf_counter()
    before = sum(
        getattr(resource.getrusage(who), part) for who in WHO for part in ("ru_utime", "ru_stime")
    )
    loaded = load_records([store], small=True)
    read = time.perf_counter() - start
    page = build(Study(loaded.records, loaded.problems), out)
    wall = time.perf_counter() - start
    used = (
        sum(
            getattr(resource.getrusage(who), part)
            for who in WHO
            for part in ("ru_utime", "ru_stime")
        )
        - before
    )
    peaks = [resource.getrusage(who).ru_maxrss / 2**20 for who in WHO]
    rows = sum(len(record.cases) for record in loaded.records)
    print(
        f"{len(loaded.records)} records, {rows} case rows: read in {read:.1f} s, report in"
        f" {wall:.1f} s together"
    )
    print(f"processor time {used:.1f} s on {usable_cores()} cores, load {os.getloadavg()[0]:.1f}")
    print(
        f"peak memory {peaks[0]:.2f} GB, of the largest process beside it {peaks[1]:.2f} GB"
        f" (shared pages in both)"
    )
    sizes: dict[str, list[int]] = {}
    for path in out.rglob("*"):
        if path.is_file():
            sizes.setdefault(path.suffix, []).append(path.stat().st_size)
    for kind, found in sorted(sizes.items(), key=lambda pair: -sum(pair[1])):
        print(f"{kind:6} {len(found):5} files {sum(found) / 1e6:6.2f} MB")
    print(f"folder {sum(map(sum, sizes.values())) / 1e6:.2f} MB")
    if CHROMIUM:
        paint, ready = first_view(page)
        print(
            f"leaderboard in Chromium: first paint after {paint:.2f} s, sortable after {ready:.2f}"
            f" s (median of 5)"
        )


if __name__ == "__main__":
    main()
