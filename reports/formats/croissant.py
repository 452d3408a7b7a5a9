"""Croissant metadata (version 1.0) of published records: one file set per folder, one record set of
the runs.

Written without its library, which checks it (`make site`). Records are JSON, so that the fields
are JSON paths. Not here: what a record holds (record_schema.py).
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

CITATION = Path(__file__).resolve().parents[2] / "CITATION.cff"
FILE_NAME = "croissant.json"
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
# name -> (JSON path in a record, type, what it is)
_FIELDS = {
    "key": ("$.key", "sc:Text", "sha256 of the resolved spec"),
    "status": ("$.status", "sc:Text", "done or failed"),
    "dataset": ("$.spec.dataset", "sc:Text", "the task"),
    "source": ("$.spec.source.title", "sc:Text", "where the images come from"),
    "method": ("$.spec.method.name", "sc:Text", "what joins the training"),
    "architecture": ("$.spec.architecture", "sc:Text", "the segmentation network"),
    "fold": ("$.spec.fold", "sc:Integer", "fold of the cross-validation, from 0"),
    "seed": ("$.spec.seed", "sc:Integer", "seed of generator and segmenter"),
    "dice": ("$.cases[*].dice", "sc:Float", "Dice of each test case, 0 to 1"),
}


def croissant(folder: Path) -> dict[str, Any]:
    """The metadata of a folder whose subfolders hold records (NAME/records/*.json), as JSON-LD."""
    facts = yaml.safe_load(CITATION.read_text(encoding="utf-8"))
    places = sorted(path.parent.name for path in folder.glob("*/records"))
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": "augbench-records",
        "description": (
            "Results of segmentation runs with and without diffusion-based augmentation: settings,"
            " one row of scores per test case, costs and provenance. No image, no mask, no weights."
        ),
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "license": "https://www.apache.org/licenses/LICENSE-2.0",
        "url": facts.get("repository-code", "https://arxiv.org/abs/2310.12868"),
        "version": str(facts["version"]),
        "datePublished": str(facts["date-released"]),
        "creator": [{"@type": "sc:Organization", "name": one["name"]} for one in facts["authors"]],
        "citeAs": str(facts["title"]),
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": "published",
                "name": "published",
                "description": "this folder",
                "contentUrl": ".",
                "encodingFormat": "application/x-directory",
                "sha256": _digest(folder, places),
            },
            *(_file_set(name) for name in places),
        ],
        "recordSet": [_record_set(name) for name in places],
    }


def croissant_text(folder: Path) -> str:
    """The metadata as its file has it."""
    return json.dumps(croissant(folder), indent=1) + "\n"


def _file_set(name: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": f"{name}-files",
        "name": f"{name}-files",
        "containedIn": {"@id": "published"},
        "encodingFormat": "application/json",
        "includes": f"{name}/records/*.json",
    }


def _record_set(name: str) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": f"one row per run of {name}",
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{field}",
                "name": field,
                "description": what,
                "dataType": kind,
                "source": {"fileSet": {"@id": f"{name}-files"}, "extract": {"jsonPath": path}},
                **({"repeated": True} if "[*]" in path else {}),
            }
            for field, (path, kind, what) in _FIELDS.items()
        ],
    }


def _digest(folder: Path, places: Sequence[str]) -> str:
    """sha256 hex over names and contents of all records."""
    found = hashlib.sha256()
    for place in places:
        for path in sorted((folder / place / "records").glob("*.json")):
            found.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()
