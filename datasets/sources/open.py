"""Sources: where a dataset's images come from, and how one is chosen.

`open_source` is what callers use; `auto` takes the real data where it lies under the data root and
the phantom otherwise, and always says which. Not here: the readers themselves (msd, busi, folder,
phantom_source), download (fetch).
"""

from pathlib import Path

from benchmark.core.errors import InputError
from benchmark.core.registry import Registry, check_name
from datasets.prompts import DATASETS
from datasets.sources.base import (
    BUSI_CLASSES,
    REAL_SOURCES,
    Source,
    SourceOptions,
    _one_level_down,
    fetch_command,
)

_OPENERS = Registry(
    "source", {"msd": "datasets.sources.msd:open_msd", "busi": "datasets.sources.busi:open_busi"}
)
_FINDERS = Registry(
    "source",
    {"msd": "datasets.sources.msd:find_folder", "busi": "datasets.sources.busi:find_folder"},
)
_YAML_SUFFIXES = (".yaml", ".yml")


def open_source(
    dataset: str,
    source: str = "auto",
    data_root: Path | None = None,
    *,
    phantom_cases: int,
    phantom_size: int,
    options: SourceOptions = SourceOptions(),
) -> Source:
    """Opens the source called `source` ("auto", "msd", "busi", "phantom" or the path of a YAML
    file) of `dataset`.

    data_root: the folder that holds the published folder, or that folder. phantom_cases and
    phantom_size (px) only matter for the phantom. Raises InputError for unknown names, a missing or
    wrongly laid out folder and missing files.
    """
    check_name("dataset", dataset, DATASETS)
    check_name("busi class", options.busi_class, BUSI_CLASSES)
    if source.lower().endswith(_YAML_SUFFIXES):
        from datasets.sources.folder import open_folder

        return open_folder(dataset, Path(source), options)
    check_name("source", source, ("auto", "phantom", "msd", "busi"))
    data_root = _existing_folder(data_root)
    if source == "phantom":
        return _phantom(dataset, phantom_cases, phantom_size)
    real = REAL_SOURCES[dataset]
    if source == "auto":
        if data_root is not None and _FINDERS.load(real)(dataset, data_root) is not None:
            return _OPENERS.load(real)(dataset, data_root, options)
        return _fallback(dataset, data_root, phantom_cases, phantom_size)
    if source != real:
        raise InputError(
            f"dataset {dataset} does not come from {source}; use --source {real}, phantom or a"
            f" YAML file."
        )
    if data_root is None:
        raise InputError(
            f"--source {source} needs --data-root DIR, the folder that holds the published data;"
            f" {fetch_command(dataset)} downloads it."
        )
    return _OPENERS.load(source)(dataset, data_root, options)


def _existing_folder(data_root: Path | None) -> Path | None:
    if data_root is None:
        return None
    data_root = Path(data_root)
    if not data_root.is_dir():
        what = "is a file, not a folder" if data_root.exists() else "does not exist"
        raise InputError(
            f"the data root {data_root} {what}; --data-root is the folder that holds the published"
            f" data."
        )
    return data_root


def _phantom(dataset: str, cases: int, size: int) -> Source:
    from datasets.sources.phantom import PhantomSource

    return PhantomSource(dataset, cases=cases, size=size)


def _fallback(dataset: str, data_root: Path | None, cases: int, size: int) -> Source:
    source = _phantom(dataset, cases, size)
    remedy = f"{fetch_command(dataset, data_root)} downloads the real data"
    why = "no --data-root is given"
    if data_root is not None:
        why = f"{data_root} holds no {dataset} data"
        deeper = _one_level_down(dataset, data_root)
        if deeper is not None:
            remedy = f"the real data lies one level down, use --data-root {deeper}"
    source.notes.append(f"The built-in phantom stands in for {dataset}: {why}; {remedy}.")
    return source
