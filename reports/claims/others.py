"""Claims of other papers on synthetic training images: data, one file per paper in
reports/claims/papers/.

Each file says what the paper prints and where that was read, what its release does, and the
verdict, which is "not run" until records answer it. A printed number that was not seen in the paper
itself or its abstract is called not checked. Not here: the claims of EMIT-Diff, which rules test
(claims.py).
"""

import functools
from dataclasses import dataclass
from pathlib import Path

import yaml

FOLDER = Path(__file__).parent / "papers"


@dataclass(frozen=True)
class OtherClaim:
    """One sentence. printed: its number; source: where that was read; needs: what would test it."""

    text: str
    printed: str
    source: str
    verdict: str
    needs: str


@dataclass(frozen=True)
class OtherPaper:
    """A paper with its claims. here: what of this program is it or is nearest to it; release: what
    the released code does, one sentence each."""

    title: str
    authors: str
    where: str
    repository: str
    licence: str
    here: str
    release: tuple[str, ...]
    claims: tuple[OtherClaim, ...]


@functools.cache
def other_papers() -> tuple[OtherPaper, ...]:
    """All papers, in the order of their files."""
    found = []
    for path in sorted(FOLDER.glob("*.yaml")):
        told = yaml.safe_load(path.read_text(encoding="utf-8"))
        claims = tuple(OtherClaim(**claim) for claim in told.pop("claims"))
        found.append(OtherPaper(**told | {"release": tuple(told["release"]), "claims": claims}))
    return tuple(found)
