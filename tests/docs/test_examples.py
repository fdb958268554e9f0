"""The examples run as they stand and show what they are there to show."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator, List

import pytest
from fastapi.testclient import TestClient

from statebase import APITimeoutError, StateBase
from statebase.testing import FrozenClock

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = ["quickstart", "async_agent_loop", "tool_calling", "compare_prompts", "import_memories", "research_agent"]
ELSEWHERE = ["fastapi_app", "notebook", "langgraph_agent", "openai_agents_agent"]  # below, and in other tests


def run(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(EXAMPLES / name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8")


def shown(name: str, *arguments: object) -> List[str]:
    """Run an example and return the lines that it prints."""
    finished = run(name, *arguments)

    assert (finished.returncode, finished.stderr) == (0, "")
    return finished.stdout.splitlines()


def test_every_example_is_tested_and_listed() -> None:
    """An example without a test, or that its README does not name, is found."""
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    names = {path.stem for path in EXAMPLES.iterdir() if path.suffix in (".py", ".ipynb")}

    assert names == {*SCRIPTS, *ELSEWHERE}
    assert all(f"{name}.py" in readme for name in SCRIPTS)
    assert all(name in readme for name in ELSEWHERE)
    assert all(path.parent.name in readme for path in EXAMPLES.glob("*/app.py"))


def test_quickstart() -> None:
    """The wrong refund is rolled back, and the prompt knows the right one."""
    lines = shown("quickstart.py")

    assert '   version 2: {"order": "A-1043", "status": "closed", "refund": 1250.0}' in lines
    assert '   version 3 restores version 1: {"order": "A-1043", "status": "open", "refund": 12.5}' in lines
    assert '   |   "refund": 12.5' in lines
    assert "   | - Prefers to be contacted by e-mail over phone calls" in lines


def test_async_agent_loop() -> None:
    """Three customers speak before one is answered, each gets their own answers, and the failed booking is undone."""
    lines = shown("async_agent_loop.py")

    assert [line.split(":")[0].strip() for line in lines[:3]] == ["Ada", "Bob", "Eve"]
    answers = {
        name: [line.split(": ", 1)[1] for line in lines if line.startswith(f"  to {name}")] for name in ("Ada", "Eve")
    }
    assert answers == {
        "Ada": ["For when?", "Booked: 2 guests at 20:00."],
        "Eve": ["There are no 40 seats, so nothing was booked.", "Booked: 4 guests at 21:00."],
    }
    assert "          (version 2 of the state restores 0)" in lines
    assert lines[-3:] == [
        "  Ada: 2 turns, state {'guests': 2, 'time': '20:00'}",
        "  Bob: 1 turns, state {'guests': 6, 'time': '19:00'}",
        "  Eve: 2 turns, state {'guests': 4, 'time': '21:00'}",
    ]


def test_tool_calling() -> None:
    """Both calls are recorded as turns; the state forgets the bad result and keeps the good one."""
    lines = shown("tool_calling.py")

    assert "1. Call tool find_flight with {'to': 'Oslo', 'day': 'friday'}" in lines
    assert "2. Call tool find_flight with {'to': 'Oslo', 'day': 'saturday'}" in lines
    assert lines[-4:] == [
        "   0: {'budget': 400, 'flight': None}",
        "   1: {'budget': 400, 'flight': {'to': 'Oslo', 'day': 'friday', 'price': 28900}}",
        "   2: {'budget': 400, 'flight': None}",
        "   3: {'budget': 400, 'flight': {'to': 'Oslo', 'day': 'saturday', 'price': 315}}",
    ]


def test_compare_prompts() -> None:
    """Both prompts start from the same state and turns and end differently; the conversation is left alone."""
    lines = shown("compare_prompts.py")

    assert lines.count("   before: {'status': 'solved', 'refund': 0}, 11 turns") == 2
    assert [line for line in lines if line.startswith("   after:")] == [
        "   after:  {'status': 'in repair', 'refund': 0}",
        "   after:  {'status': 'refunded', 'refund': 89}",
    ]
    assert lines[0] == "The conversation: 12 turns, state {'status': 'open', 'refund': 0}"
    assert lines[-1] == "The conversation is as it was: state {'status': 'open', 'refund': 0}"


def test_import_memories() -> None:
    """The second run adds nothing, and each user's memories are found, not those of the other."""
    lines = shown("import_memories.py")

    assert lines[:2] == ["First run: 5 new, 0 there already", "Second run: 0 new, 5 there already"]
    ada, bob = lines.index("ada, best first:"), lines.index("bob, best first:")
    assert {re.sub(r"^ +[\d.]+ ", "", line) for line in lines[bob + 1 :]} == {
        "Is allergic to nuts",
        "Likes his coffee black",
    }
    assert len([line for line in lines[ada + 1 : bob] if line]) == 3


ANSWER = "The answer: yes: it pays after five years; but not before the pier has a new line"


def test_research_agent() -> None:
    """It merges two branches, decides their conflict, and its timeline has each step."""
    lines = shown("research_agent.py")

    assert [line for line in lines if line[:2] in ("1.", "2.", "3.", "4.")] == [
        "1. Range of battery ferries",
        "2. Price of batteries",
        "3. Price of diesel",
        "4. Winter operation",
        "4. Grid at the pier",
    ]
    assert ANSWER in lines
    assert [line[21:] for line in lines[lines.index("How it came about:") :] if line.startswith("20")] == [
        "session created",
        "state version 1",
        "turn 1",
        "turn 2",
        "turn 3",
        "state version 5",
        "state version 6",
    ]


KILLED_AT_A_STEP = """
import builtins, os, runpy, signal, sys
def print_or_die(text, **options):
    if str(text).startswith(step):
        os.kill(os.getpid(), signal.SIGKILL)
step, builtins.print = sys.argv.pop(1), print_or_die
sys.argv.pop(0)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_research_agent_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    """Killed right after the write of each step, it ends with the same answer, and no step is there twice."""
    store = tmp_path / "research.db"
    script = str(EXAMPLES / "research_agent.py")
    for step in ("1.", "3.", "4. Winter", "4. Grid", "+ notes"):
        command = [sys.executable, "-c", KILLED_AT_A_STEP, step, script, "--store", str(store)]
        assert subprocess.run(command).returncode == -9, step

    lines = shown("research_agent.py", "--store", store)

    assert lines[0] == "Going on after 4 steps"
    assert ANSWER in lines
    turns = [line for line in lines if line.startswith("    in ")]
    assert len(turns) == len(set(turns)) == 3


def test_support_backend() -> None:
    """Its own tests pass: two workers, a store that is killed, messages that come twice."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(EXAMPLES / "support_backend")]
    finished = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")

    assert finished.returncode == 0, finished.stdout
    assert "5 passed" in finished.stdout


def module(name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import an example."""
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module(name)


def test_import_is_repeatable_after_keys_and_session_are_gone(
    statebase_client: StateBase, statebase_clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty days later neither the idempotency keys nor the session are there any more, and still nothing is added."""
    import_memories = module("import_memories", monkeypatch)
    memories = [
        import_memories.Memory(user="ada", text="Prefers tea", created="2024-03-01"),
        import_memories.Memory(user="ada", text="Prefers tea", created="2025-03-01"),
    ]

    first = import_memories.import_all(statebase_client, memories)
    statebase_clock.advance(days=40)
    second = import_memories.import_all(statebase_client, memories)

    assert (first, second) == ((2, 0), (0, 2))


@pytest.mark.parametrize(
    ("dump", "complaint"),
    [
        (None, "cannot be read: No such file or directory"),
        ("memories", "is not a dump of memories: Invalid JSON"),
        (
            json.dumps([{"user": "ada", "text": "", "created": "2024"}]),
            "is not a dump of memories: String should have at least 1 character, at [0, 'text']",
        ),
    ],
    ids=["no file", "no JSON", "empty text"],
)
def test_import_of_no_dump(tmp_path: Path, dump: Any, complaint: str) -> None:
    """A file that is not a dump is refused by name before anything is stored, without a traceback."""
    path = tmp_path / "dump.json"
    if dump is not None:
        path.write_text(dump, encoding="utf-8")

    finished = run("import_memories.py", "--dump", path, "--store", tmp_path / "agents.db")

    assert finished.returncode == 1
    assert finished.stderr.startswith(f"{path} {complaint}")
    assert finished.stderr.count("\n") == 1
    assert not (tmp_path / "agents.db").exists()


@pytest.fixture
def http(monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A client of the FastAPI example, whose lifespan lasts as long as the test."""
    with TestClient(module("fastapi_app", monkeypatch).app) as client:
        yield client


def test_fastapi_app_remembers(http: TestClient) -> None:
    """A later request knows what an earlier one said: all share one store, through one client."""
    conversation = http.post("/conversations", json={"user_id": "ada"}).json()["id"]

    answers = [
        http.post(f"/conversations/{conversation}/messages", json={"text": text}).json() for text in ("hi", "ho")
    ]

    assert answers == [
        {"text": "You said 'hi'; before that you said 0 things.", "turn_number": 1},
        {"text": "You said 'ho'; before that you said 1 things.", "turn_number": 2},
    ]
    assert http.get(f"/conversations/{conversation}").json() == {"id": conversation, "state": {"messages": 2}}


def test_fastapi_app_keeps_conversations_apart(http: TestClient) -> None:
    """One conversation does not know what another one said."""
    first, second = (http.post("/conversations", json={"user_id": user}).json()["id"] for user in ("ada", "bob"))

    http.post(f"/conversations/{first}/messages", json={"text": "hi"})
    answer = http.post(f"/conversations/{second}/messages", json={"text": "ho"})

    assert answer.json() == {"text": "You said 'ho'; before that you said 0 things.", "turn_number": 1}


@pytest.mark.parametrize(
    ("conversation", "text", "status"),
    [("sess_000000000000", "hi", 404), ("sess_000000000000", "", 422), ("50%25", "hi", 404)],
)
def test_fastapi_app_refuses(http: TestClient, conversation: str, text: str, status: int) -> None:
    """An unknown conversation, an id that is none and an empty message are the caller's mistakes."""
    answer = http.post(f"/conversations/{conversation}/messages", json={"text": text})

    assert answer.status_code == status


def test_fastapi_app_says_when_the_store_fails(http: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any other failure of the SDK is a 503 without its inner text."""

    def model(messages: Any) -> str:
        raise APITimeoutError("The service said nothing for 30 s")

    conversation = http.post("/conversations", json={"user_id": "ada"}).json()["id"]
    monkeypatch.setattr(sys.modules["fastapi_app"], "model", model)

    answer = http.post(f"/conversations/{conversation}/messages", json={"text": "hi"})

    assert (answer.status_code, answer.json()) == (503, {"detail": "Please try again later."})
