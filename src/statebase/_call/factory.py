"""Builds a `Call` from the arguments of a method. Both clients share this module; it does no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, Optional, Union, cast

from .._base.address import Address
from .._base.clock import Clock
from .._base.errors import InvalidRequestError
from .._base.operation import Operation
from .breaker import Breaker
from .call import Call, PreparedRequest, Service
from .headers import build_headers, standard_headers
from .idempotency import idempotency_key
from .options import RequestOptions, WriteOptions
from .outcome import Wire
from .request import build_body, build_path, build_query
from .retry import RetryBudget, RetryPolicy
from .settings import Secret, Settings, check_response_bytes, check_retries, check_seconds

if TYPE_CHECKING:
    import httpx

Values = Mapping[str, object]
Options = Union[RequestOptions, WriteOptions]

NOTHING: Values = {}

_LONGEST_URL = 65536
"""The maximum length in characters; httpx refuses longer URLs."""

_READ_OPTIONS = frozenset(RequestOptions.__annotations__)
_WRITE_OPTIONS = frozenset(WriteOptions.__annotations__) | _READ_OPTIONS


class CallFactory:
    """Builds the calls of one client."""

    def __init__(self, settings: Settings, budget: RetryBudget, breaker: Breaker, clock: Clock, wire: Wire) -> None:
        self._settings = settings
        self._wire = wire
        self._budget = budget
        self._breaker = breaker
        self._clock = clock
        self._policy = RetryPolicy(settings.max_retries)
        self._timeouts = _phases(settings.timeout)
        address = Address.of(settings.base_url)
        self._service = Service(f"{address.scheme}://{address.netloc.decode()}", address.netloc.decode())
        self._prefix = address.path.rstrip("/")
        self._headers = standard_headers(address)

    def make(
        self,
        operation: Operation[Any],
        options: Options,
        path: Values,
        query: Values,
        headers: Values,
        body: Optional[Values],
    ) -> Call:
        """Build a call of an operation.

        Raises:
            InvalidRequestError: An argument is invalid.
            TypeError: An option is unknown.
        """
        settings = self._settings
        writes = operation.carries_key
        extra = cast("dict[str, Any]", options)
        if extra:
            _check_options(operation, extra, _WRITE_OPTIONS if writes else _READ_OPTIONS)
        key = idempotency_key(extra.get("idempotency_key")) if writes else None
        if body is None and extra.get("extra_body"):
            raise InvalidRequestError(
                f"{operation.methods[0]}() sends no body: leave extra_body out", param="extra_body"
            )
        content = b"" if body is None else build_body(body, extra.get("extra_body"))
        target = self._prefix + build_path(operation, path)
        text = build_query(query, extra.get("extra_query"))
        _check_length(len(self._service.origin) + len(target) + len(text))
        pairs = [*self._headers]
        if body is not None:
            pairs += ((b"content-type", b"application/json"), (b"content-length", b"%d" % len(content)))
        if key is not None:
            pairs.append((b"idempotency-key", key.encode()))
        api_key: Optional[Secret] = settings.api_key
        extra_headers = extra.get("extra_headers")
        if headers or extra_headers or settings.default_headers:
            pairs = build_headers(pairs, settings.default_headers, headers, extra_headers or NOTHING)
            sent = dict(pairs)
            key = sent[b"idempotency-key"].decode() if b"idempotency-key" in sent else None
            api_key = None if b"x-api-key" in sent else settings.api_key
        return Call(
            operation,
            PreparedRequest(
                self._service,
                target,
                text,
                pairs,
                api_key,
                content,
                _phases(extra["timeout"]) if "timeout" in extra else self._timeouts,
                key,
            ),
            policy=RetryPolicy(extra["max_retries"]) if "max_retries" in extra else self._policy,
            budget=self._budget,
            breaker=self._breaker,
            fails_fast=settings.circuit_breaker,
            clock=self._clock,
            deadline=extra.get("deadline", settings.deadline),
            max_response_bytes=extra.get("max_response_bytes", settings.max_response_bytes),
            hooks=settings.event_hooks,
            wire=self._wire,
        )


def _check_options(operation: Operation[Any], options: dict[str, Any], known: frozenset[str]) -> None:
    for name in options.keys() - known:
        raise TypeError(f"{operation.methods[0]}() got an unexpected keyword argument {name!r}")
    check_seconds("timeout", options.get("timeout"))
    check_seconds("deadline", options.get("deadline"))
    check_retries(options.get("max_retries", 0))
    check_response_bytes(options.get("max_response_bytes"))
    for name in ("extra_headers", "extra_query", "extra_body"):
        value = options.get(name)
        if value is not None and not isinstance(value, Mapping):
            raise InvalidRequestError(f"{name} must be a mapping, got {type(value).__name__}", param=name)


def _check_length(length: int) -> None:
    if length > _LONGEST_URL:
        raise InvalidRequestError(
            f"The ids and the query make a URL of {length} characters: the longest is {_LONGEST_URL}"
        )


def _phases(timeout: Union[float, httpx.Timeout, None]) -> Mapping[str, Optional[float]]:
    if timeout is None or isinstance(timeout, (int, float)):
        return dict.fromkeys(("connect", "read", "write", "pool"), timeout)
    return timeout.as_dict()
