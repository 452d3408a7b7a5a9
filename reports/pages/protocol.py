"""The page that explains the rules: switches, quirks, presets, metrics. It needs no record. The
texts are those of the protocol's and presets' fields, of the metrics' definitions and of
paper/QUIRKS.md, so that they cannot drift from the program."""

import re
from pathlib import Path
from typing import Any

from benchmark.metrics.definitions import METRICS
from benchmark.spec.presets import PRESETS, Preset
from benchmark.spec.protocol import PROTOCOL_NAMES, Protocol, named_protocol
from reports.comparison.labels import plain_value
from reports.pages.site import Site

QUIRKS = Path(__file__).parents[1] / "paper" / "QUIRKS.md"


def write_protocol(site: Site) -> Path:
    """Writes protocol.html."""
    return site.write(
        "protocol.html.jinja",
        "protocol.html",
        protocols=PROTOCOL_NAMES,
        switches=switches(),
        quirks=quirks(),
        presets=list(PRESETS),
        numbers=_numbers(),
        metrics=METRICS,
    )


def switches() -> list[dict[str, Any]]:
    """Each switch with its meaning, its value under every named protocol, and the quirks that its
    meaning names."""
    named = {name: named_protocol(name).model_dump() for name in PROTOCOL_NAMES}
    found = []
    for name, field in Protocol.model_fields.items():
        meaning = field.description or ""
        values = [plain_value(named[protocol][name]) for protocol in PROTOCOL_NAMES]
        found.append(
            {
                "name": name,
                "meaning": meaning,
                "values": values,
                "changed": [value != values[0] for value in values],
                "quirks": re.findall(r"\bQ\d+\b", meaning),
            }
        )
    return found


def quirks() -> list[tuple[str, ...]]:
    """The rows of paper/QUIRKS.md: number, what the release does, what follows, what this project
    does."""
    rows = []
    for line in QUIRKS.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip().replace("`", "") for cell in line.strip().strip("|").split("|")]
        if re.fullmatch(r"Q\d+", cells[0]):
            rows.append(tuple(cells))
    return rows


def _numbers() -> list[dict[str, Any]]:
    """Each number of a preset with its meaning and its value in every preset."""
    return [
        {
            "name": name,
            "meaning": field.description,
            "values": [plain_value(getattr(one, name)) for one in PRESETS.values()],
        }
        for name, field in Preset.model_fields.items()
        if name != "name"
    ]
