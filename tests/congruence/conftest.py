"""Places that answer the API, and a client that writes down what they answered."""

from __future__ import annotations

import os
import re
import uuid
from typing import Any, Callable, Dict, Iterator, List

import pytest

from statebase import StateBase, StateBaseError
from statebase.local import Engine, LocalTransport
from statebase.server import serve_in_thread

API_KEY = "sb_congruence"
LIVE_URL = os.environ.get("STATEBASE_TEST_URL")
PLACES = ["embedded", "postgresql", "http/1.1", "http/2 over TLS", *(["live"] if LIVE_URL else [])]

Connect = Callable[[str], Any]
"""Makes a client with an API key."""

_ID = re.compile(r"\b(sess|turn|mem|trace|ent|key|vec|req)_[a-z0-9]{12}\b")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
_KEY = re.compile(r"\bsb_(?!congruence)\w+")


class Recorder:
    """A client whose answers and errors are written down, in a form that can be compared.

    Ids become numbers in the order in which they came, times and keys a word. Errors are returned, not raised. What
    `unrecorded` answers, the same client, is not written down.
    """

    def __init__(self, connect: Connect, api_key: str) -> None:
        self.steps: List[Any] = []
        self._connect = connect
        self.unrecorded = connect(api_key)
        self._names: Dict[str, str] = {}

    def name(self, word: str) -> str:
        """Return a name that is used only once."""
        unique = f"{word}-{uuid.uuid4().hex}"
        self._names[unique] = f"<{word}>"
        return unique

    def with_key(self, api_key: str) -> Any:
        """Return the client with another API key; what it answers is written down here."""
        return _Namespace(self, self._connect(api_key))

    def note(self, value: Any) -> Any:
        """Write something down."""
        self.steps.append(self._comparable(_plain(value)))
        return value

    def __getattr__(self, name: str) -> Any:
        return getattr(_Namespace(self, self.unrecorded), name)

    def _comparable(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._comparable(member) for key, member in value.items()}
        if isinstance(value, list):
            return [self._comparable(item) for item in value]
        if isinstance(value, str):
            for unique, word in self._names.items():
                value = value.replace(unique, word)
            value = _KEY.sub("<key>", _TIME.sub("<time>", value))
            return _ID.sub(lambda match: self._names.setdefault(match[0], f"<{match[1]} {len(self._names)}>"), value)
        return value


class _Namespace:
    """A client or a namespace of one, whose methods write down what they return or raise."""

    def __init__(self, recorder: Recorder, target: Any) -> None:
        self._recorder = recorder
        self._target = target

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._target, name)
        if not callable(member) or hasattr(member, "target"):
            return _Namespace(self._recorder, member)

        def call(*arguments: Any, **options: Any) -> Any:
            try:
                return self._recorder.note(member(*arguments, **options))
            except StateBaseError as error:
                return self._recorder.note(error)

        return call


def _plain(value: Any) -> Any:
    """Turn what a client returned or raised into JSON values."""
    value = getattr(value, "target", value)
    if isinstance(value, StateBaseError):
        return {
            "error": type(value).__name__,
            "status": value.status_code,
            "code": value.code,
            "param": value.param,
            "message": value.message,
        }
    if hasattr(value, "auto_paging_iter"):
        return {"data": [_plain(item) for item in value], "has_more": value.has_more}
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", exclude_unset=True)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> str:
    """The base URL of the API."""
    return str(request.param)


@pytest.fixture
def recorder(place: str, make_client: Any, request: pytest.FixtureRequest) -> Iterator[Recorder]:
    """A client of the flavour for the place, which holds nothing yet unless it is live."""
    if place == "live":
        live_key = os.environ.get("STATEBASE_TEST_API_KEY", "")
        yield Recorder(lambda key: make_client(key, base_url=LIVE_URL), live_key)
        return
    # The database is asked for only where it is the place: without one, the other places are tested.
    engine = Engine.open(request.getfixturevalue("postgres_url")) if place == "postgresql" else Engine.open()
    if place in ("embedded", "postgresql"):
        yield Recorder(lambda key: make_client(key, **embedded(engine)), API_KEY)
    else:
        tls = place == "http/2 over TLS"
        with serve_in_thread(engine, api_key=API_KEY, tls=tls) as server:
            there = {"base_url": server.url, "http2": tls, "verify": server.ca_file or True}
            yield Recorder(lambda key: make_client(key, **there), API_KEY)
    engine.close()


def embedded(engine: Engine) -> Dict[str, Any]:
    """Return the options of a client for an engine that asks for a key."""
    return {"base_url": "http://localhost", "transport": LocalTransport(engine, api_key=API_KEY)}


@pytest.fixture(scope="session")
def expected() -> Callable[[Callable[[Any], None]], List[Any]]:
    """Return what a scenario yields on an engine of its own, through the sync client."""
    known: Dict[Any, List[Any]] = {}

    def run(scenario: Callable[[Any], None]) -> List[Any]:
        if scenario not in known:
            engine = Engine.open()
            recorder = Recorder(
                lambda key: StateBase(key, "http://localhost", transport=LocalTransport(engine, api_key=API_KEY)),
                API_KEY,
            )
            scenario(recorder)
            known[scenario] = recorder.steps
            engine.close()
        return known[scenario]

    return run
