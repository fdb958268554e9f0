"""An error says whether the request was carried out: not sent, rejected, or unknown; and what to do about it."""

from __future__ import annotations

from typing import Any, Callable, Dict, List

import httpx
import pytest

from statebase import StateBaseError

READ: Callable[[Any], Any] = lambda client: client.sessions.get("sess_1")  # noqa: E731
KEYED: Callable[[Any], Any] = lambda client: client.sessions.create("agent")  # noqa: E731
DELETE: Callable[[Any], Any] = lambda client: client.memory.delete("mem_1")  # noqa: E731
PUT: Callable[[Any], Any] = lambda client: client.memory.update("mem_1", content="tea")  # noqa: E731
CALLS = {"read": READ, "keyed": KEYED, "delete": DELETE, "put": PUT}

REFUSED = httpx.ConnectError("refused")
BUSY = httpx.PoolTimeout("busy")
LOST = httpx.ReadError("lost")
LATE = httpx.ReadTimeout("late")
CUT = httpx.WriteError("cut")
STUCK = httpx.WriteTimeout("stuck")

#             attempts              read        keyed       delete      put
TABLE = [
    ([REFUSED],                     ["not_sent", "not_sent", "not_sent", "not_sent"]),
    ([BUSY],                        ["not_sent", "not_sent", "not_sent", "not_sent"]),
    ([REFUSED, BUSY, REFUSED],      ["not_sent", "not_sent", "not_sent", "not_sent"]),
    ([LOST],                        ["unknown", "unknown", "unknown", "unknown"]),
    ([LATE],                        ["unknown", "unknown", "unknown", "unknown"]),
    # What was sent until then may be all that the service needs.
    ([CUT],                         ["unknown", "unknown", "unknown", "unknown"]),
    ([STUCK],                       ["unknown", "unknown", "unknown", "unknown"]),
    ([CUT, REFUSED],                ["unknown", "unknown", "unknown", "unknown"]),
    ([REFUSED, STUCK],              ["unknown", "unknown", "unknown", "unknown"]),
    ([CUT, 400],                    ["rejected", "rejected", "unknown", "unknown"]),
    ([STUCK, 401],                  ["rejected", "unknown", "unknown", "unknown"]),
    ([LOST, REFUSED],               ["unknown", "unknown", "unknown", "unknown"]),
    ([REFUSED, LOST],               ["unknown", "unknown", "unknown", "unknown"]),
    ([500],                         ["unknown", "unknown", "unknown", "unknown"]),
    ([503],                         ["unknown", "unknown", "unknown", "unknown"]),
    ([400],                         ["rejected", "rejected", "rejected", "rejected"]),
    ([401],                         ["rejected", "rejected", "rejected", "rejected"]),
    ([409],                         ["rejected", "rejected", "rejected", "rejected"]),
    ([422],                         ["rejected", "rejected", "rejected", "rejected"]),
    ([429],                         ["rejected", "rejected", "rejected", "rejected"]),
    ([408],                         ["rejected", "rejected", "rejected", "rejected"]),
    ([499],                         ["rejected", "rejected", "rejected", "rejected"]),
    ([REFUSED, 400],                ["rejected", "rejected", "rejected", "rejected"]),
    ([429, 400],                    ["rejected", "rejected", "rejected", "rejected"]),
    # The service compares keys before it judges: had the first attempt been carried out, it would have said so.
    ([LOST, 409],                   ["rejected", "rejected", "unknown", "unknown"]),
    ([500, 422],                    ["rejected", "rejected", "unknown", "unknown"]),
    ([503, 422],                    ["rejected", "rejected", "unknown", "unknown"]),
    ([LOST, 400],                   ["rejected", "rejected", "unknown", "unknown"]),
    # These it says before it looks at the key.
    ([LOST, 401],                   ["rejected", "unknown", "unknown", "unknown"]),
    ([LOST, 429],                   ["rejected", "unknown", "unknown", "unknown"]),
    ([503, 403],                    ["rejected", "unknown", "unknown", "unknown"]),
    ([LOST, 408],                   ["rejected", "unknown", "unknown", "unknown"]),
    ([399],                         ["unknown", "unknown", "unknown", "unknown"]),
    ([302],                         ["unknown", "unknown", "unknown", "unknown"]),
]  # fmt: skip


def told(failures: List[Any]) -> str:
    return "+".join(str(one) if isinstance(one, int) else type(one).__name__ for one in failures)


@pytest.mark.parametrize("operation", CALLS)
@pytest.mark.parametrize(("failures", "outcomes"), TABLE, ids=[told(failures) for failures, _ in TABLE])
def test_outcome(respond: Any, operation: str, failures: List[Any], outcomes: List[str]) -> None:
    """The results of the attempts decide the outcome of the request."""
    client, requests = respond(*failures, max_retries=len(failures) - 1)

    with pytest.raises(StateBaseError) as caught:
        CALLS[operation](client)

    assert caught.value.outcome == outcomes[list(CALLS).index(operation)]
    assert len(requests) == len(failures) == len(caught.value.attempts)


def test_unreadable_success_may_have_been_carried_out(respond: Any) -> None:
    """A write that was answered with something else than promised is not known to have failed."""
    client, _ = respond(httpx.Response(200, html="<html>"))

    with pytest.raises(StateBaseError) as caught:
        KEYED(client)

    assert caught.value.outcome == "unknown"
    assert len(caught.value.attempts) == 1


HINTS: Dict[str, Any] = {
    "keyed unknown": (KEYED, LOST, "It may have been applied: repeat it with idempotency_key='{key}', and the service"),
    "keyed not sent": (KEYED, REFUSED, "Nothing was sent: repeating it is safe."),
    "delete unknown": (DELETE, LOST, "It may have been applied: repeating it is safe."),
    "put unknown": (PUT, 500, "It may have been applied: repeating it is safe."),
    "delete not sent": (DELETE, REFUSED, "Nothing was sent: repeating it is safe."),
    "read": (READ, LOST, ""),
    "keyed rejected": (KEYED, 422, ""),
}


@pytest.mark.parametrize(("call", "failure", "hint"), HINTS.values(), ids=HINTS)
def test_hint_says_what_to_do(respond: Any, call: Any, failure: Any, hint: str) -> None:
    """A write that may have happened says how to repeat it safely, with the key that it carried."""
    client, requests = respond(failure, max_retries=0)

    with pytest.raises(StateBaseError) as caught:
        call(client)

    key = requests[0].headers.get("idempotency-key")
    assert caught.value.idempotency_key == key
    assert caught.value.hint.startswith(hint.format(key=key))
    assert caught.value.hint == "" or str(caught.value).endswith(caught.value.hint)
    assert bool(caught.value.hint) == bool(hint)


def test_repeating_with_the_key_sends_the_same_key(respond: Any) -> None:
    """The advice in the hint works."""
    client, requests = respond(LOST, httpx.Response(404), max_retries=0)
    with pytest.raises(StateBaseError) as caught:
        KEYED(client)

    with pytest.raises(StateBaseError, match="404"):
        client.sessions.create("agent", idempotency_key=caught.value.idempotency_key)

    assert requests[0].headers["idempotency-key"] == requests[1].headers["idempotency-key"]
    assert requests[0].read() == requests[1].read()
