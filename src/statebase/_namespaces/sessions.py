"""The namespace `sessions`: methods that take more than the document can say, such as plain text and chat messages.

What is not here is the generated method, inherited.
"""

from __future__ import annotations

from typing import Any, Iterable, List, Optional, Union, cast

from typing_extensions import Unpack

from .._base.errors import StateBaseError
from .._call.idempotency import idempotency_key
from .._call.options import NOT_GIVEN, JSONObject, NotGiven, WriteOptions
from .._generated import models
from .._generated.transport.sessions import AsyncSessionsTransport, SessionsTransport
from .turns import TurnInputLike, TurnLike, TurnOutputLike, tool_call, turn_input, turn_output, turns_of


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
            turns: (input, output) pairs, mappings of `add_turn`'s arguments, or the messages of OpenAI (chat or
                Responses), Anthropic, Gemini or LangChain, as dictionaries or as their SDK's objects. A user's message
                and the assistant's answer make one turn, a tool call with its result another. System messages are
                left out. `docs/guides/histories.md` lists what becomes of each part.
            **options: Options of each request. With an `idempotency_key`, repeating the call with the same turns adds
                only those that are missing.

        Returns:
            The turns, in order.

        Raises:
            InvalidRequestError: An item is neither a turn nor a message; nothing was sent.
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


def _numbered(options: WriteOptions, key: str, number: int) -> WriteOptions:
    return {**options, "idempotency_key": f"{key}-{number}"}


def _interrupted(error: StateBaseError, key: str, recorded: int) -> None:
    """Tell an error how far `ingest` came."""
    error.idempotency_key = key
    error.message = f"ingest() failed after {recorded} recorded turns: {error.message}"
    error.hint = f"Repeat ingest() with idempotency_key={key!r}: it adds only the missing turns."
