"""Apply an OpenAPI Overlay 1.0, which adds facts that the published document does not contain.

It is stricter than the specification, so that the overlay stays up to date: an action needs a description, and an
action that matches nothing, or adds what the document already contains, is an error.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Iterator, Mapping, TypeGuard, cast

from jsonpath import JSONPathEnvironment, JSONPathError, JSONPathMatch
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from codegen.errors import CodegenError

_JSONPATH = JSONPathEnvironment(strict=True)
_OVERLAY_KEYS = frozenset({"overlay", "info", "extends", "actions"})
_ACTION_KEYS = frozenset({"target", "description", "update", "remove"})


class OverlayError(CodegenError):
    """The overlay is not valid, or does not match the document.

    The place is the file, the whole overlay, or an action by number and target.
    """


class _Problem(Exception):
    """A problem whose location is not known yet."""


def load(path: Path) -> dict[str, Any]:
    """Read an overlay from a YAML or JSON file.

    Args:
        path: The file.

    Returns:
        The overlay, ready for `apply`.

    Raises:
        OverlayError: The file is not YAML, repeats a key, or has keys that JSON cannot have.
    """
    try:
        # A YAML 1.2 parser, as the specification requires; it also refuses duplicate keys.
        parser = cast(Any, YAML(typ="safe", pure=True))
        overlay: object = parser.load(path.read_text(encoding="utf-8"))
    except YAMLError as error:
        raise OverlayError(str(path), f"This is not YAML: {error}") from error
    if not _is_object(overlay):
        raise OverlayError(str(path), "This is not an overlay: the top level must be a mapping.")
    _require_text_keys(overlay, str(path))
    return overlay


def apply(document: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Apply all actions of the overlay, in order, and return the new document.

    Args:
        document: An OpenAPI document; it is not changed.
        overlay: An overlay; it is not changed.

    Returns:
        A new document that shares no objects with either.

    Raises:
        OverlayError: The overlay violates the specification, or an action does not match the document; the message
            names the action by number and target.
    """
    result = copy.deepcopy(dict(document))
    for number, action in enumerate(_actions(overlay), start=1):
        try:
            _carry_out(action, result)
        except _Problem as problem:
            target = action.get("target") if _is_object(action) else None
            raise OverlayError(f"action {number} ({target})", str(problem)) from problem
    return result


def _actions(overlay: Mapping[str, Any]) -> list[Any]:
    unknown = _unknown_keys(overlay, _OVERLAY_KEYS)
    if unknown:
        raise OverlayError("overlay", f"There are unknown keys: {unknown}.")
    version = overlay.get("overlay")
    if not isinstance(version, str) or not version.startswith("1.0."):
        raise OverlayError("overlay", f"The version of the specification must be 1.0, not {version!r}.")
    info = overlay.get("info")
    if not _is_object(info) or not {"title", "version"} <= info.keys():
        raise OverlayError("overlay", "info needs a title and a version.")
    actions = overlay.get("actions")
    if not _is_array(actions) or not actions:
        raise OverlayError("overlay", "actions must be a list with at least one action.")
    return actions


def _carry_out(action: Any, document: dict[str, Any]) -> None:
    if not _is_object(action):
        raise _Problem("An action must be a mapping.")
    unknown = _unknown_keys(action, _ACTION_KEYS)
    if unknown:
        raise _Problem(f"There are unknown keys: {unknown}.")
    if not isinstance(action.get("description"), str) or not action["description"].strip():
        raise _Problem("The description is missing: give the reason, and the source of the fact.")
    remove = action.get("remove", False)
    if not isinstance(remove, bool):
        raise _Problem("remove must be true or false.")
    if remove == ("update" in action):
        raise _Problem("An action needs either update or remove.")
    if action.get("update") == {}:
        raise _Problem("The update is empty.")

    matches = _matches(action.get("target"), document)
    if remove:
        _remove(matches)
        return
    there = set.intersection(*(_merge(match.obj, action["update"], str(match.path)) for match in matches))
    if there:
        raise _Problem(f"The document already contains {min(there)}: remove it from the update, or remove the action.")


def _matches(target: object, document: dict[str, Any]) -> list[JSONPathMatch]:
    if not isinstance(target, str):
        raise _Problem("The target is missing.")
    try:
        found = _JSONPATH.finditer(target, document)
        matches = list({match.parts: match for match in found}.values())
    except JSONPathError as error:
        raise _Problem(f"The target is not a JSONPath: {error}") from error
    if not matches:
        raise _Problem("The target matches nothing in the document: fix it, or remove the action.")
    for match in matches:
        if not _is_object(match.obj) and not _is_array(match.obj):
            raise _Problem(f"{match.path} is neither an object nor an array.")
    return matches


def _remove(matches: list[JSONPathMatch]) -> None:
    # In reverse order, so that the indexes of the remaining matches in an array stay valid.
    for match in sorted(matches, key=lambda match: [str(part).zfill(9) for part in match.parts], reverse=True):
        if match.parent is None:
            raise _Problem("The whole document cannot be removed.")
        container = cast("Any", match.parent.obj)
        del container[match.parts[-1]]


def _merge(node: Any, update: Any, place: str) -> set[str]:
    """Merge `update` into the object or array `node`, in place, and return the paths that already existed."""
    if _is_array(node):
        there = {f"{update!r:.60}"} if update in node else set[str]()
        node.append(copy.deepcopy(update))
        return there
    if not _is_object(update):
        raise _Problem(f"The update of {place}, an object, must be an object.")
    return set(_merge_object(node, update, place, ""))


def _merge_object(node: dict[str, Any], update: dict[str, Any], place: str, way: str) -> Iterator[str]:
    for key, value in update.items():
        inner = f"{way}[{key!r}]"
        if key not in node:
            node[key] = copy.deepcopy(value)
        elif _kind(node[key]) != _kind(value):
            raise _Problem(f"{place}{inner} is {_kind(node[key])}, the update has {_kind(value)}.")
        elif _is_object(value):
            yield from _merge_object(node[key], value, place, inner)
        elif _is_array(value):
            if all(entry in node[key] for entry in value):
                yield inner
            node[key].extend(copy.deepcopy(value))
        else:
            if node[key] == value:
                yield inner
            node[key] = value


def _is_object(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _is_array(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _kind(value: object) -> str:
    if _is_object(value):
        return "an object"
    return "an array" if _is_array(value) else "a plain value"


def _unknown_keys(mapping: Mapping[str, Any], known: frozenset[str]) -> str:
    return ", ".join(sorted(key for key in mapping if key not in known and not key.startswith("x-")))


def _require_text_keys(value: object, place: str) -> None:
    if _is_object(value):
        for key, inner in value.items():
            if not isinstance(cast(object, key), str):
                raise OverlayError(place, f"The key {key!r} is not a string: put it in quotes.")
            _require_text_keys(inner, f"{place}.{key}")
    elif _is_array(value):
        for index, inner in enumerate(value):
            _require_text_keys(inner, f"{place}[{index}]")
