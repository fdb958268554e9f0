"""What both clients have in common: their options, and views of a client with other options.

Nothing here imports more than a bare interpreter has loaded.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing takes milliseconds to import; type checkers take this name for true
if TYPE_CHECKING:
    from typing import Any, Union

    import httpx
    from typing_extensions import Self, Unpack

    from .options import ClientOptions
    from .settings import Settings


class BaseClient:
    """A client, or a view of one: it has options, and the client that owns its connections."""

    _settings: Settings
    _owner: Any
    _closed: bool

    @property
    def base_url(self) -> str:
        """The address of the service, without a slash at the end."""
        return self._settings.base_url

    @property
    def timeout(self) -> Union[float, httpx.Timeout, None]:
        """Seconds that connecting, sending, and each wait for data may take. None: no limit."""
        return self._settings.timeout

    def with_options(self, **changes: Unpack[ClientOptions]) -> Self:
        """Make a view of this client with other options: it shares the connections, and closing it has no effect.

        Args:
            **changes: `timeout`, `max_retries`, `deadline`, `max_response_bytes`, `default_headers` or
                `event_hooks`.

        Raises:
            ConfigurationError: An option has a wrong value.
            TypeError: It is not an option that a view can have.

        Example:
            >>> patient = client.with_options(timeout=120, max_retries=5)
            >>> patient.timeout
            120
        """
        view = object.__new__(type(self))
        view._settings = self._settings.replace(**changes)
        view._owner = self._owner
        return view

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self.base_url!r})"
