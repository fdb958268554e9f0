"""Code as a user would write it, with the types that it gets to see. It is checked by mypy and pyright, and never run."""

from __future__ import annotations

import ssl
from datetime import datetime
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Union

import httpx
from anthropic.types import Message, MessageParam
from openai.types.chat import ChatCompletion, ChatCompletionMessageParam
from openai.types.responses import ResponseInputItemParam, ResponseOutputItem
from typing_extensions import assert_type

import statebase
from statebase import (
    NOT_GIVEN,
    APIConnectionError,
    APIResponse,
    APIResponseValidationError,
    APIStatusError,
    AsyncPage,
    AsyncStateBase,
    Attempt,
    AttemptEnded,
    AttemptStarted,
    ClientOptions,
    EventHooks,
    NotFoundError,
    NotGiven,
    Page,
    RateLimit,
    RateLimitError,
    RequestOptions,
    StateBase,
    StateBaseError,
    WriteOptions,
    models,
)
from statebase.models import SessionResponse, TurnInput, TurnOutput
from statebase.testing import Faults, FrozenClock, async_local_client, local_client


def clients(context: ssl.SSLContext, http_client: httpx.Client, async_http_client: httpx.AsyncClient) -> None:
    """Make clients in every way."""
    started: List[AttemptStarted] = []
    ended: List[AttemptEnded] = []
    hooks: EventHooks = {"attempt_started": [started.append], "attempt_ended": [ended.append]}
    StateBase()
    StateBase("sb_key", "eu", 5.0)
    StateBase("sb_key", timeout=httpx.Timeout(5, connect=1), max_retries=5, deadline=60, event_hooks=hooks)
    StateBase(timeout=None, deadline=None, default_headers={"X-Team": "search"}, http2=True, proxy="http://localhost")
    StateBase(verify=False)
    StateBase(verify="authorities.pem")
    StateBase(verify=context, base_url="http://gateway", allow_insecure_http=True)
    StateBase(http_client=http_client)
    StateBase(transport=httpx.MockTransport(lambda request: httpx.Response(200)))
    AsyncStateBase("sb_key", http_client=async_http_client)
    AsyncStateBase("sb_key", transport=httpx.MockTransport(lambda request: httpx.Response(200)))
    assert_type(StateBase.local(), StateBase)
    assert_type(AsyncStateBase.local("agents.db", durability="normal", default_ttl_seconds=60), AsyncStateBase)
    assert_type(StateBase().base_url, str)
    assert_type(StateBase().timeout, Union[float, httpx.Timeout, None])
    with StateBase() as client:
        assert_type(client, StateBase)
        assert_type(client.with_options(timeout=5, max_retries=0), StateBase)


class Tenant(StateBase):
    """A client of one's own."""

    name = "acme"


def subclass() -> None:
    """A subclass stays one."""
    assert_type(Tenant.local(), Tenant)
    assert_type(Tenant("sb_key").with_options(timeout=5).name, str)
    with Tenant("sb_key") as client:
        assert_type(client, Tenant)


def sessions(client: StateBase, after: datetime) -> None:
    """Use `client.sessions`."""
    session = client.sessions.create("agent", "ada", {"channel": "web"}, {"plan": "basic"}, 3600)
    assert_type(session, models.SessionCreateResponse)
    assert_type(client.sessions.create(agent_id="agent", user_id=None, metadata=None), models.SessionCreateResponse)
    assert_type(client.sessions.get(session.id), SessionResponse)
    assert_type(session.id, str)
    assert_type(session.user_id, Optional[str])
    assert_type(session.state, Dict[str, Any])
    assert_type(session.created_at, datetime)
    assert_type(session.ttl_expires_at, Optional[datetime])
    plan: object = session["state"]["plan"]
    print(plan, session.get("mood", "unknown"))

    page = client.sessions.list("agent", 5, created_after=after, created_before="2026-01-01T00:00:00Z")
    client.sessions.list(metadata={"channel": "chat", "tier": 2})
    client.sessions.list(metadata='{"channel": "chat"}')
    assert_type(page, Page[models.SessionListItem])
    assert_type(page[0], models.SessionListItem)
    assert_type(page[:2], List[models.SessionListItem])
    assert_type(page.data, List[models.SessionListItem])
    assert_type(page.has_more, bool)
    assert_type(page.next_page(), Optional[Page[models.SessionListItem]])
    assert_type([item.turn_count for item in page.auto_paging_iter(max_items=5)], List[int])
    print(len(page), page["data"][0]["id"])

    assert_type(client.sessions.update(session.id, ttl_seconds=60), models.SessionMetadataUpdateResponse)
    assert_type(client.sessions.fork(session.id, 3), models.SessionResponse)
    assert_type(client.sessions.get_history(session.id, include_traces=True), models.SessionHistory)
    assert_type(client.sessions.get_state(session.id), models.StateGetResponse)
    assert_type(client.sessions.update_state(session.id, {"plan": "gold"}, "why"), models.StatePartialUpdateResponse)
    assert_type(client.sessions.rollback(session.id, -1), models.StateRollbackResponse)
    client.sessions.delete(session.id)


def turns(client: StateBase) -> None:
    """Record turns in every form."""
    turn = client.sessions.add_turn("sess_1", "hi", "hello", {"a": 1}, "why", state_after={"n": 1})
    assert_type(turn, models.TurnResponse)
    assert_type(turn.turn_number, int)
    client.sessions.add_turn("sess_1", {"type": "text", "content": "hi"}, TurnOutput(type="text", content="hello"))
    client.sessions.add_turn("sess_1", TurnInput(type="text", content="hi"), {"type": "audio", "seconds": 3})
    called = client.sessions.add_tool_call(
        "sess_1", "track", {"parcel": "P-7"}, [1, None], "call_1", idempotency_key="k"
    )
    assert_type(called, models.TurnResponse)
    history: List[Dict[str, str]] = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    assert_type(client.sessions.ingest("sess_1", history), List[models.TurnResponse])
    client.sessions.ingest("sess_1", [("hi", "hello"), ({"type": "text", "content": "a"}, "b")])
    client.sessions.ingest("sess_1", ((f"question {n}", f"answer {n}") for n in range(3)), idempotency_key="job-7")
    client.sessions.ingest("sess_1", [{"input": "hi", "output": "hello", "reasoning": "why"}])
    assert_type(client.sessions.list_turns("sess_1", 5, order="asc"), Page[models.TurnListItem])
    assert_type(client.sessions.list_turns("sess_1").to_list(max_items=5), List[models.TurnListItem])
    assert_type(client.sessions.list_turns("sess_1").next_cursor, Optional[str])
    client.sessions.list_turns("sess_1", starting_after=client.sessions.list_turns("sess_1").next_cursor)
    assert_type(client.sessions.iter_turns("sess_1", full=True), Iterator[models.ContextTurn])
    assert_type(client.sessions.find_turn("sess_1", key="message-7"), Optional[models.TurnDetailResponse])


def chat_messages(client: StateBase, completion: ChatCompletion, reply: Message, item: ResponseOutputItem) -> None:
    """Add the messages of the SDKs of models."""
    asked: List[ChatCompletionMessageParam] = [{"role": "user", "content": "hi"}]
    said: List[MessageParam] = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": reply.content}]
    assert_type(client.sessions.add_messages("sess_1", asked), List[models.TurnResponse])
    client.sessions.add_messages("sess_1", said, idempotency_key="job-7")
    client.sessions.add_messages("sess_1", [completion.choices[0].message, reply, item])
    client.sessions.add_turn("sess_1", asked[0], completion.choices[0].message)
    client.sessions.ingest("sess_1", [("hi", reply)])
    context = client.sessions.get_context("sess_1")
    items: Iterable[ResponseInputItemParam] = context.to_messages(format="responses")
    print(items)
    assert_type(client.sessions.get_turn("sess_1", "turn_1"), models.TurnDetailResponse)


def state(client: StateBase) -> None:
    """Use `client.state`."""
    assert_type(client.state.get_state("sess_1"), models.StateGetResponse)
    assert_type(client.state.update_state("sess_1", {"plan": "gold"}, "why"), models.StatePartialUpdateResponse)
    assert_type(client.state.replace_state("sess_1", {}, reasoning=None), models.StateReplaceResponse)
    assert_type(client.state.rollback("sess_1", -1, "it was only a question"), models.StateRollbackResponse)
    history = client.state.get_state_history("sess_1", limit=5, since_version=2)
    assert_type(history, models.StateHistoryResponse)

    context = client.state.get_context("sess_1", "tea?", 3, 2)
    assert_type(context, models.ContextResponse)
    assert_type(context.to_prompt(), str)
    assert_type(context.to_messages(), List[Dict[str, str]])
    assert_type(context.to_messages(max_tokens=2000, count=len, sections=["turns"]), List[Dict[str, str]])
    for_openai: Iterable[ChatCompletionMessageParam] = context.to_messages(format="openai")
    for_anthropic: Iterable[MessageParam] = context.to_messages(format="anthropic")
    print(for_openai, for_anthropic)
    assert_type(context.latency_ms, Optional[float])
    assert_type(context.memories[0].score, Optional[float])
    assert_type(client.sessions.get_context("sess_1", query=None), models.ContextResponse)


def memory(client: StateBase) -> None:
    """Use `client.memory`."""
    stored = client.memory.add("Prefers tea", "preference", "sess_1", ["drinks"], {"source": "chat"}, embed=False)
    assert_type(stored, models.MemoryResponse)
    assert_type(client.memories.add("Prefers tea", session_id="sess_1"), models.MemoryResponse)
    results = client.memory.search("tea", "sess_1", ["fact", "preference"], "drinks", 3, 0.2)
    assert_type(results, models.SearchResults)
    assert_type(results[0].score, float)
    assert_type(results[:1], List[models.MemorySearchResult])
    assert_type([result.content for result in results], List[str])
    assert_type(results.query, str)
    assert_type(len(results), int)
    client.memory.search("tea", type="fact", tags=("drinks",), top_k=3, threshold=0.2, timeout=1)
    assert_type(client.memory.get("mem_1"), models.MemoryResponse)
    assert_type(client.memory.update("mem_1", content="Prefers coffee", tags=None), models.MemoryUpdateResponse)
    client.memory.delete("mem_1")


def other_namespaces(client: StateBase, since: datetime) -> None:
    """Use traces, entities, dashboard, and what belongs to the client itself."""
    assert_type(client.traces.list(session_id="sess_1", start_time=since, limit=5), Page[models.TraceListItem])
    assert_type(client.traces.get("trace_1"), models.TraceResponse)
    client.traces.list_for_session("sess_1", limit=5)
    entity = client.entities.create("sess_1", "order", "O-1", {"total": 5})
    assert_type(entity, models.EntityResponse)
    assert_type(client.entities.get(entity.id).attributes, Dict[str, Any])
    assert_type(client.entities.update(entity.id, {"total": 6}), models.EntityUpdateResponse)
    assert_type(client.entities.list(entity_type="order"), Page[models.EntityListItem])
    client.entities.delete(entity.id)
    assert_type(client.dashboard.stats().stats.total_sessions, int)
    assert_type(client.dashboard.list_keys(), List[models.APIKeyResponse])
    assert_type(client.dashboard.create_key("laptop", expires_days=30).full_key, Optional[str])
    client.dashboard.revoke_key("key_1")
    assert_type(client.health(timeout=1).uptime_seconds, float)
    assert_type(client.ready(), Dict[str, Any])
    assert_type(client.live(), Dict[str, Any])
    assert_type(client.info(), Dict[str, Any])


def options(client: StateBase, headers: Mapping[str, str]) -> None:
    """Pass options, one by one and kept."""
    client.sessions.get("sess_1", timeout=5, max_retries=0, deadline=None, extra_headers=headers)
    client.sessions.list(extra_query={"beta": True}, timeout=httpx.Timeout(5))
    client.sessions.create("agent", idempotency_key="order-66", extra_body={"beta": True})
    client.state.replace_state("sess_1", {}, idempotency_key="order-66")
    try:
        client.sessions.add_turn("sess_1", "hi", "hello")
    except StateBaseError as error:
        client.sessions.add_turn("sess_1", "hi", "hello", idempotency_key=error.idempotency_key)
    for_reads: RequestOptions = {"timeout": 5, "max_retries": 1}
    for_writes: WriteOptions = {"timeout": 5, "idempotency_key": "order-66"}
    for_views: ClientOptions = {"timeout": 5, "default_headers": headers}
    client.sessions.get("sess_1", **for_reads)
    client.sessions.create("agent", **for_writes)
    client.with_options(**for_views).with_options(event_hooks=None)
    left_out: Union[str, NotGiven] = NOT_GIVEN
    client.sessions.create("agent", left_out)


def errors(client: StateBase) -> Optional[float]:
    """Catch errors and read them."""
    try:
        client.sessions.get("sess_1")
    except RateLimitError as error:
        assert_type(error.retry_after, Optional[float])
        return error.retry_after
    except NotFoundError as error:
        assert_type(error.status_code, int)
        assert_type(error.response, httpx.Response)
        print(error.code, error.param, error.request_id, error.headers["x-request-id"], error.body)
    except APIStatusError as error:
        assert_type(error.url, str)
    except APIConnectionError as error:
        print(error.outcome == "unknown", error.idempotency_key)
    except APIResponseValidationError as error:
        assert_type(error.path, Optional[str])
    except StateBaseError as error:
        assert_type(error.status_code, Optional[int])
        assert_type(error.attempts[0], Attempt)
    except httpx.HTTPStatusError as error:
        print(error.response.json())
    return None


def raw_responses(client: StateBase) -> None:
    """Ask for whole answers."""
    answer = client.with_raw_response.sessions.get("sess_1", timeout=5)
    assert_type(answer, APIResponse[models.SessionResponse])
    assert_type(answer.rate_limit, RateLimit)
    assert_type(answer.parse(), models.SessionResponse)
    assert_type(client.with_raw_response.sessions.list(limit=3).parse(), Page[models.SessionListItem])
    client.with_raw_response.sessions.list(metadata={"channel": "chat"})
    assert_type(client.with_raw_response.memory.search("tea", types=["fact"]).parse(), models.SearchResults)


async def everything_async() -> None:
    """The async client has the same methods, awaited."""
    async with AsyncStateBase() as client:
        assert_type(client, AsyncStateBase)
        assert_type(client.with_options(timeout=5), AsyncStateBase)
        session = await client.sessions.create("agent", "ada", initial_state={"plan": "basic"})
        assert_type(session, models.SessionCreateResponse)
        page = await client.sessions.list("agent", limit=5, metadata={"channel": "chat"})
        assert_type(page, AsyncPage[models.SessionListItem])
        assert_type(page[0], models.SessionListItem)
        assert_type(await page.next_page(), Optional[AsyncPage[models.SessionListItem]])
        assert_type([item.turn_count async for item in page.auto_paging_iter(5)], List[int])
        assert_type(await client.sessions.add_turn(session.id, "hi", {"type": "text"}), models.TurnResponse)
        assert_type(await client.sessions.add_tool_call(session.id, "track", {}, None), models.TurnResponse)
        assert_type(await client.sessions.ingest(session.id, [("hi", "hello")]), List[models.TurnResponse])
        assert_type(await client.state.get_context(session.id), models.ContextResponse)
        assert_type(await client.state.rollback(session.id, 0), models.StateRollbackResponse)
        assert_type(await client.memory.search("tea", types=["fact"], limit=3), models.SearchResults)
        assert_type(await client.memories.add("tea", session_id=session.id), models.MemoryResponse)
        assert_type(await client.traces.list(), AsyncPage[models.TraceListItem])
        assert_type([item.id async for item in client.traces.list()], List[str])
        assert_type([turn.turn_number async for turn in client.sessions.iter_turns("sess_1")], List[Optional[int]])
        assert_type(await client.entities.get("ent_1"), models.EntityResponse)
        assert_type(await client.dashboard.list_keys(), List[models.APIKeyResponse])
        assert_type(await client.health(), models.HealthStatus)
        assert_type(await client.info(), Dict[str, Any])
        raw = await client.with_raw_response.sessions.get(session.id)
        assert_type(raw, APIResponse[models.SessionResponse])
        await client.sessions.delete(session.id)
    await AsyncStateBase().close()


def tests(statebase_faults: Faults, statebase_clock: FrozenClock) -> None:
    """Make clients for tests, and let them fail."""
    assert_type(local_client(clock=statebase_clock), StateBase)
    assert_type(async_local_client(faults=statebase_faults), AsyncStateBase)
    StateBase.local("agents.db", clock=statebase_clock)
    statebase_faults.drop_after_commit(2, on="sessions.add_turn")
    statebase_faults.rate_limit(retry_after=2, times=3)
    statebase_faults.server_error(500, after_commit=True)
    with statebase_faults.down():
        statebase_clock.advance(hours=25)
    assert_type(statebase_faults.waits, List[float])
    assert_type(statebase_faults.requests, List[str])


assert_type(statebase.__version__, str)
