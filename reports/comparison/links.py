"""Where the pages of runs and claims lie in a report; a group knows its own."""

import re
from urllib.parse import quote

from benchmark.core.identity import digest


def run_page(key: str) -> str:
    """Where the page of a record lies; a key that is no sha256 is hashed, so that no text becomes a
    path."""
    name = key if re.fullmatch(r"[0-9a-f]{64}", key) else digest(key)
    return f"runs/{name[:20]}.html"


def claim_page(claim: str) -> str:
    """Where the page of a claim lies; ids come from claims.yaml."""
    return f"claims/{quote(claim, safe='')}.html"
