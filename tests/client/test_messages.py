"""The messages for wrong input: each call, and below it the exact error, to be read in review."""

from __future__ import annotations

import datetime
import json
import re
import ssl
from pathlib import Path
from typing import Any, Callable, Dict, Optional

import httpx
import pytest

from statebase import AsyncStateBase, StateBase, webhooks
from statebase.local import Engine, LocalTransport
from statebase.testing import Faults, FrozenClock, local_client
from statebase.transfer.importing import Importer, read
from tests.message_tables import rows

# The tables: a line at the margin is a call, the indented lines below it are the error that it raises. In the calls,
# `Client` is StateBase or AsyncStateBase, `client` one of them on an embedded engine with the session `sid`, whose
# state has three versions, and `service(status, body)` a client of a service that gives this answer.

OPTIONS = r"""
Client(None)
    ConfigurationError: api_key is missing: pass api_key=, or set STATEBASE_API_KEY. StateBase.local() needs no key:
    it runs the API in this process.
Client("")
    ConfigurationError: api_key must be a non-empty string; copy it from the dashboard (it begins with sb_)
Client("sb with a space")
    ConfigurationError: api_key contains a space, a line break or another character that is not printable ASCII:
    copy it again from the dashboard
Client(7)
    ConfigurationError: api_key must be a non-empty string; copy it from the dashboard (it begins with sb_)
Client(base_url="localhost:8000")
    ConfigurationError: base_url 'localhost:8000' is not an HTTP URL: write http://localhost:8000, or a region (us,
    eu, apac)
Client(base_url="nowhere")
    ConfigurationError: base_url 'nowhere' is not an HTTP URL: write https://host, or a region (us, eu, apac)
Client(base_url="ftp://example.org")
    ConfigurationError: base_url 'ftp://example.org' is not an HTTP URL: write https://host, or a region (us, eu,
    apac)
Client(base_url="http://example.org")
    ConfigurationError: base_url 'http://example.org' would send the API key unencrypted: use https://, or pass
    allow_insecure_http=True if the network is your own
Client(base_url="https://example.org?key=1")
    ConfigurationError: base_url must not contain a query, a fragment, a user name or a space: write
    https://host/path
Client(base_url="https://user:word@example.org")
    ConfigurationError: base_url must not contain a query, a fragment, a user name or a space: write
    https://host/path
Client(base_url="https://example.org:port")
    ConfigurationError: base_url has an invalid host or port: write https://host:port
Client(base_url=8000)
    ConfigurationError: base_url must be a URL or a region (us, eu, apac), got 8000
Client(base_url="")
    ConfigurationError: base_url '' is not an HTTP URL: write https://host, or a region (us, eu, apac)
Client(timeout="30")
    ConfigurationError: timeout must be a number of seconds, an httpx.Timeout or None for no limit, got str
Client(timeout=0)
    ConfigurationError: timeout must be above 0 and finite, or None for no limit, got 0
Client(timeout=-1)
    ConfigurationError: timeout must be above 0 and finite, or None for no limit, got -1
Client(timeout=nan)
    ConfigurationError: timeout must be above 0 and finite, or None for no limit, got nan
Client(timeout=True)
    ConfigurationError: timeout must be a number of seconds, an httpx.Timeout or None for no limit, got bool
Client(deadline="30")
    ConfigurationError: deadline must be a number of seconds or None for no limit, got str
Client(deadline=inf)
    ConfigurationError: deadline must be above 0 and finite, or None for no limit, got inf
Client(max_retries=-1)
    ConfigurationError: max_retries must be an integer, 0 for no retries, got -1
Client(max_retries=1.5)
    ConfigurationError: max_retries must be an integer, 0 for no retries, got 1.5
Client(max_retries="2")
    ConfigurationError: max_retries must be an integer, 0 for no retries, got str
Client(max_retries=None)
    ConfigurationError: max_retries must be an integer, 0 for no retries, got None
Client(max_response_bytes=0)
    ConfigurationError: max_response_bytes must be a positive integer, got 0: pass a number of bytes, or None for no
    limit
Client(max_response_bytes="1 MB")
    ConfigurationError: max_response_bytes must be a positive integer, got str: pass a number of bytes, or None for
    no limit
Client(default_headers=["a"])
    ConfigurationError: default_headers must be a mapping of names to strings, got list
Client(default_headers={"a": 1})
    ConfigurationError: default_headers['a'] must be printable ASCII text without a space at either end, got 1
Client(default_headers={"a": "private "})
    ConfigurationError: default_headers['a'] must be printable ASCII text without a space at either end
Client(default_headers={"a b": "c"})
    ConfigurationError: default_headers has an invalid name, 'a b': use ASCII letters, digits and dashes
Client(default_headers={1: "c"})
    ConfigurationError: default_headers has an invalid name, int: use ASCII letters, digits and dashes
Client(event_hooks=[print])
    ConfigurationError: event_hooks must be a mapping of names to lists, got list
Client(event_hooks={"before": [print]})
    ConfigurationError: event_hooks has an unknown name, 'before': use attempt_started or attempt_ended
Client(event_hooks={7: [print]})
    ConfigurationError: event_hooks has an unknown name, 7: use attempt_started or attempt_ended
Client(event_hooks={"attempt_started": print})
    ConfigurationError: event_hooks['attempt_started'] must be a list of functions, got builtin_function_or_method
Client(event_hooks={"attempt_started": [print, "private"]})
    ConfigurationError: event_hooks['attempt_started'][1] must be a function, got str
Client(http2="yes")
    ConfigurationError: http2 must be True or False, got str
Client(allow_insecure_http="no")
    ConfigurationError: allow_insecure_http must be True or False, got str
Client(proxy="localhost:3128")
    ConfigurationError: proxy must be a URL: http://host:port, https://host:port or socks5://host:port
Client(proxy=3128)
    ConfigurationError: proxy must be a URL: http://host:port, https://host:port or socks5://host:port
Client(proxy="ftp://localhost:3128")
    ConfigurationError: proxy must be a URL: http://host:port, https://host:port or socks5://host:port
Client(proxy="http://user:wo#rd@localhost:3128")
    ConfigurationError: proxy is not a valid URL: write http://user:password@host:port, with # in the user and
    password escaped as %23, / as %2F, ? as %3F, @ as %40
Client(base_url="http://localhost:8000", proxy="http://proxy.example:3128")
    ConfigurationError: proxy would receive the API key unencrypted, as base_url is 'http://localhost:8000': leave
    proxy out, use https://, or pass allow_insecure_http=True if the network is your own
Client(verify="missing.pem")
    ConfigurationError: verify='missing.pem': no such file; pass the path of a CA bundle
Client(verify="")
    ConfigurationError: verify='': no such file; pass the path of a CA bundle
Client(verify=None)
    ConfigurationError: verify must be True, False, a path or an ssl.SSLContext, got None
Client(verify=7)
    ConfigurationError: verify must be True, False, a path or an ssl.SSLContext, got 7
Client(verify=ssl)
    ConfigurationError: verify must be True, False, a path or an ssl.SSLContext, got module
Client(http_client=httpx.Client(), transport=httpx.MockTransport(print))
    ConfigurationError: http_client and transport exclude each other: pass only one of them
Client(transport=httpx.MockTransport(print), http2=True)
    ConfigurationError: http2, http_backend, proxy and verify cannot be combined with http_client or transport: set them on that
    object
Client(transport=httpx.MockTransport(print), verify=False)
    ConfigurationError: http2, http_backend, proxy and verify cannot be combined with http_client or transport: set them on that
    object
Client().with_options(api_key="sb_other")
    TypeError: with_options() cannot change api_key: it takes timeout, max_retries, deadline, max_response_bytes,
    default_headers, event_hooks
Client().with_options(timeout="30")
    ConfigurationError: timeout must be a number of seconds, an httpx.Timeout or None for no limit, got str
Client().with_options(max_retries=-1)
    ConfigurationError: max_retries must be an integer, 0 for no retries, got -1
Client().with_options(deadline=0)
    ConfigurationError: deadline must be above 0 and finite, or None for no limit, got 0
Client(circuit_breaker="no")
    ConfigurationError: circuit_breaker must be True or False, got str
Client(outbox=True)
    ConfigurationError: outbox must be the path of a file, got bool
Client(outbox=":memory:")
    ConfigurationError: outbox must be the path of a file, got ':memory:'
Client(outbox="no/such/folder")
    ConfigurationError: outbox='no/such/folder' cannot be created: No such file or directory
Client().with_options(outbox="outbox.db")
    TypeError: with_options() cannot change outbox: it takes timeout, max_retries, deadline, max_response_bytes,
    default_headers, event_hooks
Client().with_options(default_headers={"a": None})
    ConfigurationError: default_headers['a'] must be printable ASCII text without a space at either end, got None
"""

OPTIONS_OF_ONE_FLAVOUR = r"""
StateBase("sb_test", http_client=httpx.AsyncClient())
    ConfigurationError: http_client must be an httpx.Client, got AsyncClient
StateBase("sb_test", http_client="private")
    ConfigurationError: http_client must be an httpx.Client, got str
StateBase("sb_test", transport=httpx.AsyncHTTPTransport())
    ConfigurationError: transport must be an httpx.BaseTransport, got AsyncHTTPTransport
StateBase("sb_test", transport="private")
    ConfigurationError: transport must be an httpx.BaseTransport, got str
AsyncStateBase("sb_test", http_client=httpx.Client())
    ConfigurationError: http_client must be an httpx.AsyncClient, got Client
AsyncStateBase("sb_test", transport=httpx.HTTPTransport())
    ConfigurationError: transport must be an httpx.AsyncBaseTransport, got HTTPTransport
AsyncStateBase("sb_test", transport=7)
    ConfigurationError: transport must be an httpx.AsyncBaseTransport, got int
"""

LOCAL = r"""
local(7)
    ConfigurationError: path must be a non-empty file path or ':memory:', got int.
local("")
    ConfigurationError: path must be a non-empty file path or ':memory:', got str.
local("text.db")
    ConfigurationError: /current/text.db is not a statebase store (file is not a database): pass the path of another
    file.
local("missing/agents.db")
    ConfigurationError: Cannot make the store /current/missing/agents.db: No such file or directory. Pass the path
    of a file in a directory that exists.
local(".")
    ConfigurationError: /current is a directory: pass the path of a file.
local(durability="fast")
    ConfigurationError: durability must be 'full' or 'normal'.
local(default_ttl_seconds="3600")
    ConfigurationError: default_ttl_seconds must be an integer, got str.
local(default_ttl_seconds=0)
    ConfigurationError: default_ttl_seconds must be from 1 to 2,592,000, got 0.
local(default_ttl_seconds=True)
    ConfigurationError: default_ttl_seconds must be an integer, got bool.
local(default_ttl_seconds=2592001)
    ConfigurationError: default_ttl_seconds must be from 1 to 2,592,000, got 2592001.
local(clock=7)
    ConfigurationError: clock must be a function that returns an aware datetime, got int.
local(clock=lambda: datetime(2026, 1, 1)).sessions
    ConfigurationError: clock must return an aware datetime, got a naive datetime: use datetime.now(timezone.utc).
local(embedder="minilm")
    ConfigurationError: embedder must be a function that takes a list of texts and returns their vectors, or have
    `id` and `embed(texts, kind)`, got str.
local(embedder=7)
    ConfigurationError: embedder must be a function that takes a list of texts and returns their vectors, or have
    `id` and `embed(texts, kind)`, got int.
"""

IDS = r"""
client.sessions.get(None)
    InvalidRequestError: session_id must be a string, got None: pass the id
client.sessions.get("")
    InvalidRequestError: session_id must not be empty, '.' or '..', nor contain / \ ? # % or control characters, got
    ''
client.sessions.get("..")
    InvalidRequestError: session_id must not be empty, '.' or '..', nor contain / \ ? # % or control characters, got
    '..'
client.sessions.get("a/b")
    InvalidRequestError: session_id must not be empty, '.' or '..', nor contain / \ ? # % or control characters, got
    'a/b'
client.sessions.get("a" * 100 + "?")
    InvalidRequestError: session_id must not be empty, '.' or '..', nor contain / \ ? # % or control characters, got
    101 characters
client.sessions.get("sess\ud800")
    InvalidRequestError: session_id contains a lone surrogate, which cannot be encoded as UTF-8: remove it
client.sessions.get(7)
    InvalidRequestError: session_id must be a string, got int: pass the id
client.sessions.get(Session())
    InvalidRequestError: session_id must be a string, got Session: pass session.id
client.sessions.get(["sess_1"])
    InvalidRequestError: session_id must be a string, got list: pass the id
client.sessions.get_turn(sid, Session())
    InvalidRequestError: turn_id must be a string, got Session: pass turn.id
client.entities.get(b"ent_1")
    InvalidRequestError: entity_id must be a string, got bytes: pass the id
client.memory.search("tea", Session())
    InvalidRequestError: session_id must be a string, got Session: pass session.id
client.memory.search("tea", ["sess_1"])
    InvalidRequestError: session_id must be a string, got list: pass the id
client.memory.add("tea", "fact")
    InvalidRequestError: session_id is missing: pass the id of the session that the memory belongs to, or user_id
client.memory.add("tea", "fact", 7)
    InvalidRequestError: session_id must be a string, got int: pass the id
client.sessions.list(starting_after=["sess_1"])
    InvalidRequestError: starting_after must be a string, got list: pass the id
client.traces.list(session_id={"id": "sess_1"})
    InvalidRequestError: session_id must be a string, got dict: pass the id
client.sessions.get("a" * 70000)
    InvalidRequestError: The ids and the query make a URL of 70029 characters: the longest is 65536
"""

QUERIES = r"""
client.sessions.list(limit=nan)
    InvalidRequestError: limit must be a finite number, got nan
client.sessions.list(limit=inf)
    InvalidRequestError: limit must be a finite number, got inf
client.sessions.list(limit=Odd())
    InvalidRequestError: limit must be a string, a number, a bool, a datetime or a mapping, got Odd
client.sessions.list(limit="ten")
    UnprocessableEntityError: 422: query.limit: Input should be a valid integer, unable to parse string as an
    integer
client.sessions.list(limit=0)
    UnprocessableEntityError: 422: query.limit: Input should be greater than or equal to 1
client.sessions.list(limit=1001)
    UnprocessableEntityError: 422: query.limit: Input should be less than or equal to 100
client.sessions.list(limit=1.5)
    UnprocessableEntityError: 422: query.limit: Input should be a valid integer, unable to parse string as an
    integer
client.sessions.list(created_after=datetime(2026, 1, 1))
    InvalidRequestError: created_after must have a time zone: pass an aware datetime, such as
    datetime.now(timezone.utc)
client.sessions.list(created_after="yesterday")
    UnprocessableEntityError: 422: query.created_after: Input should be a valid datetime or date, input is too short
client.sessions.list(created_after=1767225600)
    UnprocessableEntityError: 422: query.created_after: Input should be a time such as 2026-01-02T03:04:05Z, not a
    number
client.sessions.list(created_after=datetime.min.replace(tzinfo=timezone(datetime.max - datetime.max + (datetime(1, 1, 1, 1) - datetime.min))))
    InvalidRequestError: created_after is 0001-01-01T00:00:00+01:00, beyond the years 1 to 9999 in UTC: pass a time
    in that range
client.sessions.list(metadata={"a": nan})
    InvalidRequestError: metadata['a'] is NaN, which JSON cannot represent: use None or a string
client.sessions.list(metadata={"a": Odd()})
    InvalidRequestError: metadata['a'] is of type Odd, which JSON cannot represent: use dicts, lists, strings,
    numbers, bools, None
client.sessions.list(metadata="[1]")
    BadRequestError: 400 invalid_request: metadata must be a JSON object, such as {"channel": "web"}.
client.sessions.list(agent_id="a\ud800")
    InvalidRequestError: agent_id contains a lone surrogate, which cannot be encoded as UTF-8: remove it
client.sessions.list(starting_after="sess_unknown")
    BadRequestError: 400 invalid_request: starting_after 'sess_unknown' is not in this list: pass the id of the last
    item of the previous page.
client.sessions.list_turns(sid, order="newest")
    BadRequestError: 400 invalid_request: order must be 'asc' or 'desc'.
client.memory.search(None)
    UnprocessableEntityError: 422: query.query: Field required
client.memory.search("tea", types=["fact", 7])
    InvalidRequestError: types[1] must be a string, got int
client.memory.search("tea", tags=["a,b"])
    InvalidRequestError: tags[0] must not contain a comma
client.memory.search("tea", limit=5, top_k=6)
    InvalidRequestError: top_k and limit are the same option: pass only one of them
client.memory.search("tea", types="fact", type="event")
    InvalidRequestError: types and type are the same option: pass only one of them
client.memory.search("tea", threshold=2)
    UnprocessableEntityError: 422: query.threshold: Input should be less than or equal to 1
client.memory.search("tea", limit=0)
    UnprocessableEntityError: 422: query.top_k: Input should be greater than or equal to 1
client.sessions.list(extra_query={"a": Odd()})
    InvalidRequestError: extra_query['a'] must be a string, a number, a bool, a datetime or a mapping, got Odd
client.sessions.list(extra_query={"a": b"private"})
    InvalidRequestError: extra_query['a'] must be a string, a number, a bool, a datetime or a mapping, got bytes
"""

BODIES = r"""
client.sessions.create("agent", initial_state={"rows": [{"v": 1}, {"v": nan}]})
    InvalidRequestError: initial_state['rows'][1]['v'] is NaN, which JSON cannot represent: use None or a string
client.sessions.create("agent", initial_state={"a": -inf})
    InvalidRequestError: initial_state['a'] is -Infinity, which JSON cannot represent: use None or a string
client.sessions.create("agent", initial_state=cycle())
    InvalidRequestError: initial_state['self']['again'] contains itself, which JSON cannot represent: remove the
    cycle
client.sessions.create("agent", initial_state={"a": nested(300)})
    InvalidRequestError: initial_state is nested too deeply for JSON: pass a flatter value
client.sessions.create("agent", initial_state={"a": "private\ud800"})
    InvalidRequestError: initial_state['a'] contains a lone surrogate, which cannot be encoded as UTF-8: remove it
client.sessions.create("agent", initial_state={"private\ud800": 1})
    InvalidRequestError: initial_state has a key that contains a lone surrogate, which cannot be encoded as UTF-8:
    remove it
client.sessions.create("agent", initial_state={"a": {Odd(): 1}})
    InvalidRequestError: initial_state['a'] has a key that is of type Odd: use strings
client.sessions.create("agent", initial_state={"a": Odd()})
    InvalidRequestError: initial_state['a'] is of type Odd, which JSON cannot represent: use dicts, lists, strings,
    numbers, bools, None
client.sessions.create("agent", initial_state={"a": b"\xff"})
    InvalidRequestError: initial_state['a'] is bytes that cannot be decoded as UTF-8: pass a string, such as base64
client.sessions.create("agent", initial_state=[1])
    UnprocessableEntityError: 422: body.initial_state: Input should be an object
client.sessions.create("agent", initial_state="private")
    UnprocessableEntityError: 422: body.initial_state: Input should be an object
client.sessions.create("agent", metadata=["a"])
    UnprocessableEntityError: 422: body.metadata: Input should be an object
client.sessions.create("agent", ttl_seconds=0)
    UnprocessableEntityError: 422: body.ttl_seconds: Input should be greater than or equal to 1
client.sessions.create("agent", ttl_seconds="3600")
    UnprocessableEntityError: 422: body.ttl_seconds: Input should be a valid integer
client.sessions.create("agent", ttl_seconds=1.5)
    UnprocessableEntityError: 422: body.ttl_seconds: Input should be a valid integer
client.sessions.create(None)
    UnprocessableEntityError: 422: body.agent_id: Input should be a valid string
client.sessions.create(7)
    UnprocessableEntityError: 422: body.agent_id: Input should be a valid string
client.sessions.update_state(sid, None)
    UnprocessableEntityError: 422: body.state: Input should be an object
client.sessions.update_state(sid, {"a": Ellipsis})
    InvalidRequestError: state['a'] is of type ellipsis, which JSON cannot represent: use dicts, lists, strings,
    numbers, bools, None
client.sessions.update(sid, metadata="private")
    UnprocessableEntityError: 422: body.metadata: Input should be an object
client.memory.add(None, "fact", sid)
    UnprocessableEntityError: 422: body.content: Input should be a valid string
client.memory.add("", "fact", sid)
    UnprocessableEntityError: 422: body.content: String should have at least 1 character
client.memory.add("tea", "fact", sid, tags="private")
    UnprocessableEntityError: 422: body.tags: Input should be a valid array
client.memory.add("a" * 100001, "fact", sid)
    PayloadTooLargeError: 413 content_too_large: content has 100,001 characters: send at most 10,000.
client.entities.create(sid, "order", "A-1", [1])
    UnprocessableEntityError: 422: body.attributes: Input should be an object
client.dashboard.create_key("key", rate_limit=0)
    UnprocessableEntityError: 422: body.rate_limit: Input should be greater than or equal to 1
client.dashboard.create_key("key", expires_days="30")
    UnprocessableEntityError: 422: body.expires_days: Input should be a valid integer
client.sessions.update_state(sid, {"a": "b" * 11000000})
    PayloadTooLargeError: 413 payload_too_large: The request body has 11,000,018 bytes: send at most 10,485,760.
"""

OPTIONS_OF_A_CALL = r"""
client.sessions.get(sid, timeout="30")
    ConfigurationError: timeout must be a number of seconds, an httpx.Timeout or None for no limit, got str
client.sessions.get(sid, timeout=-1)
    ConfigurationError: timeout must be above 0 and finite, or None for no limit, got -1
client.sessions.get(sid, deadline=0)
    ConfigurationError: deadline must be above 0 and finite, or None for no limit, got 0
client.sessions.get(sid, max_retries=-1)
    ConfigurationError: max_retries must be an integer, 0 for no retries, got -1
client.sessions.get(sid, max_response_bytes=-1)
    ConfigurationError: max_response_bytes must be a positive integer, got -1: pass a number of bytes, or None for
    no limit
client.sessions.get(sid, retries=3)
    TypeError: sessions.get() got an unexpected keyword argument 'retries': did you
    mean 'max_retries'?
client.sessions.get(sid, idempotency_key="key")
    TypeError: sessions.get() got an unexpected keyword argument 'idempotency_key'
client.sessions.get(sid, extra_body={"a": 1})
    InvalidRequestError: sessions.get() sends no body: leave extra_body out
client.sessions.get(sid, extra_headers=["a"])
    InvalidRequestError: extra_headers must be a mapping, got list
client.sessions.get(sid, extra_headers={"a": "private\n"})
    InvalidRequestError: The header 'a' must be printable ASCII text without a space at either end
client.sessions.get(sid, extra_headers={"a": ["private"]})
    InvalidRequestError: The header 'a' must be printable ASCII text without a space at either end, got list
client.sessions.get(sid, extra_headers={"a:b": "c"})
    InvalidRequestError: extra_headers has an invalid name, 'a:b': use ASCII letters, digits and dashes
client.sessions.get(sid, extra_headers={7: "c"})
    InvalidRequestError: extra_headers has an invalid name, int: use ASCII letters, digits and dashes
client.sessions.get(sid, extra_query="a=1")
    InvalidRequestError: extra_query must be a mapping, got str
client.sessions.create("agent", extra_body=[1])
    InvalidRequestError: extra_body must be a mapping, got list
client.sessions.create("agent", extra_body={"a": nan})
    InvalidRequestError: extra_body['a'] is NaN, which JSON cannot represent: use None or a string
client.sessions.create("agent", extra_body={"a\ud800": 1})
    InvalidRequestError: extra_body has a key that contains a lone surrogate, which cannot be encoded as UTF-8:
    remove it
client.sessions.create("agent", idempotency_key="")
    InvalidRequestError: idempotency_key must be 1 to 255 printable ASCII characters, without a space at either end,
    got 0 characters
client.sessions.create("agent", idempotency_key="a" * 300)
    InvalidRequestError: idempotency_key must be 1 to 255 printable ASCII characters, without a space at either end,
    got 300 characters
client.sessions.create("agent", idempotency_key=7)
    InvalidRequestError: idempotency_key must be 1 to 255 printable ASCII characters, without a space at either end,
    got int
client.sessions.create("agent", idempotency_key="key ")
    InvalidRequestError: idempotency_key must be 1 to 255 printable ASCII characters, without a space at either end,
    got 4 characters
"""

TURNS = r"""
client.sessions.add_turn(sid, None, "hello")
    InvalidRequestError: input must be a string, a mapping with 'type' and 'content', a TurnInput or a chat message, got None
client.sessions.add_turn(sid, "hi", 7)
    InvalidRequestError: output must be a string, a mapping with 'type' and 'content', a TurnOutput or a chat message,
    got int
client.sessions.add_turn(sid, "hi", ["private"])
    InvalidRequestError: output must be a string, a mapping with 'type' and 'content', a TurnOutput or a chat message,
    got list
client.sessions.add_turn(sid, {"content": "hi"}, "hello")
    UnprocessableEntityError: 422: body.input.type: Field required
client.sessions.add_turn(sid, {"type": "text", "content": nan}, "hello")
    InvalidRequestError: input['content'] is NaN, which JSON cannot represent: use None or a string
client.sessions.add_turn(sid, "hi\ud800", "hello")
    InvalidRequestError: input['content'] contains a lone surrogate, which cannot be encoded as UTF-8: remove it
client.sessions.add_turn(sid, "hi", "hello", metadata="private")
    UnprocessableEntityError: 422: body.metadata: Input should be an object
client.sessions.add_turn(sid, "hi", "hello", reasoning=7)
    UnprocessableEntityError: 422: body.reasoning: Input should be a valid string
client.sessions.add_turn(sid, "hi", "hello", state_after=[1])
    UnprocessableEntityError: 422: body.state_after: Input should be an object
client.sessions.add_tool_call(sid, "tool", {"a": nan}, 1)
    InvalidRequestError: input['tool_metadata']['arguments']['a'] is NaN, which JSON cannot represent: use None or a
    string
client.sessions.add_tool_call(sid, "tool", {}, Odd())
    InvalidRequestError: output['output'] is of type Odd, which JSON cannot represent: use dicts, lists, strings,
    numbers, bools, None
client.sessions.ingest(sid, None)
    InvalidRequestError: turns must be a list of turns or messages, got None
client.sessions.ingest(sid, "private")
    InvalidRequestError: turns must be a list of turns or messages, got str
client.sessions.ingest(sid, {"role": "user"})
    InvalidRequestError: turns must be a list of turns or messages, got dict
client.sessions.ingest(sid, 7)
    InvalidRequestError: turns must be a list of turns or messages, got int
client.sessions.ingest(sid, [7])
    InvalidRequestError: turns[0] must be an (input, output) pair, a mapping or a chat message, got int
client.sessions.ingest(sid, ["private"])
    InvalidRequestError: turns[0] must be an (input, output) pair, a mapping or a chat message, got str
client.sessions.ingest(sid, [("a", "b", "c")])
    InvalidRequestError: turns[0] must be an (input, output) pair, a mapping or a chat message, got tuple
client.sessions.ingest(sid, [("a", None)])
    InvalidRequestError: turns[0]: output must be a string, a mapping with 'type' and 'content', a TurnOutput or a
    chat message, got None
client.sessions.ingest(sid, [{"input": "a"}])
    InvalidRequestError: turns[0] must have the keys input and output, and may have metadata, reasoning,
    state_before and state_after; or role and content
client.sessions.ingest(sid, [{"input": "a", "output": "b", "private": 1}])
    InvalidRequestError: turns[0] must have the keys input and output, and may have metadata, reasoning,
    state_before and state_after; or role and content
client.sessions.add_turn(sid, {"role": "private", "content": "a"}, "hello")
    InvalidRequestError: input['role'] must be 'user', 'assistant', 'tool', 'function', 'model', 'system' or
    'developer', got an unknown role
client.sessions.add_messages(sid, {"role": "user", "content": "private"})
    InvalidRequestError: messages must be a list of chat messages, got dict
client.sessions.add_messages(sid, ["private"])
    InvalidRequestError: messages[0] must be a chat message of OpenAI or Anthropic: a mapping with 'role' or 'type',
    or an object of their SDKs, got str
client.sessions.add_messages(sid, [{"role": "user", "content": [{"type": "text", "text": 7}]}])
    InvalidRequestError: messages[0]['content'][0]['text'] must be a string, got int
client.sessions.add_messages(sid, [{"role": "user", "content": "a", "n": nan}])
    InvalidRequestError: messages[0]['n'] is NaN, which JSON cannot represent: use None or a string
client.sessions.find_turn(sid, key="")
    InvalidRequestError: key must be 1 to 255 printable ASCII characters, without a space at either end, got 0
    characters
client.sessions.find_turn(sid, key=None)
    InvalidRequestError: key must be 1 to 255 printable ASCII characters, without a space at either end, got None
client.sessions.iter_turns(sid, order="private").__next__()
    InvalidRequestError: order must be 'asc' or 'desc', got 'private'
client.sessions.list_turns(sid).to_list("private")
    InvalidRequestError: max_items must be an integer, got str
client.sessions.ingest(sid, [{"role": "private", "content": "a"}])
    InvalidRequestError: turns[0]['role'] must be 'user', 'assistant', 'tool', 'function', 'model', 'system' or
    'developer', got an unknown role
client.sessions.ingest(sid, [{"role": 7, "content": "a"}])
    InvalidRequestError: turns[0]['role'] must be 'user', 'assistant', 'tool', 'function', 'model', 'system' or
    'developer', got int
client.sessions.ingest(sid, [{"role": "user"}])
    InvalidRequestError: turns[0]['content'] must be a string or a list of parts, got None
client.sessions.ingest(sid, [{"role": "user", "content": 7}])
    InvalidRequestError: turns[0]['content'] must be a string or a list of parts, got int
client.sessions.ingest(sid, [{"role": "user", "content": [7]}])
    InvalidRequestError: turns[0]['content'][0] must be a string or a mapping, got int
client.sessions.ingest(sid, [{"role": "user", "content": [{"type": 7}]}])
    InvalidRequestError: turns[0]['content'][0]['type'] must be a string, got int
client.sessions.ingest(sid, [{"role": "user", "content": [{"type": "text"}]}])
    InvalidRequestError: turns[0]['content'][0]['text'] must be a string, got None
client.sessions.ingest(sid, [{"role": "assistant", "tool_calls": "private"}])
    InvalidRequestError: turns[0]['tool_calls'] must be a list, got str
client.sessions.ingest(sid, [{"role": "assistant", "tool_calls": [7]}])
    InvalidRequestError: turns[0]['tool_calls'][0] must be a mapping, got int
client.sessions.ingest(sid, [{"role": "assistant", "tool_calls": [{"id": "call_1"}]}])
    InvalidRequestError: turns[0]['tool_calls'][0] must be a tool call with the 'name' of a function
client.sessions.ingest(sid, [("a", "b"), ("c", {"a": nan})], idempotency_key="key")
    InvalidRequestError: ingest() failed after 1 recorded turns: output['a'] is NaN, which JSON cannot represent:
    use None or a string. Repeat ingest() with idempotency_key='key': it adds only the missing turns.
"""

METHODS_OF_SEVERAL_CALLS = r"""
client.sessions.get_or_create("agent", key="")
    InvalidRequestError: key must have 1 to 200 characters, got 0
client.sessions.get_or_create("agent", key=None)
    InvalidRequestError: key must be a string, got None
client.sessions.get_or_create("agent", key="private" * 50)
    InvalidRequestError: key must have 1 to 200 characters, got 350
client.sessions.get_or_create("agent", key=7)
    InvalidRequestError: key must be a string, got int
client.sessions.get_or_create(None, key="chat")
    InvalidRequestError: agent_id must be a string, got None
client.sessions.get_or_create("agent", key="chat", user_id=["private"])
    InvalidRequestError: user_id must be a string, got list
client.sessions.get_or_create("agent", key="chat", metadata=["private"])
    InvalidRequestError: metadata must be a mapping, got list
client.sessions.get_or_create("agent", key="chat", ttl_seconds=0)
    InvalidRequestError: ttl_seconds must be from 1 to 2,592,000, got 0
client.sessions.get_or_create("agent", key="chat", ttl_seconds="60")
    InvalidRequestError: ttl_seconds must be an integer, got str
client.sessions.get_or_create("agent", key="chat", keep_alive="yes")
    InvalidRequestError: keep_alive must be a bool, got str
client.sessions.get_or_create("agent", key="chat", idempotency_key="key")
    TypeError: sessions.get_or_create() got an unexpected keyword argument 'idempotency_key'
client.sessions.fork(sid, ttl_seconds=10**9)
    InvalidRequestError: ttl_seconds must be from 1 to 2,592,000, got 1000000000
client.sessions.fork(sid, ttl_seconds=60, keep_ttl=True)
    InvalidRequestError: ttl_seconds and keep_ttl exclude each other: pass one of them
client.sessions.fork(sid, with_turns=1)
    InvalidRequestError: with_turns must be a bool, got int
client.sessions.fork(sid, 99)
    NotFoundError: 404 resource_not_found: There is no version 99 of this state: its versions are 0 to 4.
client.sessions.get_context(sid, on_unavailable="private")
    InvalidRequestError: on_unavailable must be 'raise', 'empty' or 'last', got another string
client.sessions.timeline(7)
    InvalidRequestError: session_id must be a string, got int: pass the id
client.sessions.list_state_versions(sid, before_version=-1)
    InvalidRequestError: before_version must be at least 0, got -1: pass the version of a state
client.sessions.list_state_versions(sid, before_version="private")
    InvalidRequestError: before_version must be an integer, got str
client.state.update_state(sid, {"a": 1}, expected_version=1.0)
    InvalidRequestError: expected_version must be an integer, got float
client.state.update_state(sid, {"a": 1}, expected_version=-1)
    InvalidRequestError: expected_version must be at least 0, got -1: pass the version of a state
client.state.update_state(sid, {"a": 1}, expected_version=0)
    StateConflictError: 409 state_conflict: The state has version 4, not the expected version 0: read the state
    again, then repeat the change.
client.state.update_state(sid)
    InvalidRequestError: state is missing: pass the keys to set, such as {'step': 2}
client.state.modify(sid, "private")
    InvalidRequestError: function must be callable, got str
client.state.modify(sid, lambda state: ["private"])
    InvalidRequestError: function must return a mapping or None, got list
client.state.modify(sid, lambda state: None, max_attempts=0)
    InvalidRequestError: max_attempts must be an integer of at least 1, got 0
client.state.append(sid, "step", "private")
    InvalidRequestError: path 'step' must lead to an array, but there is int
client.state.append(sid, [], "private")
    InvalidRequestError: path must not be empty: pass a key of the state
client.state.append(sid, ("list", Odd()), "private")
    InvalidRequestError: path must be a key, or a sequence of keys and indexes, got Odd in it
client.state.increment(sid, "step", "private")
    InvalidRequestError: by must be a number, got str
client.state.increment(sid, "step", inf)
    InvalidRequestError: by must be a finite number, got inf
client.state.remove_key(sid, ("step", "private"))
    InvalidRequestError: path ('step', 'private') must lead to an object, but there is int
client.state.remove_key(sid, 7)
    InvalidRequestError: path must be a key, or a sequence of keys and indexes, got int
client.state.diff(sid, 7)
    InvalidRequestError: after must be the id of a session, a tuple of the id and a version, or a state, got int
client.state.diff((sid, -1), sid)
    InvalidRequestError: before must have a version from 0, got -1
client.state.diff((sid, 99), sid)
    InvalidRequestError: before has the version 99, but the newest version of the session is 4
client.state.diff((sid, "private"), sid)
    InvalidRequestError: before must be the id of a session, a tuple of the id and a version, or a state, got tuple
client.state.merge(sid, sid)
    InvalidRequestError: base is missing: neither session is a fork of the other. Pass the state before the changes
    of both, such as a version of into
client.state.merge(sid, sid, base=0, resolve="private")
    InvalidRequestError: resolve must be 'ours', 'theirs' or a function, got str
client.memory.add("tea", user_id="")
    InvalidRequestError: user_id must be a non-empty string, got an empty string
client.memory.add("tea", user_id=7)
    InvalidRequestError: user_id must be a non-empty string, got int
client.memory.add("tea", session_id=sid, user_id="ada")
    InvalidRequestError: user_id must be left out if session_id is passed: the memory belongs to the user of the
    session
client.memory.add("tea", user_id="ada", expires_in=0)
    InvalidRequestError: expires_in must be above 0 and at most 3,155,760,000 seconds (a hundred years), got 0
client.memory.add("tea", user_id="ada", expires_in="private")
    InvalidRequestError: expires_in must be seconds or a timedelta, got str
client.memory.add("tea", user_id="ada", expires_in=nan)
    InvalidRequestError: expires_in must be above 0 and at most 3,155,760,000 seconds (a hundred years), got nan
client.memory.add("tea", user_id="ada", unless_similar=2)
    InvalidRequestError: unless_similar must be a score above 0 and at most 1, got 2
client.memory.add("tea", user_id="ada", unless_similar="private")
    InvalidRequestError: unless_similar must be a number, got str
client.memory.add(7, user_id="ada")
    UnprocessableEntityError: 422: body.memories.0.content: Input should be a valid string
client.memories.create("tea")
    InvalidRequestError: session_id is missing: pass the id of the session that the memory belongs to, or user_id
client.memory.add_many("private", user_id="ada")
    InvalidRequestError: memories must be a list of memories, got str: use add() for one
client.memory.add_many([7], user_id="ada")
    InvalidRequestError: memories[0] must be a string, or a mapping with content, got int
client.memory.add_many([{"content": "tea", "private": 1}], user_id="ada")
    InvalidRequestError: memories[0] has an unknown key: use content, type, tags, metadata, embed, expires_in
client.memory.add_many([{"type": "fact"}], user_id="ada")
    InvalidRequestError: memories[0]['content'] must be a string, got nothing
client.memory.add_many([{"content": "tea", "expires_in": -1}], user_id="ada")
    InvalidRequestError: memories[0]['expires_in'] must be above 0 and at most 3,155,760,000 seconds (a hundred
    years), got -1
client.memory.add_many(["tea"])
    InvalidRequestError: session_id is missing: pass the id of the session that the memory belongs to, or user_id
client.memory.search("tea", created_after="2026-01-01T00:00:00Z")
    InvalidRequestError: created_after requires user_id or session_id: pass one of them
client.memory.search("tea", user_id="ada", created_after="yesterday")
    InvalidRequestError: created_after must be an aware datetime, or a time such as 2026-01-02T03:04:05Z, got str
client.memory.search("tea", user_id="ada", created_after=datetime(2026, 1, 1))
    InvalidRequestError: created_after must be an aware datetime, or a time such as 2026-01-02T03:04:05Z, got
    datetime
client.memory.search("tea", user_id="ada", metadata=["private"])
    InvalidRequestError: metadata must be a mapping, got list
client.memory.search("tea", user_id=7)
    InvalidRequestError: user_id must be a non-empty string, got int
client.memory.list(limit=0)
    InvalidRequestError: limit must be an integer of at least 1, or None, got 0
client.memory.list(limit="private")
    InvalidRequestError: limit must be an integer of at least 1, or None, got str
client.memory.list("ada", starting_after="mem_unknown")
    BadRequestError: 400 invalid_request: starting_after 'mem_unknown' is not in this list: pass the id of the last
    item of the previous page.
client.erase_user("")
    InvalidRequestError: user_id must be a non-empty string, got an empty string
client.memory.add_many([{"content": None}], user_id="ada")
    InvalidRequestError: memories[0]['content'] must be a string, got None
client.erase_user(7)
    InvalidRequestError: user_id must be a non-empty string, got int
client.erase_user("ada", idempotency_key="key")
    TypeError: erase_user() got an unexpected keyword argument 'idempotency_key'
client.erase_user("ada", dry_run="yes")
    InvalidRequestError: dry_run must be a bool, got str
client.erase_user("ada", extra_body={"cursor": "private"})
    BadRequestError: 400 invalid_request: cursor must be the cursor of the last response. Call erase_user() again:
    it continues with what is left.
"""

ENGINE = r"""
client.sessions.get("sess_unknown")
    NotFoundError: 404 session_not_found: There is no session 'sess_unknown': check the id; it may have expired or
    been deleted.
client.sessions.get_turn(sid, "turn_unknown")
    NotFoundError: 404 turn_not_found: There is no turn 'turn_unknown': check the id.
client.sessions.list_turns(sid, starting_after="turn_unknown")
    BadRequestError: 400 invalid_request: starting_after 'turn_unknown' is not in this list: pass the id of the last
    item of the previous page.
client.sessions.update_state(sid, {"a": 1}, idempotency_key="used")
    ConflictError: 409 conflict: The idempotency key was already used with a different body: use a new key for a new
    request.
client.sessions.rollback(sid, -9999)
    NotFoundError: 404 resource_not_found: Cannot undo 9999 changes: there are only 2.
client.sessions.rollback(sid, 9999)
    NotFoundError: 404 resource_not_found: There is no version 9999 of this state: its versions are 0 to 4.
client.sessions.rollback(sid, "1")
    UnprocessableEntityError: 422: body.version: Input should be a valid integer
client.sessions.rollback(sid, 1.5)
    UnprocessableEntityError: 422: body.version: Input should be a valid integer
client.sessions.fork(sid, 9999)
    NotFoundError: 404 resource_not_found: There is no version 9999 of this state: its versions are 0 to 4.
client.sessions.get_history(sid, limit=0)
    UnprocessableEntityError: 422: query.limit: Input should be greater than or equal to 1
client.sessions.get_history(sid, limit=1000)
    UnprocessableEntityError: 422: query.limit: Input should be less than or equal to 100
client.sessions.get_context(sid, on_unavailable="ignore")
    InvalidRequestError: on_unavailable must be 'raise', 'empty' or 'last', got another string
client.sessions.get_context(sid, on_unavailable=None)
    InvalidRequestError: on_unavailable must be 'raise', 'empty' or 'last', got None
client.with_raw_response.sessions.get_context(sid, on_unavailable="last")
    InvalidRequestError: on_unavailable cannot be used with with_raw_response: without the service there is no response
client.sessions.get_context(sid, memory_limit=1000)
    UnprocessableEntityError: 422: body.memory_limit: Input should be less than or equal to 20
client.sessions.get_context(sid, "tea", turn_limit="all")
    UnprocessableEntityError: 422: body.turn_limit: Input should be a valid integer
client.memory.get("mem_unknown")
    NotFoundError: 404 memory_not_found: There is no memory 'mem_unknown': check the id.
client.memory.delete("mem_unknown")
    NotFoundError: 404 memory_not_found: There is no memory 'mem_unknown': check the id.
client.memory.add("tea", "fact", "sess_unknown")
    NotFoundError: 404 session_not_found: There is no session 'sess_unknown': check the id; it may have expired or
    been deleted.
client.entities.get("ent_unknown")
    NotFoundError: 404 entity_not_found: There is no entity 'ent_unknown': check the id.
client.traces.get("trace_unknown")
    NotFoundError: 404 trace_not_found: There is no trace 'trace_unknown': check the id.
client.dashboard.revoke_key("key_unknown")
    NotFoundError: 404 resource_not_found: There is no API key 'key_unknown': check the id.
client.sessions.create("agent", extra_body={"private": 1, "ttl_seconds": "private"})
    UnprocessableEntityError: 422: body.ttl_seconds: Input should be a valid integer
"""

ANSWERS = r"""
service(400, {"error": {"code": "invalid_request", "message": "limit is wrong", "param": "limit"}}).sessions.get("sess_1")
    BadRequestError: 400 invalid_request: limit is wrong
service(401, {"error": {"code": "authentication_failed", "message": "No such key"}}).sessions.get("sess_1")
    AuthenticationError: 401 authentication_failed: No such key
service(403).sessions.get("sess_1")
    PermissionDeniedError: 403: Forbidden
service(404, {"detail": "Not Found"}).sessions.get("sess_1")
    NotFoundError: 404: Not Found
service(409, {"error": {"message": "conflict"}}).sessions.create("agent", idempotency_key="key")
    ConflictError: 409: conflict
service(413).sessions.create("agent", idempotency_key="key")
    PayloadTooLargeError: 413: Request Entity Too Large
service(422, {"detail": [{"loc": ["body", "state"], "msg": "Field required"}]}).sessions.create("agent")
    UnprocessableEntityError: 422: body.state: Field required
service(429, retry_after="7").sessions.get("sess_1")
    RateLimitError: 429: Too Many Requests
service(500, b"<html>", content_type="text/html").sessions.get("sess_1")
    InternalServerError: 500: Internal Server Error (text/html, 6 bytes)
service(502).sessions.create("agent", idempotency_key="key")
    InternalServerError: 502: Bad Gateway. It may have been applied: repeat it with idempotency_key='key', and the
    service applies it once.
service(503, x_request_id="req_1").sessions.get("sess_1")
    InternalServerError: 503: Service Unavailable (request req_1)
service(407).sessions.get("sess_1")
    APIStatusError: 407: Proxy Authentication Required. A proxy returned this: pass its user and password in its URL,
    http://user:password@host:port.
service(302, location="https://login.example/?private=1").sessions.get("sess_1")
    APIResponseValidationError: The response is an unexpected redirect, 302 to 'https://login.example/'. Check
    base_url, and that statebase is as new as the service.
service(200).sessions.get("sess_1")
    APIResponseValidationError: The response is not the JSON that the API returns (Invalid JSON: EOF while parsing a
    value at line 1 column 0; without a content type, 0 bytes). Check base_url, and that statebase is as new as the
    service.
service(200, b"{").sessions.get("sess_1")
    APIResponseValidationError: The response is not the JSON that the API returns (Invalid JSON: EOF while parsing an
    object at line 1 column 1; without a content type, 1 bytes). Check base_url, and that statebase is as new as the
    service.
service(200, b"<html>", content_type="text/html").sessions.get("sess_1")
    APIResponseValidationError: The response is not the JSON that the API returns (Invalid JSON: expected value at
    line 1 column 1; text/html, 6 bytes). Check base_url, and that statebase is as new as the service.
service(200, [1]).sessions.get("sess_1")
    APIResponseValidationError: The response does not fit its model at $: Input should be an object, got array. Check
    base_url, and that statebase is as new as the service.
service(200, {"id": 7}).sessions.get("sess_1")
    APIResponseValidationError: The response does not fit its model at $.id: Input should be a valid string, got
    integer; $.agent_id: Field required; $.created_at: Field required; $.updated_at: Field required; $.state: Field
    required; and 2 more. Check base_url, and that statebase is as new as the service.
service(200, {"id": "sess_1"}).sessions.create("agent", idempotency_key="key")
    APIResponseValidationError: The response does not fit its model at $.agent_id: Field required; $.created_at: Field
    required; $.updated_at: Field required; $.state: Field required; $.memory_count: Field required; and 1 more.
    Check base_url, and that statebase is as new as the service. It may have been applied: repeat it with
    idempotency_key='key', and the service applies it once.
service(200, {"a": "b" * 100}, limit=50).sessions.get("sess_1")
    ResponseTooLargeError: The response (200) is larger than max_response_bytes=50, decompressed: ask for less at a
    time, or raise max_response_bytes.
service(204, b"private").sessions.delete("sess_1")
    APIResponseValidationError: The response has a body, but the API sends none (without a content type, 7 bytes).
    Check base_url, and that statebase is as new as the service. It may have been applied: repeating it is safe.
service(200, b"private").sessions.delete("sess_1")
    APIResponseValidationError: The response has a body, but the API sends none (without a content type, 7 bytes).
    Check base_url, and that statebase is as new as the service. It may have been applied: repeating it is safe.
service(299, {"id": "sess_1"}).sessions.get("sess_1")
    APIResponseValidationError: The response does not fit its model at $.agent_id: Field required; $.created_at: Field
    required; $.updated_at: Field required; $.state: Field required; $.memory_count: Field required; and 1 more.
    Check base_url, and that statebase is as new as the service.
"""

CONNECTIONS = r"""
broken(httpx.ConnectError("refused")).sessions.get("sess_1")
    APIConnectionError: Cannot connect to localhost:8000 (ConnectError: refused): check that it is running, and
    base_url.
broken(httpx.ConnectTimeout("timed out")).sessions.get("sess_1")
    APITimeoutError: No connection to localhost:8000 in time: check that it is running, and base_url.
broken(httpx.ReadTimeout("timed out")).sessions.get("sess_1")
    APITimeoutError: No complete response from localhost:8000 in time: raise timeout= if it needs longer.
broken(httpx.ReadTimeout("timed out")).sessions.create("agent", idempotency_key="key")
    APITimeoutError: No complete response from localhost:8000 in time: raise timeout= if it needs longer. It may have
    been applied: repeat it with idempotency_key='key', and the service applies it once.
broken(httpx.ReadError("reset")).sessions.create("agent", idempotency_key="key")
    APIConnectionError: The connection to localhost:8000 was lost (ReadError: reset). It may have been applied:
    repeat it with idempotency_key='key', and the service applies it once.
broken(httpx.ReadError("reset")).sessions.delete("sess_1")
    APIConnectionError: The connection to localhost:8000 was lost (ReadError: reset). It may have been applied:
    repeating it is safe.
broken(httpx.PoolTimeout("100 requests")).sessions.get("sess_1")
    APITimeoutError: No connection to localhost:8000 became free in time (100 requests): send fewer calls at once,
    or raise timeout=.
broken_before(httpx.ReadTimeout("timed out")).sessions.create("agent", idempotency_key="key")
    CircuitOpenError: Not sent: localhost:8000 did not answer an earlier call. The next one is sent in 5.0 seconds.
    Nothing was sent: repeating it is safe.
broken(httpx.ProxyError("403 Forbidden")).sessions.get("sess_1")
    APIConnectionError: The proxy refused to connect to localhost:8000 (403 Forbidden): check the proxy, and the
    user and password in its URL.
broken(httpx.RemoteProtocolError("no answer")).sessions.get("sess_1")
    APIConnectionError: The connection to localhost:8000 was lost (RemoteProtocolError: no answer).
broken(httpx.WriteError("broken pipe")).sessions.create("agent", idempotency_key="key")
    APIConnectionError: The connection to localhost:8000 was lost (WriteError: broken pipe). It may have been
    applied: repeat it with idempotency_key='key', and the service applies it once.
"""

WEBHOOKS = r"""
webhooks.verify(b"{}", "0" * 64, "whsec_1")
    WebhookError: The signature does not match: pass the raw body and this endpoint's secret
webhooks.verify(b"{}", "", "whsec_1")
    WebhookError: The signature does not match: pass the raw body and this endpoint's secret
webhooks.verify(b"{}", sign(b"{}"), "")
    WebhookError: secret is empty: pass the secret that the endpoint was registered with
webhooks.verify(b"{}", None, "whsec_1")
    WebhookError: signature must be a string, got None: pass the header that came with the request
webhooks.verify({}, "0" * 64, "whsec_1")
    WebhookError: payload must be bytes or a string, got dict
webhooks.verify(b"{}", "0" * 64, None)
    WebhookError: secret is empty: pass the secret that the endpoint was registered with
webhooks.verify(b"{}", "0" * 64, 7)
    WebhookError: secret must be bytes or a string, got int
webhooks.parse(b"{", sign(b"{"), "whsec_1")
    WebhookError: The webhook is not an event at $: Invalid JSON: EOF while parsing an object at line 1 column 1,
    got bytes
webhooks.parse(b"[]", sign(b"[]"), "whsec_1")
    WebhookError: The webhook is not an event at $: Input should be an object, got array
webhooks.parse(b"{}", sign(b"{}"), "whsec_1")
    WebhookError: The webhook is not an event at $.id: Field required; $.type: Field required; $.created_at: Field
    required; $.data: Field required
"""

IMPORTS = r"""
load()
    ImportFormatError: The input is empty: pass a file that `statebase export` wrote.
load(b"private")
    ImportFormatError: The input is not an export: its first line must be the header that `statebase export` writes.
load(b"SQLite format 3\0")
    ImportFormatError: The input is a SQLite file, not an export: pass a file that `statebase export` wrote.
load(b"\xff\xfe{")
    ImportFormatError: The input is encoded as UTF-16 or UTF-32: save it as UTF-8.
load(b'{"record": "header", "version": 99, "exported_at": "2026-01-02T03:04:05Z", "statebase": "9.0"}')
    ImportFormatError: The export has format 99, and this version of statebase reads formats 1 and
    2: upgrade the package.
load(header)
    ImportFormatError: The export is cut off: its last line is missing. Export again.
load(header, b"{")
    ImportFormatError: Line 2 is damaged (Invalid JSON: EOF while parsing an object at line 1 column 1): export
    again.
load(header, b'{"record": "private"}')
    ImportFormatError: Line 2 is damaged (record: unknown kind): export again.
load(header, b'{"record": "session", "id": 7}')
    ImportFormatError: Line 2 is damaged ($.session.id: Input should be a valid string, got integer;
    $.session.agent_id: Field required; $.session.created_at: Field required; $.session.updated_at: Field required;
    $.session.initial_state: Field required): export again.
load(header, b'{"record": "end"}', b"private")
    ImportFormatError: Line 2 is damaged ($.end.counts: Field required): export again.
"""

TESTING = r"""
Faults().server_error(404)
    ValueError: status must be an integer from 500 to 599, got 404
Faults().server_error("500")
    ValueError: status must be an integer from 500 to 599, got '500'
Faults().slow(0)
    ValueError: seconds must be a finite number above 0, got 0
Faults().slow(nan)
    ValueError: seconds must be a finite number above 0, got nan
Faults().drop_before_send(0)
    ValueError: times must be an integer of at least 1, got 0
Faults().drop_before_send("once")
    ValueError: times must be an integer of at least 1, got 'once'
Faults().drop_after_commit(on="sessions.crate")
    ValueError: on='sessions.crate' is not a method of the client: pass one, such as 'sessions.create'
Faults().drop_after_commit(on=7)
    ValueError: on=7 is not a method of the client: pass one, such as 'sessions.add_turn'
FrozenClock(datetime(2026, 1, 1))
    ValueError: datetime.datetime(2026, 1, 1, 0, 0) has no time zone: pass datetime(..., tzinfo=timezone.utc)
FrozenClock("2026-01-01")
    ValueError: the time of a FrozenClock must be a datetime, got str
FrozenClock().set(datetime(2026, 1, 1))
    ValueError: datetime.datetime(2026, 1, 1, 0, 0) has no time zone: pass datetime(..., tzinfo=timezone.utc)
local_client(clock=FrozenClock(), faults=Faults())
    ValueError: faults uses another clock than clock=: create it with Faults(clock)
untriggered()
    AssertionError: No request triggered drop_after_commit on sessions.create: inject fewer faults, or remove them
    with clear()
"""


def error_of(call: str, names: Dict[str, Any]) -> str:
    """Return the class and the message of the error that a call raises, without the id of an engine's request."""
    try:
        eval(call, names)
    except Exception as error:
        return re.sub(r" \(request req_\w{12}\)", "", f"{type(error).__name__}: {error}")
    return "no error"


class Odd:
    """An object that has no JSON, and whose repr would show what it holds."""

    def __repr__(self) -> str:
        return "Odd(private)"


class Session:
    """An object that is passed in place of an ID."""

    id = "sess_1"


def cycle() -> Dict[str, Any]:
    """Return a mapping that contains itself."""
    value: Dict[str, Any] = {}
    value["self"] = {"again": value}
    return value


def nested(levels: int) -> Any:
    """Return lists within lists."""
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


VALUES: Dict[str, Any] = {
    "AsyncStateBase": AsyncStateBase,
    "StateBase": StateBase,
    "Odd": Odd,
    "Session": Session,
    "cycle": cycle,
    "datetime": datetime.datetime,
    "httpx": httpx,
    "inf": float("inf"),
    "list": list,
    "nan": float("nan"),
    "nested": nested,
    "ssl": ssl,
    "timezone": datetime.timezone,
}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("STATEBASE_API_KEY", "STATEBASE_BASE_URL", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.chdir(tmp_path)
    Path("empty.pem").touch()
    Path("text.db").write_text("no database " * 100)


@pytest.fixture
def client_class(flavour: str) -> Any:
    """The class of the flavour; not called, as the key is one of its arguments."""
    return StateBase if flavour == "sync" else AsyncStateBase


@pytest.fixture
def names(local_client: Any) -> Dict[str, Any]:
    """The names that the calls of a client use."""
    sid = local_client.sessions.create("agent", initial_state={"step": 0}).id
    local_client.sessions.update_state(sid, {"step": 1})
    local_client.sessions.update_state(sid, {"step": 2})
    local_client.sessions.update_state(sid, {}, idempotency_key="used")
    local_client.sessions.rollback(sid, 2)
    return {**VALUES, "client": local_client, "sid": sid}


@pytest.mark.parametrize(("call", "error"), rows(OPTIONS))
def test_options_of_a_client(call: str, error: str, client_class: Any) -> None:
    """The options of both classes, and of views."""

    def make(api_key: Optional[str] = "sb_test", *args: Any, **options: Any) -> Any:
        return client_class(api_key, *args, **options)

    assert error_of(call, {**VALUES, "Client": make}) == error


@pytest.mark.parametrize(("call", "error"), rows(OPTIONS_OF_ONE_FLAVOUR))
def test_options_of_one_flavour(call: str, error: str) -> None:
    """The httpx objects that each class accepts."""
    assert error_of(call, dict(VALUES)) == error


@pytest.mark.parametrize(("call", "error"), rows(LOCAL))
def test_options_of_an_embedded_engine(call: str, error: str, client_class: Any) -> None:
    """The options of `local()`."""
    got = error_of(call, {**VALUES, "local": client_class.local})

    assert got.replace(str(Path.cwd()), "/current") == error


@pytest.mark.parametrize(
    ("call", "error"), rows(IDS + QUERIES + BODIES + OPTIONS_OF_A_CALL + TURNS + METHODS_OF_SEVERAL_CALLS + ENGINE)
)
def test_arguments(call: str, error: str, names: Dict[str, Any]) -> None:
    """Arguments that the client refuses, and those that the engine does."""
    assert error_of(call, names) == error


@pytest.mark.parametrize(("call", "error"), rows(ANSWERS))
def test_answers(call: str, error: str, respond: Callable[..., Any]) -> None:
    """Answers of a service that are errors, or cannot be read."""

    def service(status: int, body: object = b"", *, limit: Optional[int] = None, **headers: str) -> Any:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {name.replace("_", "-"): text for name, text in headers.items()}
        answer = httpx.Response(status, content=content, headers=sent)
        return respond(answer, base_url="http://localhost:8000", max_retries=0, max_response_bytes=limit)[0]

    assert error_of(call, {**VALUES, "service": service}) == error


@pytest.mark.parametrize(("call", "error"), rows(CONNECTIONS))
def test_connections(call: str, error: str, respond: Callable[..., Any]) -> None:
    """Connections that fail, for a read and for a write."""

    def broken(failure: Exception) -> Any:
        return respond(failure, base_url="http://localhost:8000", max_retries=0)[0]

    def broken_before(failure: Exception) -> Any:
        client = respond(failure, base_url="http://localhost:8000", max_retries=0, circuit_breaker=True)[0]
        with pytest.raises(httpx.TransportError):
            client.sessions.get("sess_1")
        return client

    assert error_of(call, {**VALUES, "broken": broken, "broken_before": broken_before}) == error


@pytest.mark.parametrize(("call", "error"), rows(WEBHOOKS))
def test_webhooks(call: str, error: str) -> None:
    """Webhooks whose signature or body is wrong."""
    import hashlib
    import hmac

    def sign(body: bytes) -> str:
        return hmac.new(b"whsec_1", body, hashlib.sha256).hexdigest()

    assert error_of(call, {**VALUES, "webhooks": webhooks, "sign": sign}) == error


@pytest.mark.parametrize(("call", "error"), rows(IMPORTS))
def test_imports(call: str, error: str, statebase_client: StateBase) -> None:
    """Files that are not a complete export."""
    header = b'{"record": "header", "version": 1, "exported_at": "2026-01-02T03:04:05Z", "statebase": "1.0"}'

    def load(*lines: bytes) -> None:
        list(Importer(statebase_client).run(read(lines)))

    assert error_of(call, {**VALUES, "load": load, "header": header}) == error


@pytest.mark.parametrize(("call", "error"), rows(TESTING))
def test_tools_for_tests(call: str, error: str) -> None:
    """The arguments that the testing package refuses."""

    def untriggered() -> None:
        faults = Faults()
        faults.drop_after_commit(on="sessions.create")
        faults.assert_all_struck()

    names = {"Faults": Faults, "FrozenClock": FrozenClock, "local_client": local_client, "untriggered": untriggered}
    assert error_of(call, {**VALUES, **names}) == error


def test_key_that_the_engine_does_not_know() -> None:
    """An engine that asks for a key."""
    transport = LocalTransport(Engine.open(), api_key="sb_right", close_engine=True)
    with StateBase("sb_wrong", "http://localhost", transport=transport) as client:
        error = error_of("client.sessions.list()", {"client": client})

    assert error == (
        "AuthenticationError: 401 authentication_failed: The API key is missing, wrong, expired or revoked: "
        "send a valid one in the header X-API-Key."
    )


def test_tables_are_long_enough() -> None:
    """A table that is lost by a wrong edit does not pass in silence."""
    tables = [value for name, value in globals().items() if name.isupper() and isinstance(value, str)]
    assert sum(len(rows(table)) for table in tables) >= 120
