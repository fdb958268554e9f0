"""Webhooks: verify that a request to your endpoint comes from StateBase, and parse its event.

    event = webhooks.parse(raw_body, signature, SECRET)
    if event.type == "session.expired":
        ...

The signature is the hexadecimal HMAC-SHA256 of the raw body with the endpoint's secret. It does not include a time, so
a recorded request can be replayed: store the ids of events you have processed, and ignore repetitions.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Union

import pydantic

from ._base.errors import StateBaseError
from ._call.response import wrong_fields
from ._generated.models import WebhookEvent

__all__ = ["WebhookError", "WebhookEvent", "parse", "verify"]


class WebhookError(StateBaseError, ValueError):
    """A webhook is not signed with the secret, or cannot be parsed."""


def verify(payload: Union[bytes, str], signature: str, secret: Union[str, bytes]) -> bool:
    """Verify the signature of a webhook, with a constant-time comparison.

    Args:
        payload: The raw body of the request, not parsed and serialized again.
        signature: The signature in the header of the request.
        secret: The endpoint's secret.

    Returns:
        True.

    Raises:
        WebhookError: The signature does not match the payload and the secret.

    Example:
        >>> from statebase import webhooks
        >>> webhooks.verify(b"{}", "77325902caca812dc259733aacd046b73817372c777b8d95b402647474516e13", "secret")
        True
        >>> try:
        ...     webhooks.verify(b"{}", "d7f0c1f6ab2b3b6c1f2f", "secret")
        ... except webhooks.WebhookError as error:
        ...     print(error)
        The signature does not match: pass the raw body and this endpoint's secret
    """
    if not secret:
        raise WebhookError("secret is empty: pass the secret that the endpoint was registered with")
    if not isinstance(signature, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # a missing header is None
        got = "None" if signature is None else type(signature).__name__
        raise WebhookError(f"signature must be a string, got {got}: pass the header that came with the request")
    expected = hmac.new(_bytes("secret", secret), _bytes("payload", payload), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), signature.strip().lower().encode("utf-8", "replace")):
        raise WebhookError("The signature does not match: pass the raw body and this endpoint's secret")
    return True


def parse(payload: Union[bytes, str], signature: str, secret: Union[str, bytes]) -> WebhookEvent:
    """Verify the signature of a webhook and parse its event.

    Args:
        payload: The raw body of the request.
        signature: The signature in the header of the request.
        secret: The endpoint's secret.

    Returns:
        The event. Types and fields unknown to this version are kept.

    Raises:
        WebhookError: The signature does not match, or the body is not an event.

    Example:
        >>> import hashlib, hmac
        >>> from statebase import webhooks
        >>> body = b'{"id": "evt_1", "type": "turn.added", "created_at": "2026-01-02T03:04:05Z", "data": {}}'
        >>> signature = hmac.new(b"secret", body, hashlib.sha256).hexdigest()
        >>> webhooks.parse(body, signature, "secret").type
        'turn.added'
    """
    verify(payload, signature, secret)
    try:
        return WebhookEvent.model_validate_json(payload, strict=True)
    except pydantic.ValidationError as error:
        raise WebhookError(f"The webhook is not an event at {wrong_fields(error)}") from None


def _bytes(name: str, value: object) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if not isinstance(value, bytes):
        got = "None" if value is None else type(value).__name__
        raise WebhookError(f"{name} must be bytes or a string, got {got}")
    return value
