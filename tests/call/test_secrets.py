"""The API key shows in no repr, no attribute, no pickle, no copy, no error and no log line."""

from __future__ import annotations

import contextlib
import copy
import logging
import pickle
import traceback
from typing import Any, Iterator, List, Set

import httpx
import pytest

import statebase
from statebase import APIConnectionError, AsyncStateBase, ConfigurationError, StateBase, StateBaseError
from statebase._call.settings import Secret

KEY = "sb_hunter2_hunter2"
QUERY = "what does the patient take"
NAMESPACES = ("sessions", "state", "memory", "traces", "entities", "dashboard", "_system", "_api", "_connection")


def shows(root: object) -> List[str]:
    """Walk everything that attributes, slots, items and closures' bound objects lead to; return where the key shows."""
    found: List[str] = []
    seen: Set[int] = set()
    left = [("", root)]
    while left:
        place, value = left.pop()
        if id(value) in seen or isinstance(value, type) or (type(value).__module__ == "builtins" and callable(value)):
            continue
        seen.add(id(value))
        if KEY in repr(value) or (isinstance(value, (bytes, bytearray)) and KEY.encode() in value):
            found.append(f"{place}: {type(value).__name__}")
        left.extend(parts(place, value))
    return found


def parts(place: str, value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from ((f"{place}[{name!r}]", item) for name, item in value.items())
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from ((f"{place}[]", item) for item in value)
    elif not isinstance(value, (str, bytes, int, float)):
        attributes = {**getattr(value, "__dict__", {})} if not isinstance(value, type(statebase)) else {}
        slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
        attributes.update({name: getattr(value, name) for name in slots if hasattr(value, name)})
        attributes["__self__"] = getattr(value, "__self__", None)
        yield from ((f"{place}.{name}", item) for name, item in attributes.items())


def errors_of(error: BaseException) -> Iterator[BaseException]:
    """List an error with everything that its chain leads to."""
    left: List[Any] = [error]
    seen: List[BaseException] = []
    while left:
        current = left.pop()
        if current is not None and not any(current is one for one in seen):
            seen.append(current)
            yield current
            left += [current.__cause__, current.__context__, *getattr(current, "exceptions", ())]


@pytest.mark.parametrize("client_class", [StateBase, AsyncStateBase])
def test_key_shows_in_no_object(client_class: Any) -> None:
    """repr(), vars() and everything they lead to hide the key: client, view, namespaces, connection, settings."""
    client = client_class(KEY)
    view = client.with_options(timeout=5)
    used = [getattr(one, name) for one in (client, view) for name in NAMESPACES if name != "_connection"]

    assert shows([client, view, client._connection, *used]) == []


def test_the_walk_would_find_it() -> None:
    """The search that the other tests rely on does find a key that is not hidden."""

    class Careless:
        def __init__(self) -> None:
            self.headers = {"x-api-key": KEY}

    assert shows([Careless()]) != []


def test_secret_shows_nothing_and_still_tells() -> None:
    """A secret hides its text from every common way of looking, and gives it to who asks."""
    secret = Secret(KEY)

    assert repr(secret) == str(secret) == f"{secret}" == "Secret('***')"
    assert secret.reveal() == KEY
    assert not hasattr(secret, "__dict__")


@pytest.mark.parametrize("client_class", [StateBase, AsyncStateBase])
@pytest.mark.parametrize("serialize", [pickle.dumps, copy.deepcopy])
@pytest.mark.parametrize("part", ["", *NAMESPACES[:-1]])
def test_clients_are_not_pickled(client_class: Any, serialize: Any, part: str) -> None:
    """Pickling or deeply copying a client, or a part of it, says what to do instead."""
    client = client_class(KEY)
    assert client.sessions is not client.memory
    target = getattr(client, part) if part else client

    with pytest.raises(TypeError, match="cannot be pickled or copied: make the client where it is used") as caught:
        serialize(target)

    assert KEY not in str(caught.value)


def test_copy_of_a_client_shares_its_connections() -> None:
    """A shallow copy is a view: it works, and hides the key as well."""
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json={"key": request.headers["x-api-key"]}))
    client = StateBase(KEY, transport=transport)

    copied = copy.copy(client)

    assert copied.info() == {"key": KEY}
    assert KEY not in repr(vars(copied))


def test_key_shows_in_no_raw_response(respond: Any) -> None:
    """An answer that is kept together with its call holds the call without the key."""
    from statebase._call.drivers import SyncAPIClient
    from statebase._generated.operations import CREATE_SESSION

    client = StateBase(KEY, transport=httpx.MockTransport(lambda _: httpx.Response(201, json={})))
    api = SyncAPIClient(client._settings, client._connection, raw=True)
    response = api.request(CREATE_SESSION, {}, body={"agent_id": "agent"})

    assert shows([response]) == []


FAILURES = {
    "connect": httpx.ConnectError("refused"),
    "read": httpx.ReadError("lost"),
    "read timeout": httpx.ReadTimeout("late"),
    "pool timeout": httpx.PoolTimeout("busy"),
    "protocol": httpx.RemoteProtocolError("garbage"),
    "decoding": httpx.DecodingError("no gzip"),
    "system": OSError("broken"),
    "401": httpx.Response(401, json={"error": {"code": "unauthorized", "message": "no"}}),
    "422": httpx.Response(422, json={"detail": [{"loc": ["query"], "msg": "too long", "type": "x"}]}),
    "502": httpx.Response(502, html="<h1>Bad gateway</h1>"),
    "redirect": httpx.Response(307, headers={"location": "https://elsewhere.example/"}),
    "not JSON": httpx.Response(200, text="<html>"),
    "not the model": httpx.Response(200, json={"data": 1}),
}


def failing(answer: Any) -> Any:
    def handle(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, httpx.RequestError):
            answer.request = request
        if isinstance(answer, Exception):
            raise answer
        return answer

    return handle


@pytest.mark.parametrize("answer", FAILURES.values(), ids=FAILURES)
def test_errors_do_not_hold_the_key(serve: Any, answer: Any) -> None:
    """Neither an error nor anything in its chain shows the key, in attributes, text, pickle or frames of ours."""
    client = serve(failing(answer), api_key=KEY, max_retries=0)

    with pytest.raises(StateBaseError) as caught:
        client.memory.search(QUERY)

    for error in errors_of(caught.value):
        assert shows([vars(error), error.args, str(error)]) == []
        assert KEY.encode() not in pickle.dumps(error) if isinstance(error, StateBaseError) else True
        for name in ("request", "response"):
            part = getattr(error, name, None) if isinstance(error, StateBaseError) else None
            assert part is None or KEY not in repr(part.headers)
    assert "x-api-key" not in "".join(traceback.format_exception(None, caught.value, None))


@pytest.mark.parametrize("answer", FAILURES.values(), ids=FAILURES)
def test_local_variables_in_tracebacks_do_not_show_the_key(answer: Any) -> None:
    """Error trackers report the local variables of each frame: the key is in none of ours."""
    client = StateBase(KEY, max_retries=0, transport=httpx.MockTransport(failing(answer)))

    with pytest.raises(StateBaseError) as caught:
        client.memory.search(QUERY)

    frames = traceback.StackSummary.extract(traceback.walk_tb(caught.value.__traceback__), capture_locals=True)
    ours = [frame for frame in frames if "statebase" in frame.filename and "test_secrets" not in frame.filename]
    assert ours
    assert [frame.name for frame in ours if KEY in str(frame.locals)] == []


def test_refused_argument_does_not_show_the_key(respond: Any) -> None:
    """An error from before the request was sent shows nothing either."""
    client, _ = respond(api_key=KEY)

    with pytest.raises(StateBaseError) as caught:
        client.sessions.get("sess_1", extra_headers={"X-A": "b\nc"})

    frames = traceback.StackSummary.extract(traceback.walk_tb(caught.value.__traceback__), capture_locals=True)
    assert [frame.name for frame in frames if "test_secrets" not in frame.filename and KEY in str(frame.locals)] == []


def test_new_key_of_the_service_shows_in_no_repr(local_client: Any) -> None:
    """The response with a new key can be printed and logged; code that reads the key gets it."""
    answer = local_client.dashboard.create_key("laptop")

    assert answer.full_key.startswith("sb_")
    assert answer["full_key"] == answer.model_dump()["full_key"] == answer.full_key
    assert answer.full_key not in f"{answer!r} {answer} {[answer]}"
    assert "laptop" in repr(answer)


def test_header_that_is_refused_does_not_show_its_value(respond: Any) -> None:
    """A key read from a file with a line end is refused, and the error can be printed."""
    client, _ = respond()

    with pytest.raises(StateBaseError, match="X-API-Key") as of_call:
        client.sessions.get("sess_1", extra_headers={"X-API-Key": f"{KEY}\n"})
    with pytest.raises(StateBaseError, match="X-API-Key") as of_client:
        client.with_options(default_headers={"X-API-Key": f"{KEY}\n"})

    assert KEY not in f"{of_call.value} {of_client.value}"


def test_error_of_an_event_hook_brings_no_request_along(respond: Any) -> None:
    """A hook that fails while a failure is handled has it as context, without the request that held the key."""

    def hook(event: Any) -> None:
        raise ZeroDivisionError

    client, _ = respond(httpx.ConnectError("refused"), api_key=KEY, event_hooks={"attempt_ended": [hook]})

    with pytest.raises(ZeroDivisionError) as caught:
        client.sessions.get("sess_1")

    for error in errors_of(caught.value):
        assert not isinstance(error, httpx.RequestError) or error._request is None


def test_hook_of_an_http_client_that_raises_for_status(flavour: str, make_client: Any) -> None:
    """An httpx client may raise HTTPStatusError by a hook of its own; its request is taken out of the chain."""

    def handle(request: httpx.Request) -> httpx.Response:
        return httpx.Response(404, request=request)

    def raise_for_status(response: httpx.Response) -> None:
        response.raise_for_status()

    async def raise_for_status_async(response: httpx.Response) -> None:
        response.raise_for_status()

    hook = raise_for_status if flavour == "sync" else raise_for_status_async
    kind: Any = httpx.Client if flavour == "sync" else httpx.AsyncClient
    http_client = kind(transport=httpx.MockTransport(handle), event_hooks={"response": [hook]})
    client = make_client(KEY, http_client=http_client, max_retries=0)

    with pytest.raises(APIConnectionError) as caught:
        client.sessions.get("sess_1")

    cause = caught.value.__cause__
    assert isinstance(cause, httpx.HTTPStatusError)
    assert cause._request is None
    assert cause.response._request is None


@pytest.mark.parametrize("answer", [200, 404, 503, httpx.ReadError("lost")])
def test_log_holds_neither_key_nor_query(serve: Any, caplog: pytest.LogCaptureFixture, answer: Any) -> None:
    """With every logger at DEBUG, no line shows the key, the user's words or their answer, in either way."""
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "statebase"):
        caplog.set_level(logging.DEBUG, logger=name)

    def handle(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer, json={"data": [], "query": QUERY})

    client = serve(handle, api_key=KEY, max_retries=0)
    with contextlib.suppress(StateBaseError):
        client.memory.search(QUERY)

    lines = caplog.text + "".join(str(vars(record)) for record in caplog.records)
    assert "GET /v1/memories" in lines
    for private in (KEY, QUERY, QUERY.replace(" ", "+"), QUERY.replace(" ", "%20")):
        assert private not in lines


def test_other_requests_of_an_http_client_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Only our requests are kept out of httpx's log; the caller's own lines stay."""
    caplog.set_level(logging.INFO)
    with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, json={}))) as http_client:
        StateBase(KEY, http_client=http_client).info()
        http_client.get("https://example.com/of-the-caller")

    assert [record.getMessage() for record in caplog.records if record.name == "httpx"] == [
        'HTTP Request: GET https://example.com/of-the-caller "HTTP/1.1 200 OK"'
    ]


@pytest.mark.parametrize("name", ["hpack.hpack", "hpack.table"])
def test_headers_of_http2_are_not_logged(
    caplog: pytest.LogCaptureFixture, flavour: str, make_client: Any, name: str
) -> None:
    """hpack logs every header at DEBUG; while a request of ours is sent, it does not."""
    caplog.set_level(logging.DEBUG)
    logger = logging.getLogger(name)

    def handle(request: httpx.Request) -> httpx.Response:
        logger.debug("Adding %s to the header table", request.headers["x-api-key"])
        return httpx.Response(200, json={})

    kind: Any = httpx.Client if flavour == "sync" else httpx.AsyncClient
    make_client(KEY, http_client=kind(transport=httpx.MockTransport(handle))).info()
    logger.debug("not ours")

    assert KEY not in caplog.text
    assert "not ours" in caplog.text


WRONG_OPTIONS: List[Any] = [
    {"base_url": "mars"},
    {"base_url": "http://example.com"},
    {"timeout": 0},
    {"max_retries": -1},
    {"proxy": "ftp://proxy"},
    {"verify": "/no/such/file"},
    {"default_headers": {"X-A": "b\nc"}},
    {"event_hooks": 1},
    {"http_client": object()},
    {"transport": object()},
]


def shown(value: object) -> str:
    try:
        return repr(value)
    except AttributeError:  # of a client that was not made
        return repr(vars(value))


def frames_that_show(error: BaseException, secret: str) -> List[str]:
    """List our frames in an error and in all that its chain leads to whose local variables show a secret."""
    frames = [frame for each in errors_of(error) for frame, _ in traceback.walk_tb(each.__traceback__)]
    ours = [frame for frame in frames if "test_secrets" not in frame.f_code.co_filename]
    return [frame.f_code.co_name for frame in ours if any(secret in shown(value) for value in frame.f_locals.values())]


@pytest.mark.parametrize("client_class", [StateBase, AsyncStateBase])
@pytest.mark.parametrize("options", WRONG_OPTIONS, ids=lambda options: "-".join(options))
def test_local_variables_of_the_constructor_do_not_show_the_key(client_class: Any, options: Any) -> None:
    """A client that cannot be made says why, and no frame on the way holds the key, in any error of its chain."""
    with pytest.raises(ConfigurationError) as caught:
        client_class(KEY, **options)

    assert frames_that_show(caught.value, KEY) == []


@pytest.mark.parametrize("client_class", [StateBase, AsyncStateBase])
@pytest.mark.parametrize("where", ["argument", "environment"])
def test_local_variables_do_not_show_a_wrong_key(
    client_class: Any, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key with a line end is still a key."""
    monkeypatch.setenv("STATEBASE_API_KEY", f"{KEY} x")

    with pytest.raises(ConfigurationError) as caught:
        client_class(f"{KEY}\n" if where == "argument" else None)

    assert frames_that_show(caught.value, KEY) == []


@pytest.mark.parametrize(
    "options",
    [
        {"proxy": "http://user:hunter2#@proxy"},
        {"base_url": "https://user:hunter2@host"},
        {"default_headers": {"X-Token": "hunter2\n"}},
    ],
)
def test_local_variables_do_not_show_other_secrets(options: Any) -> None:
    """Nor do they hold the password of a proxy or the value of a header."""
    with pytest.raises(ConfigurationError) as caught:
        StateBase(KEY, **options)

    assert frames_that_show(caught.value, "hunter2") == []
