"""The clients of the kit, without pytest: in a script, under unittest, in any event loop."""

from __future__ import annotations

import asyncio
import doctest
import importlib
import subprocess
import sys
from datetime import datetime, timezone
from typing import Any, List

import pytest
import trio

import statebase.testing
from statebase import AsyncStateBase, NotFoundError, StateBase, StateBaseError
from statebase.local import Engine, EngineError
from statebase.testing import Faults, FrozenClock, async_local_client, local_client


def test_client_and_store_go_by_one_clock() -> None:
    """The store uses the time of the clock, and its sessions expire by it."""
    clock = FrozenClock(datetime(2030, 1, 1, tzinfo=timezone.utc))

    with local_client(clock=clock) as client:
        session = client.sessions.create("agent")
        assert session.created_at == clock.now()
        clock.advance(hours=25)

        with pytest.raises(NotFoundError) as caught:
            client.sessions.get(session.id)
        assert caught.value.attempts[0].started_at == clock.now()


def test_clients_share_no_store() -> None:
    """Each client has an empty one."""
    with local_client() as one, local_client() as other:
        one.sessions.create("agent")

        assert other.sessions.list().data == []


def test_closing_the_client_closes_its_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left open behind a client of the kit, of either flavour."""
    opened: List[Engine] = []
    open_engine = Engine.open

    def noted(**options: Any) -> Engine:
        opened.append(open_engine(**options))
        return opened[-1]

    monkeypatch.setattr(Engine, "open", noted)

    async def use_async() -> None:
        async with async_local_client() as client:
            await client.sessions.create("agent")

    with local_client() as client:
        client.sessions.create("agent")
    asyncio.run(use_async())

    assert len(opened) == 2
    for engine in opened:
        with pytest.raises(EngineError):
            engine.health_check()


def test_store_that_is_given_stays_open() -> None:
    """Clients of both flavours may share a store; closing them does not close it."""
    faults = Faults()
    engine = Engine.open(clock=faults.clock)

    async def add(session_id: str) -> None:
        async with async_local_client(faults=faults, engine=engine) as client:
            await client.sessions.add_turn(session_id, "hi", "hello")

    with local_client(faults=faults, engine=engine) as client:
        session = client.sessions.create("agent")
    asyncio.run(add(session.id))

    assert engine.get_session(session.id).turn_count == 1
    assert faults.requests == ["sessions.create", "sessions.add_turn"]
    engine.close()


def test_clocks_that_differ_are_refused() -> None:
    """Failures on one clock cannot be used by a client on another."""
    with pytest.raises(ValueError, match=r"create it with Faults\(clock\)"):
        local_client(clock=FrozenClock(), faults=Faults())

    clock = FrozenClock()
    local_client(clock=clock, faults=Faults(clock)).close()


def test_views_go_by_the_clock_and_meet_the_failures() -> None:
    """A client with other options is still a client of the kit."""
    faults = Faults()
    with local_client(faults=faults) as client:
        faults.server_error(times=5)

        with pytest.raises(StateBaseError):
            client.with_options(max_retries=4).info()

        assert len(faults.waits) == 4
        assert faults.requests == ["system.info"] * 5


def test_package_lists_what_it_loads() -> None:
    """Names are loaded when they are used; completion shows them before, and others are not there."""
    code = "import statebase.testing as kit; assert {*kit.__all__} == {*kit._MODULE_OF} <= {*dir(kit)}"

    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match=r"module 'statebase\.testing' has no attribute 'Fault'"):
        _ = statebase.testing.Fault


def test_client_has_the_type_of_the_real_one() -> None:
    """Code that looks at the type of a client finds what it looks for."""
    client = local_client()
    assert type(client) is StateBase
    assert repr(client) == "StateBase(base_url='http://localhost')"
    client.close()

    async_client = async_local_client()
    assert type(async_client) is AsyncStateBase
    asyncio.run(async_client.close())


async def survive(client: AsyncStateBase, faults: Faults) -> int:
    """Add a turn although its answer is lost; return how many there are."""
    session = await client.sessions.create("agent")
    faults.drop_after_commit()
    await client.sessions.add_turn(session.id, "hi", "hello")
    return (await client.sessions.get(session.id)).turn_count


def test_one_async_client_in_several_event_loops() -> None:
    """It is made without an event loop, and works in each, of asyncio and of trio."""
    faults = Faults()
    client = async_local_client(faults=faults)

    assert asyncio.run(survive(client, faults)) == 1
    assert asyncio.run(survive(client, faults)) == 1
    assert trio.run(survive, client, faults) == 1
    asyncio.run(client.close())


@pytest.mark.parametrize("module", ["clients", "clock", "faults"])
def test_examples(module: str) -> None:
    """The examples in the docstrings do what they say."""
    faults = Faults()
    with local_client(faults=faults) as client:
        names = {"client": client, "faults": faults, "clock": faults.clock}
        kit = importlib.import_module(f"statebase.testing.{module}")

        outcome = doctest.testmod(kit, extraglobs=names, optionflags=doctest.ELLIPSIS)

    assert outcome.attempted > 0
    assert outcome.failed == 0
