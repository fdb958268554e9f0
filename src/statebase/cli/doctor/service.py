"""The checks of a service: its health, its clock, whether it accepts the key, and whether its API is the SDK's."""

from __future__ import annotations

import json
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, Optional, Sequence, cast
from urllib.parse import urlsplit

import httpx

from ..._base.clock import Clock
from ..._base.errors import ConfigurationError
from ..._call.outcome import describe
from ..._call.settings import Settings
from ..._generated.models import HealthStatus
from ..formatting import duration
from ..opening import option_error
from .drift import differences
from .environment import redacted_key
from .network import examine_tls, tls_failure
from .report import Check, ok, skipped
from .requests import Reply, Wire, certificate_failure

_MOST_SKEW = timedelta(seconds=10)
_MOST_SHOWN = 8
_DOCUMENT_FILE = Path(__file__).parents[2] / "_generated" / "openapi.json"
_AFTER_TLS = ("server", "clock", "key", "api")
_NO_RESPONSE = "no response"


def examine_service(address: str, proxy: Optional[str], clock: Clock) -> Iterator[Check]:
    """Check a service that accepts connections."""
    try:
        wire = Wire(address, proxy, clock)
    except OSError as error:
        yield Check(
            "tls", "failed", f"Cannot read the CA certificates ({error}).", "Check SSL_CERT_FILE and SSL_CERT_DIR."
        )
        yield from skip(_AFTER_TLS, "there are no CA certificates")
        return
    with wire:
        yield from _check(wire, address, clock)


def _check(wire: Wire, address: str, clock: Clock) -> Iterator[Check]:
    try:
        reply = wire.get("/health")
    except (httpx.HTTPError, OSError, ValueError) as error:
        yield from _no_response(error, address)
        return
    if reply.tls is None:
        yield skipped("tls", "an http:// address does not use TLS")
    else:
        yield examine_tls(reply.tls, clock.now())
    yield _server(reply)
    yield _clock(reply)
    yield _attempted("key", lambda: _key(wire), address)
    yield _attempted("api", lambda: _api(wire), address)


def skip(names: Sequence[str], why: str) -> Iterator[Check]:
    """Yield checks that were skipped; a missing or malformed key is reported even so."""
    for name in names:
        key = examine_key() if name == "key" else None
        if key is None:
            yield skipped(name, why)
        else:
            yield key if key.status == "failed" else skipped(name, f"{key.detail}; {why}")


def examine_key() -> Check:
    """Check that there is a key, and that it is well-formed; only a service knows whether it is valid."""
    try:
        key = Settings(base_url="us").api_key.reveal()
    except ConfigurationError as error:
        return Check("key", "failed", option_error(error, None))
    return ok("key", f"{redacted_key(key)} from STATEBASE_API_KEY")


def _no_response(error: Exception, address: str) -> Iterator[Check]:
    failure = certificate_failure(error)
    if failure is not None:
        yield tls_failure(failure)
        yield from skip(_AFTER_TLS, "there is no trusted connection")
        return
    if address.startswith("https:"):
        yield skipped("tls", _NO_RESPONSE)
    yield _unanswered("server", error, address)
    yield from skip(_AFTER_TLS[1:], _NO_RESPONSE)


def _attempted(name: str, examine: Callable[[], Check], address: str) -> Check:
    """Return the check; if there is no response, a failed one."""
    try:
        return examine()
    except (httpx.HTTPError, OSError, ValueError) as error:
        return _unanswered(name, error, address)


def _unanswered(name: str, error: Exception, address: str) -> Check:
    host = urlsplit(address).netloc
    if isinstance(error, httpx.HTTPError):
        return Check(name, "failed", describe(error, host))
    return Check(name, "failed", f"{host}: {error}.")


def _server(reply: Reply) -> Check:
    try:
        health = HealthStatus.model_validate(reply.json())
    except ValueError:
        if reply.status >= 500:
            return Check(
                "server", "failed", f"The server returned {reply.status}.", "It is down or overloaded: try again later."
            )
        text = f"/health returned {reply.status}, but not the response of a StateBase server."
        return Check("server", "failed", text, "Check the address and its path.")
    up = duration(health.uptime_seconds)
    text = f"version {health.version}, {health.status}, up {up}"
    if health.status != "healthy" or reply.status != 200:
        parts = [name for name, part in health.services.items() if not _is_well(part)]
        return Check(
            "server",
            "warning",
            f"{text}.",
            f"Not healthy: {', '.join(parts)}." if parts else "Ask the operator of the server.",
        )
    return ok("server", text)


def _is_well(part: Any) -> bool:
    status: object = cast("Mapping[str, object]", part).get("status") if isinstance(part, dict) else part
    return status in ("healthy", "ok", "off", True)


def _clock(reply: Reply) -> Check:
    try:
        there = parsedate_to_datetime(reply.headers["Date"])
    except (KeyError, TypeError, ValueError):
        return skipped("clock", "the response has no Date header")
    # The header has whole seconds, rounded down; the response was made between the request and its arrival.
    early, late = reply.asked_at - timedelta(seconds=1), reply.answered_at
    skew = max(early - there, there - late, timedelta(0))
    seconds = f"{skew.total_seconds():.0f} seconds"
    if skew <= _MOST_SKEW:
        return ok("clock", "agrees with the server" if not round(skew.total_seconds()) else f"{seconds} off")
    side = "behind" if there > late else "ahead of"
    advice = "Set the clock, best by NTP: webhook signatures and filters by time depend on it."
    return Check("clock", "warning", f"This machine is {duration(skew.total_seconds())} {side} the server.", advice)


def _key(wire: Wire) -> Check:
    """Send the key in a request that only reads."""
    check = examine_key()
    if check.status == "failed":
        return check
    status = wire.get("/v1/sessions?limit=1", {"X-API-Key": Settings(base_url="us").api_key.reveal()}).status
    if status == 200:
        return ok("key", f"{check.detail} is accepted")
    if status == 401:
        advice = "Set STATEBASE_API_KEY to one that works at this address."
        return Check("key", "failed", f"{check.detail} is not accepted: wrong, expired or revoked.", advice)
    if status == 403:
        return Check(
            "key",
            "failed",
            f"{check.detail} is valid, but may not list sessions.",
            "Use a key with permission to read sessions.",
        )
    if status == 429:
        return Check("key", "warning", f"{check.detail} has reached its rate limit.", "Wait, or send fewer requests.")
    return Check("key", "failed", f"{check.detail}: the service returned {status}.", "See the check `server`.")


def _api(wire: Wire) -> Check:
    """Compare the server's OpenAPI document with the one that this SDK was generated from."""
    reply = wire.get("/openapi.json")
    if reply.status != 200:
        return skipped("api", f"the server does not publish /openapi.json ({reply.status})")
    theirs = reply.json()
    if not isinstance(theirs, dict) or "paths" not in theirs:
        return Check("api", "warning", "/openapi.json is not an OpenAPI document.", "Check the address and its path.")
    ours = json.loads(_DOCUMENT_FILE.read_text(encoding="utf-8"))
    found = differences(ours, cast("Mapping[str, Any]", theirs))
    if not found:
        return ok("api", "the server's API is the one that this SDK was generated from")
    text = f"According to its /openapi.json: {' '.join(difference.text for difference in found[:_MOST_SHOWN])}"
    if len(found) > _MOST_SHOWN:
        text += f" And {len(found) - _MOST_SHOWN} more differences."
    if not any(difference.matters for difference in found):
        return ok("api", text)
    advice = "Calls that need what it lacks fail or have no effect: use matching versions of SDK and server."
    return Check("api", "warning", text, advice)
