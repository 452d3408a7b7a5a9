"""Records of schema 1 -> schema 2, the one place where an older schema is known.

Schema 1 left fields out of a spec at their neutral value, and named neither the generator of a
method nor what the user had changed. schema1.json holds the settings of the generators and of the
presets of that time, so that this needs no generator. A lifted record keeps the key it had.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from benchmark.core.identity import flat
from benchmark.spec.protocol import Protocol, named_protocol, nearest_protocol
from datasets.tasks.catalogue import TASKS


def lift(old: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a schema 1 record as schema 2 has them. Raises KeyError, TypeError,
    AttributeError or ValueError for values that no record of schema 1 had."""
    spec = {**old["spec"], "protocol": _protocol(old["spec"])}
    method = _own(spec["method"]) if spec["method"].get("own") else _built_in(spec)
    lifted = {"schema_version": 2, "lifted_from": 1}
    return {**old, **lifted, "spec": {**spec, "method": method}, "copies": _copies(old)}


def _protocol(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The switches; folds were dealt case by case. Where no case is a copy by what it is - a
    phantom is drawn anew, a volume of the Decathlon's layout is a patient's - both rules of copies
    deal like that, and the protocol's own holds."""
    switches = {**_schema1()["switches"], **spec["protocol"]}
    copies = "per-image"
    if spec["source"]["kind"] in ("phantom", "msd"):
        nearest, _ = nearest_protocol(Protocol.model_validate(switches))
        copies = named_protocol(nearest).copies
    return {"copies": copies, **switches}


def _copies(old: Mapping[str, Any]) -> list[tuple[str, ...]] | None:
    """The known clusters of near copies of the record's cases; None where some of its cases were
    never compared."""
    spec, split = old["spec"], old.get("split") or {}
    cases = {case for part in ("train", "validation", "test") for case in split.get(part, ())}
    if spec["source"]["kind"] == "phantom":
        return []
    release = TASKS.of_results(spec["dataset"]).release
    if release is None or not cases or not cases <= release.searched:
        return None
    found = [tuple(case for case in one if case in cases) for one in release.copies]
    return [cluster for cluster in found if len(cluster) > 1]


def _own(method: Mapping[str, Any]) -> dict[str, Any]:
    """A method of a user's; which of its settings were changed cannot be told."""
    own = method["own"]
    return {
        **method,
        "name": own["name"],
        "version": own["version"],
        "own": True,
        "kind": own["name"] if own["kind"] == "generator" else None,
        "joins": own["joins"],
    }


def _built_in(spec: Mapping[str, Any]) -> dict[str, Any]:
    method, known = spec["method"], _schema1()
    name = method["name"]
    if name not in known["joins"]:
        return {**method, "look": known["looks"][name]}
    given = flat(dict(method.get("generator") or {}))
    kind = given.pop("kind", name)
    settings = given | {
        name: value for name, value in known["defaults"][kind].items() if name not in given
    }
    usual = _usual(spec, kind)
    mine = {**settings, "kind": kind}
    changed = {
        name: value for name, value in mine.items() if name in usual and usual[name] != value
    }
    return {
        **method,
        "look": known["looks"][kind],
        "kind": kind,
        "joins": known["joins"][name],
        "generator": _nested(settings),
        "changed": changed,
    }


def _usual(spec: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """The generator's settings at the preset and protocol, and its usual kind, at that time."""
    known, preset = _schema1(), spec["preset"]["name"]
    usual = known["defaults"][kind] | known["presets"].get(preset, {}).get(kind, {})
    at_paper = preset == "paper"
    if at_paper:
        protocol, _ = nearest_protocol(Protocol.model_validate(spec["protocol"]))
        own = known["protocols"].get(protocol, {}).get(kind, {})
        usual = usual | own
        if "epochs" in own:
            usual["epochs"] = known["released_epochs"].get(spec["dataset"], own["epochs"])
    name = spec["method"]["name"]
    return usual | {"kind": known["kind_at_paper"].get(name, name) if at_paper else name}


def _nested(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted names as nested settings: {"sampling.steps": 8} -> {"sampling": {"steps": 8}}."""
    found: dict[str, Any] = {}
    for path, value in settings.items():
        *above, name = path.split(".")
        place = found
        for part in above:
            place = place.setdefault(part, {})
        place[name] = value
    return found


@cache
def _schema1() -> dict[str, Any]:
    return json.loads(Path(__file__).with_name("schema1.json").read_text(encoding="utf-8"))
