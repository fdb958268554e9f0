"""From what people have at hand, text, tool calls, chat messages, to the turns of the API. Everything here is pure."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union, cast

from .._base.errors import InvalidRequestError
from .._generated import models
from .histories import History, as_text, is_message, plain, read, tool_call_input

TurnInputLike = Union[str, models.TurnInput, Mapping[str, Any]]
"""The input of a turn: text, a `TurnInput`, or a mapping with `type`, `content` and any other keys."""
TurnOutputLike = Union[str, models.TurnOutput, Mapping[str, Any]]
"""The output of a turn: text, a `TurnOutput`, or a mapping with `type`, `content` and any other keys."""
TurnLike = Union[Tuple[TurnInputLike, TurnOutputLike], Mapping[str, Any]]
"""A turn to ingest: an (input, output) pair, a mapping of `add_turn`'s arguments, a message, or an SDK's object."""

_TURN_ARGUMENTS = frozenset({"input", "output", "metadata", "reasoning", "state_before", "state_after"})


def turn_part(name: str, value: Any) -> Any:
    """Make plain text the input or output of a turn; a mapping or a model passes through.

    Args:
        name: Which of the two: `input` or `output`.
        value: What `add_turn` was given.

    Raises:
        InvalidRequestError: It is none of these.
    """
    if isinstance(value, str):
        return {"type": "text", "content": value}
    if isinstance(value, (models.TurnInput, models.TurnOutput)):
        # pydantic 2.13 cannot write a model that came inside of another one before it was used by itself
        return value.model_dump()
    if isinstance(value, Mapping):
        return cast(Any, value)
    raise InvalidRequestError(
        f"{name} must be a string, a mapping with 'type' and 'content', or a Turn{name.capitalize()}, "
        f"got {'None' if value is None else type(value).__name__}",
        param=name,
    )


def tool_call(
    tool_name: str, arguments: Mapping[str, Any], output: Any, tool_call_id: Optional[str]
) -> Tuple[Dict[str, Any], Dict[str, Any]]:
    """Write a tool call as the input and output of a turn, the way that statebase 0.4 did.

    That took whatever it was given as arguments, such as the JSON text that a model wrote; so does this.
    """
    return (
        tool_call_input(tool_name, arguments, tool_call_id),
        {"type": "tool_response", "content": as_text("output", output), "output": output},
    )


def turns_of(items: Iterable[TurnLike]) -> List[Dict[str, Any]]:
    """Read turns from pairs, mappings of `add_turn`'s arguments, and the messages of an agent's history.

    What the user says and what the assistant answers is one turn; messages of one side in a row are joined by a blank
    line. A tool call with its result is a turn of its own, in its place, as `tool_call` writes it; one without a result
    has no `output["output"]`. Parts that are not text are kept as `parts` of the input or output. Reasoning that can be
    read becomes the `reasoning` of its turn. System messages are left out: they are the prompt, not the exchange.

    Returns:
        The arguments of `add_turn` for each turn.

    Raises:
        InvalidRequestError: An item is none of these; the message names its place.
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
                except InvalidRequestError as error:  # it knows nothing of places
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
