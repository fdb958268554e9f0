"""Rewrite schemas into a canonical form for both generators.

OpenAPI has many ways to express the same schema, and the generators disagree on the rarer ones: a default next to a
reference is lost, a limit inside `anyOf` becomes a separate class. In canonical form, references lead only to objects
with properties, nullable values are written in one way, and all keywords are known to the rest of the generator.
"""

from __future__ import annotations

from typing import Any, Mapping, Optional, cast

from codegen.document.choices import TextChoices, text_choices
from codegen.errors import CodegenError, below, pointer
from codegen.names import camel_case

Schema = dict[str, Any]

LIMITS = frozenset(
    {
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("minLength", "maxLength", "pattern", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties"),
    }
)
_KEPT = LIMITS | {"description", "default", "deprecated", "x-statebase"}
_DROPPED = {"title", "example", "examples", "readOnly", "writeOnly", "externalDocs", "discriminator", "$comment"}
_CHOICES = ("$ref", "allOf", "anyOf", "oneOf")
_SHAPE = {"type", "format", "enum", "const", "items", "properties", "required", "additionalProperties"}
_MODEL_KEYS = {*_DROPPED, "description", "default", "deprecated"}
_MODEL_KEYS |= {"type", "properties", "required", "additionalProperties"}
_PLAIN = {"string", "integer", "number", "boolean", "null"}
_NULL: Schema = {"type": "null"}


class Schemas:
    """Reads schemas, and collects the objects with properties in them.

    Args:
        components: The named schemas of the document.

    Attributes:
        models: The objects with properties, in canonical form: the named ones, and those nested in them.

    Raises:
        CodegenError: A named schema uses a construct that the generator does not support.
    """

    def __init__(self, components: Mapping[str, Any]) -> None:
        self.models: dict[str, Schema] = {}
        self._components = components
        self._resolving: list[str] = []
        for name, schema in components.items():
            place = pointer("components", "schemas", name)
            if _is_model(schema):
                self._add(name, self._model(schema, name, place), place)
            else:
                self.read(schema, place)

    def read(self, schema: Any, place: str, owner: Optional[str] = None) -> Schema:
        """Return the canonical form of a schema.

        Args:
            schema: The schema.
            place: The location of the schema.
            owner: The name of the class for an inline object; None if there is no good name.

        Raises:
            CodegenError: The schema uses a construct that the generator does not support.
        """
        if schema is True:
            return {}
        if not isinstance(schema, dict):
            raise CodegenError(place, "The schema allows nothing.")
        schema = cast(Schema, schema)
        refuse_unknown(schema, {*_KEPT, *_DROPPED, *_SHAPE, *_CHOICES}, place)
        result = self._read(schema, place, owner)
        chosen = text_choices(schema, place) != TextChoices()
        if chosen and result.get("type") not in ("string", ["string", "null"]):
            raise CodegenError(
                below(place, "x-statebase"), "Only a string can have known values, be a mapping, or be secret."
            )
        if "default" in schema and not _fits(schema["default"], result):
            raise CodegenError(below(place, "default"), f"{schema['default']!r} does not fit the schema.")
        return result

    def _read(self, schema: Schema, place: str, owner: Optional[str]) -> Schema:
        kept = {key: value for key, value in schema.items() if key in _KEPT}
        choices = [key for key in _CHOICES if key in schema]
        if not choices:
            return {**kept, **self._written_out(schema, place, owner)}
        choice = choices[0]
        if len(choices) > 1 or schema.keys() & (_SHAPE - {"type"}):
            raise CodegenError(place, f"Other keywords next to {choice} also describe the value. Remove one of them.")
        if choice == "$ref":
            return {**self._reference(schema["$ref"], place), **kept}
        members = [self.read(member, below(place, choice, index), owner) for index, member in enumerate(schema[choice])]
        if choice == "allOf" and len(members) > 1:
            raise CodegenError(below(place, choice), "allOf of several schemas is not supported.")
        return _either(members, kept, place)

    def _reference(self, reference: str, place: str) -> Schema:
        name = component_name(reference, "schemas")
        if name is None or name not in self._components:
            raise CodegenError(place, f"The reference {reference} does not lead to one of components/schemas.")
        if _is_model(self._components[name]):
            return {"$ref": reference}
        target = pointer("components", "schemas", name)
        if name in self._resolving:
            raise CodegenError(target, "The schema refers to itself.")
        self._resolving.append(name)
        result = self.read(self._components[name], target)
        self._resolving.pop()
        return result

    def _written_out(self, schema: Schema, place: str, owner: Optional[str]) -> Schema:
        kind = schema.get("type")
        if "const" in schema or "enum" in schema:
            return _fixed(schema["enum"] if "enum" in schema else [schema["const"]], place)
        if isinstance(kind, list):
            members = [self._written_out({**schema, "type": name}, place, owner) for name in cast("list[str]", kind)]
            return _either(members, {}, place)
        if kind is None and "properties" not in schema:
            return {}
        if kind in _PLAIN:
            return _plain(schema, place)
        if kind == "array":
            return {"type": "array", "items": self.read(schema.get("items", {}), below(place, "items"), owner)}
        if not _is_model(schema):
            others = schema.get("additionalProperties", True)
            inner = below(place, "additionalProperties")
            values = True if isinstance(others, bool) or others == {} else self.read(others, inner, owner)
            return {"type": "object", "additionalProperties": values}
        if owner is None:
            raise CodegenError(place, "An inline object with properties is not supported here. Make it a named schema.")
        self._add(owner, self._model(schema, owner, place), place)
        return {"$ref": pointer("components", "schemas", owner)}

    def _model(self, schema: Schema, name: str, place: str) -> Schema:
        refuse_unknown(schema, _MODEL_KEYS, place)
        if not isinstance(schema.get("additionalProperties", True), bool):
            raise CodegenError(place, "properties together with a schema in additionalProperties are not supported.")
        properties: dict[str, Schema] = {}
        for key, inner in schema["properties"].items():
            properties[key] = self.read(inner, below(place, "properties", key), f"{name}{camel_case(key)}")
        required: list[str] = list(schema.get("required", []))
        for key in required:
            if key not in properties:
                raise CodegenError(below(place, "required"), f"The schema has no property {key!r}.")
        description = {key: schema[key] for key in ("description",) if key in schema}
        return {"type": "object", **description, "properties": properties, "required": required}

    def _add(self, name: str, model: Schema, place: str) -> None:
        if name in self.models:
            raise CodegenError(place, f"There are two schemas called {name}. Rename one of them.")
        self.models[name] = model


def nullable(schema: Mapping[str, Any]) -> bool:
    """Return whether a schema in canonical form allows null."""
    kind = schema.get("type")
    return "null" in kind if isinstance(kind, list) else kind == "null" or _NULL in schema.get("anyOf", [])


def component_name(reference: object, kind: str) -> Optional[str]:
    """Return the name of the component of a reference; None if it refers to something else."""
    prefix = f"#/components/{kind}/"
    if not isinstance(reference, str) or not reference.startswith(prefix) or "/" in reference[len(prefix) :]:
        return None
    return reference[len(prefix) :].replace("~1", "/").replace("~0", "~")


def referred(schema: Mapping[str, Any]) -> str:
    """Return the name of the object that a schema in canonical form refers to."""
    name = component_name(schema["$ref"], "schemas")
    assert name is not None, "canonical schemas refer to components only"
    return name


def refuse_unknown(node: Mapping[str, Any], known: set[str], place: str) -> None:
    """Check that there are no keys that the generator would ignore.

    Raises:
        CodegenError: There is such a key.
    """
    for key in node:
        # Other extensions (x-...) are ignored; those of the SDK have fixed places.
        if key not in known and (key.startswith("x-statebase") or not key.startswith("x-")):
            raise CodegenError(below(place, key), f"The keyword {key} is not supported here. Remove it in the overlay.")


def _is_model(schema: object) -> bool:
    return isinstance(schema, dict) and bool(cast(Schema, schema).get("properties"))


def _plain(schema: Schema, place: str) -> Schema:
    kind, hint = schema["type"], schema.get("format")
    if kind == "string" and hint == "binary":
        raise CodegenError(place, "Files are not supported.")
    # Every other format is a hint: the value stays a string or a number.
    return {"type": kind, "format": hint} if kind == "string" and hint == "date-time" else {"type": kind}


def _fixed(values: list[Any], place: str) -> Schema:
    """Return a closed set of values in canonical form."""
    kinds = {type(value) for value in values if value is not None}
    names: dict[type, str] = {str: "string", int: "integer", bool: "boolean"}
    if len(kinds) != 1 or not kinds <= names.keys():
        raise CodegenError(place, "Fixed values must be all strings, all integers or all booleans.")
    kind = names[kinds.pop()]
    shape: Schema = {"type": [kind, "null"] if None in values else kind}
    if kind != "boolean":
        shape["enum"] = [value for value in dict.fromkeys(values) if value is not None]
    return shape


def _fits(value: object, schema: Schema) -> bool:
    """Return whether a value has the type of a canonical schema."""
    if "anyOf" in schema:
        return any(_fits(value, part) for part in schema["anyOf"])
    if "type" not in schema or value in schema.get("enum", ()):
        return True
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    fits = {type(None): {"null"}, bool: {"boolean"}, int: {"integer", "number"}, float: {"number"}, str: {"string"}}
    wanted = fits.get(type(value), {"array"} if isinstance(value, list) else {"object"})
    return not wanted.isdisjoint(kinds) and ("enum" not in schema or value is None)


def _either(members: list[Schema], kept: Schema, place: str) -> Schema:
    """Return a union of canonical schemas in canonical form."""
    parts: list[Schema] = []
    for part in (part for member in members for part in _parts(member)):
        if part not in parts:
            parts.append(part)
    if any(not part.keys() & {"type", "$ref"} for part in parts):
        return kept
    null = [_NULL] if _NULL in parts else []
    parts = [part for part in parts if part != _NULL] or [_NULL]
    if len(parts) > 1:
        if any(part.keys() & {"enum", "x-statebase"} for part in parts):
            raise CodegenError(place, "A union of fixed values and other schemas is not supported.")
        return {"anyOf": [*parts, *null], **kept}
    only = {**parts[0], **kept}
    if not null or only.get("type") == "null":
        return only
    if "$ref" in only or only["type"] == "object" or "format" in only:
        shape = {key: value for key, value in only.items() if key not in _KEPT}
        return {"anyOf": [shape, _NULL], **{key: value for key, value in only.items() if key in _KEPT}}
    return {**only, "type": [only["type"], "null"]}


def _parts(schema: Schema) -> list[Schema]:
    """Return the alternatives of a canonical schema."""
    if schema.get("type") == "null":
        return [_NULL]
    if "anyOf" in schema:
        return list(schema["anyOf"])
    if isinstance(schema.get("type"), list):
        return [{**schema, "type": schema["type"][0]}, _NULL]
    return [schema]
