"""Where the pages of runs, methods and claims lie in a report; a group knows its own."""

import re
from urllib.parse import quote

from benchmark.core.identity import digest
from benchmark.spec.method import MethodSpec


def run_page(key: str) -> str:
    """Where the page of a record lies; a key that is no sha256 is hashed, so that no text becomes a
    path."""
    name = key if re.fullmatch(r"[0-9a-f]{64}", key) else digest(key)
    return f"runs/{name[:20]}.html"


def method_page(method: MethodSpec) -> str:
    """Where the page of a method lies, with all its settings; letters that a path may not hold
    become hyphens, and then a few digits tell it from others."""
    name = method.plain_label
    safe = "-".join(re.findall(r"[a-z0-9]+", name.lower()))[:60]
    plain = re.fullmatch(r"[a-z0-9]+(( \+ |[ -])[a-z0-9]+)*", name) and len(name) <= 60
    mark = "" if plain else f"-{digest(name)[:8]}"
    return f"methods/{safe}{mark}{'-own' if method.own else ''}.html"


def claim_page(claim: str) -> str:
    """Where the page of a claim lies; ids come from claims.yaml."""
    return f"claims/{quote(claim, safe='')}.html"
