"""What a spec is, as a key: canonical JSON, its sha256, dotted names, and seeds that follow from
names."""

import hashlib
import json
from typing import Any


def canonical(value: Any) -> str:
    """Canonical JSON: sorted keys, no white space, no NaN; equal values give equal text on every
    machine."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )


def digest(value: Any) -> str:
    """sha256 hex of the canonical JSON of `value`."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings with dotted names: {"sampling": {"steps": 8}} -> {"sampling.steps": 8}."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found


def named_seed(seed: int, *names: str | int) -> int:
    """A 63-bit seed for one named purpose, independent between names: named_seed(3, 'segmenter',
    'order')."""
    text = "/".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
