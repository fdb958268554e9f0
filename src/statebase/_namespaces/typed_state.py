"""States as instances of types of the caller: Pydantic models, dataclasses, TypedDicts.

A state is validated as JSON: in JSON a datetime is a string, also for a model that is strict.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Callable, ClassVar, Generic, Mapping, Optional, Protocol, Type, Union, cast

import pydantic_core
from pydantic import TypeAdapter, ValidationError

from .._base.encoding import to_json
from .._base.errors import APIResponseValidationError, InvalidRequestError
from .._base.lazy import importing
from .._call.options import NotGiven
from .._call.response import json_path, wrong_fields
from .._results.typed_state import T, TypedState


class PydanticModel(Protocol):
    """A Pydantic model."""

    @property
    def model_fields_set(self) -> set[str]: ...
    def model_dump_json(self) -> str: ...


class DataclassInstance(Protocol):
    """An instance of a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


StateLike = Union[Mapping[str, Any], PydanticModel, DataclassInstance]
"""A state: a mapping, a Pydantic model, or a dataclass."""


def whole_state(name: str, state: Union[StateLike, NotGiven, None]) -> Any:
    """Return a state as JSON values, with all fields of a model.

    Raises:
        InvalidRequestError: JSON cannot represent a field, or the model is not an object.
    """
    return _as_json(name, state, None) if _is_instance(state) else state


def changed_keys(name: str, state: Union[StateLike, NotGiven, None]) -> Any:
    """Return the keys of a state to set: of a Pydantic model, the fields that were set.

    Raises:
        InvalidRequestError: The argument is missing, JSON cannot represent a field, or the model is not an object.
    """
    if isinstance(state, NotGiven):
        raise InvalidRequestError(f"{name} is missing: pass the keys to set, such as {{'step': 2}}", param=name)
    return _as_json(name, state, getattr(state, "model_fields_set", None)) if _is_instance(state) else state


def typed_state(as_: Optional[Type[Any]]) -> Optional[Callable[[Any], TypedState[Any]]]:
    """Return what converts a response with a state to a `TypedState`; None if there is no type.

    Raises:
        InvalidRequestError: Pydantic cannot validate the type.
    """
    if as_ is None:
        return None
    adapter = adapter_of(as_)

    def convert(answer: Any) -> TypedState[Any]:
        return TypedState(answer.session_id, answer.version, fitted(adapter, as_, answer.state), answer.updated_at)

    return convert


class TypedView(Generic[T]):
    """A state that a function reads and writes as an instance of a type.

    Raises:
        InvalidRequestError: Pydantic cannot validate the type.
    """

    def __init__(self, as_: Type[T]) -> None:
        self._as = as_
        self._adapter = adapter_of(as_)

    def read(self, state: dict[str, Any]) -> T:
        """Return a stored state as an instance.

        Raises:
            APIResponseValidationError: It does not fit.
        """
        instance = fitted(self._adapter, self._as, state)
        self._stored, self._before = state, _as_json("state", instance, None)
        return instance

    def written(self, value: T) -> dict[str, Any]:
        """Return the state to store: the instance, and what it did not show of the state that was read.

        Raises:
            InvalidRequestError: The instance does not fit its type any more.
        """
        after = _as_json("function", value, None)
        try:
            self._written = self._adapter.validate_json(_json("function", value, after))
        except ValidationError as error:
            message = f"function returned a state that does not fit {_name(self._as)} at {wrong_fields(error)}"
            raise InvalidRequestError(message, param="function") from None
        return _laid_over(self._stored, self._before, after)

    def result(self, answer: Any) -> TypedState[T]:
        """Return the instance that was written, with the version in the response."""
        return TypedState(answer.session_id, answer.version, self._written, answer.updated_at)


def _laid_over(stored: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Return a state with the values of an instance; keys that the instance does not have stay, at any depth."""
    kept = {key: value for key, value in stored.items() if key not in before or key in after}
    for key, value in after.items():
        inner: Any = stored.get(key), before.get(key), value
        kept[key] = _laid_over(*inner) if all(isinstance(each, dict) for each in inner) else value
    return kept


def fitted(adapter: TypeAdapter[T], as_: Type[T], state: Mapping[str, Any]) -> T:
    """Return a stored state as an instance of a type.

    Raises:
        APIResponseValidationError: It does not fit; the message has the paths of the wrong values, not the values.
    """
    try:
        return adapter.validate_json(to_json(state))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise APIResponseValidationError(
            f"The state does not fit {_name(as_)} at {wrong_fields(error)}",
            hint="Correct the state, or give the type a default for what the state lacks.",
            path=json_path(first["loc"]),
        ) from None


def adapter_of(as_: Type[T]) -> TypeAdapter[T]:
    """Return what validates a type.

    Raises:
        InvalidRequestError: Pydantic cannot validate it.
    """
    try:
        return cast("TypeAdapter[T]", _adapter(cast(Any, as_)))
    except Exception as error:  # also a TypeError for a value that is not hashable
        reason = type(error).__name__  # its message may have content
    raise InvalidRequestError(
        f"as_ must be a Pydantic model, a dataclass, a TypedDict or another type that Pydantic can validate, got "
        f"{_name(as_)}: {reason}",
        param="as_",
    )


@lru_cache(maxsize=128)
def _adapter(as_: Any) -> Any:
    with importing:
        adapter: TypeAdapter[Any] = TypeAdapter(as_)
        return adapter


def _is_instance(value: object) -> bool:
    """Return whether a value is an instance of a Pydantic model or of a dataclass."""
    return not isinstance(value, (type, Mapping)) and (
        hasattr(value, "model_fields_set") or hasattr(value, "__dataclass_fields__")
    )


def _as_json(name: str, value: object, include: Optional[set[str]]) -> dict[str, Any]:
    try:
        values: object = pydantic_core.to_jsonable_python(value, include=include, by_alias=True)
    except ValueError:  # its message has content
        raise _not_json(name, value) from None
    if not isinstance(values, dict):
        raise InvalidRequestError(
            f"{name} must be an object in JSON: {_name(type(value))} is of type {type(values).__name__}", param=name
        )
    return cast("dict[str, Any]", values)


def _json(name: str, value: object, values: dict[str, Any]) -> bytes:
    try:
        return to_json(values)
    except ValueError:  # NaN
        raise _not_json(name, value) from None


def _not_json(name: str, value: object) -> InvalidRequestError:
    return InvalidRequestError(
        f"{name} is of type {_name(type(value))} with a value that JSON cannot represent: use strings, numbers, bools, "
        "lists, objects and None",
        param=name,
    )


def _name(as_: object) -> str:
    return getattr(as_, "__name__", None) or type(as_).__name__
