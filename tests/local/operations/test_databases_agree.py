"""SQLite and PostgreSQL answer alike: the same requests, in any order, side by side."""

from __future__ import annotations

import json
import random
import re
from typing import Any, Dict, List

import pytest

from statebase._base.exchange import Request
from statebase.local import Engine, LocalTransport
from statebase.testing import FrozenClock

pytestmark = pytest.mark.slow

STEPS = 2000
_made_up = re.compile(r"\b(sess|turn|mem|ent|trace|vec|req|key)_[0-9a-z]{12}\b")


class Side:
    """A store, and the names of what was created in it, in order."""

    def __init__(self, location: str, clock: FrozenClock) -> None:
        engine = Engine.open(location, clock=clock, durability="normal")
        self.transport = LocalTransport(engine, close_engine=True)
        self._names: Dict[str, str] = {}

    def ask(self, method: str, target: str, body: Any, key: str) -> Any:
        """Return status and body of a reply, with names in place of ids."""
        headers = [(b"idempotency-key", key.encode())] if key else []
        content = b"" if body is None else self.own(json.dumps(body)).encode()
        reply = self.transport.exchange(Request(method, self.own(target), headers, content, timeouts={}))
        return reply.status_code, json.loads(self.shared(reply.content.decode()) or "null")

    def own(self, text: str) -> str:
        """Return a text with the ids of this side."""
        ids = {name: made for made, name in self._names.items()}
        return re.sub(r"<\w+>", lambda match: ids.get(match.group(), match.group()), text)

    def shared(self, text: str) -> str:
        """Return a text with the names that both sides share."""
        return _made_up.sub(
            lambda match: self._names.setdefault(match.group(), f"<{match[1]}{len(self._names)}>"), text
        )


def alike(first: Any, second: Any) -> bool:
    """Return whether two answers are equal, but for the last digits of scores."""
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(alike(value, second[key]) for key, value in first.items())
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(alike, first, second))
    return first == second or (isinstance(first, float) and first == pytest.approx(second, abs=1e-3))


class Requests:
    """Requests at random, of what the replies so far have named."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._known: Dict[str, List[str]] = {"sess": [], "turn": [], "mem": [], "ent": [], "trace": []}

    def learn(self, answer: Any) -> None:
        if isinstance(answer, dict) and isinstance(answer.get("id"), str):
            kind = re.match(r"<([a-z]+)", answer["id"])
            known = self._known.get(kind[1], []) if kind else []
            if answer["id"] not in known:
                known.append(answer["id"])

    def next(self) -> Any:
        chance = self._chance
        session, turn, memory, entity = (
            chance.choice(self._known[kind][-8:] or [f"{kind}_none"]) for kind in ("sess", "turn", "mem", "ent")
        )
        path = f"/v1/sessions/{session}"
        number = chance.randrange(5)
        word = chance.choice(["green tea", "black coffee", "a red bicycle", "the blue house", "tea and coffee"])
        part = {"type": "text", "content": word}
        choices: List[Any] = [
            (
                "POST",
                "/v1/sessions",
                {"agent_id": f"a{number}", "user_id": f"u{number % 2}", "metadata": {"n": number}},
            ),
            ("GET", path, None),
            ("PATCH", path, {"metadata": {"n": number}, "ttl_seconds": chance.choice([30, 3600])}),
            ("PATCH", f"{path}/state", {"state": {f"k{number}": word * chance.choice([1, 100])}}),
            ("PUT", f"{path}/state", {"state": {"n": number}}),
            ("POST", f"{path}/state/rollback", {"version": number - 2}),
            ("GET", f"{path}/state/history?limit=5", None),
            ("POST", f"{path}/turns", {"input": part, "output": part, "state_after": {"n": number}}),
            ("POST", f"{path}/turns", {"input": part, "output": part, "metadata": {"n": 1}}),
            ("GET", f"{path}/turns/{turn}", None),
            ("GET", f"{path}/turns?limit=3&order={chance.choice(['asc', 'desc'])}", None),
            ("POST", "/v1/memories", {"session_id": session, "content": f"likes {word}", "tags": [f"t{number}"]}),
            ("PUT", f"/v1/memories/{memory}", {"content": f"prefers {word}", "type": f"type{number}"}),
            ("GET", f"/v1/memories/{memory}", None),
            ("GET", f"/v1/memories?query=likes%20tea&session_id={session}&threshold=0", None),
            ("POST", f"{path}/context", chance.choice([{}, {"query": word}])),
            (
                "POST",
                "/v1/entities",
                {"session_id": session, "entity_type": "t", "entity_id": f"e{number}", "attributes": {}},
            ),
            ("PATCH", f"/v1/entities/{entity}", {"attributes": {"n": number}}),
            ("GET", f"/v1/entities?session_id={session}&limit=3", None),
            ("GET", f"/v1/sessions?user_id=u1&limit=4&metadata=%7B%22n%22%3A{number}%7D", None),
            ("GET", f"/v1/sessions?agent_id=a{number}&limit=4&starting_after={session}", None),
            ("GET", f"/v1/traces/sessions/{session}/traces?limit=4", None),
            ("GET", "/v1/traces?action=turn.added&limit=4", None),
            ("POST", f"{path}/fork", {}),
            ("GET", f"{path}/history?limit=3", None),
        ]
        if chance.random() < 0.04:
            choices = [
                ("DELETE", path, None),
                ("DELETE", f"/v1/memories/{memory}", None),
                ("DELETE", f"/v1/entities/{entity}", None),
            ]
        return chance.choice(choices)


def test_answers_are_equal(postgres_url: str):
    """Also to repetitions, and as sessions expire; but for the size of the store."""
    chance = random.Random(11)
    clock = FrozenClock()
    sides = [Side(location, clock) for location in (":memory:", postgres_url)]
    requests = Requests(7)
    seen: Dict[int, int] = {}
    try:
        for step in range(STEPS):
            method, target, body = requests.next()
            key = f"key-{step}" if method in ("POST", "PATCH", "PUT") else ""
            for _ in range(2 if key and chance.random() < 0.1 else 1):
                answers = [side.ask(method, target, body, key) for side in sides]
                assert answers[0][0] == answers[1][0] and alike(answers[0][1], answers[1][1]), (step, *answers)
            requests.learn(answers[0][1])
            seen[answers[0][0]] = seen.get(answers[0][0], 0) + 1
            clock.advance(seconds=chance.choice([0, 0, 0.000_001, 1]))
        stats = [side.ask("GET", "/v1/dashboard/stats", None, "")[1] for side in sides]
    finally:
        for side in sides:
            side.transport.close()

    for answer in stats:
        del answer["stats"]["storage_usage_bytes"]
    assert stats[0] == stats[1]
    assert seen[200] > STEPS / 4 and seen[201] > STEPS / 8 and seen[404] > 10
