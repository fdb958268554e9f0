"""StateBase: state and memory for AI agents.

    from statebase import StateBase

    with StateBase.local() as client:
        session = client.sessions.create("support-bot")
        client.sessions.add_turn(session.id, "hi", "hello")

Names are loaded when they are first used (PEP 562): importing the package alone loads neither httpx nor pydantic.

PYTEST_DONT_REWRITE: this package brings a plugin for pytest, which would warn where the package is imported before it.
"""

TYPE_CHECKING = False  # typing takes milliseconds to import; type checkers take this name for true
if TYPE_CHECKING:
    from . import models
    from ._async_client import AsyncStateBase
    from ._client import StateBase
    from ._errors import (
        APIConnectionError,
        APIResponseValidationError,
        APIStatusError,
        APITimeoutError,
        Attempt,
        AuthenticationError,
        BadRequestError,
        ConfigurationError,
        ConflictError,
        InternalServerError,
        InvalidRequestError,
        NotFoundError,
        PayloadTooLargeError,
        PermissionDeniedError,
        RateLimitError,
        ResponseTooLargeError,
        StateBaseError,
        UnprocessableEntityError,
    )
    from ._observe import AttemptEnded, AttemptStarted, EventHooks
    from ._pagination import AsyncPage, Page
    from ._raw_response import APIResponse, RateLimit
    from ._types import NOT_GIVEN, ClientOptions, NotGiven, RequestOptions, WriteOptions
    from ._version import __version__

_MODULES = {
    "_async_client": ("AsyncStateBase",),
    "_client": ("StateBase",),
    "_errors": (
        "APIConnectionError",
        "APIResponseValidationError",
        "APIStatusError",
        "APITimeoutError",
        "Attempt",
        "AuthenticationError",
        "BadRequestError",
        "ConfigurationError",
        "ConflictError",
        "InternalServerError",
        "InvalidRequestError",
        "NotFoundError",
        "PayloadTooLargeError",
        "PermissionDeniedError",
        "RateLimitError",
        "ResponseTooLargeError",
        "StateBaseError",
        "UnprocessableEntityError",
    ),
    "_observe": ("AttemptEnded", "AttemptStarted", "EventHooks"),
    "_pagination": ("AsyncPage", "Page"),
    "_raw_response": ("APIResponse", "RateLimit"),
    "_types": ("NOT_GIVEN", "ClientOptions", "NotGiven", "RequestOptions", "WriteOptions"),
    "_version": ("__version__",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "NOT_GIVEN",
    "APIConnectionError",
    "APIResponse",
    "APIResponseValidationError",
    "APIStatusError",
    "APITimeoutError",
    "AsyncPage",
    "AsyncStateBase",
    "Attempt",
    "AttemptEnded",
    "AttemptStarted",
    "AuthenticationError",
    "BadRequestError",
    "ClientOptions",
    "ConfigurationError",
    "ConflictError",
    "EventHooks",
    "InternalServerError",
    "InvalidRequestError",
    "NotFoundError",
    "NotGiven",
    "Page",
    "PayloadTooLargeError",
    "PermissionDeniedError",
    "RateLimit",
    "RateLimitError",
    "RequestOptions",
    "ResponseTooLargeError",
    "StateBase",
    "StateBaseError",
    "UnprocessableEntityError",
    "WriteOptions",
    "__version__",
    "models",
]


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name != "models" and name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ._lazy import importing

    with importing:
        if name == "models":
            return import_module(".models", __name__)
        value: object = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> "list[str]":
    return sorted({*globals(), *__all__})
