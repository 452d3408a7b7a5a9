"""What stages and machines tell of themselves, as a record holds it: free values, of which those
that pages read have a type and a range. Not here: the record (record.py)."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Count = Annotated[int, Field(ge=0, le=10**15)]


class _Known(BaseModel):
    """Checks the fields that it names; any others may stand beside them."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class _Presented(_Known):
    real: Count
    synthetic: Count


class _Results(_Known):
    """Of a stage. offered, dropped: samples, where a filter chose among them."""

    steps: Count = 0
    presented: _Presented | None = None
    selected_epoch: Count = 0
    slices: Count = 0
    offered: Count = 0
    dropped: Count = 0
    slices_real_only: Count = 0
    own_sha256: str = Field("", pattern="^[0-9a-f]*$", max_length=64)

    @model_validator(mode="after")
    def _filter_counts_fit(self) -> "_Results":
        told = {"offered", "dropped", "slices_real_only"} & self.model_fields_set
        if told and (len(told) < 3 or self.dropped > self.offered):
            raise ValueError("a filter tells offered, dropped and slices_real_only samples")
        return self


class _Git(_Known):
    commit: str | None = Field(None, max_length=200)
    dirty: bool | None = None


class _Machine(_Known):
    seconds: float = Field(gt=0, le=1e6)


class _Reference(_Known):
    """Seconds of the reference steps by machine (results/reference_steps.py)."""

    version: Count
    machines: dict[str, _Machine]


class _Provenance(_Known):
    git: _Git | None = None
    reference: _Reference | None = None
    packages: dict[str, str] = Field(default_factory=dict)
    deterministic: bool = False


def _checked_by(known: type[_Known]) -> AfterValidator:
    """The values as they are, if what `known` names of them is as it says."""

    def check(values: dict[str, Any]) -> dict[str, Any]:
        known.model_validate(values)
        return values

    return AfterValidator(check)


Results = Annotated[dict[str, Any], _checked_by(_Results)]
Provenance = Annotated[dict[str, Any], _checked_by(_Provenance)]
