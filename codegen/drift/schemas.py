"""Compare the schemas of two documents, for requests and for responses.

A request schema may become wider and a response schema narrower; the opposite breaks clients written for the old
document. A component is compared only once, even if many operations use it.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import Any, Literal, Mapping, Optional

from codegen.drift.shapes import ANY, Schema, SchemaReader, Shape, Shapes

Kind = Literal["breaking", "additive"]
Direction = Literal["request", "response"]


class Effect(enum.Enum):
    """The effect of a change on the allowed values, or on the names in the SDK."""

    NARROWER = "fewer values are allowed"
    WIDER = "more values are allowed"
    ADDED = "something is there that was not"
    DIFFERENT = "neither of them"

    def kind(self, direction: Direction) -> Kind:
        """Return whether the change breaks a client of the old document."""
        if self is Effect.ADDED:
            return "additive"
        harmless = Effect.WIDER if direction == "request" else Effect.NARROWER
        return "additive" if self is harmless else "breaking"


@dataclass(frozen=True)
class Place:
    """The location of a schema: a root, and the path from it."""

    root: str
    """A component, or a part of an operation such as `POST /v1/sessions request`."""
    direction: Direction
    is_component: bool = False
    steps: str = ""

    @property
    def text(self) -> str:
        """Its name in a report, without the direction."""
        separator = "" if self.steps[:1] in ("", "[", "{") else "." if self.is_component else " "
        return f"{self.root}{separator}{self.steps}"

    def property(self, name: str) -> Place:
        """Return the place of a property."""
        return replace(self, steps=f"{self.steps}.{name}" if self.steps else name)

    def inside(self, brackets: str) -> Place:
        """Return the place of the items of an array (`[]`) or the values of an object (`{}`)."""
        return replace(self, steps=self.steps + brackets)


# Each limit, and whether a greater number allows more values.
_LIMITS = {
    **dict.fromkeys(("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"), False),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"), True),
}
_COMPARED_ON_THEIR_OWN = {*_LIMITS, "enum", "properties", "required", "additionalProperties", "items"}


class SchemaComparison:
    """Collects how schemas differ between two documents.

    Args:
        old: The document that clients were generated from.
        new: The new document.
    """

    def __init__(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        self._old = SchemaReader(old)
        self._new = SchemaReader(new)
        self._compared: set[tuple[str, Optional[str], Direction]] = set()
        self.differences: dict[tuple[Place, str], Kind] = {}
        """The findings: location and message, and whether it breaks clients."""
        self.seen: set[str] = set()
        """The components of the old document that were compared."""
        self.renamed: set[str] = set()
        """The components of the old document that have another name in the new one."""

    def component(self, name: str, direction: Direction) -> None:
        """Compare a component of both documents, unless it has been compared before."""
        if self._is_new(name, name, direction):
            place = Place(name, direction, is_component=True)
            self._alternatives(self._old.components[name], self._new.components[name], place)

    def value(self, old: Schema, new: Schema, place: Place) -> None:
        """Compare the schemas of a parameter or a property, including their defaults."""
        before, after = _note_on(old, "default"), _note_on(new, "default")
        # 1 and true are equal in Python, but not in JSON.
        if (type(before), before) != (type(after), after):
            if before is None:
                self._note(place, f"now has the default {after!r}", Effect.ADDED)
            else:
                self._note(place, f"has the default {after!r}, was {before!r}", Effect.DIFFERENT)
        if _note_on(new, "deprecated") and not _note_on(old, "deprecated"):
            self._note(place, "is deprecated", Effect.ADDED)
        self.schema(old, new, place)

    def schema(self, old: Schema, new: Schema, place: Place) -> None:
        """Compare two schemas."""
        names, old_rest = self._old.references(old)
        new_names, new_rest = self._new.references(new)
        if not names or names != new_names:
            self._alternatives(old, new, place)
            return
        for name in sorted(names):
            self.component(name, place.direction)
        self._alternatives(old_rest, new_rest, place)

    def _alternatives(self, old: Schema, new: Schema, place: Place) -> None:
        before, after = self._old.shapes(old), self._new.shapes(new)
        pairs = _pairs(before, after)
        if len(pairs) < len(before.alternatives) or len(pairs) < len(after.alternatives):
            self._note(place, f"is {after.text}, was {before.text}", _effect(before, after, pairs))
        if before.nullable != after.nullable and not any(_allows_anything(shapes) for shapes in (before, after)):
            effect = Effect.WIDER if after.nullable else Effect.NARROWER
            self._note(place, "may be null" if after.nullable else "may no longer be null", effect)
        for one, other in pairs:
            self._pair(one, other, place)

    def _pair(self, old: Shape, new: Shape, place: Place) -> None:
        if old.component and old.component == new.component:
            self.component(old.component, place.direction)
            return
        if old.component and not self._is_new(old.component, new.component, place.direction):
            return
        if old.component and new.component and old.component not in self._new.components:
            place = Place(old.component, place.direction, is_component=True)
            self.renamed.add(old.component)
            self._note(place, f"is now called {new.component}", Effect.DIFFERENT)
        self._keywords(old.keywords, new.keywords, place)
        if old.kind == "object":
            self._object(old.keywords, new.keywords, place)
        elif old.kind == "array":
            self.schema(old.keywords.get("items", True), new.keywords.get("items", True), place.inside("[]"))

    def _is_new(self, old: str, new: Optional[str], direction: Direction) -> bool:
        """Return whether these have not been compared yet, and mark them as compared."""
        known = (old, new, direction) in self._compared
        self._compared.add((old, new, direction))
        self.seen.add(old)
        return not known

    def _keywords(self, old: Mapping[str, Any], new: Mapping[str, Any], place: Place) -> None:
        for key in sorted((old.keys() | new.keys()) - _COMPARED_ON_THEIR_OWN):
            before, after = old.get(key), new.get(key)
            if before == after:
                continue
            effect = Effect.NARROWER if before is None else Effect.WIDER if after is None else Effect.DIFFERENT
            self._note(place, _changed(key, before, after), effect)
        for key, greater_allows_more in _LIMITS.items():
            before, after = old.get(key), new.get(key)
            if before == after:
                continue
            wider = after is None or (before is not None and (after > before) == greater_allows_more)
            self._note(place, _changed(key, before, after), Effect.WIDER if wider else Effect.NARROWER)
        self._values(old.get("enum"), new.get("enum"), place)

    def _values(self, old: Optional[list[Any]], new: Optional[list[Any]], place: Place) -> None:
        if old is None or new is None:
            if old is not None:
                self._note(place, "is no longer limited to certain values", Effect.WIDER)
            elif new is not None:
                self._note(place, f"is limited to {_listed(new)}", Effect.NARROWER)
            return
        gone = [value for value in old if value not in new]
        added = [value for value in new if value not in old]
        if gone:
            self._note(place, f"may no longer be {_listed(gone)}", Effect.NARROWER)
        if added:
            self._note(place, f"may also be {_listed(added)}", Effect.WIDER)

    def _object(self, old: Mapping[str, Any], new: Mapping[str, Any], place: Place) -> None:
        before: Mapping[str, Any] = old.get("properties", {})
        after: Mapping[str, Any] = new.get("properties", {})
        was_required, is_required = set(old.get("required", ())), set(new.get("required", ()))
        for name in sorted(before.keys() | after.keys()):
            inner = place.property(name)
            if name not in after:
                self._note(inner, "is gone", Effect.DIFFERENT)
            elif name not in before and name in is_required:
                # Only requests matter here: they must contain the new field.
                effect = Effect.NARROWER if place.direction == "request" else Effect.ADDED
                self._note(inner, "is new and required", effect)
            elif name not in before:
                self._note(inner, "is new", Effect.ADDED)
            else:
                if (name in was_required) != (name in is_required):
                    required = name in is_required
                    effect = Effect.NARROWER if required else Effect.WIDER
                    self._note(inner, "is required" if required else "is no longer required", effect)
                self.value(before[name], after[name], inner)
        before_values, after_values = old.get("additionalProperties", True), new.get("additionalProperties", True)
        if (before_values is False) == (after_values is False):
            self.schema(before_values, after_values, place.inside("{}"))
        elif after_values is False:
            self._note(place, "no longer takes keys that it does not name", Effect.NARROWER)
        else:
            self._note(place, "also takes keys that it does not name", Effect.WIDER)

    def _note(self, place: Place, message: str, effect: Effect) -> None:
        self.differences[place, message] = effect.kind(place.direction)


def _pairs(old: Shapes, new: Shapes) -> list[tuple[Shape, Shape]]:
    """Pair each alternative with its counterpart: the same component, or else one of the same kind."""
    left, right = list(old.alternatives), list(new.alternatives)
    pairs: list[tuple[Shape, Shape]] = []
    for same in (_same_component, _same_values, _same_kind):
        for shape in list(left):
            other = next((candidate for candidate in right if same(shape, candidate)), None)
            if other is not None:
                pairs.append((shape, other))
                left.remove(shape)
                right.remove(other)
    return pairs


def _same_component(old: Shape, new: Shape) -> bool:
    return old.component is not None and old.component == new.component


def _same_values(old: Shape, new: Shape) -> bool:
    return old == new


def _same_kind(old: Shape, new: Shape) -> bool:
    return old.kind == new.kind


def _effect(old: Shapes, new: Shapes, pairs: list[tuple[Shape, Shape]]) -> Effect:
    gone = [shape for shape in old.alternatives if not any(shape is one for one, _ in pairs)]
    added = [shape for shape in new.alternatives if not any(shape is other for _, other in pairs)]
    if all(_covered(shape, new.alternatives) for shape in gone):
        return Effect.WIDER
    if all(_covered(shape, old.alternatives) for shape in added):
        return Effect.NARROWER
    return Effect.DIFFERENT


def _covered(shape: Shape, others: tuple[Shape, ...]) -> bool:
    kinds = {other.kind for other in others}
    return ANY in kinds or (shape.kind == "integer" and "number" in kinds)


def _allows_anything(shapes: Shapes) -> bool:
    return any(shape.kind == ANY for shape in shapes.alternatives)


def _note_on(schema: Schema, keyword: str) -> object:
    return None if isinstance(schema, bool) else schema.get(keyword)


def _changed(key: str, old: object, new: object) -> str:
    if old is None:
        return f"now has {key} {new}"
    return f"no longer has {key} {old}" if new is None else f"has {key} {new}, was {old}"


def _listed(values: list[Any]) -> str:
    return ", ".join(repr(value) for value in sorted(values, key=repr))
