"""Suggestions for misspelt names in error messages. Imported when such an error is raised."""

from __future__ import annotations

import difflib
import inspect
from typing import Any, Dict, Iterable, List

_OTHER_NAMES = {
    "aclose": "close",
    "agents": "sessions",
    "chat": "sessions",
    "conversations": "sessions",
    "history": "sessions",
    "messages": "sessions",
    "threads": "sessions",
    "keys": "dashboard",
    "stats": "dashboard",
    "remember": "memory",
    "audit": "traces",
}
"""Names that other SDKs have, and what is nearest here."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a question to append to an error message; empty if no known name is similar."""
    near = difflib.get_close_matches(name, sorted(known), 1)
    return f": did you mean {near[0]!r}?" if near else ""


def no_attribute(target: object, name: str) -> AttributeError:
    """Return the error for an attribute that a client or a namespace does not have, with the nearest one."""
    kind = type(target)
    message = f"{kind.__name__!r} object has no attribute {name!r}"
    if name.startswith("_"):
        return AttributeError(message)
    known = [each for each in dir(kind) if not each.startswith("_")]
    meant = _elsewhere(kind, known, name) or [each for each in known if each == _OTHER_NAMES.get(name)]
    question = f": did you mean {' or '.join(map(repr, meant))}?" if meant else did_you_mean(name, known)
    error = AttributeError(message + question)
    # Without its object, Python 3.10 and later do not append a suggestion of their own. Before, there is no such field.
    setattr(error, "name", name)  # noqa: B010
    return error


def _elsewhere(kind: type, known: List[str], name: str) -> List[str]:
    """Return the namespaces of a client that have a method with this name, each with it."""
    namespaces: Dict[Any, str] = {}
    for each in known:
        found = getattr(kind, each)
        if inspect.isclass(found):
            namespaces.setdefault(found, each)
    return [f"{each}.{name}" for found, each in namespaces.items() if hasattr(found, name)]


def arguments_of(method: str) -> List[str]:
    """Return the names of the arguments of a method of the clients, without the options.

    Args:
        method: The namespace and the name, such as `sessions.add_turn`.
    """
    from importlib import import_module

    namespace, _, name = method.partition(".")
    module = import_module(f"statebase._generated.transport.{namespace}")
    kind = getattr(module, "".join(part.capitalize() for part in namespace.split("_")), None)
    function = getattr(kind, name, None)
    if function is None:
        return []
    parameters = inspect.signature(function).parameters.values()
    return [each.name for each in parameters if each.kind is not each.VAR_KEYWORD and each.name != "self"]
