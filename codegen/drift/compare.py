"""Compare two OpenAPI documents: what a new one changes for clients of the old one.

Documentation, order, titles, tags, extensions, servers and the bodies of 422 responses do not matter, nor does the way
in which a schema is written. Everything else is a change: breaking, if code that was generated from the old document
may fail with the new service, or uses a name that is removed; otherwise additive.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Iterator, Mapping, Sequence

from codegen.drift.operations import Answer, Body, Operation, Parameter, operations
from codegen.drift.schemas import Direction, Kind, Place, SchemaComparison
from codegen.drift.source import load
from codegen.drift.uses import reachable, uses

__all__ = ["Change", "compare", "exit_code", "load", "render_json", "render_text"]


_MOST_SHOWN = 3


@dataclass(frozen=True)
class Change:
    """One difference between two documents."""

    kind: Kind
    """Whether it breaks clients of the old document."""
    place: str
    """The location: `GET /v1/sessions query limit`, or `SessionResponse.user_id (response)` for a component."""
    message: str
    """The difference, to be read after the location."""
    operations: tuple[str, ...] = field(default=(), compare=False)
    """The affected operations, if the place is a component."""


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Find what a new document changes.

    Args:
        old: The OpenAPI document that clients were generated from.
        new: The new OpenAPI document.

    Returns:
        The changes, breaking ones first, then by place.
    """
    changes = set(_Comparison(old, new).changes())
    return sorted(changes, key=lambda change: (change.kind == "additive", change.place, change.message))


def render_text(changes: Sequence[Change]) -> str:
    """Return changes as text, one line each."""
    if not changes:
        return "No changes.\n"
    return "".join(f"{change.kind:<8}  {change.place}: {change.message}{_reached(change)}\n" for change in changes)


def _reached(change: Change) -> str:
    shown, more = change.operations[:_MOST_SHOWN], len(change.operations) - _MOST_SHOWN
    return f" [{', '.join(shown)}{f' and {more} more' if more > 0 else ''}]" if shown else ""


def render_json(changes: Sequence[Change]) -> str:
    """Return changes as a JSON object with the verdict and the list of changes."""
    verdict = ("same", "additive", "breaking")[exit_code(changes)]
    report = {"verdict": verdict, "changes": [asdict(change) for change in changes]}
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"


def exit_code(changes: Sequence[Change]) -> int:
    """Return 2 if a change is breaking, 1 if there are only additive changes, 0 if there are none."""
    if any(change.kind == "breaking" for change in changes):
        return 2
    return 1 if changes else 0


class _Comparison:
    def __init__(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        self._old = old
        self._new = new
        self._schemas = SchemaComparison(old, new)
        self._uses = [uses(old), uses(new)]

    def changes(self) -> Iterator[Change]:
        yield from self._operations()
        yield from self._components()
        yield from self._schema_changes()

    def _operations(self) -> Iterator[Change]:
        gone = {operation.key: operation for operation in operations(self._old)}
        added = {operation.key: operation for operation in operations(self._new)}
        for key in sorted(gone.keys() & added.keys()):
            yield from self._operation(gone.pop(key), added.pop(key))
        for operation in list(gone.values()):
            moved = [other for other in added.values() if other.name and other.name == operation.name]
            if len(moved) == 1:
                del gone[operation.key], added[moved[0].key]
                yield Change("breaking", operation.route, f"is now {moved[0].route}")
                yield from self._operation(operation, moved[0])
        for operation in gone.values():
            yield Change("breaking", operation.route, "is gone")
        for operation in added.values():
            yield Change("additive", operation.route, "is new")

    def _operation(self, old: Operation, new: Operation) -> Iterator[Change]:
        if old.name != new.name:
            yield Change("breaking", old.route, f"has the operationId {new.name}, was {old.name}")
        if new.deprecated and not old.deprecated:
            yield Change("additive", old.route, "is deprecated")
        yield from _credentials(old, new)
        yield from self._parameters(old, new)
        yield from self._body(old.body, new.body, old.route)
        yield from self._answers(old, new)

    def _parameters(self, old: Operation, new: Operation) -> Iterator[Change]:
        renamed = dict(zip(old.path_parameters, new.path_parameters))
        gone = {(parameter.location, parameter.name): parameter for parameter in old.parameters}
        added = {(parameter.location, parameter.name): parameter for parameter in new.parameters}
        for before in list(gone.values()):
            name = renamed.get(before.name, before.name) if before.location == "path" else before.name
            elsewhere = [key for key in added if key[1] == name and key not in gone]
            key = (before.location, name) if (before.location, name) in added else next(iter(elsewhere), None)
            if key is not None:
                del gone[before.location, before.name]
                yield from self._parameter(before, added.pop(key), f"{old.route} {before.text}")
        for parameter in gone.values():
            yield Change("breaking", f"{old.route} {parameter.text}", "is gone")
        for parameter in added.values():
            kind: Kind = "breaking" if parameter.required else "additive"
            message = "is new and required" if parameter.required else "is new"
            yield Change(kind, f"{old.route} {parameter.text}", message)

    def _parameter(self, old: Parameter, new: Parameter, place: str) -> Iterator[Change]:
        if old.name != new.name:
            yield Change("breaking", place, f"is now called {new.name}")
        if old.location != new.location:
            yield Change("breaking", place, f"is now in the {new.location}")
        elif old.style != new.style:
            yield Change("breaking", place, f"is written in the style {new.style}, was {old.style}")
        yield from _required(old.required, new.required, place)
        self._schemas.value(old.schema, new.schema, Place(place, "request"))

    def _body(self, old: Body | None, new: Body | None, route: str) -> Iterator[Change]:
        place = f"{route} request"
        if old is None or new is None:
            if new is not None:
                kind: Kind = "breaking" if new.required else "additive"
                yield Change(kind, place, "is new and required" if new.required else "is new")
            elif old is not None:
                yield Change("breaking", place, "is gone")
            return
        yield from _required(old.required, new.required, place)
        yield from self._contents(old.contents, new.contents, place, "request")

    def _answers(self, old: Operation, new: Operation) -> Iterator[Change]:
        gone = {status: answer for status, answer in old.answers.items() if status not in new.answers}
        added = {status: answer for status, answer in new.answers.items() if status not in old.answers}
        for status in sorted(old.answers.keys() & new.answers.keys()):
            yield from self._answer(old.answers[status], new.answers[status], status, old.route)
        success_gone, success_added = (sorted(filter(_is_success, statuses)) for statuses in (gone, added))
        if len(success_gone) == 1 and len(success_added) == 1:
            before, after = success_gone[0], success_added[0]
            yield Change("breaking", f"{old.route} response", f"has the status {after}, was {before}")
            yield from self._answer(gone.pop(before), added.pop(after), before, old.route)
        for status in gone:
            yield Change("breaking" if _is_success(status) else "additive", f"{old.route} response {status}", "is gone")
        for status in added:
            yield Change("breaking" if _is_success(status) else "additive", f"{old.route} response {status}", "is new")

    def _answer(self, old: Answer, new: Answer, status: str, route: str) -> Iterator[Change]:
        place = f"{route} response" if _is_success(status) else f"{route} response {status}"
        if status != "422":
            yield from self._contents(old.contents, new.contents, place, "response")
        for name in sorted(old.headers.keys() | new.headers.keys()):
            inner = f"{place} header {name}"
            if name not in new.headers:
                yield Change("breaking", inner, "is gone")
            elif name not in old.headers:
                yield Change("additive", inner, "is new")
            else:
                before, after = old.headers[name], new.headers[name]
                if before.required and not after.required:
                    yield Change("breaking", inner, "is no longer required")
                self._schemas.value(before.schema, after.schema, Place(inner, "response"))

    def _contents(
        self,
        old: Mapping[str, Mapping[str, Any]],
        new: Mapping[str, Mapping[str, Any]],
        place: str,
        direction: Direction,
    ) -> Iterator[Change]:
        for media_type in sorted(old.keys() | new.keys()):
            if media_type not in new:
                yield Change("breaking", place, f"can no longer be {media_type}")
            elif media_type not in old:
                yield Change("additive", place, f"can be {media_type}")
            else:
                self._schemas.schema(old[media_type], new[media_type], Place(place, direction))

    def _components(self) -> Iterator[Change]:
        before, after = (document.get("components", {}).get("schemas", {}) for document in (self._old, self._new))
        ignored = _validation_components(self._old) | _validation_components(self._new)
        for name in sorted(before.keys() - self._schemas.seen - ignored):
            if name in after:
                # No operation uses it in both documents: it is an event, or its use has changed. Clients read it.
                self._schemas.component(name, "response")
        for name in sorted(before.keys() - after.keys() - self._schemas.renamed - ignored):
            yield Change("breaking", name, "is gone")

    def _schema_changes(self) -> Iterator[Change]:
        found: dict[tuple[str, str, str], dict[Direction, Kind]] = {}
        for (place, message), kind in self._schemas.differences.items():
            component = place.root if place.is_component else ""
            found.setdefault((place.text, component, message), {})[place.direction] = kind
        for (text, component, message), kinds in found.items():
            worst: Kind = "breaking" if "breaking" in kinds.values() else "additive"
            place_text = f"{text} ({', '.join(sorted(kinds))})" if component else text
            reached = set[str]().union(*(routes.get(component, ()) for routes in self._uses))
            yield Change(worst, place_text, message, tuple(sorted(reached)))


def _required(old: bool, new: bool, place: str) -> Iterator[Change]:
    if new and not old:
        yield Change("breaking", place, "is required")
    elif old and not new:
        yield Change("additive", place, "is no longer required")


def _credentials(old: Operation, new: Operation) -> Iterator[Change]:
    nothing: frozenset[str] = frozenset()
    if old.credentials <= new.credentials or nothing in new.credentials:
        if old.credentials != new.credentials:
            yield Change("additive", old.route, "accepts other credentials, or none, beside the old ones")
    elif nothing in old.credentials:
        yield Change("breaking", old.route, "needs credentials")
    else:
        yield Change("breaking", old.route, "needs other credentials")


def _is_success(status: str) -> bool:
    return status.startswith("2")


def _validation_components(document: Mapping[str, Any]) -> set[str]:
    """Return the components used in the bodies of 422 responses."""
    answers = (answer for operation in operations(document) for answer in operation.answers.items())
    return reachable(document, (s for status, answer in answers if status == "422" for s in answer.contents.values()))
