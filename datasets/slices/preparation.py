"""Cases to slices: what every later stage reads, in one folder that needs no source folder beside
it.

`prepare` writes one case after another (a volume in memory at a time); `Prepared` reads. Not here:
atomic folders (store), folds.
"""

import errno
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import numpy as np

from benchmark.core.errors import InputError
from benchmark.core.progress import Report, silent
from benchmark.core.texts import some
from datasets.cases import Case
from datasets.slices.edges import Detector, edge_map, make_detector
from datasets.slices.intensity import grey_rule, resize_linear, resize_nearest
from datasets.sources.base import Source

_STACKS = ("images", "masks", "edges")


@dataclass(frozen=True)
class PreparedCase:
    """A case as prepared: native shape and spacing (z, y, x), its prompt, and its rows first ...
    first + count - 1."""

    id: str
    group: str
    stratum: str | None
    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    spacing_unit: str
    prompt: str
    first: int
    count: int


def prepare(
    source: Source,
    out: Path,
    *,
    size: int,
    intensity: str,
    edge: str | Detector,
    report: Report = silent,
) -> None:
    """Writes all slices of `source` at size x size px into the existing, empty folder `out` (Q17,
    Q18).

    images.npy (grey levels 0-255), masks.npy ({0, 1}), edges.npy (0-255): uint8 (N, size, size);
    slices.json: case and z index and native foreground pixels per row; cases.json: one PreparedCase
    per case, and notes; truth/<n>.npy: the native mask of case n, bit-packed. Raises InputError for
    a damaged or contradictory case.
    """
    detector = make_detector(edge) if isinstance(edge, str) else edge
    (out / "truth").mkdir(parents=True)
    infos = source.cases()
    modality = source.task.words[0]
    prepared: list[PreparedCase] = []
    rows: dict[str, list[int]] = {"case": [], "z": [], "foreground": []}
    empty: list[str] = []
    around: list[str] = []
    stacks = {name: _GrowingStack(out / f"{name}.npy", size) for name in _STACKS}
    try:
        report(0, len(infos), slices=0)
        for index, info in enumerate(infos):
            case = source.load(info.id)
            _write_slices(case, stacks, size, intensity, detector, modality)
            np.save(out / "truth" / f"{index}.npy", np.packbits(case.mask), allow_pickle=False)
            depth, first = case.image.shape[0], len(rows["case"])
            rows["case"] += [index] * depth
            rows["z"] += range(depth)
            rows["foreground"] += np.count_nonzero(case.mask, axis=(1, 2)).tolist()
            if not sum(rows["foreground"][first:]):
                empty.append(info.id)
            if case.mask[:, [0, 0, -1, -1], [0, -1, 0, -1]].all():
                around.append(info.id)
            prepared.append(
                PreparedCase(
                    info.id,
                    info.group,
                    info.stratum,
                    case.image.shape,
                    case.spacing,
                    case.spacing_unit,
                    source.task.prompt(info.stratum),
                    first,
                    depth,
                )
            )
            report(index + 1, len(infos), slices=len(rows["case"]))
    finally:
        for stack in stacks.values():
            stack.close()
    notes = (
        [f"{len(empty)} of {len(infos)} cases have an empty mask ({some(empty)})."] if empty else []
    )
    if around:
        notes.append(
            f"{len(around)} of {len(infos)} cases have a mask that fills all corners of the image"
            f" ({some(around)}); check that the foreground is not 0."
        )
    (out / "slices.json").write_text(json.dumps(rows))
    cases = {"size": size, "cases": [asdict(case) for case in prepared], "notes": notes}
    (out / "cases.json").write_text(json.dumps(cases))


def _write_slices(
    case: Case,
    stacks: dict[str, "_GrowingStack"],
    size: int,
    intensity: str,
    detector: Detector,
    modality: str,
) -> None:
    to_grey = grey_rule(intensity, modality, case.image)
    for plane, mask in zip(case.image, case.mask, strict=True):
        image = to_grey(resize_linear(plane, (size, size)))
        small_mask = resize_nearest(mask, (size, size))
        stacks["images"].append(image)
        stacks["masks"].append(small_mask)
        stacks["edges"].append(edge_map(image, small_mask, detector))


class _GrowingStack:
    """An .npy file of uint8 (N, size, size) whose N is known only once it is closed."""

    def __init__(self, path: Path, size: int):
        self._size, self._count = size, 0
        self._stream: BinaryIO = path.open("wb")
        self._write_header()

    def _write_header(self) -> None:
        # NumPy pads headers so that the first axis can grow in place: that of N slices is as long
        # as that of none.
        header = {
            "descr": "|u1",
            "fortran_order": False,
            "shape": (self._count, self._size, self._size),
        }
        np.lib.format.write_array_header_1_0(self._stream, header)

    def append(self, plane: np.ndarray) -> None:
        self._stream.write(np.ascontiguousarray(plane, dtype=np.uint8).tobytes())
        self._count += 1

    def close(self) -> None:
        self._stream.seek(0)
        self._write_header()
        self._stream.close()


class Prepared:
    """The folder that `prepare` wrote, without its source. Raises InputError where it is no such
    folder.

    images, masks, edges: uint8 (N, S, S) memory maps; case_index, z_index, foreground (native
    pixels): int64 (N,); cases; notes: sentences for the user, such as "2 of 41 cases have an empty
    mask".
    """

    def __init__(self, folder: Path):
        self.folder = folder
        try:
            described = json.loads((folder / "cases.json").read_text())
            rows = json.loads((folder / "slices.json").read_text())
            stacks = [
                np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
                for name in _STACKS
            ]
        except (OSError, ValueError) as error:
            if getattr(error, "errno", None) == errno.ENOMEM:
                raise
            raise InputError(
                f"{folder} holds no prepared data ({error}); run the prepare stage again."
            ) from error
        self.images, self.masks, self.edges = stacks
        self.size: int = described["size"]
        self.notes: list[str] = described["notes"]
        self.cases = [
            PreparedCase(
                **{**case, "shape": tuple(case["shape"]), "spacing": tuple(case["spacing"])}
            )
            for case in described["cases"]
        ]
        self.case_index = np.array(rows["case"], dtype=np.int64)
        self.z_index = np.array(rows["z"], dtype=np.int64)
        self.foreground = np.array(rows["foreground"], dtype=np.int64)
        if not len(self.images) == len(self.masks) == len(self.edges) == len(self.case_index):
            raise InputError(
                f"{folder} holds prepared data of differing lengths; run the prepare stage again."
            )

    @cached_property
    def _number(self) -> dict[str, int]:
        return {case.id: number for number, case in enumerate(self.cases)}

    def case(self, case_id: str) -> PreparedCase:
        """The case called `case_id`. Raises InputError for an unknown one."""
        if case_id not in self._number:
            raise InputError(
                f"{self.folder} holds no case '{case_id}'; it was prepared from other cases."
            )
        return self.cases[self._number[case_id]]

    def rows(
        self, case_ids: list[str] | tuple[str, ...], minimum_foreground: int | None = None
    ) -> np.ndarray:
        """int64 slice rows of these cases, in the order of `case_ids` and of z.

        minimum_foreground keeps only slices with MORE than that many native foreground pixels (Q9).
        """
        cases = [self.case(case_id) for case_id in case_ids]
        spans = [np.arange(case.first, case.first + case.count) for case in cases]
        rows = np.concatenate(spans) if spans else np.empty(0, dtype=np.int64)
        return (
            rows if minimum_foreground is None else rows[self.foreground[rows] > minimum_foreground]
        )

    def truth(self, case_id: str) -> np.ndarray:
        """The native mask, uint8 (z, y, x) in {0, 1}."""
        shape = self.case(case_id).shape
        packed = np.load(self.folder / "truth" / f"{self._number[case_id]}.npy", allow_pickle=False)
        return np.unpackbits(packed, count=int(np.prod(shape))).reshape(shape)

    def slice_ids(self, rows: np.ndarray) -> list[str]:
        """Names such as "prostate_16/z007" for slice rows."""
        return [f"{self.cases[self.case_index[row]].id}/z{self.z_index[row]:03d}" for row in rows]

    def prompts(self, rows: np.ndarray) -> list[str]:
        """The prompt of each slice row."""
        return [self.cases[self.case_index[row]].prompt for row in rows]

    def to_native(
        self,
        case_id: str,
        probability: np.ndarray,
        z: np.ndarray | None = None,
        *,
        threshold: float | None = 0.5,
    ) -> np.ndarray:
        """Foreground probabilities float32 (n, S, S) on the case's native grid, bilinear in the
        plane.

        Returns uint8 {0, 1} = probability > threshold, or the float32 probabilities with threshold
        None. Given `z` int (n,), the slice number of each plane: the whole volume (z, y, x), other
        slices background (Q9 drops some). Without: the n planes alone, (n, y, x).
        """
        depth, height, width = self.case(case_id).shape
        if z is None:
            depth, z = len(probability), np.arange(len(probability))
        if len(probability) != len(z):
            raise InputError(
                f"case {case_id}: {len(probability)} predicted slices for {len(z)} slice numbers."
            )
        native = np.zeros(
            (depth, height, width), dtype=np.float32 if threshold is None else np.uint8
        )
        for plane, index in zip(probability, z, strict=True):
            resized = resize_linear(plane, (height, width))
            native[index] = resized if threshold is None else resized > threshold
        return native
