"""A client takes its options from arguments and environment, and refuses those that cannot work."""

from __future__ import annotations

import inspect
import ssl
from typing import Any, Dict

import httpx
import pytest

from statebase import AsyncStateBase, ConfigurationError, StateBase, StateBaseError
from statebase._call.settings import Settings
from statebase._wire.async_pool import AsyncPool
from statebase._wire.pool import SyncPool

BOTH = pytest.mark.parametrize("client_class", [StateBase, AsyncStateBase])


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STATEBASE_API_KEY", "STATEBASE_BASE_URL", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def key_sent(**options: Any) -> str:
    keys = []

    def handle(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["x-api-key"])
        return httpx.Response(200, json={})

    StateBase(transport=httpx.MockTransport(handle), **options).info()
    return keys[0]


def test_key_comes_from_the_argument() -> None:
    """The key that was passed is sent."""
    assert key_sent(api_key="sb_argument") == "sb_argument"


def test_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an argument, STATEBASE_API_KEY is sent."""
    monkeypatch.setenv("STATEBASE_API_KEY", "sb_environment")

    assert key_sent() == "sb_environment"


def test_argument_goes_before_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Key and address that were passed win over those of the environment."""
    monkeypatch.setenv("STATEBASE_API_KEY", "sb_environment")
    monkeypatch.setenv("STATEBASE_BASE_URL", "https://environment.example")

    assert key_sent(api_key="sb_argument") == "sb_argument"
    assert StateBase(base_url="https://argument.example").base_url == "https://argument.example"


@BOTH
@pytest.mark.parametrize(
    ("given", "used"),
    [
        (None, "https://api.statebase.org"),
        ("us", "https://api.statebase.org"),
        ("eu", "https://eu.api.statebase.org"),
        ("apac", "https://apac.api.statebase.org"),
        ("https://example.com", "https://example.com"),
        ("https://example.com/", "https://example.com"),
        ("https://example.com:8443/gateway/", "https://example.com:8443/gateway"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("http://api.localhost", "http://api.localhost"),
        ("https://example.com/v1", "https://example.com"),
        ("https://example.com/gateway/v1/", "https://example.com/gateway"),
        ("https://example.com/rev1", "https://example.com/rev1"),
        ("https://v1", "https://v1"),
    ],
)
def test_address_is_a_url_or_a_region(client_class: Any, given: Any, used: str) -> None:
    """A region stands for its address; a URL loses the slash at its end, and the version that each path begins with."""
    assert client_class("sb_test", given).base_url == used


def test_address_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an argument, STATEBASE_BASE_URL says where; an empty one says nothing."""
    monkeypatch.setenv("STATEBASE_BASE_URL", "eu")
    from_environment = StateBase("sb_test").base_url
    monkeypatch.setenv("STATEBASE_BASE_URL", "")

    assert from_environment == "https://eu.api.statebase.org"
    assert StateBase("sb_test").base_url == "https://api.statebase.org"


def test_path_of_the_address_is_kept() -> None:
    """Behind a gateway, the route is appended to the path of base_url."""
    urls = []

    def handle(request: httpx.Request) -> httpx.Response:
        urls.append(str(request.url))
        return httpx.Response(200, json={})

    StateBase("sb_test", "https://example.com/gateway/", transport=httpx.MockTransport(handle)).live()

    assert urls == ["https://example.com/gateway/health/live"]


@BOTH
@pytest.mark.parametrize(
    "address",
    ["http://example.com", "http://192.168.0.1", "http://127.0.0.1.example.com", "http://127.example.com", "http://0"],
)
def test_unencrypted_address_is_refused(client_class: Any, address: str) -> None:
    """The key is not sent in the clear to another machine, unless this is allowed."""
    with pytest.raises(ConfigurationError, match=r"unencrypted: use https://, or pass allow_insecure_http=True"):
        client_class("sb_test", address)

    assert client_class("sb_test", address, allow_insecure_http=True).base_url == address


WRONG: Dict[str, Any] = {
    "no key": ({"api_key": None}, r"api_key is missing: pass api_key=, or set STATEBASE_API_KEY"),
    "empty key": ({"api_key": ""}, r"copy it from the dashboard"),
    "blank key": ({"api_key": "  "}, r"copy it from the dashboard"),
    "key is no text": ({"api_key": b"sb_bytes"}, r"copy it from the dashboard"),
    "key with a line break": ({"api_key": "sb_secret\n"}, r"a line break or another character that is not printable"),
    "key with a space": ({"api_key": "sb_ secret"}, r"contains a space"),
    "key not ASCII": ({"api_key": "sb_secrét"}, r"another character that is not printable ASCII"),
    "unknown region": ({"base_url": "mars"}, r"write https://host, or a region \(us, eu, apac\)"),
    "empty address": ({"base_url": ""}, r"write https://host, or a region \(us, eu, apac\)"),
    "address is no text": ({"base_url": 8000}, r"base_url must be a URL or a region \(us, eu, apac\), got 8000"),
    "no scheme": ({"base_url": "example.com"}, r"write https://host"),
    "other scheme": ({"base_url": "ftp://example.com"}, r"write https://host"),
    "no host": ({"base_url": "https://"}, r"write https://host"),
    "port out of range": ({"base_url": "https://example.com:99999"}, r"invalid host or port"),
    "half an IPv6 address": ({"base_url": "https://[::1"}, r"invalid host or port"),
    "backslash": ({"base_url": "https://example.com\\.evil.com"}, r"write https://host"),
    "escaped host": ({"base_url": "https://%65vil.com"}, r"write https://host"),
    "text after an IPv6 address": ({"base_url": "https://[::1].example.com"}, r"write https://host"),
    "future kind of address": ({"base_url": "https://[v1.a]"}, r"write https://host"),
    "port zero": ({"base_url": "https://example.com:0"}, r"write https://host"),
    "letter that looks like another": ({"base_url": "https://\u0430pi.statebase.org"}, r"base_url must be ASCII.*xn--"),
    "letter that becomes another": ({"base_url": "https://\u212a.example.com"}, r"base_url must be ASCII.*xn--"),
    "query": ({"base_url": "https://example.com?x=1"}, r"write https://host/path"),
    "empty query": ({"base_url": "https://example.com/v1?"}, r"must not contain a query"),
    "list of addresses": ({"base_url": ["https://example.com"]}, r"base_url must be a URL or a region.*got list"),
    "fragment": ({"base_url": "https://example.com#x"}, r"write https://host/path"),
    "user name": ({"base_url": "https://user@example.com"}, r"write https://host/path"),
    "space": ({"base_url": "https://example.com/a b"}, r"write https://host/path"),
    "line break": ({"base_url": "https://example.com/a\nb"}, r"write https://host/path"),
    "timeout is text": (
        {"timeout": "30"},
        r"timeout must be a number of seconds, an httpx.Timeout or None for no limit, got str",
    ),
    "timeout is a truth value": ({"timeout": True}, r"timeout must be a number of seconds, .*, got bool"),
    "timeout is 0": ({"timeout": 0}, r"timeout must be above 0 and finite, or None for no limit, got 0"),
    "timeout is negative": ({"timeout": -1}, r"timeout must be above 0 and finite"),
    "timeout is infinite": ({"timeout": float("inf")}, r"None for no limit"),
    "timeout is not a number": ({"timeout": float("nan")}, r"timeout must be above 0 and finite"),
    "timeout is another object of httpx": ({"timeout": httpx.URL("http://a")}, r"timeout must be .*, got URL"),
    "deadline is 0": ({"deadline": 0}, r"deadline must be above 0 and finite"),
    "deadline is a Timeout": (
        {"deadline": httpx.Timeout(5)},
        r"deadline must be a number of seconds or None for no limit, got Timeout",
    ),
    "retries negative": ({"max_retries": -1}, r"max_retries must be an integer, 0 for no retries, got -1"),
    "retries not whole": ({"max_retries": 1.5}, r"max_retries must be an integer"),
    "retries None": ({"max_retries": None}, r"max_retries must be an integer"),
    "retries a truth value": ({"max_retries": True}, r"max_retries must be an integer"),
    "headers no mapping": (
        {"default_headers": [("a", "b")]},
        r"default_headers must be a mapping of names to strings, got list",
    ),
    "header name": ({"default_headers": {"X-A\r\nX-B": "c"}}, r"has an invalid name, 'X-A\\r\\nX-B'"),
    "empty header name": ({"default_headers": {"": "c"}}, r"has an invalid name, ''"),
    "header with a line break": ({"default_headers": {"X-A": "b\r\nX-C: d"}}, r"must be printable ASCII text"),
    "header no text": ({"default_headers": {"X-A": 1}}, r"default_headers\['X-A'\] must be printable ASCII text"),
    "hooks no mapping": ({"event_hooks": print}, r"event_hooks must be a mapping of names to lists, got builtin"),
    "unknown hook": (
        {"event_hooks": {"request": [print]}},
        r"event_hooks has an unknown name, 'request': use attempt_started or",
    ),
    "hook no list": ({"event_hooks": {"attempt_ended": print}}, r"event_hooks\['attempt_ended'\] must be a list"),
    "hook no function": (
        {"event_hooks": {"attempt_ended": [1]}},
        r"\['attempt_ended'\]\[0\] must be a function, got int",
    ),
    "proxy without a scheme": ({"proxy": "localhost:3128"}, r"proxy must be a URL: http://host:port"),
    "proxy of another kind": ({"proxy": "ftp://localhost"}, r"http://host:port"),
    "verify None": ({"verify": None}, r"verify must be True, False, a path or an ssl.SSLContext, got None"),
    "verify 0": ({"verify": 0}, r"verify must be True, False, .*, got 0"),
    "verify nowhere": (
        {"verify": "/no/such/file"},
        r"verify='/no/such/file': no such file; pass the path of a CA bundle",
    ),
    "verify empty": ({"verify": ""}, r"no such file"),
    "http_client of another kind": ({"http_client": object()}, r"must be an httpx\.(Async)?Client"),
    "transport of another kind": ({"transport": object()}, r"must be an httpx\.(Async)?BaseTransport"),
    "transport and proxy": (
        {"transport": httpx.MockTransport(lambda _: httpx.Response(200)), "proxy": "http://localhost"},
        r"cannot be combined with http_client or transport: set them on that object",
    ),
    "transport and verify": (
        {"transport": httpx.MockTransport(lambda _: httpx.Response(200)), "verify": False},
        r"set them on that object",
    ),
}


@BOTH
@pytest.mark.parametrize(("options", "message"), WRONG.values(), ids=WRONG)
def test_wrong_option_says_what_to_do(client_class: Any, options: Dict[str, Any], message: str) -> None:
    """An option that cannot work is a ConfigurationError, before anything is sent."""
    with pytest.raises(ConfigurationError, match=message) as caught:
        client_class(**{"api_key": "sb_test", **options})

    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, StateBaseError)
    assert caught.value.outcome == "not_sent"


def test_client_and_transport_of_the_other_flavour_are_refused() -> None:
    """A sync client takes no async httpx client, and the other way round."""
    with httpx.Client() as http_client, pytest.raises(ConfigurationError, match=r"must be an httpx\.AsyncClient"):
        AsyncStateBase("sb_test", http_client=http_client)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=r"must be an httpx\.Client"):
        StateBase("sb_test", http_client=httpx.AsyncClient())  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=r"must be an httpx\.BaseTransport"):
        StateBase("sb_test", transport=httpx.AsyncHTTPTransport())  # type: ignore[arg-type]


def test_http_client_and_transport_exclude_each_other() -> None:
    """Of two ways to send, the client does not guess one."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200))

    with httpx.Client() as http_client, pytest.raises(ConfigurationError, match="pass only one of them"):
        StateBase("sb_test", http_client=http_client, transport=transport)


@pytest.mark.parametrize("package", ["h2", "socksio"])
def test_missing_extra_is_named(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP/2 and SOCKS need packages; without them, the error says how to install them."""
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else found(name))
    options: Any = {"h2": {"http2": True}, "socksio": {"proxy": "socks5://localhost:1080"}}[package]

    with pytest.raises(ConfigurationError, match=f"needs the package {package}: pip install"):
        StateBase("sb_test", **options)


def test_file_without_certificates_is_refused(tmp_path: Any) -> None:
    """A verify= that cannot be read is a ConfigurationError at the first use, not a lost connection."""
    file = tmp_path / "authorities.pem"
    file.write_text("nothing to trust")
    client = StateBase("sb_test", verify=str(file))

    with pytest.raises(ConfigurationError, match="no CA certificates in it"):
        client.sessions.get("sess_1")


def test_proxy_of_the_environment_that_cannot_work_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that httpx cannot go through is a ConfigurationError, and its password stays out of it."""
    monkeypatch.setenv("HTTPS_PROXY", "gopher://user:hunter2@localhost")

    with pytest.raises(ConfigurationError, match="The proxy in the environment must be a URL") as caught:
        StateBase("sb_test").sessions.get("sess_1")

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "secret"),
    [
        ({"api_key": "sb_hunter2\n"}, "hunter2"),
        ({"api_key": "sb_test", "base_url": "https://user:hunter2@example.com"}, "hunter2"),
        ({"api_key": "sb_test", "base_url": "https://user:hunter2@example.com:99999"}, "hunter2"),
        ({"api_key": "sb_test", "proxy": "gopher://user:hunter2@localhost"}, "hunter2"),
    ],
)
def test_refusal_does_not_repeat_secrets(options: Any, secret: str) -> None:
    """A wrong key, and passwords in addresses, do not get into the message."""
    with pytest.raises(ConfigurationError) as caught:
        StateBase(**options)

    assert secret not in repr(caught.value) + str(caught.value)


@BOTH
def test_right_options_are_taken(client_class: Any) -> None:
    """The values in the documentation are accepted."""
    client = client_class(
        "sb_test",
        "eu",
        httpx.Timeout(5, connect=1),
        max_retries=0,
        deadline=60,
        default_headers={"X-Team": "search"},
        verify=ssl.create_default_context(),
        proxy="http://localhost:3128",
        event_hooks={"attempt_started": [], "attempt_ended": (print,)},
    )

    assert client.timeout == httpx.Timeout(5, connect=1)
    assert client.with_options(timeout=None).timeout is None
    assert client_class("sb_test").timeout == 30.0


@BOTH
def test_positional_arguments_are_those_of_version_0_4(client_class: Any) -> None:
    """api_key, base_url and timeout may be given by position; the rest may not."""
    assert client_class("sb_test", "https://example.com", 5.0).timeout == 5.0
    with pytest.raises(TypeError):
        client_class("sb_test", "https://example.com", 5.0, 3)


@BOTH
def test_view_changes_only_what_can_be_changed(client_class: Any) -> None:
    """with_options() refuses options that belong to a client of its own, and wrong values."""
    client = client_class("sb_test")

    with pytest.raises(TypeError, match=r"with_options\(\) cannot change base_url"):
        client.with_options(base_url="eu")
    with pytest.raises(ConfigurationError, match="max_retries must be an integer, .* got -1"):
        client.with_options(max_retries=-1)
    with pytest.raises(ConfigurationError, match="must be printable ASCII text"):
        client.with_options(default_headers={"X-A": "b\nc"})


def test_settings_are_a_copy() -> None:
    """Changing the mapping of default headers later does not change the client."""
    headers = {"X-Team": "search"}
    seen = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["x-team"])
        return httpx.Response(200, json={})

    client = StateBase("sb_test", default_headers=headers, transport=httpx.MockTransport(handle))
    headers["X-Team"] = "other"
    client.info()

    assert seen == ["search"]


@pytest.mark.parametrize("option", ["allow_insecure_http", "http2"])
@pytest.mark.parametrize("value", ["no", 1, None])
def test_switch_that_is_no_truth_value_is_refused(option: str, value: Any) -> None:
    """A text such as "no" would count as true, and send the key unencrypted."""
    options: Any = {option: value}

    with pytest.raises(ConfigurationError, match=f"{option} must be True or False, got"):
        StateBase("sb_test", "http://example.org", **options)


@pytest.mark.parametrize("kind", [StateBase, AsyncStateBase, Settings, SyncPool, AsyncPool])
def test_certificates_are_checked_unless_told_otherwise(kind: Any) -> None:
    """On every level: none of them falls back to anything weaker where the one above says nothing."""
    assert inspect.signature(kind).parameters["verify"].default is True
