"""The options of a client, with their defaults and checks.

The module imports only modules that the interpreter has already loaded, so that creating a client is cheap.
"""

from __future__ import annotations

import os
import sys

from .._base.lazy import importing

TYPE_CHECKING = False  # importing typing takes milliseconds; type checkers treat this name as true
if TYPE_CHECKING:
    import ssl
    from typing import Any, Mapping, NoReturn, Optional, Union

    import httpx

    from .._base.clock import Clock
    from .hooks import EventHooks
    from .options import HttpBackend

REGIONS = {
    "us": "https://api.statebase.org",
    "eu": "https://eu.api.statebase.org",
    "apac": "https://apac.api.statebase.org",
}
DEFAULT_TIMEOUT_SECONDS = 30.0
DEFAULT_MAX_RETRIES = 2
DEFAULT_HTTP_BACKEND: HttpBackend = "httpcore"
DEFAULT_MAX_RESPONSE_BYTES = 64 * 1024 * 1024
_CHANGEABLE = ("timeout", "max_retries", "deadline", "max_response_bytes", "default_headers", "event_hooks")
_VERSION = "/v1"  # the path of each operation begins with it


class Secret:
    """A string that appears in no repr, no `vars()` and no pickle."""

    __slots__ = ("reveal",)

    def __init__(self, text: Any) -> None:
        def reveal() -> Any:
            return text

        self.reveal = reveal

    def __repr__(self) -> str:
        return "Secret('***')"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled or copied: make the client where it is used")


class Settings:
    """The options of one client; immutable."""

    def __init__(
        self,
        *,
        api_key: Union[Secret, str, None] = None,
        base_url: Optional[str] = None,
        timeout: Union[float, httpx.Timeout, None] = DEFAULT_TIMEOUT_SECONDS,
        max_retries: int = DEFAULT_MAX_RETRIES,
        deadline: Optional[float] = None,
        max_response_bytes: Optional[int] = DEFAULT_MAX_RESPONSE_BYTES,
        default_headers: Optional[Mapping[str, str]] = None,
        event_hooks: Optional[EventHooks] = None,
        http2: bool = False,
        http_backend: HttpBackend = DEFAULT_HTTP_BACKEND,
        proxy: Optional[str] = None,
        verify: Union[bool, str, ssl.SSLContext] = True,
        http_client: object = None,
        transport: object = None,
        allow_insecure_http: bool = False,
        circuit_breaker: bool = False,
        clock: Optional[Clock] = None,
    ) -> None:
        secret = api_key if isinstance(api_key, Secret) else Secret(api_key)
        del api_key  # error trackers report the local variables of each frame
        self.api_key = _api_key(secret)
        address = os.environ.get("STATEBASE_BASE_URL") or "us" if base_url is None else base_url
        switches: dict[str, object] = {
            "allow_insecure_http": allow_insecure_http,
            "http2": http2,
            "circuit_breaker": circuit_breaker,
        }
        for name, value in switches.items():
            if not isinstance(value, bool):  # a string such as "no" would count as true
                raise configuration_error(f"{name} must be True or False, got {type(value).__name__}")
        self.base_url = _base_url(address, allow_insecure_http)
        self.timeout = timeout
        self.max_retries = max_retries
        self.deadline = deadline
        self.max_response_bytes = max_response_bytes
        self.default_headers = _checked_headers(default_headers)
        self.event_hooks = event_hooks
        self.http2 = http2
        self.http_backend = http_backend
        self.proxy = proxy
        self.verify = verify
        self.http_client = http_client
        self.transport = transport
        self.allow_insecure_http = allow_insecure_http
        self.circuit_breaker = circuit_breaker
        self.clock = clock
        self._check()
        if http2:
            _refuse(_checks().wrong_http2())
        if http_backend != DEFAULT_HTTP_BACKEND:
            _refuse(_checks().wrong_http_backend(http_backend, http2=http2, proxy=proxy))
        if proxy is not None:
            check_proxy("proxy", proxy)
            in_clear_text = self.base_url.startswith("http:") and not allow_insecure_http
            if in_clear_text and not _checks().is_on_this_machine(proxy):
                raise configuration_error(
                    f"proxy would receive the API key unencrypted, as base_url is {self.base_url!r}: leave proxy out, "
                    "use https://, or pass allow_insecure_http=True if the network is your own"
                )
        if not isinstance(verify, bool):
            _refuse(_checks().wrong_verify(verify))
        if http_client is not None and transport is not None:
            raise configuration_error("http_client and transport exclude each other: pass only one of them")
        ready_made = http_client is not None or transport is not None
        has_default_backend = http_backend == DEFAULT_HTTP_BACKEND
        if ready_made and (http2 or proxy is not None or verify is not True or not has_default_backend):
            raise configuration_error(
                "http2, http_backend, proxy and verify cannot be combined with http_client or transport: "
                "set them on that object"
            )

    def replace(self, **changes: Any) -> Settings:
        """Return settings that differ from these in `changes`.

        Raises:
            TypeError: A name is not one of the options that can be changed.
        """
        settings = object.__new__(Settings)
        settings.__dict__.update(self.__dict__)
        for name, value in changes.items():
            if name not in _CHANGEABLE:
                raise TypeError(f"with_options() cannot change {name}: it takes {', '.join(_CHANGEABLE)}")
            settings.__dict__[name] = _checked_headers(value) if name == "default_headers" else value
        settings._check()
        return settings

    def _check(self) -> None:
        check_seconds("timeout", self.timeout)
        check_seconds("deadline", self.deadline)
        check_retries(self.max_retries)
        check_response_bytes(self.max_response_bytes)
        if self.event_hooks is not None:
            _refuse(_checks().wrong_hooks(self.event_hooks))


def configuration_error(message: str) -> Exception:
    """Return a `ConfigurationError`; its module is imported only when an option is wrong."""
    from .._base.errors import ConfigurationError

    return ConfigurationError(message)


def _checks() -> Any:
    """Return the module `option_checks`, imported at its first use."""
    with importing:
        from . import option_checks

    return option_checks


def _refuse(problem: Optional[str]) -> None:
    if problem is not None:
        raise configuration_error(problem)


def check_proxy(name: str, value: object) -> None:
    """Check the URL of a proxy.

    Args:
        name: The option or variable to name in the message.
        value: The URL; None if there is no proxy.

    Raises:
        ConfigurationError: The URL is not valid. The message does not show it, since it may contain a password.
    """
    if value is not None:
        _refuse(_checks().wrong_proxy(name, value))


def check_seconds(name: str, value: object) -> None:
    """Check that a `timeout` or `deadline` is a positive number of seconds or None."""
    if value is None or (name == "timeout" and _is_httpx_timeout(value)):
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        or_more = ", an httpx.Timeout" if name == "timeout" else ""
        raise configuration_error(
            f"{name} must be a number of seconds{or_more} or None for no limit, got {type(value).__name__}"
        )
    if not 0 < value < float("inf"):
        raise configuration_error(f"{name} must be above 0 and finite, or None for no limit, got {value!r}")


def _is_httpx_timeout(value: object) -> bool:
    httpx = sys.modules.get("httpx")  # a caller that passes an httpx.Timeout has imported it
    return httpx is not None and isinstance(value, httpx.Timeout)


def check_retries(value: object) -> None:
    """Check that `max_retries` is an integer from 0."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise configuration_error(f"max_retries must be an integer, 0 for no retries, got {_checks().shown(value)}")


def check_response_bytes(value: object) -> None:
    """Check that `max_response_bytes` is a positive integer or None."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise configuration_error(
            f"max_response_bytes must be a positive integer, got {_checks().shown(value)}: "
            "pass a number of bytes, or None for no limit"
        )


def _checked_headers(value: object) -> dict[str, str]:
    if value is None:
        return {}
    headers: Any = value
    _refuse(_checks().wrong_headers(headers))
    return dict(headers.items())


def _api_key(given: Secret) -> Secret:
    secret = Secret(os.environ.get("STATEBASE_API_KEY")) if given.reveal() is None else given
    if not _is_key(secret.reveal()):
        problem = _checks().wrong_key(secret.reveal())
        raise configuration_error(problem)  # in this frame, no local variable holds the key
    return secret


def _is_key(value: object) -> bool:
    return isinstance(value, str) and value != "" and value.isascii() and value.isprintable() and " " not in value


def _base_url(value: Any, allow_insecure_http: bool) -> str:
    if isinstance(value, str) and (value in REGIONS or value in REGIONS.values()):
        return REGIONS.get(value, value)
    if not _is_plain_address(value, allow_insecure_http):
        _refuse(_checks().wrong_base_url(value, allow_insecure_http, REGIONS))
    address: str = value.rstrip("/")
    path = address.partition("://")[2].partition("/")[1:]
    return address[: -len(_VERSION)].rstrip("/") if "".join(path).endswith(_VERSION) else address


def _is_plain_address(value: object, allow_insecure_http: bool) -> bool:
    """Return whether a URL is obviously valid, as most are; parsing it takes ten times as long."""
    if not isinstance(value, str) or not value.isprintable() or any(mark in value for mark in "?#@ "):
        return False
    scheme, _, rest = value.partition("://")
    host, colon, port = rest.partition("/")[0].partition(":")
    if colon and not (port.isascii() and port.isdecimal() and len(port) <= 5 and 0 < int(port) < 65536):
        return False
    if scheme == "http":
        return host in ("localhost", "127.0.0.1") or (allow_insecure_http and _is_plain_host(host))
    return scheme == "https" and _is_plain_host(host)


def _is_plain_host(host: str) -> bool:
    return host.isascii() and host.replace("-", "a").replace(".", "a").isalnum()
