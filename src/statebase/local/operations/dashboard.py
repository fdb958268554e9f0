"""Dashboard: statistics and API keys."""

from __future__ import annotations

import hashlib
import secrets
import string
from dataclasses import dataclass
from typing import Optional

from ..._generated.models import (
    ActivityTimeSeries,
    APIKeyCreateRequest,
    APIKeyResponse,
    DashboardOverviewResponse,
    SystemStats,
)
from ..caller import LOCAL, Caller
from ..clock import DAY, HOUR, to_datetime
from ..errors import EngineError
from ..identifiers import new_id
from ..storage.tables.keys import KeyRow
from .core import Change, OperationGroup
from .response import Outcome, Response, operation

KEY_PREFIX = "sb_"

_KEY_ALPHABET = string.ascii_letters + string.digits
_KEY_CHARACTERS = 24
_SHOWN_CHARACTERS = 8
_HOURS = 24


@dataclass(frozen=True)
class Identity:
    """The id and the rate limit of an API key."""

    key_id: str
    rate_limit: int


class DashboardOperations(OperationGroup):
    """The operations of the dashboard. API keys belong to no session, so changes to them are not traced."""

    @operation
    def get_dashboard_stats(self, context: Caller = LOCAL) -> Outcome[DashboardOverviewResponse]:
        """Return the numbers of all resources, and of the changes in each of the last 24 hours."""
        with self._core.read():
            now_us = self._core.now_us()
            totals = self._store.sessions.totals(now_us, now_us - DAY)
            this_hour = now_us // HOUR
            first_hour = this_hour - _HOURS + 1
            counts = self._store.traces.counts(first_hour)
            size = self._store.size()
        return Response(
            DashboardOverviewResponse(
                stats=SystemStats(
                    total_sessions=totals.sessions,
                    total_turns=totals.turns,
                    total_memories=totals.memories,
                    total_entities=totals.entities,
                    active_sessions_24h=totals.active,
                    storage_usage_bytes=size,
                ),
                recent_activity=[
                    ActivityTimeSeries(timestamp=to_datetime(hour * HOUR), count=counts.get(hour, 0))
                    for hour in range(first_hour, this_hour + 1)
                ],
            )
        )

    @operation
    def list_api_keys(self, context: Caller = LOCAL) -> Outcome[list[APIKeyResponse]]:
        """Return all API keys, newest first, without the secret keys."""
        self._core.store_key_uses()
        with self._core.read(snapshot=False):
            keys = self._store.keys.all()
            now_us = self._core.now_us()
        return Response([_response(key, now_us) for key in keys])

    @operation
    def create_api_key(self, body: APIKeyCreateRequest, context: Caller = LOCAL) -> Outcome[APIKeyResponse]:
        """Create an API key. Only this response contains the secret key."""
        full_key = KEY_PREFIX + "".join(secrets.choice(_KEY_ALPHABET) for _ in range(_KEY_CHARACTERS))

        def write(change: Change) -> Response[APIKeyResponse]:
            key = KeyRow(
                id=new_id("key_"),
                digest=_digest(full_key),
                prefix=full_key[:_SHOWN_CHARACTERS],
                name=body.name,
                owner_id=body.owner_id,
                rate_limit=body.rate_limit,
                is_active=1,
                created_us=change.now_us,
                expires_us=None if body.expires_days is None else change.now_us + body.expires_days * DAY,
                last_used_us=None,
                total_requests=0,
            )
            self._store.keys.insert(key)
            answer = _response(key, change.now_us)
            answer.full_key = full_key
            return Response(answer, is_secret=True)

        return self._core.write(context, write)

    @operation
    def revoke_api_key(self, key_id: str, context: Caller = LOCAL) -> Outcome[None]:
        """Revoke an API key at once. A revoked key is not changed."""
        with self._core.change(context):
            if not self._store.keys.revoke(key_id):
                message = f"There is no API key {key_id!r}: check the id."
                raise EngineError(404, "resource_not_found", message, "key_id")
        return Response(None)

    def identify(self, full_key: str) -> Optional[Identity]:
        """Return the identity of an API key and count the request; None if the key is not valid."""
        digest = _digest(full_key)
        with self._core.read(snapshot=False):
            key = self._store.keys.by_digest(digest)
            now_us = self._core.now_us()
            if key is None or not secrets.compare_digest(key.digest, digest) or not _works(key, now_us):
                return None
            self._core.key_uses.count(key.id, now_us)
        return Identity(key.id, key.rate_limit)


def _works(key: KeyRow, now_us: int) -> bool:
    return bool(key.is_active) and (key.expires_us is None or key.expires_us > now_us)


def _digest(full_key: str) -> bytes:
    # A key is random and long, so a plain digest cannot be reversed by guessing.
    return hashlib.sha256(full_key.encode()).digest()


def _response(key: KeyRow, now_us: int) -> APIKeyResponse:
    return APIKeyResponse(
        id=key.id,
        key_prefix=key.prefix,
        name=key.name,
        is_active=_works(key, now_us),
        rate_limit=key.rate_limit,
        created_at=to_datetime(key.created_us),
        last_used_at=None if key.last_used_us is None else to_datetime(key.last_used_us),
        expires_at=None if key.expires_us is None else to_datetime(key.expires_us),
        total_requests=key.total_requests,
        full_key=None,
    )
