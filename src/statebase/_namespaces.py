"""The namespaces whose methods take more than the document can say: plain text, tool calls, lists of words.

What is not here is the generated method, inherited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable, List, Mapping, Optional, Sequence, Union, cast

from ._call_factory import idempotency_key
from ._errors import InvalidRequestError, StateBaseError
from ._generated import models
from ._generated.transport.memory import AsyncMemoryTransport, MemoryTransport
from ._generated.transport.sessions import AsyncSessionsTransport, SessionsTransport
from ._turns import TurnInputLike, TurnLike, TurnOutputLike, tool_call, turn_input, turn_output, turns_of
from ._types import NOT_GIVEN, NotGiven, WriteOptions

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._results import SearchResults
    from ._types import RequestOptions

JSONObject = Mapping[str, Any]
Words = Union[str, Sequence[str], None, NotGiven]


class Sessions(SessionsTransport):
    """Conversations of agents: their life, their turns, their state."""

    def add_turn(
        self,
        session_id: str,
        input: TurnInputLike,
        output: TurnOutputLike,
        metadata: Union[JSONObject, NotGiven, None] = NOT_GIVEN,
        reasoning: Union[str, NotGiven, None] = NOT_GIVEN,
        *,
        state_before: Union[JSONObject, NotGiven, None] = NOT_GIVEN,
        state_after: Union[JSONObject, NotGiven, None] = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> models.TurnResponse:
        """Record one exchange: what went into the agent and what came out.

        Args:
            session_id: The session.
            input: Text, a `TurnInput`, or a mapping with `type` and `content`; its other keys are kept.
            output: Text, a `TurnOutput`, or a mapping with `type` and `content`; its other keys are kept.
            metadata: Anything to keep with the turn.
            reasoning: Why the agent answered so; also kept with the state version that `state_after` makes.
            state_before: The state that the agent saw; without it, the state as it was.
            state_after: The state from now on; a new version where it differs.
            **options: Options of this one call, such as `timeout` and `idempotency_key`.

        Returns:
            The turn, with its id and its number within the session.

        Raises:
            InvalidRequestError: An input or output is neither text, mapping nor model; nothing was sent.
            NotFoundError: There is no such session, or it has expired.
            PayloadTooLargeError: The request body is over 10 MiB.
            UnprocessableEntityError: A part breaks its schema; the message names it.

        Example:
            >>> turn = client.sessions.add_turn(session.id, "Where is my parcel?", "It arrives tomorrow.")
            >>> turn.turn_number
            1
        """
        return super().add_turn(
            session_id,
            turn_input(input),
            turn_output(output),
            metadata,
            reasoning,
            state_before=state_before,
            state_after=state_after,
            **options,
        )

    def add_tool_call(
        self,
        session_id: str,
        tool_name: str,
        arguments: JSONObject,
        output: Any,
        tool_call_id: Optional[str] = None,
        reasoning: Union[str, NotGiven, None] = NOT_GIVEN,
        metadata: Union[JSONObject, NotGiven, None] = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> models.TurnResponse:
        """Record the call of a tool and what it gave back as one turn.

        Args:
            session_id: The session.
            tool_name: The tool.
            arguments: What it was called with; kept under `input["tool_metadata"]`.
            output: What it gave back: any JSON value; kept under `output["output"]`, and as text.
            tool_call_id: What the model calls this tool call.
            reasoning: Why the agent called it.
            metadata: Anything to keep with the turn.
            **options: Options of this one call, such as `timeout` and `idempotency_key`.

        Returns:
            The turn, with its id and its number within the session.

        Raises:
            NotFoundError: There is no such session, or it has expired.
            PayloadTooLargeError: The request body is over 10 MiB.

        Example:
            >>> turn = client.sessions.add_tool_call(session.id, "track", {"parcel": "P-7"}, {"eta": "tomorrow"})
            >>> turn.output["output"]
            {'eta': 'tomorrow'}
        """
        given, gave = tool_call(tool_name, arguments, output, tool_call_id)
        return self.add_turn(session_id, given, gave, metadata, reasoning, **options)

    def ingest(
        self, session_id: str, turns: Iterable[TurnLike], **options: Unpack[WriteOptions]
    ) -> List[models.TurnResponse]:
        """Record a conversation that already took place, turn by turn, in order.

        Args:
            session_id: The session.
            turns: (input, output) pairs, mappings of `add_turn`'s arguments, or chat messages with `role` and
                `content`, of which a user's and the assistant's answer make one turn.
            **options: Options of each request. With an `idempotency_key`, repeating the call with the same turns adds
                only those that are missing.

        Returns:
            The turns, in order.

        Raises:
            InvalidRequestError: An item is no turn; nothing was sent.
            StateBaseError: A turn was not recorded. Those before it were: repeat the call with the error's
                `idempotency_key` and the rest follows, none twice.

        Example:
            >>> turns = client.sessions.ingest(session.id, [("hi", "hello"), ("bye", "see you")])
            >>> [turn.turn_number for turn in turns]
            [1, 2]
        """
        key, recorded = idempotency_key(options.get("idempotency_key")), cast(List[models.TurnResponse], [])
        for arguments in turns_of(turns):
            try:
                recorded.append(self.add_turn(session_id, **arguments, **_numbered(options, key, len(recorded))))
            except StateBaseError as error:
                _interrupted(error, key, len(recorded))
                raise
        return recorded


class AsyncSessions(AsyncSessionsTransport):
    """Conversations of agents: their life, their turns, their state."""

    async def add_turn(
        self,
        session_id: str,
        input: TurnInputLike,
        output: TurnOutputLike,
        metadata: Union[JSONObject, NotGiven, None] = NOT_GIVEN,
        reasoning: Union[str, NotGiven, None] = NOT_GIVEN,
        *,
        state_before: Union[JSONObject, NotGiven, None] = NOT_GIVEN,
        state_after: Union[JSONObject, NotGiven, None] = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> models.TurnResponse:
        """Record one exchange; arguments, result and errors are those of `Sessions.add_turn`.

        Example:
            >>> turn = await client.sessions.add_turn(session.id, "Where is my parcel?", "It arrives tomorrow.")
            >>> turn.turn_number
            1
        """
        return await super().add_turn(
            session_id,
            turn_input(input),
            turn_output(output),
            metadata,
            reasoning,
            state_before=state_before,
            state_after=state_after,
            **options,
        )

    async def add_tool_call(
        self,
        session_id: str,
        tool_name: str,
        arguments: JSONObject,
        output: Any,
        tool_call_id: Optional[str] = None,
        reasoning: Union[str, NotGiven, None] = NOT_GIVEN,
        metadata: Union[JSONObject, NotGiven, None] = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> models.TurnResponse:
        """Record the call of a tool; arguments, result and errors are those of `Sessions.add_tool_call`.

        Example:
            >>> turn = await client.sessions.add_tool_call(session.id, "track", {"parcel": "P-7"}, {"eta": "tomorrow"})
            >>> turn.output["output"]
            {'eta': 'tomorrow'}
        """
        given, gave = tool_call(tool_name, arguments, output, tool_call_id)
        return await self.add_turn(session_id, given, gave, metadata, reasoning, **options)

    async def ingest(
        self, session_id: str, turns: Iterable[TurnLike], **options: Unpack[WriteOptions]
    ) -> List[models.TurnResponse]:
        """Record a conversation that already took place; arguments, result and errors are those of `Sessions.ingest`.

        Example:
            >>> turns = await client.sessions.ingest(session.id, [("hi", "hello"), ("bye", "see you")])
            >>> [turn.turn_number for turn in turns]
            [1, 2]
        """
        key, recorded = idempotency_key(options.get("idempotency_key")), cast(List[models.TurnResponse], [])
        for arguments in turns_of(turns):
            try:
                recorded.append(await self.add_turn(session_id, **arguments, **_numbered(options, key, len(recorded))))
            except StateBaseError as error:
                _interrupted(error, key, len(recorded))
                raise
        return recorded


# pyright holds every new keyword of add and search against the base's **options, and finds them to differ.
class Memory(MemoryTransport):
    """Texts that are found again by meaning."""

    def add(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        content: str,
        type: Union[str, NotGiven] = "fact",
        session_id: Union[str, NotGiven, None] = NOT_GIVEN,
        tags: Union[Sequence[str], NotGiven, None] = NOT_GIVEN,
        metadata: Union[JSONObject, NotGiven, None] = NOT_GIVEN,
        *,
        embed: Union[bool, NotGiven] = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> models.MemoryResponse:
        """Store a text.

        Args:
            content: The text, 1 to 10,000 characters.
            type: What kind of memory it is: general, fact, preference, event, policy, observation, or a word of your
                own. The service's default is general; this method's is fact, as it was in statebase 0.4.
            session_id: The session that the memory belongs to; required.
            tags: Words to find it by.
            metadata: Anything to keep with it.
            embed: False to store it without finding it by meaning; true without it.
            **options: Options of this one call, such as `timeout` and `idempotency_key`.

        Returns:
            The memory, with its id.

        Raises:
            InvalidRequestError: There is no session_id; nothing was sent.
            NotFoundError: There is no such session, or it has expired.
            PayloadTooLargeError: The text is longer than 10,000 characters.
            UnprocessableEntityError: The text is empty, or another part breaks its schema.

        Example:
            >>> memory = client.memory.add("Prefers e-mail over phone calls", "preference", session.id)
            >>> memory.type
            'preference'
        """
        return super().add(
            content,
            type=type,
            session_id=_required_session(session_id),
            tags=tags,
            metadata=metadata,
            embed=embed,
            **options,
        )

    def search(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        query: str,
        session_id: Union[str, NotGiven, None] = NOT_GIVEN,
        types: Words = NOT_GIVEN,
        tags: Words = NOT_GIVEN,
        limit: Union[int, NotGiven] = NOT_GIVEN,
        threshold: Union[float, NotGiven] = NOT_GIVEN,
        *,
        top_k: Union[int, NotGiven] = NOT_GIVEN,
        type: Words = NOT_GIVEN,
        **options: Unpack[RequestOptions],
    ) -> SearchResults:
        """Find memories by meaning.

        Args:
            query: What to look for, in your own words.
            session_id: Only memories of this session; of all sessions without it.
            types: Only memories of these types: a word, words joined by commas, or a sequence of words.
            tags: Only memories with one of these tags, given like `types`.
            limit: Another name for `top_k`.
            threshold: Only memories that score at least this, from 0 to 1; 0.7 without it.
            top_k: How many at most, 1 to 50; 10 without it.
            type: Another name for `types`.
            **options: Options of this one call, such as `timeout`.

        Returns:
            A sequence of results, best first, each with its `score` from 0 to 1; `.query` is the query.

        Raises:
            InvalidRequestError: An argument came under both of its names, or a type or tag holds a comma.
            BadRequestError: There are more than 500 types or tags.
            UnprocessableEntityError: A number is out of its range.

        Example:
            >>> memory = client.memory.add("Prefers e-mail over phone calls", "preference", session.id)
            >>> results = client.memory.search("e-mail or phone calls", types="preference", threshold=0.2)
            >>> [found.content for found in results]
            ['Prefers e-mail over phone calls']
        """
        return super().search(
            query,
            session_id,
            _joined("types", _either("types", types, "type", type)),
            _joined("tags", tags),
            top_k=_either("top_k", top_k, "limit", limit),
            threshold=threshold,
            **options,
        )


class AsyncMemory(AsyncMemoryTransport):
    """Texts that are found again by meaning."""

    async def add(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        content: str,
        type: Union[str, NotGiven] = "fact",
        session_id: Union[str, NotGiven, None] = NOT_GIVEN,
        tags: Union[Sequence[str], NotGiven, None] = NOT_GIVEN,
        metadata: Union[JSONObject, NotGiven, None] = NOT_GIVEN,
        *,
        embed: Union[bool, NotGiven] = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> models.MemoryResponse:
        """Store a text; arguments, result and errors are those of `Memory.add`.

        Example:
            >>> memory = await client.memory.add("Prefers e-mail over phone calls", "preference", session.id)
            >>> memory.type
            'preference'
        """
        return await super().add(
            content,
            type=type,
            session_id=_required_session(session_id),
            tags=tags,
            metadata=metadata,
            embed=embed,
            **options,
        )

    async def search(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        query: str,
        session_id: Union[str, NotGiven, None] = NOT_GIVEN,
        types: Words = NOT_GIVEN,
        tags: Words = NOT_GIVEN,
        limit: Union[int, NotGiven] = NOT_GIVEN,
        threshold: Union[float, NotGiven] = NOT_GIVEN,
        *,
        top_k: Union[int, NotGiven] = NOT_GIVEN,
        type: Words = NOT_GIVEN,
        **options: Unpack[RequestOptions],
    ) -> SearchResults:
        """Find memories by meaning; arguments, result and errors are those of `Memory.search`.

        Example:
            >>> memory = await client.memory.add("Prefers e-mail over phone calls", "preference", session.id)
            >>> results = await client.memory.search("e-mail or phone calls", types="preference", threshold=0.2)
            >>> [found.content for found in results]
            ['Prefers e-mail over phone calls']
        """
        return await super().search(
            query,
            session_id,
            _joined("types", _either("types", types, "type", type)),
            _joined("tags", tags),
            top_k=_either("top_k", top_k, "limit", limit),
            threshold=threshold,
            **options,
        )


def _numbered(options: WriteOptions, key: str, number: int) -> WriteOptions:
    return {**options, "idempotency_key": f"{key}-{number}"}


def _interrupted(error: StateBaseError, key: str, recorded: int) -> None:
    """Tell an error how far `ingest` came."""
    error.idempotency_key = key
    error.message = f"{recorded} turns were recorded, then: {error.message}"
    error.hint = f"Repeat ingest() with idempotency_key={key!r}: the rest follows, none twice."


def _required_session(session_id: Union[str, NotGiven, None]) -> str:
    if session_id is None or isinstance(session_id, NotGiven):
        raise InvalidRequestError("session_id is missing: a memory belongs to a session", param="session_id")
    return session_id


def _joined(name: str, words: Words) -> Union[str, NotGiven, None]:
    """Join words by commas, as the service reads them."""
    if words is None or isinstance(words, (str, NotGiven)):
        return words
    for word in cast("Sequence[object]", words):
        if not isinstance(word, str) or "," in word:
            raise InvalidRequestError(f"{name} holds {word!r}: give words without a comma", param=name)
    return ",".join(words) or NOT_GIVEN


def _either(name: str, value: Any, other_name: str, other: Any) -> Any:
    """Take an argument that goes by two names."""
    if other is NOT_GIVEN or other is None:
        return value
    if value is not NOT_GIVEN and value is not None and value != other:
        raise InvalidRequestError(f"{name} and {other_name} mean the same: give one of them", param=name)
    return other
