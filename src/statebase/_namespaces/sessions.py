"""The methods of `client.sessions` that are not in the document, as generators of steps.

The first argument is the namespace of either client. The generated classes contain the methods for both clients, with
these signatures and docstrings.
"""

from __future__ import annotations

from typing import Any, Iterable, List, Optional, Union

from typing_extensions import Unpack

from .._base.errors import StateBaseError
from .._call.idempotency import idempotency_key
from .._call.options import NOT_GIVEN, JSONObject, NotGiven, WriteOptions
from .._call.steps import Steps
from .._generated import models
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
) -> Steps[models.TurnResponse]:
    """Record a tool call and its result as one turn.

    Args:
        session_id: Id of the session.
        tool_name: The name of the tool.
        arguments: The arguments of the call; stored in `input["tool_metadata"]`.
        output: The result, any JSON value; stored in `output["output"]`, and as text.
        tool_call_id: The id that the model assigned to the tool call.
        reasoning: The agent's reason for the call.
        metadata: A JSON object to store with the turn.
        **options: Options of this call, such as timeout and idempotency_key. The service stores a key for 24 hours.

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
    turn: models.TurnResponse = yield sessions.add_turn(session_id, given, returned, metadata, reasoning, **options)
    return turn


def ingest(
    sessions: Any, session_id: str, turns: Iterable[TurnLike], **options: Unpack[WriteOptions]
) -> Steps[List[models.TurnResponse]]:
    """Record an existing conversation, turn by turn, in order.

    Args:
        session_id: Id of the session.
        turns: (input, output) pairs, mappings of `add_turn`'s arguments, or the messages of OpenAI (chat or
            Responses), Anthropic, Gemini or LangChain, as dictionaries or as their SDK's objects. A user's message
            and the assistant's answer make one turn, a tool call with its result another. System messages are
            left out. `docs/guides/histories.md` shows how each part is stored.
        **options: Options of each request. With an `idempotency_key`, repeating the call with the same turns adds
            only the missing ones. The service stores a key for 24 hours.

    Returns:
        The turns, in order.

    Raises:
        InvalidRequestError: An item is neither a turn nor a message; nothing was sent.
        StateBaseError: A turn was not recorded; the turns before it were. Repeat the call with the error's
            `idempotency_key` to add the remaining turns.

    Example:
        >>> turns = client.sessions.ingest(session.id, [("hi", "hello"), ("bye", "see you")])
        >>> [turn.turn_number for turn in turns]
        [1, 2]
    """
    key = idempotency_key(options.get("idempotency_key"))
    recorded: List[models.TurnResponse] = []
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
