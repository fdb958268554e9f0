"""The types of values, and their Python annotations in signatures and results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Mapping, Union

Values = tuple[Union[str, int], ...]
Kind = Literal[
    "text",
    "integer",
    "number",
    "boolean",
    "timestamp",
    "object_text",
    "any",
    "null",
    "model",
    "list",
    "map",
    "union",
    "closed",
    "open",
    "named",
]

_PLAIN = {"text": "str", "integer": "int", "number": "float", "boolean": "bool", "any": "Any", "null": "None"}


@dataclass(frozen=True)
class Type:
    """The type of a value in the document, without limits."""

    kind: Kind
    items: tuple[Type, ...] = ()
    """The alternatives of a union, or the type of the items of a list or of the values of a map."""
    name: str = ""
    """The class of a model, or the path of a type of the SDK."""
    values: Values = ()
    """The values of a closed set, or the known values of an open set of strings; see `enums`."""

    @property
    def scalar(self) -> bool:
        """Whether it can be written directly into a path or a header."""
        if self.kind == "union":
            return all(item.scalar for item in self.items)
        return self.kind not in ("model", "list", "map", "any")

    def models(self) -> set[str]:
        """Return the classes of the models in it."""
        return {self.name} if self.kind == "model" else {name for item in self.items for name in item.models()}

    def paths(self) -> set[str]:
        """Return the paths of the SDK's types in it."""
        return {self.name} if self.kind == "named" else {path for item in self.items for path in item.paths()}


def as_argument(type_: Type, names: Mapping[Values, str], given: bool = True) -> str:
    """Return the annotation of a parameter; it accepts every value that can be sent.

    Args:
        type_: The type in the document.
        names: The names of sets of values that are too long for a signature.
        given: Whether the argument is required; if not, `NotGiven` is one of the types.
    """
    return _union([*_argument(type_, names), *([] if given else ["NotGiven"])])


def as_literal(values: Values) -> str:
    """Return a set of values as a `Literal`."""
    return f"Literal[{', '.join(repr(value) for value in values)}]"


def as_result(type_: Type) -> str:
    """Return the annotation of a result, which is also the type that it is parsed as at run time."""
    if type_.kind == "union":
        return _union([as_result(item) for item in type_.items])
    if type_.kind == "list":
        return f"List[{as_result(type_.items[0])}]"
    if type_.kind == "map":
        return f"Dict[str, {as_result(type_.items[0])}]"
    if type_.kind == "model":
        return f"models.{type_.name}"
    # In a response, every set of values is open: the service may add new ones.
    plain = {**_PLAIN, "timestamp": "Timestamp", "closed": "int" if isinstance(_first(type_), int) else "str"}
    return plain.get(type_.kind, "str")


def _argument(type_: Type, names: Mapping[Values, str]) -> list[str]:
    if type_.kind == "union":
        return [part for item in type_.items for part in _argument(item, names)]
    if type_.kind == "list":
        return [f"Sequence[{as_argument(type_.items[0], names)}]"]
    if type_.kind == "map":
        return [f"Mapping[str, {as_argument(type_.items[0], names)}]"]
    if type_.kind == "model":
        return [f"models.{type_.name}", "Mapping[str, Any]"]
    if type_.kind == "named":
        return [type_.name.rpartition(".")[2]]
    if type_.kind == "timestamp":
        return ["datetime", "str"]
    if type_.kind == "object_text":
        return ["Mapping[str, Any]", "str"]
    literal = names.get(type_.values) or as_literal(type_.values)
    if type_.kind == "open":
        return [literal, "str"]
    return [literal if type_.kind == "closed" else _PLAIN[type_.kind]]


def _union(parts: list[str]) -> str:
    unique = list(dict.fromkeys(parts))
    if "Any" in unique:
        return "Any"
    # None and NotGiven come last.
    unique.sort(key=lambda part: (part == "NotGiven") * 2 + (part == "None"))
    return unique[0] if len(unique) == 1 else f"Union[{', '.join(unique)}]"


def _first(type_: Type) -> Union[str, int]:
    return type_.values[0] if type_.values else ""
