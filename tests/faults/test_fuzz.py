"""Whatever comes back: a call returns its result, or raises a StateBaseError."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from typing import Any, Dict, Iterator, List, Tuple

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from statebase import StateBase, StateBaseError
from statebase._generated.operations import OPERATIONS
from statebase.local import Engine, LocalTransport
from tests.faults.bench import method_of
from tests.faults.error_checks import API_KEY, check
from tests.faults.operation_cases import CASES, prepare

pytestmark = pytest.mark.slow

some = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
many = settings(some, max_examples=300)


class Mouthpiece:
    """A server that answers each request with `content`, whatever that is, and hangs up."""

    def __init__(self) -> None:
        self.content = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as reader, contextlib.suppress(OSError):
                while reader.readline() not in (b"\r\n", b""):
                    pass
                connection.sendall(self.content)


@pytest.fixture
def mouthpiece() -> Iterator[Mouthpiece]:
    server = Mouthpiece()
    yield server
    server.close()


HEADER_NAMES = [
    *("content-length", "transfer-encoding", "content-encoding", "content-type", "connection", "location", "date"),
    *("retry-after", "x-request-id", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "set-cookie"),
    *("upgrade", "trailer", "x-statebase-latency", "idempotent-replayed", "x-anything"),
]
HEADER_VALUES = st.one_of(
    st.sampled_from(
        [
            *(b"0", b"1", b"-1", b"10", b"1e400", b"nan", b"inf", b"9" * 5000, b"0x10", b"5, 5", b"chunked", b"gzip"),
            *(b"br", b"zstd", b"deflate", b"identity", b"close", b"keep-alive", b"application/json; charset=utf-16"),
            *(
                b"text/html; charset=no-such-charset",
                b"Wed, 21 Oct 2026 07:28:00 GMT",
                b"Wed, 99 Foo 2026 99:99:99 ???",
            ),
            *(
                b"Mon, 01 Jan 0001 00:00:00 -2359",
                b"Fri, 31 Dec 9999 23:59:59 -2359",
                b"http://elsewhere.invalid/",
                b"//",
            ),
            *(b"http://[", b"", b" ", b"\xff\xfe", b"\xe2\x82\xac", b"a=b; Domain=..", b"1769425200.5"),
        ]
    ),
    st.binary(max_size=40).map(lambda value: value.replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b"")),
)
HEADERS = st.lists(st.tuples(st.sampled_from(HEADER_NAMES), HEADER_VALUES), max_size=5)
JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=20),
        st.sampled_from([10**400, "x" * 300]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=10), inner, max_size=3)),
    max_leaves=6,
)
ERRORS = st.fixed_dictionaries(
    {
        "error": st.one_of(
            JSON,
            st.fixed_dictionaries({}, optional=dict.fromkeys(("code", "message", "param", "retry_after"), JSON)),
        )
    }
)
DETAILS = st.fixed_dictionaries(
    {
        "detail": st.one_of(
            JSON, st.lists(st.one_of(JSON, st.fixed_dictionaries({}, optional={"loc": JSON, "msg": JSON})), max_size=3)
        )
    }
)
BODIES = st.one_of(
    st.binary(max_size=200),
    st.one_of(JSON, ERRORS, DETAILS).map(lambda value: json.dumps(value).encode()),
    st.sampled_from(
        [b"[" * 100_000, b'{"a":' * 5000, b"\xef\xbb\xbf{}", b"<html>" * 100, b'{"id": 1e999}', b'"\\ud800"']
    ),
)


@st.composite
def answers_on_the_wire(draw: Any) -> bytes:
    version: bytes = draw(st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2", b"HTTP/9.9", b"ICY", b"http/1.1", b""]))
    status = draw(st.one_of(st.integers(100, 599).map(lambda code: b"%d" % code), st.binary(max_size=5)))
    reason = draw(st.sampled_from([b" OK", b"", b" \xff", b" a\tb"]))
    body = draw(BODIES)
    headers = draw(HEADERS)
    if draw(st.booleans()):
        headers.append(("content-length", b"%d" % len(body)))
    lines = [version + b" " + status + reason, *(name.encode() + b": " + value for name, value in headers)]
    return draw(st.sampled_from([b"\r\n", b"\n"])).join([*lines, b"", b""]) + body


@given(content=st.one_of(st.binary(max_size=300), answers_on_the_wire()))
@example(content=b"")
@example(content=b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\nabc")
@example(content=b"HTTP/1.1 100 Continue\r\n\r\n" * 50)
@example(content=b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n")
@example(content=b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20_000 + b"\r\n")
@many
def test_any_bytes_from_a_socket(mouthpiece: Mouthpiece, make_client: Any, content: bytes) -> None:
    """No server, and nothing that only looks like one, makes a call raise anything else."""
    mouthpiece.content = content
    client = make_client(API_KEY, base_url=mouthpiece.url, max_retries=0)

    try:
        client.sessions.get("sess_1")
    except StateBaseError as error:
        check(error)


@pytest.fixture(scope="module")
def valid_answers() -> Dict[str, Tuple[Any, Dict[str, Any], httpx.Response]]:
    """The arguments of a call of each operation, and the answer to it."""
    engine = Engine.open()
    local = LocalTransport(engine)
    found: Dict[str, Any] = {}
    for operation_id in CASES:
        received: List[httpx.Response] = []

        def handle(request: httpx.Request, received: List[httpx.Response] = received) -> httpx.Response:
            received.append(local.handle_request(request))
            received[0].read()
            return received[0]

        with StateBase("any", "http://localhost", transport=httpx.MockTransport(handle)) as client:
            arguments, options = prepare(operation_id, engine)
            method_of(client, operation_id)(*arguments, **options)
        found[operation_id] = arguments, options, received[0]
    engine.close()
    return found


@st.composite
def mutations(draw: Any) -> Tuple[int, List[Tuple[str, bytes]], Any, bool]:
    """Draw a status (0 for that of the answer), headers, how to change the body, and whether to break its bytes."""
    status = draw(st.one_of(st.just(0), st.integers(100, 599), st.sampled_from([204, 304, 404, 408, 429, 500])))
    return status, draw(HEADERS), (draw(st.randoms(use_true_random=False)), draw(JSON)), draw(st.booleans())


def mutate(value: Any, random: Any, other: Any) -> Any:
    """Replace, remove or add something somewhere in a JSON value."""
    if isinstance(value, dict) and value and random.random() < 0.85:
        key = random.choice(list(value))
        changed = {**value, key: mutate(value[key], random, other)}
        return changed if random.random() < 0.8 else {name: changed[name] for name in changed if name != key}
    if isinstance(value, list) and value and random.random() < 0.7:
        place = random.randrange(len(value))
        return [*value[:place], mutate(value[place], random, other), *value[place + random.randrange(2) :]]
    return other


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_any_change_of_a_valid_answer(operation_id: str, make_client: Any, valid_answers: Any) -> None:
    """A wrong status, header or body of the service gives a result or a StateBaseError."""
    arguments, options, valid = valid_answers[operation_id]

    @given(mutation=mutations(), error_body=st.one_of(st.none(), ERRORS, DETAILS))
    @some
    def run(mutation: Any, error_body: Any) -> None:
        status, headers, (random, other), breaks = mutation
        body = valid.content
        if error_body is not None:
            body = json.dumps(error_body).encode()
        elif body:
            body = json.dumps(mutate(json.loads(body), random, other)).encode()
        if breaks and body:
            place = random.randrange(len(body))
            body = body[:place] + bytes([random.randrange(256)]) + body[place + random.randrange(3) :]

        def handle(request: httpx.Request) -> httpx.Response:
            return httpx.Response(status or valid.status_code, headers=headers, stream=httpx.ByteStream(body))

        client = make_client(API_KEY, transport=httpx.MockTransport(handle), max_retries=1)
        try:
            result = method_of(client, operation_id)(*arguments, **options)
        except StateBaseError as error:
            check(error)
        else:
            assert repr(result)

    run()
