"""The timeline of a session: what changed it, in order, without a request for each change."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any, List

import httpx
import pytest

from statebase import InvalidRequestError, NotFoundError, Timeline
from statebase.local import Engine, LocalTransport

from .conftest import Service

HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e$x$\n& \U0001f600"


def filled(client: Any) -> str:
    """Return the id of a session with a change of each kind."""
    session_id: str = client.sessions.create("bot", initial_state={"step": 1}).id
    client.sessions.add_turn(session_id, "hi", "hello", reasoning="be nice")
    client.state.update_state(session_id, {"step": 2}, reasoning="a reason")
    client.sessions.add_turn(session_id, "again", "yes", state_after={"step": 3, "list": [1]})
    memory = client.memory.add("likes tea", "fact", session_id)
    client.state.rollback(session_id, 1, reason="wrong")
    client.memory.update(memory.id, content="likes coffee")
    client.memory.delete(memory.id)
    client.entities.create(session_id, "order", "42", {})
    return session_id


def test_every_change_is_there_in_order(service: Service) -> None:
    client = service.client()
    session_id = filled(client)

    timeline = client.sessions.timeline(session_id)

    assert isinstance(timeline, Timeline)
    assert [(event.title, event.reasoning, str(event.diff)) for event in timeline] == [
        ("session created", None, "None"),
        ("turn 1", "be nice", "None"),
        ("state version 1", "a reason", "~ step  1 -> 2"),
        ("turn 2", None, "~ step  2 -> 3\n+ list  [1]"),
        ("memory created", None, "None"),
        ("rolled back to version 1, as version 3", "wrong", "~ step  3 -> 2\n- list  [1]"),
        ("memory updated", None, "None"),
        ("memory deleted", None, "None"),
        ("entity created", None, "None"),
    ]
    turns = [event.turn for event in timeline if event.turn is not None]
    assert [(turn.input.content, turn.output.content) for turn in turns] == [("hi", "hello"), ("again", "yes")]
    assert timeline[4].details["type"] == "fact"
    assert timeline.gaps == ()
    assert [event.time for event in timeline] == sorted(event.time for event in timeline)


def test_newest_events(service: Service) -> None:
    client = service.client()
    session_id = filled(client)
    everything = list(client.sessions.timeline(session_id))

    assert list(client.sessions.timeline(session_id, max_items=4)) == everything[-4:]
    assert list(client.sessions.timeline(session_id, max_items=4, order="desc")) == everything[:-5:-1]
    assert list(client.sessions.timeline(session_id, max_items=1000, order="desc")) == everything[::-1]


def test_fork_begins_with_its_origin(service: Service) -> None:
    client = service.client()
    session_id = filled(client)

    (event,) = client.sessions.timeline(client.sessions.fork(session_id, version=2).id)[:1]

    assert event.title == "session forked"
    assert ("from", session_id) in list(event.lines())


def test_few_requests_for_many_changes(make_client: Any) -> None:
    """One for each 100 traces, turns and versions, all of which are there."""
    engine = Engine.open()
    requests: List[str] = []
    inner = LocalTransport(engine)

    def handler(request: httpx.Request) -> httpx.Response:
        requests.append(request.url.path.rpartition("/")[2])
        return inner.handle_request(request)

    client = make_client(transport=httpx.MockTransport(handler))
    session_id = client.sessions.create("bot").id
    for number in range(150):
        client.sessions.add_turn(session_id, f"in {number}", "out")
        client.state.update_state(session_id, {"number": number})
    requests.clear()

    timeline = client.sessions.timeline(session_id)

    assert len(timeline) == 301
    assert [event.diff[0].after for event in timeline if event.diff] == list(range(150))
    assert [event.turn.input.content for event in timeline if event.turn] == [f"in {number}" for number in range(150)]
    assert sorted(requests) == ["history"] * 2 + ["traces"] * 4 + ["turns"] * 2
    requests.clear()
    assert [event.title for event in client.sessions.timeline(session_id, max_items=2)] == [
        "turn 150",
        "state version 150",
    ]
    assert len(requests) == 3
    engine.close()


def test_large_details_come_in_smaller_pages(make_client: Any) -> None:
    """A page of traces with long reasons is limited by its size, and nothing is lost."""
    engine = Engine.open()
    client = make_client(transport=LocalTransport(engine), base_url="http://localhost")
    session_id = client.sessions.create("bot").id
    for number in range(7):
        client.state.update_state(session_id, {"number": number}, reasoning=f"{number}" + "x" * 1_500_000)

    timeline = client.sessions.timeline(session_id)

    assert [event.reasoning[0] for event in timeline if event.reasoning] == [*"0123456"]
    engine.close()


def test_versions_that_a_service_does_not_return_are_named(plain: Service) -> None:
    client = plain.client()
    session_id = client.sessions.create("bot").id
    for number in range(103):
        client.state.update_state(session_id, {"number": number})

    timeline = client.sessions.timeline(session_id)

    assert timeline.gaps == ("The service does not return the versions of the state before version 4.",)
    assert [event.version for event in timeline if event.version and event.diff is None] == [1, 2, 3, 4]
    assert str(timeline).endswith(timeline.gaps[0])


@pytest.mark.parametrize("state", ["deleted", "unknown"])
def test_session_that_is_gone(service: Service, state: str) -> None:
    client = service.client()
    session_id = "sess_unknown"
    if state == "deleted":
        session_id = filled(client)
        client.sessions.delete(session_id)

    with pytest.raises(NotFoundError):
        client.sessions.timeline(session_id)


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: List[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)


def test_hostile_texts_are_shown_as_text(make_client: Any) -> None:
    engine = Engine.open()
    client = make_client(transport=LocalTransport(engine), base_url="http://localhost")
    session_id = client.sessions.create("bot", initial_state={}).id
    client.sessions.add_turn(session_id, {"type": HOSTILE, "content": HOSTILE}, HOSTILE, reasoning=HOSTILE)
    client.state.update_state(session_id, {HOSTILE: HOSTILE}, reasoning=HOSTILE)
    client.memory.add(HOSTILE, HOSTILE, session_id)
    client.entities.create(session_id, HOSTILE, HOSTILE, {})

    timeline = client.sessions.timeline(session_id)

    page = _Elements()
    page.feed(timeline._repr_html_())
    assert set(page.tags) <= {"div", "strong", "table", "tr", "th", "td", "span", "bdi"}
    assert "\x1b" not in str(timeline) + timeline._repr_html_()
    assert "\u202e" not in str(timeline) + timeline._repr_html_()
    engine.close()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"max_items": 0}, "max_items must be a positive integer or None, got 0"),
        ({"max_items": True}, "max_items must be a positive integer or None, got bool"),
        ({"max_items": "secret"}, "max_items must be a positive integer or None, got str"),
        ({"order": "up"}, "order must be 'asc' or 'desc', got 'up'"),
        ({"order": ["secret"]}, "order must be 'asc' or 'desc', got list"),
    ],
)
def test_wrong_arguments(plain: Service, arguments: Any, message: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        plain.client().sessions.timeline("sess_1", **arguments)

    assert str(caught.value).startswith(message)
    assert not plain.plain.requests
