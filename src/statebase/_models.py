"""The base of every model, generated or written by hand."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Iterator, Mapping

from pydantic import AfterValidator, BaseModel, ConfigDict, PlainSerializer
from typing_extensions import Annotated


def _in_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        return value.replace(tzinfo=timezone.utc)
    try:
        return value.astimezone(timezone.utc)
    except OverflowError:  # on the first or last day that there is
        raise ValueError("is beyond the years 1 to 9999 in UTC") from None


def _rfc3339(value: datetime) -> str:
    return _in_utc(value).isoformat(timespec="microseconds").replace("+00:00", "Z")


Timestamp = Annotated[datetime, AfterValidator(_in_utc), PlainSerializer(_rfc3339, return_type=str, when_used="json")]
"""A point in time, always aware and in UTC; one that came without an offset is UTC by the contract."""


class Model(BaseModel):
    """A value of the API: typed attributes, also readable as a mapping (`session["state"]`).

    Fields that this version of the SDK does not know are kept: as attributes, as keys, and in `model_dump()`.
    """

    model_config = ConfigDict(extra="allow", defer_build=True, populate_by_name=True, protected_namespaces=())

    def __getitem__(self, key: str) -> Any:
        if key in self.__dict__:
            return self.__dict__[key]
        return (self.__pydantic_extra__ or {})[key]

    def __contains__(self, key: object) -> bool:
        return key in self.__dict__ or key in (self.__pydantic_extra__ or {})

    def get(self, key: str, default: Any = None) -> Any:
        """Return the field `key`, or `default` where the model has none."""
        try:
            return self[key]
        except KeyError:
            return default

    def keys(self) -> Iterator[str]:
        """Iterate over the names of the fields, so that `dict(model)` and `{**model}` work."""
        yield from self.__dict__
        yield from self.__pydantic_extra__ or ()

    def __received__(self, headers: Mapping[str, str]) -> None:
        """Take from the headers of the answer what belongs to the model; most models take nothing."""
