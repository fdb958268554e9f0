"""What a client was told, checked once.

Nothing here imports more than a bare interpreter has loaded: making a client costs next to nothing.
"""

from __future__ import annotations

import os
import sys

from .._base.headers import is_header_name, is_header_text
from .._base.lazy import importing
from .._base.loopback import is_loopback

TYPE_CHECKING = False  # typing takes milliseconds to import; type checkers take this name for true
if TYPE_CHECKING:
    import ssl
    from typing import Any, Mapping, NoReturn, Optional, Union

    import httpx

    from .._base.clock import Clock
    from .hooks import EventHooks

REGIONS = {
    "us": "https://api.statebase.org",
    "eu": "https://eu.api.statebase.org",
    "apac": "https://apac.api.statebase.org",
}
DEFAULT_TIMEOUT_SECONDS = 30.0
DEFAULT_MAX_RETRIES = 2
DEFAULT_MAX_RESPONSE_BYTES = 64 * 1024 * 1024
_NAME_MARKS = str.maketrans(dict.fromkeys("-._", "a"))
_CHANGEABLE = ("timeout", "max_retries", "deadline", "max_response_bytes", "default_headers", "event_hooks")
_HOOKS = ("attempt_started", "attempt_ended")
_VERSION = "/v1"  # the path of each operation begins with it


class Secret:
    """A text that shows in no repr, no `vars()` and no pickle."""

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
    """The options of one client; never changed, only replaced."""

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
        proxy: Optional[str] = None,
        verify: Union[bool, str, ssl.SSLContext] = True,
        http_client: object = None,
        transport: object = None,
        allow_insecure_http: bool = False,
        clock: Optional[Clock] = None,
    ) -> None:
        secret = api_key if isinstance(api_key, Secret) else Secret(api_key)
        del api_key  # error trackers report the local variables of each frame
        self.api_key = _api_key(secret)
        address = os.environ.get("STATEBASE_BASE_URL") or "us" if base_url is None else base_url
        switches: dict[str, object] = {"allow_insecure_http": allow_insecure_http, "http2": http2}
        for name, value in switches.items():
            if not isinstance(value, bool):  # a text such as "no" would count as true
                raise configuration_error(f"{name} must be True or False, got {type(value).__name__}")
        self.base_url = _base_url(address, allow_insecure_http)
        self.timeout = timeout
        self.max_retries = max_retries
        self.deadline = deadline
        self.max_response_bytes = max_response_bytes
        self.default_headers = _checked_headers(default_headers)
        self.event_hooks = event_hooks
        self.http2 = http2
        self.proxy = proxy
        self.verify = verify
        self.http_client = http_client
        self.transport = transport
        self.allow_insecure_http = allow_insecure_http
        self.clock = clock
        self._check()
        if http2:
            _check_http2()
        check_proxy("proxy", proxy)
        if self.base_url.startswith("http:") and not allow_insecure_http and not _is_on_this_machine(proxy):
            raise configuration_error(
                f"proxy would receive the API key unencrypted, as base_url is {self.base_url!r}: leave proxy out, "
                "use https://, or pass allow_insecure_http=True if the network is your own"
            )
        _check_verify(verify)
        if http_client is not None and transport is not None:
            raise configuration_error("http_client and transport exclude each other: pass only one of them")
        ready_made = http_client is not None or transport is not None
        if ready_made and (http2 or proxy is not None or verify is not True):
            raise configuration_error(
                "http2, proxy and verify cannot be combined with http_client or transport: set them on that object"
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
        _check_hooks(self.event_hooks)


def configuration_error(message: str) -> Exception:
    """Make a `ConfigurationError`; its module is imported only when something is wrong."""
    from .._base.errors import ConfigurationError

    return ConfigurationError(message)


def check_seconds(name: str, value: object) -> None:
    """Refuse a `timeout` or `deadline` that is no positive number of seconds."""
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
    httpx = sys.modules.get("httpx")  # whoever has one of its timeouts has imported it
    return httpx is not None and isinstance(value, httpx.Timeout)


def check_retries(value: object) -> None:
    """Refuse a `max_retries` that is no whole number from 0."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise configuration_error(f"max_retries must be an integer, 0 for no retries, got {_shown(value)}")


def check_response_bytes(value: object) -> None:
    """Refuse a `max_response_bytes` that is neither a positive integer nor None."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise configuration_error(
            f"max_response_bytes must be a positive integer, got {_shown(value)}: "
            "pass a number of bytes, or None for no limit"
        )


def _shown(value: object) -> str:
    """Return what a message shows of an option: a number or None as it is, of anything else the type."""
    return repr(value) if value is None or type(value) in (bool, int, float) else type(value).__name__


def _is_installed(package: str) -> bool:
    with importing:
        from importlib.util import find_spec

        return find_spec(package) is not None


def _check_http2() -> None:
    if not _is_installed("h2"):
        raise configuration_error('http2=True needs the package h2: pip install "statebase[http2]"')


def check_proxy(name: str, value: object) -> None:
    """Refuse a proxy that httpx cannot go through; `name` says where it came from.

    Raises:
        ConfigurationError: It is not the URL of a proxy. The message does not show it: it may hold a password.
    """
    if value is None:
        return
    scheme = value.partition("://")[0].lower() if isinstance(value, str) and "://" in value else ""
    if scheme not in ("http", "https", "socks5", "socks5h"):
        raise configuration_error(f"{name} must be a URL: http://host:port, https://host:port or socks5://host:port")
    if not _is_proxy_url(str(value)):
        raise configuration_error(
            f"{name} is not a valid URL: write http://user:password@host:port, with # in the user and password "
            "escaped as %23, / as %2F, ? as %3F, @ as %40"
        )
    if scheme.startswith("socks") and not _is_installed("socksio"):
        raise configuration_error(f'A {scheme}:// proxy needs the package socksio: pip install "httpx[socks]"')


def _is_on_this_machine(proxy: Optional[str]) -> bool:
    if proxy is None:
        return True
    from urllib.parse import urlsplit

    return is_loopback(urlsplit(proxy).hostname or "")


def _is_proxy_url(text: str) -> bool:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.query or parts.fragment or parts.path not in ("", "/") or text.endswith(("?", "#")):
        return False
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        return False
    if parts.netloc.count("@") > 1 or port == 0:
        return False
    return ":" in host or host.translate(_NAME_MARKS).isalnum()


def _check_verify(value: object) -> None:
    if isinstance(value, bool):
        return
    if isinstance(value, str):
        from pathlib import Path

        if not value or not Path(value).exists():
            raise configuration_error(f"verify={value!r}: no such file; pass the path of a CA bundle")
        return
    import ssl

    if not isinstance(value, ssl.SSLContext):
        raise configuration_error(f"verify must be True, False, a path or an ssl.SSLContext, got {_shown(value)}")


def _checked_headers(value: object) -> dict[str, str]:
    if value is None:
        return {}
    items = getattr(value, "items", None)
    if items is None:
        raise configuration_error(f"default_headers must be a mapping of names to strings, got {type(value).__name__}")
    headers = dict(items())
    for name, text in headers.items():
        if not is_header_name(name):
            shown = repr(name) if type(name) is str else type(name).__name__
            raise configuration_error(
                f"default_headers has an invalid name, {shown}: use ASCII letters, digits and dashes"
            )
        if not is_header_text(text):  # it may be a key, and errors are printed
            got = "" if isinstance(text, str) else f", got {_shown(text)}"
            raise configuration_error(
                f"default_headers[{name!r}] must be printable ASCII text without a space at either end{got}"
            )
    return headers


def _check_hooks(value: object) -> None:
    if value is None:
        return
    items: Any = getattr(value, "items", None)
    if items is None:
        raise configuration_error(f"event_hooks must be a mapping of names to lists, got {type(value).__name__}")
    for name, functions in items():
        if name not in _HOOKS:
            raise configuration_error(f"event_hooks has an unknown name, {name!r}: use {' or '.join(_HOOKS)}")
        if type(functions) not in (list, tuple):
            raise configuration_error(
                f"event_hooks[{name!r}] must be a list of functions, got {type(functions).__name__}"
            )
        for place, function in enumerate(functions):
            if not callable(function):
                raise configuration_error(
                    f"event_hooks[{name!r}][{place}] must be a function, got {type(function).__name__}"
                )


def _api_key(given: Secret) -> Secret:
    secret = Secret(os.environ.get("STATEBASE_API_KEY")) if given.reveal() is None else given
    problem = _problem_of_key(secret.reveal())
    if problem is not None:  # raised where no local variable holds the key
        raise configuration_error(problem)
    return secret


def _problem_of_key(value: object) -> Optional[str]:
    if value is None:
        return (
            "api_key is missing: pass api_key=, or set STATEBASE_API_KEY. "
            "StateBase.local() needs no key: it runs the API in this process."
        )
    if not isinstance(value, str) or not value.strip():
        return "api_key must be a non-empty string; copy it from the dashboard (it begins with sb_)"
    if not value.isascii() or not value.isprintable() or " " in value:
        return (
            "api_key contains a space, a line break or another character that is not printable ASCII: "
            "copy it again from the dashboard"
        )
    return None


def _is_host(netloc: str, host: str) -> bool:
    if "[" not in netloc:
        return host.translate(_NAME_MARKS).isalnum()
    from ipaddress import IPv6Address

    try:
        IPv6Address(host)
    except ValueError:
        return False
    return netloc.startswith("[") and netloc.partition("]")[2][:1] in ("", ":")


def _base_url(value: object, allow_insecure_http: bool) -> str:
    if not isinstance(value, str):
        raise configuration_error(f"base_url must be a URL or a region (us, eu, apac), got {_shown(value)}")
    if value in REGIONS:
        return REGIONS[value]
    if value in REGIONS.values():
        return value
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(value)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise configuration_error("base_url has an invalid host or port: write https://host:port") from None
    if parts.query or parts.fragment or "@" in parts.netloc or not value.isprintable() or " " in value:
        raise configuration_error(
            "base_url must not contain a query, a fragment, a user name or a space: write https://host/path"
        )
    if not parts.netloc.isascii():  # letters of other scripts look like those of another host
        raise configuration_error(
            "base_url must be ASCII, but the host has other characters: pass its name as DNS has it, xn--..."
        )
    if parts.scheme not in ("http", "https") or port == 0 or not _is_host(parts.netloc, host):
        example = f"http://{value}" if is_loopback(value.partition(":")[0]) else "https://host"
        raise configuration_error(
            f"base_url {value!r} is not an HTTP URL: write {example}, or a region ({', '.join(REGIONS)})"
        )
    if parts.scheme == "http" and not allow_insecure_http and not is_loopback(host):
        raise configuration_error(
            f"base_url {value!r} would send the API key unencrypted: use https://, "
            "or pass allow_insecure_http=True if the network is your own"
        )
    address = value.rstrip("/")
    return address[: -len(_VERSION)].rstrip("/") if parts.path.rstrip("/").endswith(_VERSION) else address
