"""The examples in the docstrings of the package run on the embedded engine, and print what they show."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import doctest
import inspect
import io
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, NamedTuple

import pytest

import statebase
from statebase import AsyncStateBase, StateBase

PACKAGE = Path(statebase.__file__).parent
FLAGS = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


class Documented(NamedTuple):
    """Something public, and its docstring."""

    name: str
    asynchronous: bool
    is_method: bool
    text: str


def documented() -> Iterator[Documented]:
    """Find all that is public in the modules of the package, without importing them."""
    for path in sorted(PACKAGE.rglob("*.py")):
        module = path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", ".")
        if module.startswith("integrations."):
            continue  # tests/integrations runs those examples where the framework is installed
        yield from below(module, ast.parse(path.read_text(encoding="utf-8")), False)


def below(name: str, node: Any, asynchronous: bool) -> Iterator[Documented]:
    is_method = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    yield Documented(name, asynchronous, is_method, ast.get_docstring(node) or "")
    for inner in () if is_method else node.body:
        if isinstance(inner, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and not inner.name.startswith("_"):
            if "overload" in map(ast.unparse, inner.decorator_list):
                continue  # the implementation has the docstring
            yield from below(f"{name}.{inner.name}", inner, asynchronous or inner.name.startswith("Async"))


ALL = list(documented())
WITH_EXAMPLE = [pytest.param(one, id=one.name) for one in ALL if ">>> " in one.text]
NAMESPACES = ("_generated.transport.", "_namespaces.sessions.", "_namespaces.memory.")


def run(text: str, names: Dict[str, Any], loop: asyncio.AbstractEventLoop) -> None:
    """Run the examples of a docstring, one after the other, as the prompt of `python -m asyncio` would."""
    for example in doctest.DocTestParser().get_examples(text):
        code = compile(example.source, "<example>", "single", FLAGS, dont_inherit=True)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            result = eval(code, names)
            if inspect.iscoroutine(result):
                loop.run_until_complete(result)
        shown = doctest.OutputChecker().check_output(example.want, printed.getvalue(), doctest.ELLIPSIS)
        assert shown, f"{example.source}shows {example.want!r} and prints {printed.getvalue()!r}"


def show(value: object) -> None:
    if value is not None:
        print(repr(value))


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[Dict[str, Any]]:
    """The names that examples of synchronous methods may use."""
    monkeypatch.setattr(sys, "displayhook", show)
    with StateBase.local() as client:
        session = client.sessions.create("support-bot", user_id="ada", initial_state={"step": 1})
        yield {"StateBase": StateBase, "client": client, "session": session}


@pytest.fixture
def async_names(names: Dict[str, Any], event_loop_for_clients: asyncio.AbstractEventLoop) -> Iterator[Dict[str, Any]]:
    """The names that examples of asynchronous methods may use."""
    client = AsyncStateBase.local()
    create = client.sessions.create("support-bot", user_id="ada", initial_state={"step": 1})
    session = event_loop_for_clients.run_until_complete(create)
    yield {"AsyncStateBase": AsyncStateBase, "client": client, "session": session}
    event_loop_for_clients.run_until_complete(client.close())


@pytest.mark.parametrize("one", WITH_EXAMPLE)
def test_the_example_runs(
    one: Documented,
    names: Dict[str, Any],
    async_names: Dict[str, Any],
    event_loop_for_clients: asyncio.AbstractEventLoop,
) -> None:
    """Each line of an example runs with a client and a session at hand, and prints exactly what is shown."""
    run(one.text, async_names if one.asynchronous else names, event_loop_for_clients)


@pytest.mark.parametrize(
    "one", [pytest.param(one, id=one.name) for one in ALL if one.is_method and one.name.startswith(NAMESPACES)]
)
def test_every_method_has_an_example(one: Documented) -> None:
    """A method of a namespace, generated or written by hand, shows how it is called, and awaited if necessary."""
    calls = [line for line in one.text.splitlines() if line.lstrip().startswith((">>> ", "... ")) and "client." in line]

    assert calls
    assert any("await client." in line for line in calls) == one.asynchronous


@pytest.mark.parametrize(
    "text", [">>> 1 + 1\n3\n", ">>> 1 + 1\n", ">>> await asyncio.sleep(0, 2)\n3\n", ">>> print(1)\n2\n"]
)
def test_a_wrong_example_is_found(
    text: str, names: Dict[str, Any], event_loop_for_clients: asyncio.AbstractEventLoop
) -> None:
    """An example that shows something else than it prints, or less, is not let through."""
    with pytest.raises(AssertionError, match="and prints"):
        run(text, {"asyncio": asyncio}, event_loop_for_clients)
