"""The base of every model, generated or written by hand."""

from __future__ import annotations

from datetime import datetime, timezone
from operator import methodcaller
from typing import TYPE_CHECKING, Any, Iterable, Iterator, List, Optional, Tuple

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema
from typing_extensions import Annotated

from .model_repr import short_arguments

if TYPE_CHECKING:
    from .exchange import Reply


def _in_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        return value.replace(tzinfo=timezone.utc)
    try:
        return value.astimezone(timezone.utc)
    except OverflowError:  # on the first or last day of the calendar
        raise ValueError("is beyond the years 1 to 9999 in UTC") from None


class _Instant:
    """Reads and writes a timestamp. JSON text that ends in Z, the common case, is parsed without calling Python."""

    @staticmethod
    def __get_pydantic_core_schema__(source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        usual = core_schema.datetime_schema(tz_constraint=0)
        other = core_schema.no_info_after_validator_function(_in_utc, core_schema.datetime_schema())
        either = core_schema.union_schema(
            [usual, other],
            mode="left_to_right",
            custom_error_type="timestamp",  # one error instead of one for each branch
            custom_error_message="Input should be a time such as 2026-01-02T03:04:05Z, of the years 1 to 9999 in UTC",
        )
        # C functions only: pydantic wraps every exception raised in a serializer written in Python, including a
        # KeyboardInterrupt or another exception of a signal handler.
        ends_in_z = core_schema.str_schema(
            serialization=core_schema.plain_serializer_function_ser_schema(methodcaller("replace", "+00:00", "Z"))
        )
        written = core_schema.plain_serializer_function_ser_schema(
            methodcaller("isoformat", timespec="microseconds"), return_schema=ends_in_z, when_used="json"
        )
        return core_schema.json_or_python_schema(either, other, serialization=written)


Timestamp = Annotated[datetime, _Instant]
"""A timestamp, always aware and in UTC. The API defines that a time without an offset is in UTC."""


class Model(BaseModel):
    """A value of the API: typed attributes, also readable as a mapping (`session["state"]`).

    Fields unknown to this version of the SDK are kept: as attributes, as keys, and in `model_dump()`.
    """

    model_config = ConfigDict(
        allow_inf_nan=False, extra="allow", defer_build=True, populate_by_name=True, protected_namespaces=()
    )

    def __getitem__(self, key: str) -> Any:
        if key in self.__dict__:
            return self.__dict__[key]
        return (self.__pydantic_extra__ or {})[key]

    def __contains__(self, key: object) -> bool:
        return key in self.__dict__ or key in (self.__pydantic_extra__ or {})

    def get(self, key: str, default: Any = None) -> Any:
        """Return the field `key`, or `default` if the model has no such field."""
        try:
            return self[key]
        except KeyError:
            return default

    def keys(self) -> Iterator[str]:
        """Iterate over the names of the fields, so that `dict(model)` and `{**model}` work."""
        yield from self.__dict__
        yield from self.__pydantic_extra__ or ()

    def _ipython_key_completions_(self) -> List[str]:
        return [*self.keys()]

    def __dir__(self) -> List[str]:
        return [*super().__dir__(), *filter(str.isidentifier, self.__pydantic_extra__ or ())]

    def __repr_args__(self) -> Iterable[Tuple[Optional[str], Any]]:
        fields = type(self).model_fields
        for name, value in super().__repr_args__():
            if name not in fields or value != fields[name].default:
                yield name, value

    def __repr_str__(self, join_str: str) -> str:
        return short_arguments(self.__repr_args__(), separator=join_str)

    def _repr_html_(self) -> str:
        from .._results.html import model_html  # only notebooks need it

        return model_html(self)

    def __received__(self, reply: Reply) -> None:
        """Read values outside of the body, such as headers. Most models read none."""
