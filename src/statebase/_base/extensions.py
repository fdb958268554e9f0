"""The extensions of the API: options of operations that the embedded engine supports, and other services do not.

A request names those that it wants in one header, as words with values: `keep-ttl, ttl-seconds=60`. The response names,
in the same header, those that were applied. Another service ignores the header, and its response lacks it.

An extension that is a path of its own is an operation instead, declared in the overlay of the document.
"""

from __future__ import annotations

from typing import Mapping, NamedTuple, Optional
from urllib.parse import quote, unquote

HEADER = "X-StateBase-Extensions"


class Extension(NamedTuple):
    """An option of some operations of the API."""

    operations: tuple[str, ...]
    """The ids of the operations."""
    value: Optional[str]
    """The kind of its value; None if it has none."""
    effect: str
    """The behaviour of a service that supports it."""
    otherwise: str
    """The behaviour of another service."""
    detected: str
    """The way in which the client notices that, and its reaction."""


_BY_HEADER = "by the header: the rest is done by further calls"

EXTENSIONS: Mapping[str, Extension] = {
    "before-version": Extension(
        ("get_state_history",),
        "a version",
        "lists only versions before this one",
        "lists the newest versions",
        "by the versions listed: an error",
    ),
    "expected-version": Extension(
        ("replace_state", "rollback_state", "update_state"),
        "a version",
        "refuses the change with 409 if the state has another version",
        "makes the change",
        "by the version that the change created: an error with `was_applied`",
    ),
    "get-or-create": Extension(
        ("create_session", "list_sessions"),
        None,
        "returns the session with this agent, user and `statebase_key`, if there is one; a list only names it",
        "creates a session, or lists sessions",
        "by the header: the session is found by a list, filtered by its metadata",
    ),
    "keep-alive": Extension(
        ("create_session",),
        None,
        "extends the life of the session whenever it is written to",
        "lets the session expire",
        "by the header: `get_or_create` extends the life by an update",
    ),
    "keep-metadata": Extension(("fork_session",), None, "copies the metadata", "copies only the state", _BY_HEADER),
    "keep-ttl": Extension(
        ("fork_session",),
        None,
        "lets the fork expire when its source does",
        "gives it the default lifetime",
        _BY_HEADER,
    ),
    "ttl-seconds": Extension(
        ("fork_session",), "seconds", "gives the fork this lifetime", "gives it the default lifetime", _BY_HEADER
    ),
    "trace-details": Extension(
        ("list_session_traces",),
        None,
        "lists traces with their details",
        "lists them without details",
        "by the header: they are got one by one",
    ),
    "turn-key": Extension(
        ("list_turns",),
        "an idempotency key, percent-encoded",
        "lists only the turn that was recorded with this key",
        "lists all turns",
        "by the header: the newest turns are searched for the key in their metadata",
    ),
    "whole-turns": Extension(
        ("list_turns",),
        None,
        "returns turns with their whole content",
        "returns previews",
        "by the header: a context has the newest turns, the others are got one by one",
    ),
    "with-memories": Extension(("fork_session",), None, "copies the memories", "copies only the state", _BY_HEADER),
    "with-turns": Extension(("fork_session",), None, "copies the turns", "copies only the state", _BY_HEADER),
}
"""All extensions, by the word that names them."""


def words(**values: object) -> Optional[str]:
    """Return the text of the header; None if it names nothing.

    Args:
        values: The values of extensions by name, with underscores for dashes. True stands for the word alone; False and
            None leave it out.
    """
    given = {
        name.replace("_", "-"): value for name, value in values.items() if value is not None and value is not False
    }
    return (
        ", ".join(name if value is True else f"{name}={quote(str(value), safe='')}" for name, value in given.items())
        or None
    )


def named_in(text: Optional[str]) -> Mapping[str, str]:
    """Return the extensions that a header names, with their values; empty for words without one."""
    pairs = (word.strip().partition("=") for word in (text or "").split(","))
    return {name: unquote(value) for name, _, value in pairs if name}


def supported(text: Optional[str], operation_id: str) -> Mapping[str, str]:
    """Return the extensions that the header of a request names, and that the engine supports for its operation."""
    if text is None:
        return {}
    wanted = named_in(text)
    return {
        name: value
        for name, value in wanted.items()
        if name in EXTENSIONS and operation_id in EXTENSIONS[name].operations
    }
