"""The base of all specs: a frozen pydantic model that refuses unknown fields."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Immutable, hashable by value, closed to unknown fields, strict about NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
