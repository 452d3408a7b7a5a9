"""The near copies of a source: looked for once, then read from a small JSON file by its
fingerprint."""

import json
from collections.abc import Callable
from pathlib import Path

from benchmark.core.files import write_json
from datasets.folds import Clusters
from datasets.sources.base import Source

_VERSION = 1  # of the finder: another one looks again


def copies_of(source: Source, cache: Path | None, say: Callable[[str], object] = str) -> Clusters:
    """The clusters of near copies among the source's cases, by case id; () where there are none.

    A phantom draws every case anew, so it is not searched. cache: a JSON file to keep what was
    found in, or None; say: is told when the search starts, which reads all images. Raises
    InputError for a damaged case.
    """
    if source.kind == "phantom":
        return ()
    fingerprint, known = source.fingerprint(), _read(cache)
    entry = known.get(fingerprint, {})
    if entry.get("version") != _VERSION:
        # Only here: the finder imports scipy, and planning answers at once.
        from datasets.copies.finder import case_views, clusters_of, find_copies

        ids = [info.id for info in source.cases()]
        say(f"{source.title}: looking for near copies among {len(ids)} cases, once")
        pairs = find_copies({case_id: case_views(source.load(case_id)) for case_id in ids})
        entry = {"version": _VERSION, "clusters": clusters_of(pairs, ids)}
        if cache is not None:
            cache.parent.mkdir(parents=True, exist_ok=True)
            write_json(cache, _read(cache) | {fingerprint: entry})
    return tuple(map(tuple, entry["clusters"]))


def _read(cache: Path | None) -> dict[str, dict]:
    """What is kept; a file that is absent or damaged holds nothing."""
    try:
        found = json.loads(cache.read_bytes()) if cache else {}
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
