"""`client.sessions.add_messages`, as a generator of steps."""

from __future__ import annotations

from typing import Any, Iterable, List, Mapping, Union

from typing_extensions import Unpack

from .._base.errors import StateBaseError
from .._call.options import WriteOptions
from .._call.steps import Steps
from .._generated import models
from .._results.chat_messages import KEY
from .kept_messages import turns_of_messages
from .sessions import ingest
from .turns import SDKMessage

MessageLike = Union[Mapping[str, Any], SDKMessage]
"""A chat message: a dictionary, or an object of an SDK."""


def add_messages(
    sessions: Any, session_id: str, messages: Iterable[MessageLike], **options: Unpack[WriteOptions]
) -> Steps[List[models.TurnResponse]]:
    """Record chat messages as turns that give them back unchanged.

    `to_messages` of a context, with the format of the messages, returns them equal: with system messages, tool calls,
    results, and parts such as images. The turns have their text for all other readers: a user's message and the
    assistant's answer make one turn, a tool call with its result another.

    Args:
        session_id: Id of the session.
        messages: Messages of OpenAI (Chat Completions, or items of Responses) or Anthropic, as dictionaries or as
            objects of their SDKs. An object is kept as a dictionary of the fields that are set, a `Message` of
            Anthropic's API as its role and content. Messages of Gemini and LangChain are stored as by `ingest`.
            If a tool call is added together with its results, a context never has one without the other.
        **options: Options of each request. With an `idempotency_key`, repeating the call with the same messages adds
            only the missing turns. The service stores a key for 24 hours.

    Returns:
        The turns, in order.

    Raises:
        InvalidRequestError: An item is not a chat message, or cannot be represented in JSON; nothing was sent.
        StateBaseError: A turn was not recorded; the turns before it were. Repeat the call with the error's
            `idempotency_key` to add the remaining turns. Or the service stores only the text of the turns.

    Example:
        >>> messages = [
        ...     {"role": "system", "content": "Be brief."},
        ...     {"role": "user", "content": [{"type": "text", "text": "Where is my parcel?"}]},
        ...     {"role": "assistant", "content": "On its way."},
        ... ]
        >>> turns = client.sessions.add_messages(session.id, messages)
        >>> turns[0].input["content"], turns[0].output["content"]
        ('Where is my parcel?', 'On its way.')
        >>> context = client.sessions.get_context(session.id)
        >>> context.to_messages(format="openai", sections=["turns"]) == messages
        True
    """
    turns = turns_of_messages(messages)
    try:
        recorded = yield from ingest(sessions, session_id, turns, **options)
    except StateBaseError as error:
        error.message = error.message.replace("ingest()", "add_messages()", 1)
        error.hint = error.hint and error.hint.replace("ingest()", "add_messages()", 1)
        raise
    from .._results.queued import QueuedTurn  # it takes the models of turns and memories

    answered = [each for each in zip(turns, recorded) if not isinstance(each[1], QueuedTurn)]
    if any(KEY in given["output"] and KEY not in turn.output for given, turn in answered):
        raise StateBaseError(
            "The turns were recorded, but the service does not store their chat messages: it left out a key of the "
            "output that it does not know. Use ingest() with this service"
        )
    return recorded
