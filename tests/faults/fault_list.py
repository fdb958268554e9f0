"""The faults on the way to the service, and the expected result of a call."""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Tuple, Type

import statebase
from statebase import StateBaseError
from tests.faults import fault_acts as acts
from tests.faults.fault_proxy import Act, pass_on


class Fault(NamedTuple):
    """A way in which an attempt can go wrong, and what follows for the call."""

    name: str
    title: str
    """The name in the table of the documentation."""
    act: Act
    outcome: Optional[str] = None
    """A part of the error's message if all attempts fail so; None if no call fails because of it."""
    error: Type[StateBaseError] = StateBaseError
    """The class of that error."""
    arrives: bool = False
    """Whether the server carries the request out."""
    retried: bool = True
    """Whether another attempt follows."""
    asks_to_wait: bool = False
    """Whether the answer says how long to wait before that."""
    way: str = "http"
    """The way from the client to the proxy: `http`, `https`, or a port that is `closed` or `crowded` at first."""
    hurried: bool = False
    """Whether the client waits only a moment."""
    deadline: Optional[float] = None
    """The deadline of the call, in seconds."""
    needs_body: bool = False
    """Whether it cannot happen to an answer without a body."""


_LOST = statebase.APIConnectionError
_LATE = statebase.APITimeoutError
_FAILED = statebase.InternalServerError
_LIMITED = statebase.RateLimitError
_ODD = statebase.APIResponseValidationError


def _limit(name: str, title: str, act: Act, *, asks: bool = True, retried: bool = True) -> Fault:
    return Fault(name, f"429, {title}", act, "rejected", _LIMITED, retried=retried, asks_to_wait=asks)


def _limited(*headers: Tuple[str, str], **more: object) -> Act:
    return acts.answer_instead(acts.error_answer(429, "rate_limit_exceeded", *headers, **more))


REFUSALS: List[Act] = [acts.answer_instead(acts.error_answer(status, "no")) for status in (401, 403)]
"""Responses of the service to any attempt before it checks the idempotency key; the call ends with them."""

FAULTS: List[Fault] = [
    Fault("refused", "connection refused", pass_on, "not_sent", _LOST, way="closed"),
    Fault("not_let_in", "no connection in time", pass_on, "not_sent", _LATE, way="crowded", hurried=True),
    Fault("garbage_handshake", "TLS handshake broken", acts.garbage_handshake, "not_sent", _LOST, way="https"),
    Fault(
        "strange_certificate",
        "certificate not trusted",
        acts.strange_certificate,
        "not_sent",
        _LOST,
        way="https",
        retried=False,
    ),
    Fault("reset", "connection reset before the request is read", acts.reset, "unknown", _LOST),
    Fault("dropped", "request lost, connection closed", acts.hang_up_on_request, "unknown", _LOST),
    Fault("late", "request delivered after the call", acts.deliver_late, "unknown", _LOST, arrives=True),
    Fault(
        "answer_reset", "carried out, connection reset", acts.reset_instead_of_answer, "unknown", _LOST, arrives=True
    ),
    Fault(
        "answer_lost", "carried out, connection closed", acts.hang_up_instead_of_answer, "unknown", _LOST, arrives=True
    ),
    Fault("tls_answer_lost", "the same over TLS", acts.hang_up_instead_of_answer, "unknown", _LOST, True, way="https"),
    Fault(
        "no_answer", "carried out, no answer in time", acts.never_answer, "unknown", _LATE, arrives=True, hurried=True
    ),
    Fault("stalled", "half of the answer, then silence", acts.stall, "unknown", _LATE, arrives=True, hurried=True),
    Fault(
        "deadline",
        "half of the answer, then the deadline",
        acts.stall_beyond_the_deadline,
        "unknown",
        _LATE,
        arrives=True,
        retried=False,
        deadline=acts.DEADLINE_SECONDS,
        needs_body=True,
    ),
    Fault("head_cut", "head of the answer cut", acts.cut_head, "unknown", _LOST, arrives=True),
    Fault("body_cut", "body of the answer cut", acts.cut_body, "unknown", _LOST, arrives=True),
    Fault("chunks_cut", "chunked body of the answer cut", acts.cut_chunks, "unknown", _LOST, arrives=True),
    Fault("garbage", "carried out, response is not HTTP", acts.garbage, "unknown", _LOST, arrives=True),
    Fault("truncated", "JSON cut, length right", acts.truncate, "unknown", _ODD, True, retried=False, needs_body=True),
    Fault(
        "truncated_without_length",
        "JSON cut, length not told",
        acts.truncate_without_length,
        "unknown",
        _ODD,
        arrives=True,
        retried=False,
        needs_body=True,
    ),
    Fault(
        "compression",
        "compressed body broken",
        acts.break_compression,
        "unknown",
        _LOST,
        arrives=True,
        retried=False,
        needs_body=True,
    ),
    Fault(
        "html_200",
        "200 with an HTML page, not carried out",
        acts.answer_instead(acts.page(200)),
        "unknown",
        _ODD,
        retried=False,
    ),
    Fault(
        "html_200_after",
        "200 with an HTML page, carried out",
        acts.answer_afterwards(acts.page(200)),
        "unknown",
        _ODD,
        arrives=True,
        retried=False,
    ),
    Fault("html_502", "502 with an HTML page", acts.answer_instead(acts.page(502)), "unknown", _FAILED),
    Fault(
        "unavailable",
        "503, not carried out",
        acts.answer_instead(acts.error_answer(503, "service_unavailable")),
        "unknown",
        _FAILED,
    ),
    Fault(
        "unavailable_for_a_while",
        "503 with Retry-After",
        acts.answer_instead(acts.error_answer(503, "service_unavailable", ("retry-after", "3"))),
        "unknown",
        _FAILED,
        asks_to_wait=True,
    ),
    Fault(
        "failed_after",
        "500, carried out",
        acts.answer_afterwards(acts.error_answer(500, "internal_error")),
        "unknown",
        _FAILED,
        True,
    ),
    Fault("gateway_timeout", "504, carried out", acts.answer_afterwards(acts.page(504)), "unknown", _FAILED, True),
    Fault(
        "request_timeout",
        "408",
        acts.answer_instead(acts.error_answer(408, "request_timeout")),
        "rejected",
        statebase.APIStatusError,
    ),
    _limit("limit", "no hint", _limited(), asks=False),
    _limit("limit_seconds", "Retry-After in seconds", _limited(("retry-after", "3"))),
    _limit("limit_date", "Retry-After with a date", acts.ask_to_wait_until_date),
    _limit("limit_body", "error.retry_after in the body", _limited(retry_after=acts.ASKED_SECONDS)),
    _limit("limit_reset", "X-RateLimit-Reset", acts.ask_to_wait_until_reset),
    _limit("limit_long", "Retry-After of an hour", _limited(("retry-after", "3600")), retried=False),
    Fault("redirect", "redirect to another origin", acts.redirect, "unknown", _ODD, retried=False),
    Fault("twice_first", "delivered twice, first answer", acts.deliver_twice(0), arrives=True),
    Fault("twice_second", "delivered twice, second answer", acts.deliver_twice(1), arrives=True),
    Fault("twice_at_once", "delivered twice at once", acts.deliver_twice_at_once, arrives=True),
    Fault("drip", "answer in drops of 8 bytes", acts.drip, arrives=True),
    Fault("interim", "103 before the answer", acts.hint_first, arrives=True),
]
