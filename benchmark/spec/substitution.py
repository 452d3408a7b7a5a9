"""One entry of the ledger of substitutions: what of the paper's could not be had in a run."""

from pydantic import Field

from benchmark.core.frozen import Frozen


class Substitution(Frozen):
    """One thing that is not the paper's: `part` of the method, what the `paper` has, what was
    `used`, and `why`."""

    part: str
    paper: str
    used: str
    why: str = Field(description="with the quirk's number where there is one")
