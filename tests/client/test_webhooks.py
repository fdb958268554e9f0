"""Webhooks are checked against their signature before anything is read from them."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
from typing import List, Set, Union

import pytest

from statebase import webhooks

SECRET = "whsec_1"
PAYLOAD = b'{"id":"evt_1","type":"turn.added","created_at":"2026-01-02T03:04:05Z","data":{"turn_number":3},"new":1}'


def sign(payload: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest()


@pytest.mark.parametrize("payload", [PAYLOAD, PAYLOAD.decode()], ids=["bytes", "text"])
@pytest.mark.parametrize("secret", [SECRET, SECRET.encode()], ids=["text secret", "bytes secret"])
def test_a_right_signature_passes(payload: Union[bytes, str], secret: Union[str, bytes]) -> None:
    """Payload and secret may be text or bytes; capitals and white space around the signature do not matter."""
    assert webhooks.verify(payload, f" {sign(PAYLOAD).upper()}\n", secret) is True


def test_signature_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a whole, by the function of Python for it: how long it takes does not tell where the first difference is."""
    compare = hmac.compare_digest
    compared: List[Set[bytes]] = []

    def watched(one: bytes, other: bytes) -> bool:
        compared.append({one, other})
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", watched)

    for signature in (sign(PAYLOAD), sign(PAYLOAD, "other")):
        with contextlib.suppress(webhooks.WebhookError):
            webhooks.verify(PAYLOAD, signature, SECRET)

    assert compared == [{sign(PAYLOAD).encode()}, {sign(PAYLOAD).encode(), sign(PAYLOAD, "other").encode()}]


@pytest.mark.parametrize(
    ("payload", "signature", "secret"),
    [
        (PAYLOAD + b" ", sign(PAYLOAD), SECRET),
        (PAYLOAD, sign(PAYLOAD, "other"), SECRET),
        (PAYLOAD, sign(PAYLOAD)[:-1], SECRET),
        (PAYLOAD, "", SECRET),
        (PAYLOAD, "ü" * 64, SECRET),
        (PAYLOAD, sign(PAYLOAD, ""), ""),
    ],
    ids=["changed payload", "other secret", "cut signature", "no signature", "no hexadecimal", "no secret"],
)
def test_anything_else_is_refused(payload: bytes, signature: str, secret: str) -> None:
    """A payload, signature or secret that do not belong together raise, and nothing is parsed."""
    with pytest.raises(webhooks.WebhookError):
        webhooks.parse(payload, signature, secret)


def test_an_event_is_typed_and_complete() -> None:
    """Fields are typed, and those that this version does not know are kept."""
    event = webhooks.parse(PAYLOAD, sign(PAYLOAD), SECRET)

    assert (event.id, event.type, event.created_at.year, event.data) == (
        "evt_1",
        "turn.added",
        2026,
        {"turn_number": 3},
    )
    assert event["new"] == 1


def test_an_unknown_type_stays_readable() -> None:
    """An event of a type that came later is an event like others."""
    payload = PAYLOAD.replace(b"turn.added", b"moon.risen")

    assert webhooks.parse(payload, sign(payload), SECRET).type == "moon.risen"


@pytest.mark.parametrize(
    "payload",
    [
        b"<html>",
        b"{}",
        b'{"id":1}',
        PAYLOAD.replace(b"2026", b"year"),
        b'{"id":"evt_1","type":"turn.added","created_at":1767322800,"data":{}}',
    ],
)
def test_what_is_no_event_is_said_so(payload: bytes) -> None:
    """A signed body that is not an event raises the error of webhooks, not one of pydantic."""
    with pytest.raises(webhooks.WebhookError, match="not an event at"):
        webhooks.parse(payload, sign(payload), SECRET)
