"""Enums: the values of a parameter that the document lists.

A closed set (`enum`) accepts its values only. An open set (`x-statebase.values` in the overlay) is open to new values
of the service: the signature suggests the known ones and accepts any string. `value_types` writes both as annotations.
In results, both are plain strings, so that a new value of the service does not raise an error.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Iterable, Iterator, Mapping

from codegen.document.choices import text_choices
from codegen.names import camel_case
from codegen.operations.value_types import Type, Values, as_literal

_LONGEST_SET = 50


def with_known_values(type_: Type, schema: Mapping[str, Any], place: str) -> Type:
    """Return the type of a parameter with the values that its schema lists, closed or open."""
    if type_.kind == "union":
        return replace(type_, items=tuple(with_known_values(item, schema, place) for item in type_.items))
    if type_.kind == "list":
        return replace(type_, items=(with_known_values(type_.items[0], schema.get("items", {}), place),))
    if type_.kind in ("text", "integer") and "enum" in schema:
        return Type("closed", values=tuple(schema["enum"]))
    choices = text_choices(schema, place)
    if type_.kind == "text" and choices.mapping:
        return Type("object_text")
    return Type("open", values=choices.values) if type_.kind == "text" and choices.values else type_


def names_of_long_enums(arguments: Iterable[tuple[str, Type]]) -> dict[Values, str]:
    """Return names for the sets of values that are too long for a signature, derived from names of arguments."""
    names: dict[Values, str] = {}
    for argument, type_ in arguments:
        for values in _sets_of_values(type_):
            name = f"_{camel_case(argument)}"
            if len(as_literal(values)) > _LONGEST_SET and name not in names.values():
                names.setdefault(values, name)
    return names


def _sets_of_values(type_: Type) -> Iterator[Values]:
    if type_.values:
        yield type_.values
    for item in type_.items:
        yield from _sets_of_values(item)
