"""StateBase: state and memory for AI agents.

    from statebase import StateBase

    with StateBase.local() as client:
        session = client.sessions.create("support-bot")
        client.sessions.add_turn(session.id, "hi", "hello")

Names are loaded when they are first used (PEP 562): importing the package alone loads neither httpx nor pydantic.

PYTEST_DONT_REWRITE: this package contains a pytest plugin; pytest would warn if the package is imported before it.
"""

import sys

from ._base.lazy import importing

TYPE_CHECKING = False  # importing typing takes milliseconds; type checkers treat this name as true
if TYPE_CHECKING:
    from . import models
    from ._base.errors import (
        APIResponseValidationError,
        Attempt,
        ConfigurationError,
        InvalidRequestError,
        MergeConflictError,
        OutboxError,
        ResponseTooLargeError,
        StateBaseError,
    )
    from ._base.http_errors import (
        APIConnectionError,
        APIStatusError,
        APITimeoutError,
        AuthenticationError,
        BadRequestError,
        CircuitOpenError,
        ConflictError,
        InternalServerError,
        NotFoundError,
        PayloadTooLargeError,
        PermissionDeniedError,
        RateLimitError,
        StateConflictError,
        UnprocessableEntityError,
    )
    from ._base.version import __version__
    from ._call.hooks import AttemptEnded, AttemptStarted, EventHooks
    from ._call.options import NOT_GIVEN, ClientOptions, NotGiven, RequestOptions, WriteOptions
    from ._call.outbox import AsyncOutbox, Outbox, OutboxReport
    from ._call.outbox_file import OutboxItem
    from ._call.raw_response import APIResponse, RateLimit
    from ._namespaces.state_merge import MergeConflict, MergedState
    from ._results.pages import AsyncPage, AsyncPages, MorePagesWarning, Page
    from ._results.queued import QueuedMemory, QueuedTurn
    from ._results.state_diff import StateDiff
    from ._results.timeline import Timeline, TimelineEvent
    from ._results.typed_state import TypedState
    from .async_client import AsyncStateBase
    from .client import StateBase

_MODULES = {
    "async_client": ("AsyncStateBase",),
    "client": ("StateBase",),
    "_base.errors": (
        "APIResponseValidationError",
        "Attempt",
        "ConfigurationError",
        "InvalidRequestError",
        "OutboxError",
        "MergeConflictError",
        "ResponseTooLargeError",
        "StateBaseError",
    ),
    "_base.http_errors": (
        "APIConnectionError",
        "APIStatusError",
        "APITimeoutError",
        "AuthenticationError",
        "BadRequestError",
        "CircuitOpenError",
        "ConflictError",
        "InternalServerError",
        "NotFoundError",
        "PayloadTooLargeError",
        "PermissionDeniedError",
        "RateLimitError",
        "StateConflictError",
        "UnprocessableEntityError",
    ),
    "_call.hooks": ("AttemptEnded", "AttemptStarted", "EventHooks"),
    "_results.pages": ("AsyncPage", "AsyncPages", "MorePagesWarning", "Page"),
    "_call.outbox": ("AsyncOutbox", "Outbox", "OutboxReport"),
    "_call.outbox_file": ("OutboxItem",),
    "_results.queued": ("QueuedMemory", "QueuedTurn"),
    "_results.typed_state": ("TypedState",),
    "_results.state_diff": ("StateDiff",),
    "_results.timeline": ("Timeline", "TimelineEvent"),
    "_namespaces.state_merge": ("MergeConflict", "MergedState"),
    "_call.raw_response": ("APIResponse", "RateLimit"),
    "_call.options": ("NOT_GIVEN", "ClientOptions", "NotGiven", "RequestOptions", "WriteOptions"),
    "_base.version": ("__version__",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

# Pickles written by 1.0.0rc1 name these modules. The names that they need are available in the package.
_MODULES_OF_RC1 = ("_async_client", "_client", "_errors", "_observe", "_pagination", "_raw_response", "_types")
sys.modules.update(dict.fromkeys([f"{__name__}.{module}" for module in _MODULES_OF_RC1], sys.modules[__name__]))
_NAMES_OF_RC1 = {"Cursor": "_base.operation"}

__all__ = [
    "NOT_GIVEN",
    "APIConnectionError",
    "APIResponse",
    "APIResponseValidationError",
    "APIStatusError",
    "APITimeoutError",
    "AsyncOutbox",
    "AsyncPage",
    "AsyncPages",
    "AsyncStateBase",
    "Attempt",
    "AttemptEnded",
    "AttemptStarted",
    "AuthenticationError",
    "BadRequestError",
    "CircuitOpenError",
    "ClientOptions",
    "ConfigurationError",
    "ConflictError",
    "EventHooks",
    "InternalServerError",
    "InvalidRequestError",
    "MergeConflict",
    "MergeConflictError",
    "MergedState",
    "MorePagesWarning",
    "NotFoundError",
    "NotGiven",
    "Outbox",
    "OutboxError",
    "OutboxItem",
    "OutboxReport",
    "Page",
    "PayloadTooLargeError",
    "PermissionDeniedError",
    "QueuedMemory",
    "QueuedTurn",
    "RateLimit",
    "RateLimitError",
    "RequestOptions",
    "ResponseTooLargeError",
    "StateBase",
    "StateBaseError",
    "StateConflictError",
    "StateDiff",
    "Timeline",
    "TimelineEvent",
    "TypedState",
    "UnprocessableEntityError",
    "WriteOptions",
    "__version__",
    "models",
]


def __getattr__(name: str) -> object:
    module = _MODULE_OF.get(name) or _NAMES_OF_RC1.get(name)
    if name != "models" and module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with importing:
        path = f"{__name__}.{module or name}"
        __import__(path)  # importlib, which is not loaded yet, would take as long as the client
    value: object = sys.modules[path] if module is None else getattr(sys.modules[path], name)
    if name in _MODULE_OF:
        globals()[name] = value
    return value


def __dir__() -> "list[str]":
    return sorted({*globals(), *__all__})
