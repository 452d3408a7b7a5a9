"""Where the pages of runs, methods and claims lie in a report; a group knows its own."""

import re
from urllib.parse import quote

from benchmark.core.identity import digest
from benchmark.spec.method import MethodSpec

LONGEST = 60  # letters of a file's name
_WORD = "[a-z0-9]+(?:-[a-z0-9]+)*"


def run_page(key: str) -> str:
    """Where the page of a record lies; a key that is no sha256 is hashed, so that no text becomes a
    path."""
    name = key if re.fullmatch(r"[0-9a-f]{64}", key) else digest(key)
    return f"runs/{name[:20]}.html"


def method_page(method: MethodSpec) -> str:
    """Where the page of a method lies, with all its settings: 'methods/classic_mirror.html',
    'methods/emitdiff__deepstack.html'. Of any other name the safe letters and a few digits."""
    name = method.plain_label
    if re.fullmatch(rf"{_WORD}(( | \+ ){_WORD})?", name) and len(name) <= LONGEST:
        safe = name.replace(" + ", "__").replace(" ", "_")
    else:
        letters = "-".join(re.findall(r"[a-z0-9]+", name.lower()))[:LONGEST]
        safe = f"{letters}_{digest(name)[:8]}"
    return f"methods/{safe}{'_own' if method.own else ''}.html"


def claim_page(claim: str) -> str:
    """Where the page of a claim lies; ids come from claims.yaml."""
    return f"claims/{quote(claim, safe='')}.html"
