"""The prompt: reprs, completion of keys, suggestions for names that were misspelt and calls that were not awaited."""

from __future__ import annotations

import asyncio
import copy
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict

import pytest

from statebase import AsyncStateBase, InvalidRequestError, StateBase, models


@pytest.mark.parametrize("client", [StateBase, AsyncStateBase])
def test_repr_of_a_local_client(client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is what made it, with the path as passed."""
    monkeypatch.chdir(tmp_path)
    name = client.__name__

    opened = [client.local(), client.local("agents.db"), client.local(tmp_path / "x.db")]

    assert [repr(each) for each in opened] == [
        f"{name}.local(':memory:')",
        f"{name}.local('agents.db')",
        f"{name}.local({str(tmp_path / 'x.db')!r})",
    ]
    for each in opened:
        view = each.with_options(timeout=1)
        closing = each.close()
        if inspect.isawaitable(closing):
            asyncio.run(_awaited(closing))
        assert repr(each).endswith(") <closed>")
        assert repr(view) == repr(each)


async def _awaited(awaitable: Any) -> Any:
    return await awaitable


def test_repr_shows_no_password_of_a_database(postgres_url: str) -> None:
    """Nor its options."""
    with_password = postgres_url.replace("postgres@", "postgres:MARK@", 1)
    assert "MARK" in with_password

    with StateBase.local(with_password) as client:
        shown = repr(client)

    assert shown.startswith("StateBase.local('postgresql://")
    assert "MARK" not in shown
    assert "MARK" not in repr(client)


def test_repr_of_a_closed_client_of_a_service() -> None:
    client = StateBase("sb_secret", "eu")
    client.close()

    assert repr(client) == "StateBase(base_url='https://eu.api.statebase.org') <closed>"


def test_keys_of_models_are_completed() -> None:
    """Fields, and those that this version does not know."""
    text = models.TurnInput.model_validate({"type": "text", "content": "hi", "mood": "good", "not a name": 1})

    assert text._ipython_key_completions_() == ["type", "content", "mood", "not a name"]
    assert {"type", "content", "mood", "model_dump"} <= set(dir(text))
    assert "not a name" not in dir(text)


MISSPELT: Dict[str, Any] = {
    "namespace": (lambda client: client.session, "has no attribute 'session': did you mean 'sessions'?"),
    "method of a namespace": (
        lambda client: client.add_turn,
        "has no attribute 'add_turn': did you mean 'sessions.add_turn'?",
    ),
    "method of two": (
        lambda client: client.get_state,
        "has no attribute 'get_state': did you mean 'sessions.get_state' or 'state.get_state'?",
    ),
    "other SDKs": (lambda client: client.threads, "has no attribute 'threads': did you mean 'sessions'?"),
    "method": (lambda client: client.sessions.creat, "has no attribute 'creat': did you mean 'create'?"),
    "nothing near": (lambda client: client.xyzzy, "has no attribute 'xyzzy'"),
    "private": (lambda client: client.sessions._repr_png_, "has no attribute '_repr_png_'"),
}


@pytest.mark.parametrize("kind", [StateBase, AsyncStateBase])
@pytest.mark.parametrize(("use", "message"), MISSPELT.values(), ids=MISSPELT)
def test_misspelt_attributes(kind: Any, use: Callable[[Any], Any], message: str) -> None:
    """The nearest name is in the error."""
    with pytest.raises(AttributeError) as caught:
        use(kind("sb_test"))

    assert str(caught.value).endswith(message)


def test_python_adds_no_second_suggestion() -> None:
    code = "import statebase; statebase.StateBase('sb_test').session"

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8")

    assert result.stderr.splitlines()[-1].endswith("did you mean 'sessions'?")


ARGUMENTS: Dict[str, Any] = {
    "constructor": (
        lambda client: StateBase("sb_test", base_ur="MARK"),  # type: ignore[arg-type]
        "StateBase() got an unexpected keyword argument 'base_ur': did you mean 'base_url'?",
    ),
    "constructor, nothing near": (
        lambda client: StateBase("sb_test", xyzzy="MARK"),  # type: ignore[arg-type]
        "StateBase() got an unexpected keyword argument 'xyzzy'",
    ),
    "argument": (
        lambda client: client.sessions.list(agent="MARK"),
        "sessions.list() got an unexpected keyword argument 'agent': did you mean 'agent_id'?",
    ),
    "option": (
        lambda client: client.sessions.get("sess_1", timeot=1),
        "sessions.get() got an unexpected keyword argument 'timeot': did you mean 'timeout'?",
    ),
    "argument of the client": (
        lambda client: client.health(timeot=1),
        "system.health() got an unexpected keyword argument 'timeot': did you mean 'timeout'?",
    ),
}


@pytest.mark.parametrize(("use", "message"), ARGUMENTS.values(), ids=ARGUMENTS)
def test_misspelt_arguments(use: Callable[[Any], Any], message: str) -> None:
    """The error is the TypeError of Python, with a suggestion."""
    with StateBase("sb_test") as client, pytest.raises(TypeError) as caught:
        use(client)

    assert str(caught.value) == message


def test_the_wrong_with_statement() -> None:
    """Each client names the other statement and the other client."""

    async def enter() -> None:
        async with StateBase("sb_test"):  # type: ignore[attr-defined]
            pass

    with pytest.raises(TypeError, match="^StateBase is for synchronous code: use `with`, or AsyncStateBase with"):
        asyncio.run(enter())
    message = "^AsyncStateBase is for asynchronous code: use `async with`, or StateBase with"
    with pytest.raises(TypeError, match=message), AsyncStateBase("sb_test"):  # type: ignore[attr-defined]
        pass


FORGOTTEN: Dict[str, Any] = {
    "id": (lambda client, call: client.sessions.get(call), "session_id must be a string, got coroutine: "),
    "body": (
        lambda client, call: client.sessions.create("bot", metadata={"a": [call]}),
        "metadata['a'][0] is of type coroutine: ",
    ),
    "input": (
        lambda client, call: client.sessions.add_turn("sess_1", call, "hi"),
        "input must be a string, got coroutine: ",
    ),
}


@pytest.mark.parametrize(("use", "message"), FORGOTTEN.values(), ids=FORGOTTEN)
def test_forgotten_await(use: Callable[..., Any], message: str) -> None:
    """An argument that was not awaited is named."""

    async def run() -> None:
        async with AsyncStateBase("sb_test") as client:
            call = client.sessions.create("bot")
            try:
                await use(client, call)
            finally:
                call.close()

    with pytest.raises(InvalidRequestError) as caught:
        asyncio.run(run())

    assert str(caught.value) == f"{message}await the call that returns it"


def test_copies_are_refused_as_before() -> None:
    """A missing special method is not suggested."""
    with StateBase("sb_test") as client:
        assert not hasattr(client, "__deepcopy__")
        with pytest.raises(TypeError):
            copy.deepcopy(client.sessions)
