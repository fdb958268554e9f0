"""Methods about a user as a whole, as generators of steps.

The first argument is the namespace of either client.
"""

from __future__ import annotations

from typing import Any, Optional

from typing_extensions import Unpack

from .._base.errors import InvalidRequestError, StateBaseError
from .._call.options import RequestOptions
from .._call.request import type_name
from .._call.steps import Steps
from .._generated import operations
from .._generated.results import UserErasure
from .extensions import check_flags, refuse_key

_UNKNOWN_ROUTE = (404, 405)
_LARGEST_PAGE = 100
_PASSES = 10
"""The number of times that sessions are listed, if new ones are created meanwhile."""
_REMAINING = (
    "expired sessions, which the service does not list",
    "traces, with user ids, reasoning and previews",
    "responses stored for idempotency keys, for up to 24 hours",
)


def erase_user(
    system: Any, user_id: str, *, dry_run: bool = False, **options: Unpack[RequestOptions]
) -> Steps[UserErasure]:
    """Erase everything of a user: sessions, live and expired, with their turns, states, memories and entities.

    The embedded engine and `statebase serve` also erase what is kept beside them: stored responses of idempotency keys,
    and user ids, reasoning and previews in traces, also of sessions that were deleted earlier. The hosted service
    cannot do that: there, live sessions are deleted one by one, and `remaining` of the report says what is left.

    It works in small pieces, each in a transaction, so that other calls do not wait. If it is interrupted, call it
    again: it continues with what is left. `docs/guides/erasing.md` lists what is kept where, and for how long.

    Args:
        user_id: The user, as passed to `sessions.create`.
        dry_run: True to erase nothing, and return what would be erased. Default: False.
        **options: Options of each request, such as timeout.

    Returns:
        What was erased.

    Raises:
        InvalidRequestError: `user_id` is not a non-empty string, or `dry_run` is not a bool.
        StateBaseError: A part failed; what was erased before it stays erased.

    Example:
        >>> session = client.sessions.create("support-bot", user_id="grace")
        >>> report = client.erase_user("grace")
        >>> report.live_sessions, report.remaining
        (1, [])
    """
    refuse_key("erase_user", options)
    _check_user(user_id)
    check_flags(dry_run=dry_run)
    report: Optional[UserErasure] = None
    while report is None or report.cursor is not None:
        cursor = None if report is None else report.cursor
        body = {"user_id": user_id, "dry_run": dry_run, "cursor": cursor}
        try:
            part: UserErasure = yield system._client.request(operations.ERASE_USER, options, body=body)
        except StateBaseError as error:
            if report is None and error.status_code in _UNKNOWN_ROUTE:
                return (yield from _erase_by_calls(system._client, user_id, dry_run, options))
            error.hint = "Call erase_user() again: it continues with what is left."
            raise
        report = part if report is None else report.plus(part)
    return report


def _check_user(user_id: object) -> None:
    if not isinstance(user_id, str) or not user_id:
        got = "an empty string" if user_id == "" else type_name(user_id)
        raise InvalidRequestError(f"user_id must be a non-empty string, got {got}", param="user_id")


def _erase_by_calls(client: Any, user_id: str, dry_run: bool, options: Any) -> Steps[UserErasure]:
    """Delete the live sessions of a user one by one, on a service without the operation."""
    report = UserErasure(dry_run=dry_run, remaining=[*_REMAINING])
    seen: set[str] = set()
    for _ in range(1 if dry_run else _PASSES):
        found, unknown = yield from _sessions_of(client, user_id, options, seen)
        if unknown and not found:
            report.remaining.append("sessions whose user the service does not return")
        for session in found:
            if not dry_run:
                try:
                    yield client.request(operations.DELETE_SESSION, options, path={"session_id": session.id})
                except StateBaseError as error:
                    if error.status_code != 404:
                        error.hint = "Call erase_user() again: it continues with what is left."
                        raise
            report.live_sessions += 1
            report.turns += session.turn_count
            report.memories += session.memory_count
        if not found:
            break
    return report


def _sessions_of(client: Any, user_id: str, options: Any, seen: set[str]) -> Steps[Any]:
    """Return the sessions of a user that were not seen before, and whether the user of others is unknown.

    The user of each session is compared: a service may ignore the filter.
    """
    found: list[Any] = []
    unknown = False
    query = {"user_id": user_id, "limit": _LARGEST_PAGE}
    while True:
        page = yield client.request_page(operations.LIST_SESSIONS, options, query=query)
        for item in page.data:
            if item.id in seen:
                continue
            seen.add(item.id)
            owner = item.user_id
            if owner is None:
                try:
                    owner = (
                        yield client.request(operations.GET_SESSION, options, path={"session_id": item.id})
                    ).user_id
                except StateBaseError as error:
                    if error.status_code != 404:
                        raise
                    continue
                unknown = unknown or owner is None
            if owner == user_id:
                found.append(item)
        if not page.has_more or not page.data:
            return found, unknown
        query = {**query, "starting_after": page.data[-1].id}
