"""`statebase tail` shows each turn and each version of the state once, in order, until the session ends."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Iterator, List, Optional

import httpx
import pytest

from statebase import APIConnectionError, NotFoundError, StateBase
from statebase.cli.commands.tail import print_event
from statebase.cli.follow import Event, Follower, StateEvent, TurnEvent, follow

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def client() -> Iterator[StateBase]:
    with StateBase.local() as client:
        yield client


@pytest.fixture
def session_id(client: StateBase) -> str:
    return client.sessions.create("bot", initial_state={"step": 0}).id


def names(events: List[Event]) -> List[str]:
    """Return `t3` for the third turn, `s3` for the third version of the state."""
    return [
        f"t{event.turn.turn_number}" if isinstance(event, TurnEvent) else f"s{event.version.version}"
        for event in events
    ]


STEPS = itertools.count(1)


def act(client: StateBase, session_id: str, acts: str) -> None:
    """Add turns (t), states (s), and turns with a new state (b)."""
    for each in acts:
        state = {"step": next(STEPS)}
        if each == "s":
            client.sessions.update_state(session_id, state)
        elif each == "b":
            client.sessions.add_turn(session_id, "in", "out", state_after=state)
        else:
            client.sessions.add_turn(session_id, "in", "out")


@pytest.mark.parametrize(
    ("acts", "number", "expected"),
    [
        ("", 5, ["s0"]),
        ("", 0, []),
        ("tst", 5, ["s0", "t1", "s1", "t2"]),
        ("tst", 2, ["s1", "t2"]),
        ("tst", 0, []),
        ("tb", 5, ["s0", "t1", "t2", "s1"]),
        ("tttttt", 3, ["t4", "t5", "t6"]),
        ("ssssss", 3, ["s4", "s5", "s6"]),
    ],
)
def test_beginning(client: StateBase, session_id: str, acts: str, number: int, expected: List[str]) -> None:
    """It begins with the last events, oldest first; a turn stands before the state that it made."""
    act(client, session_id, acts)

    assert names(Follower(client, session_id, number).poll()) == expected


@pytest.mark.parametrize("number", [0, 1, 5])
@pytest.mark.parametrize("steps", [["t", "s", "", "b", "tts", "sbt"], ["", "s", "s", "", "t"], ["tttss", "b", "b"]])
def test_everything_once(client: StateBase, session_id: str, number: int, steps: List[str]) -> None:
    """Whatever happens between two looks is shown by the second one, all of it, once."""
    follower = Follower(client, session_id, number)
    follower.poll()
    shown = []

    for acts in steps:
        act(client, session_id, acts)
        shown += names(follower.poll())

    turns = sum(acts.count("t") + acts.count("b") for acts in steps)
    versions = sum(acts.count("s") + acts.count("b") for acts in steps)
    assert [name for name in shown if name[0] == "t"] == [f"t{number}" for number in range(1, turns + 1)]
    assert [name for name in shown if name[0] == "s"] == [f"s{number}" for number in range(1, versions + 1)]


def test_more_turns_than_a_page(client: StateBase, session_id: str) -> None:
    """Turns between two looks may be many."""
    follower = Follower(client, session_id, 0)
    follower.poll()
    act(client, session_id, "t" * 130)

    assert names(follower.poll()) == [f"t{number}" for number in range(1, 131)]


def test_more_versions_than_the_service_gives(client: StateBase, session_id: str) -> None:
    """Of more than 100 versions between two looks the service gives 100: how many are missing is said."""
    follower = Follower(client, session_id, 0)
    follower.poll()
    act(client, session_id, "s" * 103)

    events = follower.poll()

    assert names(events) == [f"s{number}" for number in range(4, 104)]
    assert [event.missed for event in events if isinstance(event, StateEvent)] == [3] + [0] * 99


def test_changes_are_from_the_version_before(client: StateBase, session_id: str) -> None:
    """Each change is one from what was shown before, also over looks, and also the first."""
    client.sessions.update_state(session_id, {"step": 1})
    follower = Follower(client, session_id, 1)
    first = follower.poll()
    client.state.replace_state(session_id, {"step": 1, "more": [2]})
    second = follower.poll()

    told = [change for event in first + second if isinstance(event, StateEvent) for change in event.changes]
    assert [(change.kind, change.path, change.before, change.after) for change in told] == [
        ("changed", "step", 0, 1),
        ("added", "more", None, [2]),
    ]


class Faulty(httpx.BaseTransport):
    """A transport that fails when it is told to: at the request that many requests ahead."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner
        self.fail_in: Optional[int] = None
        self.answer: Optional[httpx.Response] = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self.fail_in is not None:
            self.fail_in -= 1
            if self.fail_in < 0:
                self.fail_in = None
                if self.answer is not None:
                    return self.answer
                raise httpx.ConnectError("down")
        return self._inner.handle_request(request)


@pytest.fixture
def faulty() -> Iterator[Any]:
    """A client whose transport fails when told to, and the id of a session."""
    from statebase.local import Engine, LocalTransport

    engine = Engine.open()
    transport = Faulty(LocalTransport(engine))
    with StateBase("sb_test", transport=transport, max_retries=0) as client:
        yield transport, client, client.sessions.create("bot", initial_state={"step": 0}).id
    engine.close()


@pytest.mark.parametrize("fail_in", range(6))
def test_look_that_fails_is_made_again(faulty: Any, fail_in: int) -> None:
    """Wherever a look breaks off, the next one shows what it would have shown."""
    transport, client, session_id = faulty
    follower = Follower(client, session_id, 5)
    follower.poll()
    act(client, session_id, "tsbt")
    transport.fail_in = fail_in
    try:
        events = follower.poll()
    except APIConnectionError:
        events = follower.poll()

    assert names(events) == ["t1", "s1", "t2", "s2", "t3"]


class Script:
    """Runs `follow`, with something to do while it waits; waiting takes no time."""

    def __init__(self, *steps: Callable[[], Any]) -> None:
        self._steps = list(steps)
        self.shown: List[Event] = []
        self.complaints: List[str] = []
        self.slept: List[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if not self._steps:
            raise KeyboardInterrupt
        self._steps.pop(0)()

    def run(self, client: StateBase, session_id: str, *, once: bool = False) -> None:
        follower = Follower(client, session_id, 5)
        follow(follower, self.shown.append, self.complaints.append, self.sleep, 2.0, once=once)


def test_following_goes_on_until_it_is_stopped(client: StateBase, session_id: str) -> None:
    """Between two looks it waits as long as it was told."""
    script = Script(lambda: act(client, session_id, "t"), lambda: None, lambda: act(client, session_id, "s"))

    with pytest.raises(KeyboardInterrupt):
        script.run(client, session_id)

    assert names(script.shown) == ["s0", "t1", "s1"]
    assert script.slept == [2.0] * 4
    assert script.complaints == []


def test_once_is_one_look(client: StateBase, session_id: str) -> None:
    """With --once it does not wait."""
    script = Script()

    script.run(client, session_id, once=True)

    assert (names(script.shown), script.slept) == (["s0"], [])


def test_session_that_ends(client: StateBase, session_id: str) -> None:
    """When the session is gone it says so, and stops."""
    script = Script(lambda: client.sessions.delete(session_id))

    script.run(client, session_id)

    assert script.complaints == [f"The session {session_id} has ended: it was deleted or has expired."]


def test_session_that_never_was(client: StateBase) -> None:
    """A session that is not there from the start is an error."""
    with pytest.raises(NotFoundError):
        Script().run(client, "sess_absent")


def test_failures_that_pass(faulty: Any) -> None:
    """It says once that something is wrong, goes on, and says when it has passed; nothing is lost or doubled."""
    transport, client, session_id = faulty

    def fail() -> None:
        transport.fail_in = 0

    def act_and_fail() -> None:
        act(client, session_id, "t")
        fail()

    script = Script(act_and_fail, fail, lambda: None, lambda: act(client, session_id, "s"))

    with pytest.raises(KeyboardInterrupt):
        script.run(client, session_id)

    assert names(script.shown) == ["s0", "t1", "s1"]
    first, second = script.complaints
    assert first.startswith("Cannot connect to") and first.endswith("Polling continues.")
    assert second == "Polling works again."


def test_service_that_says_how_long_to_wait(faulty: Any) -> None:
    """Retry-After is obeyed where it is longer than the interval."""
    transport, client, session_id = faulty
    transport.answer = httpx.Response(429, headers={"Retry-After": "30"}, json={})

    def fail() -> None:
        transport.fail_in = 0

    script = Script(fail, lambda: None)

    with pytest.raises(KeyboardInterrupt):
        script.run(client, session_id)

    assert script.slept == [2.0, 30.0, 2.0]


def test_first_look_that_fails(faulty: Any) -> None:
    """If the first poll fails, the command fails."""
    transport, client, session_id = faulty
    transport.fail_in = 0

    with pytest.raises(APIConnectionError):
        Script().run(client, session_id)


def test_refusal_ends_it(faulty: Any) -> None:
    """A failure that is not temporary is an error."""
    transport, client, session_id = faulty
    transport.answer = httpx.Response(401, json={})

    def fail() -> None:
        transport.fail_in = 0

    with pytest.raises(httpx.HTTPStatusError):
        Script(fail).run(client, session_id)


def test_events_for_people(client: StateBase, session_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A turn with what went in and out; a state with what was added, removed and changed, in columns."""
    client.sessions.add_turn(session_id, "Hello", "Hi")
    client.state.replace_state(session_id, {"order": {"items": [1]}, "a b": None})
    client.state.replace_state(session_id, {"order": {"items": [1, 2]}, "a b": "x" * 200})

    for event in Follower(client, session_id, 3).poll():
        print_event(event)

    text = re.sub(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\dZ", "(time)", capsys.readouterr().out)
    assert text == (
        "  (time)  turn 1\n"
        "    in    Hello\n"
        "    out   Hi\n"
        "  (time)  state 1 by local\n"
        "    - step     0\n"
        '    + order    {"items": [1]}\n'
        '    + ["a b"]  null\n'
        "  (time)  state 2 by local\n"
        "    + order.items[1]  2\n"
        f'    ~ ["a b"]         null → "{"x" * 49}…\n'
    )
    assert max(map(len, text.splitlines())) <= 80


def test_change_of_nothing(client: StateBase, session_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A version that is as the one before is shown, and said to be."""
    client.sessions.update_state(session_id, {"step": 0})

    for event in Follower(client, session_id, 1).poll():
        print_event(event)

    assert "no difference" in capsys.readouterr().out


@pytest.mark.parametrize("place", ["path", "url"])
def test_command(run: Run, serve: Callable[..., Any], tmp_path: Path, place: str) -> None:
    """From a store and from a service come the same lines of JSON."""
    with StateBase.local(tmp_path / "store.db") as client:
        session_id = client.sessions.create("bot", initial_state={"step": 0}).id
        act(client, session_id, "tb")
    where = ["--path", "store.db"] if place == "path" else ["--url", serve("--path", "store.db").url]

    result = run("tail", session_id, *where, "--once", "--json", "-n", "2", STATEBASE_API_KEY="any")

    assert (result.returncode, result.stderr) == (0, "")
    turn, state = map(json.loads, result.stdout.splitlines())
    assert (turn["event"], turn["turn_number"], turn["input"]["content"]) == ("turn", 2, "in")
    assert (state["event"], state["version"], state["missed"]) == ("state", 1, 0)
    assert state["changes"] == [{"kind": "changed", "path": "step", "before": 0, "after": state["state"]["step"]}]


@pytest.mark.skipif(os.name != "posix", reason="Windows has no signals to send")
def test_stopped_by_control_c(tmp_path: Path) -> None:
    """Ctrl-C is not a failure: exit code 0, and no message."""
    with StateBase.local(tmp_path / "store.db") as client:
        session_id = client.sessions.create("bot").id
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "statebase",
                "tail",
                session_id,
                "--path",
                "store.db",
                "--interval",
                "0.1",
                "--json",
            ],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        client.sessions.add_turn(session_id, "in", "out")
        second = json.loads(process.stdout.readline())

        process.send_signal(signal.SIGINT)

        assert process.communicate() == (b"", b"")
    assert process.returncode == 0
    assert (first["event"], second["event"]) == ("state", "turn")


@pytest.mark.parametrize("interval", ["0", "-1", "soon", "nan", "inf"])
def test_intervals_that_make_no_sense(call: Run, interval: str) -> None:
    """How long to wait is a number of seconds."""
    result = call("tail", "sess_1", "--path", "store.db", f"--interval={interval}")

    assert result.returncode == 2
    assert "0.1 to 86400" in result.stderr
