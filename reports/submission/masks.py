"""Predicted masks: their file format, and the case rows recomputed from them and from the truth.

A mask file is a NumPy file of one axis, uint8, the bits of the planes one after another
(numpy.packbits). It is parsed here, header and all, and never by code that could unpickle.
"""

import io
import math
import re

import numpy as np

from benchmark.metrics.definitions import COUNTS, DISTANCES, FLAGS, METRICS, CaseRow
from benchmark.metrics.scoring import score_case, stretch_z
from benchmark.metrics.surfaces import bounding_box
from benchmark.spec.protocol import FOREGROUND_PIXELS
from benchmark.spec.run import RunSpec
from datasets.slices.intensity import resampled_mask
from reports.submission.findings import Refusal
from reports.submission.reference_data import Truth

MAX_VOXELS = 1 << 28  # 512 x 512 x 1024
ROW_WORK = 2_000  # microseconds of a row with small masks
ROUNDING = 1e-12  # relative; sums of distances may end otherwise on another processor
_PREFIX = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(
    rb"\{'descr': '\|u1', 'fortran_order': False, 'shape': \((\d{1,10}),\), \} *\n"
)


def mask_file(packed: np.ndarray) -> bytes:
    """The mask file of packed bits, uint8 (n,)."""
    stream = io.BytesIO()
    np.lib.format.write_array(
        stream, np.ascontiguousarray(packed, np.uint8), version=(1, 0), allow_pickle=False
    )
    return stream.getvalue()


def read_mask(data: bytes, shape: tuple[int, int, int], where: str) -> np.ndarray:
    """The mask in `data`, uint8 {0, 1} of `shape`. Raises Refusal for any other file."""
    voxels = math.prod(shape)
    # An axis is bounded too: with no plane at all, the others may be as long as they like.
    if min(shape[1:]) < 1 or shape[0] < 0 or max(voxels, *shape) > MAX_VOXELS:
        raise Refusal(f"{where} is announced as {shape}, which no mask can be.")
    length = int.from_bytes(data[8:10], "little")
    header = _HEADER.fullmatch(data[10 : 10 + length])
    if data[:8] != _PREFIX or header is None:
        raise Refusal(
            f"{where} is no NumPy file of bytes with one axis; masks are written by `leaderboard"
            f" submit`."
        )
    packed = np.frombuffer(data, np.uint8, offset=10 + length)
    if int(header[1]) != len(packed) or len(packed) != (voxels + 7) // 8:
        raise Refusal(
            f"{where} holds {len(packed)} bytes; a mask of {shape} has {(voxels + 7) // 8}."
        )
    bits = np.unpackbits(packed)
    if bits[voxels:].any():
        raise Refusal(f"{where} has bits beyond its last voxel.")
    return bits[:voxels].reshape(shape)


def planes(spec: RunSpec, truth: np.ndarray) -> list[int]:
    """The native slices that are predicted and scored: all, or under slices=foreground those with
    enough of it (Q9)."""
    if spec.protocol.slices == "all":
        return list(range(len(truth)))
    return np.flatnonzero(np.count_nonzero(truth, axis=(1, 2)) > FOREGROUND_PIXELS).tolist()


def scored_truth(spec: RunSpec, mask: np.ndarray) -> np.ndarray:
    """What a prediction is scored against, uint8 {0, 1} of the native shape."""
    native = spec.protocol.truth == "native"
    return mask if native else resampled_mask(mask, spec.preset.size)


def true_voxels(spec: RunSpec, truth: Truth) -> int:
    """True voxels of the planes that are scored, as a case row counts them."""
    mask, z = scored_truth(spec, truth.mask), planes(spec, truth.mask)
    scored = mask[z] if z else mask
    return int(np.count_nonzero(stretch_z(scored, len(mask)) if spec.protocol.resize_z else scored))


def recomputed(spec: RunSpec, truth: Truth, prediction: np.ndarray, where: str) -> CaseRow:
    """The row of a case from its mask and truth. Raises Refusal where the mask has another shape
    than its planes."""
    mask = truth.mask
    z = planes(spec, mask)
    expected = (len(z), *mask.shape[1:])
    if prediction.shape != expected:
        raise Refusal(
            f"{where}, case {truth.case}: the mask is {prediction.shape}, its planes are"
            f" {expected}."
        )
    return score_case(
        truth.case,
        prediction,
        z,
        scored_truth(spec, mask),
        truth.spacing,
        truth.unit,
        empty_mask=spec.protocol.empty_mask,
        resize_z=spec.protocol.resize_z,
        nsd_tolerance=spec.preset.nsd_tolerance,
    )


def scoring_work(truth: np.ndarray, prediction: np.ndarray) -> int:
    """About how many microseconds `recomputed` takes: most go into the surfaces of the masks, which
    noise has most of (docs/measurements.md)."""
    return ROW_WORK + prediction.size // 100 + _faces(truth) + _faces(prediction)


def _faces(mask: np.ndarray) -> int:
    """Pairs of neighbours of which one is foreground."""
    box = bounding_box(mask)
    if box is None:
        return 0
    return sum(int(np.count_nonzero(np.diff(mask[box], axis=axis))) for axis in range(mask.ndim))


def differences(row: CaseRow, found: CaseRow) -> list[str]:
    """'dice 0.9 where the mask gives 0.8' for every value of the row that its mask does not
    give."""
    told = []
    for name in (*COUNTS, *FLAGS, "unit", *row.measured(METRICS)):
        given, made = getattr(row, name), getattr(found, name)
        close = math.isclose(given, made, rel_tol=ROUNDING) if name in DISTANCES else given == made
        if not close:
            told.append(f"{name} {given} where the mask gives {made}")
    return told
