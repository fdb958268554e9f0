"""Authentication: checks the API key of a request."""

from __future__ import annotations

import secrets
from typing import NamedTuple, Optional

from ..._base.headers import is_header_text
from ..engine import Engine
from ..errors import EngineError
from ..operations.dashboard import KEY_PREFIX


class Principal(NamedTuple):
    """The authenticated caller."""

    key_id: Optional[str]
    """The id of the API key; None if it was not created by the dashboard API."""
    rate_limit: Optional[int]
    """The rate limit of that key, in requests per minute."""
    actor: str
    """`api_key` if a key was required or a key of the dashboard was sent, else `local`."""


ANYONE = Principal(None, None, "local")
_OWNER = Principal(None, None, "api_key")


class Authenticator:
    """Checks API keys.

    Args:
        engine: Looks up the keys of the dashboard.
        api_key: The server's own key; None if no key is required.

    Raises:
        ValueError: `api_key` is empty, or not valid as the value of a header.
    """

    def __init__(self, engine: Engine, api_key: Optional[str]) -> None:
        if api_key is not None and not (is_header_text(api_key) and api_key):
            # Such as an unset variable, read as "": a request with an empty header would be let in.
            raise ValueError("api_key must be printable ASCII text, not empty; pass None to ask for no key")
        self._engine = engine
        self._api_key = None if api_key is None else api_key.encode()

    def asks_engine(self, shown: Optional[str]) -> bool:
        """Return whether `authenticate` looks up the key in the store."""
        return shown is not None and shown.startswith(KEY_PREFIX) and not self._is_own(shown)

    def authenticate(self, shown: Optional[str]) -> Principal:
        """Return the caller of a request.

        Args:
            shown: The key in the request; None if it has none.

        Raises:
            EngineError: 401, if a key is required and this one is missing or not valid.
        """
        if shown is not None and self._is_own(shown):
            return _OWNER
        identity = self._engine.identify(shown) if shown is not None and shown.startswith(KEY_PREFIX) else None
        if identity is not None:
            return Principal(identity.key_id, identity.rate_limit, "api_key")
        if self._api_key is not None:
            message = "The API key is missing, wrong, expired or revoked: send a valid one in the header X-API-Key."
            raise EngineError(401, "authentication_failed", message, "X-API-Key")
        return ANYONE

    def _is_own(self, shown: str) -> bool:
        return self._api_key is not None and secrets.compare_digest(shown.encode(), self._api_key)
