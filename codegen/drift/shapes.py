"""Read schemas into a normal form, in which equivalent schemas are equal.

A schema becomes a list of alternatives, each of one kind, and a flag for null. `anyOf` with null,
`type: [string, "null"]` and `nullable: true` are equal, and so are `allOf` with one part and that part.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, Iterable, Mapping, Optional, Union, cast

Schema = Union[Mapping[str, Any], bool]

ANY = "any"
_NULL = "null"
_COMPONENT = "#/components/schemas/"
_LOWER_LIMITS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER_LIMITS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_COMBINERS = frozenset({"$ref", "allOf", "anyOf", "oneOf", "nullable"})
_ANNOTATIONS = frozenset(
    {
        *("title", "description", "default", "deprecated", "example", "examples", "externalDocs", "discriminator"),
        *("readOnly", "writeOnly", "xml", "$comment", "$id", "$schema", "$defs"),
    }
)
_IDLE = (("uniqueItems", False), ("minLength", 0), ("minItems", 0), ("minProperties", 0))
_KINDS: Mapping[type[object], str] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    dict: "object",
    list: "array",
}
_KEYWORDS_OF_KIND = {"properties": "object", "required": "object", "additionalProperties": "object", "items": "array"}


@dataclass(frozen=True)
class Shape:
    """One alternative of a schema."""

    kind: str
    """The JSON type, or `any`."""
    keywords: Mapping[str, Any]
    """The other constraints of a value, without combining keywords and documentation."""
    component: Optional[str] = None
    """The name of the component, if the alternative is a reference to one."""

    @property
    def text(self) -> str:
        """Its name in a sentence."""
        return self.component or self.kind


@dataclass(frozen=True)
class Shapes:
    """All alternatives of a schema."""

    alternatives: tuple[Shape, ...]
    nullable: bool

    @property
    def text(self) -> str:
        """Its name in a sentence."""
        return " or ".join(sorted({shape.text for shape in self.alternatives})) or "nothing"


class SchemaReader:
    """Reads the schemas of one document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.components: Mapping[str, Schema] = document.get("components", {}).get("schemas", {})

    def shapes(self, schema: Schema) -> Shapes:
        """Read a schema."""
        return self._shapes(schema, frozenset())

    def references(self, schema: Schema) -> tuple[frozenset[str], Schema]:
        """Split the alternatives of a schema into components and others.

        Returns:
            The names of the components, and the rest; no names if the schema has further constraints.
        """
        if isinstance(schema, bool) or any(key not in _COMBINERS for key in _demands(schema)):
            return frozenset(), schema
        choices = [schema[key] for key in ("anyOf", "oneOf", "allOf") if key in schema]
        choices += [[{"$ref": schema["$ref"]}]] if "$ref" in schema else []
        if len(choices) != 1 or len(schema.get("allOf", ())) > 1:
            return frozenset(), schema
        names: set[str] = set()
        rest: list[Schema] = [{"type": _NULL}] if schema.get("nullable") else []
        for choice in choices[0]:
            name = self._reference(choice)
            if name is None:
                rest.append(choice)
            else:
                names.add(name)
        return frozenset(names), {"anyOf": rest} if rest else False

    def _reference(self, schema: Schema) -> Optional[str]:
        if isinstance(schema, bool) or list(_demands(schema)) != ["$ref"]:
            return None
        name = schema["$ref"].removeprefix(_COMPONENT)
        return name if name in self.components else None

    def _shapes(self, schema: Schema, open_components: frozenset[str]) -> Shapes:
        if isinstance(schema, bool):
            return Shapes((Shape(ANY, {}),) if schema else (), nullable=schema)
        own = {key: value for key, value in _demands(schema).items() if key not in _COMBINERS}
        parts = [self._shapes(part, open_components) for part in schema.get("allOf", ())]
        if "$ref" in schema:
            parts.append(self._component(schema["$ref"], open_components))
        for combiner in ("anyOf", "oneOf"):
            if combiner in schema:
                parts.append(_union(self._shapes(part, open_components) for part in schema[combiner]))
        if own or not parts:
            parts.append(_plain(own))
        result = parts[0]
        for part in parts[1:]:
            result = _intersection(result, part)
        return Shapes(result.alternatives, nullable=True) if schema.get("nullable") else result

    def _component(self, reference: str, open_components: frozenset[str]) -> Shapes:
        name = reference.removeprefix(_COMPONENT)
        if name in open_components:
            # A union that contains itself allows no further values.
            return Shapes((), nullable=False)
        if name not in self.components:
            return Shapes((Shape(ANY, {"$ref": reference}),), nullable=True)
        found = self._shapes(self.components[name], open_components | {name})
        if len(found.alternatives) != 1:
            return found
        shape = found.alternatives[0]
        return Shapes((Shape(shape.kind, shape.keywords, shape.component or name),), found.nullable)


def _demands(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema without keywords that do not constrain its values."""
    return {key: value for key, value in schema.items() if key not in _ANNOTATIONS and not key.startswith("x-")}


def _plain(keywords: Mapping[str, Any]) -> Shapes:
    rest = {
        key: value
        for key, value in keywords.items()
        if key not in ("type", "enum", "const") and (key, value) not in _IDLE
    }
    _write_limits_as_numbers(rest)
    values: Optional[list[Any]] = None
    if "const" in keywords:
        values = [keywords["const"]]
    elif "enum" in keywords:
        values = list(keywords["enum"])
    kinds = _kinds(keywords, values)
    nullable = ANY in kinds or (_NULL in kinds and (values is None or None in values))
    alternatives: list[Shape] = []
    for kind in kinds:
        if kind == _NULL:
            continue
        if values is None:
            alternatives.append(Shape(kind, rest))
            continue
        fitting = [value for value in values if value is not None and _fits(value, kind)]
        alternatives.append(Shape(kind, {**rest, "enum": fitting}))
    return Shapes(tuple(alternatives), nullable)


def _kinds(keywords: Mapping[str, Any], values: Optional[list[Any]]) -> list[str]:
    declared = keywords.get("type")
    if isinstance(declared, str):
        return [declared]
    if declared is not None:
        return list(dict.fromkeys(cast("list[str]", declared)))
    if values is not None:
        return list(dict.fromkeys(_NULL if value is None else _KINDS[type(value)] for value in values))
    implied = dict.fromkeys(kind for key, kind in _KEYWORDS_OF_KIND.items() if key in keywords)
    return list(implied) or [ANY]


def _fits(value: object, kind: str) -> bool:
    found = _KINDS[type(value)]
    return kind in (found, ANY) or (found == "integer" and kind == "number")


def _write_limits_as_numbers(keywords: dict[str, Any]) -> None:
    # OpenAPI 3.0 uses flags instead of numbers: `minimum: 0, exclusiveMinimum: true`.
    for exclusive, inclusive in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        flag = keywords.get(exclusive)
        if flag is True and inclusive in keywords:
            keywords[exclusive] = keywords.pop(inclusive)
        elif isinstance(flag, bool):
            del keywords[exclusive]


def _union(parts: Iterable[Shapes]) -> Shapes:
    found = list(parts)
    alternatives: list[Shape] = []
    for shape in itertools.chain.from_iterable(part.alternatives for part in found):
        mergeable = next((other for other in alternatives if _differ_by_values(shape, other)), None)
        if mergeable is not None:
            # A union of `const` values is equal to one `enum`.
            values = [*mergeable.keywords["enum"], *shape.keywords["enum"]]
            alternatives.remove(mergeable)
            alternatives.append(Shape(shape.kind, {**shape.keywords, "enum": values}))
        elif shape not in alternatives:
            alternatives.append(shape)
    return Shapes(tuple(alternatives), any(part.nullable for part in found))


def _differ_by_values(one: Shape, other: Shape) -> bool:
    if one.component or other.component or one.kind != other.kind:
        return False
    if "enum" not in one.keywords or "enum" not in other.keywords:
        return False
    return {**one.keywords, "enum": None} == {**other.keywords, "enum": None}


def _intersection(first: Shapes, second: Shapes) -> Shapes:
    pairs = itertools.product(first.alternatives, second.alternatives)
    common = [shape for one, other in pairs if (shape := _common(one, other)) is not None]
    return Shapes(tuple(common), first.nullable and second.nullable)


def _common(one: Shape, other: Shape) -> Optional[Shape]:
    """Return the intersection of two shapes; None if it is empty."""
    if one.kind == ANY and not one.keywords:
        return other
    if other.kind == ANY and not other.keywords:
        return one
    kinds = {one.kind, other.kind} - {ANY}
    if kinds == {"integer", "number"}:
        kinds = {"integer"}
    if len(kinds) > 1:
        return None
    keywords: dict[str, Any] = {**one.keywords, **other.keywords}
    for key in one.keywords.keys() & other.keywords.keys():
        keywords[key] = _common_keyword(key, one.keywords[key], other.keywords[key])
    return Shape(kinds.pop() if kinds else ANY, keywords)


def _common_keyword(key: str, one: Any, other: Any) -> Any:
    if key == "properties":
        shared = one.keys() & other.keys()
        return {**one, **other, **{name: {"allOf": [one[name], other[name]]} for name in shared}}
    if key == "required":
        return [*one, *(name for name in other if name not in one)]
    if key == "enum":
        return [value for value in one if value in other]
    if key == "items":
        return {"allOf": [one, other]}
    if key in _LOWER_LIMITS:
        return max(one, other)
    return min(one, other) if key in _UPPER_LIMITS else other
