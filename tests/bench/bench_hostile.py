"""Time and memory that the largest and most awkward files from outside take: submissions, and an
archive and a dataset.json that `data fetch` and `run` meet.

    python -m tests.bench.bench_hostile [FOLDER] [--only WORD]

Each file is built for real below FOLDER (default: a temporary one) and given to the command in a
process of its own. Prints one row per file: its size, seconds of the processor, peak memory of the
process, and how the command ended. The bounds: 30 s and 1 GB for a submission of at most 64 MB
(docs/measurements.md).
"""

import argparse
import gzip
import json
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import ceil
from pathlib import Path

import numpy as np

from benchmark.core.identity import named_seed
from benchmark.metrics.definitions import CaseRow
from benchmark.metrics.scoring import score_case
from benchmark.planning.plan import plan_run
from benchmark.planning.request import open_request, resolve
from benchmark.planning.settings import settle
from benchmark.planning.substitutions import substitutions
from benchmark.record.record import Budget, Record, Split
from benchmark.spec.presets import preset
from benchmark.spec.run import RunSpec, SourceSpec
from benchmark.store.store import Store
from datasets.cases import Case, CaseInfo
from reports.submission.pack import pack
from tests.reports.submission import mutations
from tests.reports.submission.made import asked, tiny_spec, write_run

ROOT = Path(__file__).resolve().parents[2]
WIDE_CASES = 19_800
PHANTOMS = 24  # of 128 px: as many as are drawn for one file
PAX_BYTES = 1_500_000_000


def submission(folder: Path, records: list[Record]) -> mutations.Entries:
    """The entries of a submission of these records, without masks."""
    pack(records, Store(folder / "s"), folder / "a.zip", owner="", note="", with_masks=False)
    return mutations.entries_of((folder / "a.zip").read_bytes())


def one_run(folder: Path) -> Record:
    return write_run(Store(folder / "s"), tiny_spec("none"))


def manifest_of(data: bytes) -> Callable[[Path], bytes]:
    """A submission whose manifest is `data`."""

    def build(folder: Path) -> bytes:
        entries = submission(folder, [one_run(folder)]) | {"manifest.json": data}
        return mutations.zipped(entries.items())

    return build


def with_masks(
    shape: tuple[int, int, int], noisy: bool, most_bytes: int
) -> Callable[[Path], bytes]:
    """As many masks of `shape` as fit, of runs on phantoms of 128 px. The rows are those of noisy
    masks of 128 px, so that the file is valid where the masks are these."""

    def build(folder: Path) -> bytes:
        first, sets = one_run(folder), ("size=128", f"phantom_cases={PHANTOMS}")
        found = open_request(settle(asked("none", 0, 0, sets)))
        size = (int(np.prod(shape)) + 7) // 8
        count, rng = min(most_bytes // size, 12_000), np.random.default_rng(0)
        bits = rng.integers(0, 256, size, np.uint8) if noisy else np.zeros(size, np.uint8)
        drawn = rng.integers(0, 2, (1, 128, 128), np.uint8)
        if shape == drawn.shape:
            bits = np.packbits(drawn)
        rows, records = {}, []
        for seed in range(ceil(count / (PHANTOMS // 2))):
            (spec,) = resolve(settle(asked("none", 0, seed, sets)), found)
            rows = rows or {
                one.id: _row(one.id, found.source.load(one.id), drawn) for one in found.cases
            }
            records.append(made_of(first, spec, found.cases, rows))
        entries, made = submission(folder, records), {}
        manifest, data = json.loads(entries["manifest.json"]), mutations.saved(bits)
        for record in sorted(records, key=lambda one: one.key):
            for place in range(min(len(record.cases), count - len(made))):
                made[f"masks/{record.key}/{place}.npy"] = data
                entry = {"record": record.key, "place": place, "shape": list(shape)}
                manifest["masks"].append(entry | {"sha256": mutations.sha256(data)})
        entries = entries | made | {"manifest.json": mutations.dumped(manifest)}
        return mutations.zipped(entries.items())

    return build


def _row(name: str, case: Case, mask: np.ndarray) -> CaseRow:
    return score_case(
        name,
        mask,
        [0],
        case.mask,
        case.spacing,
        case.spacing_unit,
        empty_mask="penalty",
        resize_z=False,
        nsd_tolerance=preset("smoke").nsd_tolerance,
    )


def made_of(
    record: Record, spec: RunSpec, cases: Sequence[CaseInfo], rows: Mapping[str, CaseRow]
) -> Record:
    """A record of the run `spec` of method none on these cases, with the costs of `record`. rows:
    by case."""
    plan = plan_run(spec, cases, {})
    slices = len(plan.split.train)
    steps = ceil(slices / spec.preset.batch_size) * spec.preset.epochs
    presented = {"real": slices * spec.preset.epochs, "synthetic": 0}
    told = {"steps": steps, "presented": presented, "slices": slices}
    cost = record.stages[0].model_copy(update={"results": {}})
    parts = {name: getattr(plan.split, name) for name in ("hash", "train", "validation", "test")}
    words = {"weights": "weights", "order": "order", "step": "step"}
    seeds = {one: named_seed(spec.seed, "segmenter", word) for one, word in words.items()}
    new = {
        "spec": spec,
        "key": spec.key,
        "split": Split(**parts, generator=()),
        "cases": tuple(rows[case] for case in parts["test"]),
        "budget": Budget(
            optimiser_steps=steps,
            real_presentations=presented["real"],
            synthetic_presentations=0,
        ),
        "seeds": record.seeds | seeds | {"generator": named_seed(spec.seed, "generator")},
        "substitutions": substitutions(spec),
        "stages": tuple(
            cost.model_copy(
                update={"stage": node.stage, "key": node.key, "version": node.version}
                | ({"results": told} if node.stage == "fit-segmenter" else {})
            )
            for node in plan.nodes
        ),
    }
    return record.model_copy(update=new)


def wide(folder: Path) -> bytes:
    """20 MB of JSON: eight seeds of a run on thousands of images of somebody's own."""
    source = SourceSpec(
        kind="folder", title="a clinic", licence="own", fingerprint="5" * 64, synthetic=False
    )
    first, records = one_run(folder), []
    cases = [CaseInfo(f"image {n}", f"image {n}") for n in range(WIDE_CASES)]
    rows = {one.id: first.cases[0].model_copy(update={"case": one.id}) for one in cases}
    for seed in range(8):
        spec = tiny_spec("none", 0, seed, "n_folds=3").model_copy(update={"source": source})
        records.append(made_of(first, spec, cases, rows))
    return mutations.zipped(submission(folder, records).items())


def hidden_directory(folder: Path) -> bytes:
    """A zip64 directory of a million entries behind an end that announces one."""
    count = 1_000_000
    listed = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 8, 0, 33, 0, 0, 0, 1, *[0] * 6) + b"x"
    directory = listed * count
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, len(directory), 0)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, len(directory), 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, 76, len(directory), 0)
    return directory + end64 + locator + end


def claims(claimed: int) -> Callable[[Path], bytes]:
    """A zip whose entry says it unpacks to so many bytes."""

    def build(folder: Path) -> bytes:
        data = mutations.zipped([("manifest.json", b"{}")])
        old, new = struct.pack("<L", 2), struct.pack("<L", claimed)
        return data.replace(old + struct.pack("<2H", 13, 0), new + struct.pack("<2H", 13, 0))

    return build


SUBMISSIONS: dict[str, Callable[[Path], bytes]] = {
    "20 MB of JSON: 8 runs of 6,600 cases": wide,
    "12,000 noisy masks of 128 x 128, images at hand": with_masks((1, 128, 128), True, 60 << 20),
    "one noisy mask of 2^28 voxels": with_masks((1024, 512, 512), True, 33 << 20),
    "15 empty masks of 2^28 voxels": with_masks((1024, 512, 512), False, 510 << 20),
    "manifest of 999,999 lists in each other": manifest_of(b'{"a":' + b"[" * 999_990),
    "manifest of a number of 32 million digits": manifest_of(b'{"a":' + b"9" * (31 << 20) + b"}"),
    "manifest of a fraction of 32 million digits": manifest_of(
        b'{"a":1.' + b"3" * (31 << 20) + b"}"
    ),
    "manifest of a text of 32 MB": manifest_of(b'{"a":"' + b"x" * (31 << 20) + b'"}'),
    "manifest of a million values": manifest_of(
        b'{"records":[' + b",".join([b"[]"] * 499_990) + b"]}"
    ),
    "zip64 directory of a million entries": hidden_directory,
    "zip that says it unpacks to 1.5 GB": claims(1_500_000_000),
}


def pax_archive(path: Path) -> None:
    """A tar whose extended header has 1.5 GB of zeros; compressed, one MB."""
    head = bytearray(512)
    head[:3] = b"pax"
    head[100:108], head[108:124] = b"0000644\0", b"0000000\0" * 2
    head[124:136] = f"{PAX_BYTES:011o}".encode() + b"\0"
    head[136:148], head[148:156], head[156:157] = b"0" * 11 + b"\0", b" " * 8, b"x"
    head[257:265] = b"ustar\x0000"
    head[148:156] = f"{sum(head):06o}\0 ".encode()
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(head)
        for _ in range(PAX_BYTES >> 20):
            file.write(bytes(1 << 20))
        file.write(bytes((PAX_BYTES & ((1 << 20) - 1)) + 1024))


def deep_json(folder: Path) -> Path:
    """A data folder whose dataset.json holds 100,000 lists in each other."""
    inside = folder / "Task05_Prostate"
    (inside / "imagesTr").mkdir(parents=True)
    (inside / "labelsTr").mkdir()
    (inside / "dataset.json").write_text('{"a":' + "[" * 100_000 + "]" * 100_000 + "}")
    return folder


_UNPACK = (
    "import sys, pathlib, tempfile\n"
    "from benchmark.core.errors import InputError\n"
    "from datasets.fetching.unpack import unpack\n"
    "try:\n"
    "    unpack(pathlib.Path(sys.argv[1]), 'tar', pathlib.Path(tempfile.mkdtemp()),"
    " limit_bytes=10**9)\n"
    "except InputError as error:\n"
    "    sys.exit(str(error))\n"
)


def commands(folder: Path, only: str) -> Iterator[tuple[str, Path, list[str]]]:
    """(what, the file, the command's words) of every file that `only` is part of."""
    for number, (what, build) in enumerate(SUBMISSIONS.items()):
        if only in what:
            place = folder / str(number)
            place.mkdir()
            path = place / "hostile.zip"
            path.write_bytes(build(place))
            cli = [sys.executable, str(ROOT / "cli.py"), "leaderboard"]
            yield f"{what}, validate", path, [*cli, "validate", str(path)]
            yield f"{what}, build", path, [*cli, "build", str(path), "--out", str(place / "board")]
    if only in "archive with a header of 1.5 GB":
        pax_archive(folder / "a.tar.gz")
        words = [sys.executable, "-c", _UNPACK, str(folder / "a.tar.gz")]
        yield "archive with a header of 1.5 GB", folder / "a.tar.gz", words
    if only in "dataset.json 100,000 deep":
        data = deep_json(folder / "data")
        words = [sys.executable, str(ROOT / "cli.py"), "data", "verify", "prostate"]
        file = data / "Task05_Prostate" / "dataset.json"
        yield "dataset.json 100,000 deep", file, [*words, "--data-root", str(data)]


# A process of its own starts the command: a child begins with the memory of its parent.
_START = (
    "import json, resource, subprocess, sys\n"
    "done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)\n"
    "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
    "told = done.stdout.decode(errors='replace').splitlines() or ['']\n"
    "wrong = [line for line in told if 'Traceback' in line]\n"
    "print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, done.returncode,"
    " (wrong or told)[-1]]))\n"
)


def measured(words: list[str]) -> tuple[float, float, int, str]:
    """(seconds of the processor, peak memory in MB, exit code, last line) of a command."""
    start = [sys.executable, "-S", "-c", _START, *words]
    told = subprocess.run(start, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    seconds, megabytes, code, line = json.loads(told)
    return seconds, megabytes, code, line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--only", default="", help="only files whose description has this word")
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    print("| file | size | processor time | peak memory | exit code |\n|---|---|---|---|---|")
    for what, path, words in commands(folder, given.only):
        seconds, megabytes, code, line = measured(words)
        size = f"{path.stat().st_size / 1e6:.2g} MB"
        print(f"| {what} | {size} | {seconds:.1f} s | {megabytes:.0f} MB | {code} |", flush=True)
        print(f"  {line[:150]}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
