"""Converts plain text, tool calls and chat messages to turns. No I/O."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Mapping, Optional, Protocol, Sequence, Tuple, Union, cast

from .._base.errors import InvalidRequestError
from .._generated import models
from .histories import History, as_text, is_message, plain, read, tool_call_input


class SDKMessage(Protocol):
    """A message as an object of the SDK of an API, such as `response.choices[0].message`."""

    def model_dump(self) -> Any:
        """Return the object as a dictionary."""
        ...


TurnInputLike = Union[str, "models.TurnInput", Mapping[str, Any], SDKMessage]
"""The input of a turn: text, a `TurnInput`, a mapping with `type`, `content` and any other keys, or a chat message."""
TurnOutputLike = Union[str, "models.TurnOutput", Mapping[str, Any], SDKMessage]
"""The output of a turn, in the forms of the input."""
TurnLike = Union[Tuple[TurnInputLike, TurnOutputLike], Mapping[str, Any], SDKMessage]
"""A turn for `ingest`: an (input, output) pair, a mapping of `add_turn`'s arguments, a message, or an SDK's object."""

_TURN_ARGUMENTS = frozenset({"input", "output", "metadata", "reasoning", "state_before", "state_after"})


def turn_part(name: str, value: Any) -> Any:
    """Convert plain text or a chat message to the input or output of a turn; return a mapping or model unchanged.

    Args:
        name: `input` or `output`.
        value: The argument of `add_turn`.

    Raises:
        InvalidRequestError: The value is not a string, a mapping, a model or a chat message.
    """
    if isinstance(value, str):
        return {"type": "text", "content": value}
    if isinstance(value, (models.TurnInput, models.TurnOutput)):
        # pydantic 2.13 cannot write a model that came inside of another one before it was used by itself
        return value.model_dump()
    if isinstance(plain(value), Mapping):
        from .kept_messages import is_chat_message, message_part  # only chat messages need it

        if not isinstance(value, Mapping) or is_chat_message(cast(Any, value)):
            return message_part(name, value)
        return cast(Any, value)
    raise InvalidRequestError(
        f"{name} must be a string, a mapping with 'type' and 'content', a Turn{name.capitalize()} or a chat message, "
        f"got {'None' if value is None else type(value).__name__}",
        param=name,
    )


def tool_call(
    tool_name: str, arguments: Mapping[str, Any], output: Any, tool_call_id: Optional[str]
) -> Tuple[Dict[str, Any], Dict[str, Any]]:
    """Return the input and output of a turn for a tool call, in the format of statebase 0.4.

    As in 0.4, the arguments can be any JSON value, such as the JSON text that a model wrote.
    """
    return (
        tool_call_input(tool_name, arguments, tool_call_id),
        {"type": "tool_response", "content": as_text("output", output), "output": output},
    )


def turns_of(items: Iterable[TurnLike]) -> List[Dict[str, Any]]:
    """Read turns from pairs, mappings of `add_turn`'s arguments, and the messages of an agent's history.

    A user's message and the assistant's answer are one turn; consecutive messages of one role are joined by a blank
    line. A tool call with its result is a separate turn, in the format of `tool_call`; without a result it has no
    `output["output"]`. Other parts than text are stored as `parts` of the input or output. Readable reasoning becomes
    the `reasoning` of its turn. System messages are left out: they belong to the prompt, not to the conversation.

    Returns:
        The arguments of `add_turn` for each turn.

    Raises:
        InvalidRequestError: An item has an unknown format; the message names its index.
    """
    listed: Any = items
    if isinstance(listed, (str, bytes, Mapping)) or not isinstance(listed, Iterable):
        kind = "None" if listed is None else type(cast(object, listed)).__name__
        raise InvalidRequestError(f"turns must be a list of turns or messages, got {kind}", param="turns")
    turns: List[Dict[str, Any]] = []
    history = History(turns)
    for place, given in enumerate(items):
        item: Any = plain(given)
        if isinstance(item, Mapping) and is_message(cast(Any, item)):
            for event in read(f"turns[{place}]", cast(Any, item)):
                try:
                    history.add(event)
                except InvalidRequestError as error:  # it does not know the index
                    raise InvalidRequestError(f"turns[{place}]: {error}", param=error.param) from None
        else:
            history.end_exchange()
            turns.append(_turn_arguments(place, item))
    history.end_exchange()
    return turns


def _turn_arguments(place: int, item: Any) -> Dict[str, Any]:
    if isinstance(item, Mapping):
        arguments = dict(cast("Mapping[str, Any]", item))
        if not {"input", "output"} <= arguments.keys() <= _TURN_ARGUMENTS:
            raise InvalidRequestError(
                f"turns[{place}] must have the keys input and output, and may have metadata, reasoning, "
                "state_before and state_after; or role and content"
            )
    elif isinstance(item, (tuple, list)) and len(cast("Sequence[Any]", item)) == 2:
        given, gave = cast("Sequence[Any]", item)
        arguments = {"input": given, "output": gave}
    else:
        kind = type(cast(object, item)).__name__
        raise InvalidRequestError(
            f"turns[{place}] must be an (input, output) pair, a mapping or a chat message, got {kind}"
        )
    try:
        return {**arguments, **{name: turn_part(name, arguments[name]) for name in ("input", "output")}}
    except InvalidRequestError as error:
        raise InvalidRequestError(f"turns[{place}]: {error}", param=error.param) from None
