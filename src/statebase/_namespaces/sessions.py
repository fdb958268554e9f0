"""The methods of `client.sessions` that the document does not have, as steps.

The first argument of each is the namespace, of either client; the generated classes have the methods of both flavours,
with these signatures and docstrings.
"""

from __future__ import annotations

from typing import Any, Iterable, List, Optional, Union

from typing_extensions import Unpack

from .._base.errors import StateBaseError
from .._call.idempotency import idempotency_key
from .._call.options import NOT_GIVEN, JSONObject, NotGiven, WriteOptions
from .._call.steps import Steps
from .._generated.models import TurnResponse
from .turns import TurnLike, tool_call, turns_of


def add_tool_call(
    sessions: Any,
    session_id: str,
    tool_name: str,
    arguments: JSONObject,
    output: Any,
    tool_call_id: Optional[str] = None,
    reasoning: Union[str, NotGiven, None] = NOT_GIVEN,
    metadata: Union[JSONObject, NotGiven, None] = NOT_GIVEN,
    **options: Unpack[WriteOptions],
) -> Steps[TurnResponse]:
    """Record the call of a tool and what it returned as one turn.

    Args:
        session_id: Id of the session.
        tool_name: The tool.
        arguments: What it was called with; kept under `input["tool_metadata"]`.
        output: What it returned: any JSON value; kept under `output["output"]`, and as text.
        tool_call_id: What the model calls this tool call.
        reasoning: Why the agent called it.
        metadata: Anything to keep with the turn.
        **options: Options of this call, such as timeout and idempotency_key.

    Returns:
        The turn, with its id and its number within the session.

    Raises:
        NotFoundError: No session has this id, or it has expired.
        PayloadTooLargeError: The request body is over 10 MiB.

    Example:
        >>> turn = client.sessions.add_tool_call(session.id, "track", {"parcel": "P-7"}, {"eta": "tomorrow"})
        >>> turn.output["output"]
        {'eta': 'tomorrow'}
    """
    given, returned = tool_call(tool_name, arguments, output, tool_call_id)
    turn: TurnResponse = yield sessions.add_turn(session_id, given, returned, metadata, reasoning, **options)
    return turn


def ingest(
    sessions: Any, session_id: str, turns: Iterable[TurnLike], **options: Unpack[WriteOptions]
) -> Steps[List[TurnResponse]]:
    """Record a conversation that already took place, turn by turn, in order.

    Args:
        session_id: Id of the session.
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
    key = idempotency_key(options.get("idempotency_key"))
    recorded: List[TurnResponse] = []
    for arguments in turns_of(turns):
        numbered = {**options, "idempotency_key": f"{key}-{len(recorded)}"}
        try:
            recorded.append((yield sessions.add_turn(session_id, **arguments, **numbered)))
        except StateBaseError as error:
            error.idempotency_key = key
            error.message = f"ingest() failed after {len(recorded)} recorded turns: {error.message}"
            error.hint = f"Repeat ingest() with idempotency_key={key!r}: it adds only the missing turns."
            raise
    return recorded
