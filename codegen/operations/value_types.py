"""The types of values, and how they are written in Python: in a signature, in a result, as an object at run time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator, Literal, Mapping, Union

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
    """The parts of a union, the one type of the items of a list or of the values of a map."""
    name: str = ""
    """The class of a model, or the path of a type of the SDK's own."""
    values: Values = ()
    """The values of a closed set, or the known ones of an open set of texts."""

    @property
    def scalar(self) -> bool:
        """Whether it can stand in a path or a header as it is."""
        if self.kind == "union":
            return all(item.scalar for item in self.items)
        return self.kind not in ("model", "list", "map", "any")

    def models(self) -> set[str]:
        """Return the classes of the models in it."""
        return {self.name} if self.kind == "model" else {name for item in self.items for name in item.models()}

    def paths(self) -> set[str]:
        """Return the paths of the SDK's own types in it."""
        return {self.name} if self.kind == "named" else {path for item in self.items for path in item.paths()}


def as_argument(type_: Type, names: Mapping[Values, str], given: bool = True) -> str:
    """Write the annotation of a parameter: as wide as what can be sent.

    Args:
        type_: The type that the document gives.
        names: What the module calls sets of values that are too long to write out.
        given: Whether an argument is required; if not, `NotGiven` is one of the types.
    """
    return _union([*_argument(type_, names), *([] if given else ["NotGiven"])])


def as_literal(values: Values) -> str:
    """Write a set of values as a type."""
    return f"Literal[{', '.join(repr(value) for value in values)}]"


def sets_of_values(type_: Type) -> Iterator[Values]:
    """Return the sets of values in a type."""
    if type_.values:
        yield type_.values
    for item in type_.items:
        yield from sets_of_values(item)


def as_result(type_: Type) -> str:
    """Write the annotation of a result, which is also the object that it is read as at run time."""
    if type_.kind == "union":
        return _union([as_result(item) for item in type_.items])
    if type_.kind == "list":
        return f"List[{as_result(type_.items[0])}]"
    if type_.kind == "map":
        return f"Dict[str, {as_result(type_.items[0])}]"
    if type_.kind == "model":
        return type_.name
    # A set of values is as open in an answer as the service wants it to be.
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
        return [type_.name, "Mapping[str, Any]"]
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
    # What is in no case a value of its own comes last.
    unique.sort(key=lambda part: (part == "NotGiven") * 2 + (part == "None"))
    return unique[0] if len(unique) == 1 else f"Union[{', '.join(unique)}]"


def _first(type_: Type) -> Union[str, int]:
    return type_.values[0] if type_.values else ""
