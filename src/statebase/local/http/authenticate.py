"""Who may come in."""

from __future__ import annotations

import secrets
from typing import Optional

from ..._base.headers import is_header_text
from ..engine import Engine
from ..errors import EngineError
from ..operations.dashboard import KEY_PREFIX, Identity


class Visitor:
    """Who asks: `identity` for a key of the dashboard; whether any key had to be shown."""

    def __init__(self, identity: Optional[Identity], *, with_key: bool) -> None:
        self.key_id = None if identity is None else identity.key_id
        self.rate_limit = None if identity is None else identity.rate_limit
        self.actor = "api_key" if with_key else "local"


class Gate:
    """Checks API keys.

    Args:
        engine: Knows the keys of the dashboard.
        api_key: The key that always works; None if none is asked for.

    Raises:
        ValueError: `api_key` is empty, or not text that a header can carry.
    """

    def __init__(self, engine: Engine, api_key: Optional[str]) -> None:
        if api_key is not None and not (is_header_text(api_key) and api_key):
            # An unset variable, read as "": an empty header would be the key.
            raise ValueError("api_key must be printable ASCII text, not empty; pass None to ask for no key")
        self._engine = engine
        self._api_key = None if api_key is None else api_key.encode()

    def asks_engine(self, shown: Optional[str]) -> bool:
        """Return whether `admit` has to look up the key in the store."""
        return shown is not None and shown.startswith(KEY_PREFIX) and not self._is_own(shown)

    def admit(self, shown: Optional[str]) -> Visitor:
        """Say who comes with a key.

        Args:
            shown: The key that came with the request, if one did.

        Raises:
            EngineError: 401, if keys are asked for and this one does not work.
        """
        if shown is not None and self._is_own(shown):
            return Visitor(None, with_key=True)
        identity = self._engine.identify(shown) if shown is not None and shown.startswith(KEY_PREFIX) else None
        if identity is None and self._api_key is not None:
            message = "The API key is missing, wrong, expired or revoked: send a valid one in the header X-API-Key."
            raise EngineError(401, "authentication_failed", message, "X-API-Key")
        return Visitor(identity, with_key=identity is not None)

    def _is_own(self, shown: str) -> bool:
        return self._api_key is not None and secrets.compare_digest(shown.encode(), self._api_key)
