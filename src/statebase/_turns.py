"""From what people have at hand, text, tool calls, chat messages, to the turns of the API. Everything here is pure."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union, cast

from ._errors import InvalidRequestError
from ._generated import models

TurnInputLike = Union[str, models.TurnInput, Mapping[str, Any]]
"""The input of a turn: text, a `TurnInput`, or a mapping with `type`, `content` and any other keys."""
TurnOutputLike = Union[str, models.TurnOutput, Mapping[str, Any]]
"""The output of a turn: text, a `TurnOutput`, or a mapping with `type`, `content` and any other keys."""
TurnLike = Union[Tuple[TurnInputLike, TurnOutputLike], Mapping[str, Any]]
"""A turn to ingest: an (input, output) pair, a mapping of `add_turn`'s arguments, or a chat message."""

_TURN_ARGUMENTS = frozenset({"input", "output", "metadata", "reasoning", "state_before", "state_after"})


def turn_input(value: TurnInputLike) -> Union[models.TurnInput, Mapping[str, Any]]:
    """Make plain text the input of a turn; what is one already passes through.

    Raises:
        InvalidRequestError: It is neither.
    """
    part: Union[models.TurnInput, Mapping[str, Any]] = _turn_part("input", value)
    return part


def turn_output(value: TurnOutputLike) -> Union[models.TurnOutput, Mapping[str, Any]]:
    """Make plain text the output of a turn; what is one already passes through.

    Raises:
        InvalidRequestError: It is neither.
    """
    part: Union[models.TurnOutput, Mapping[str, Any]] = _turn_part("output", value)
    return part


def _turn_part(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return {"type": "text", "content": value}
    if isinstance(value, (models.TurnInput, models.TurnOutput)):
        # pydantic 2.13 cannot write a model that came inside of another one before it was used by itself
        return value.model_dump()
    if isinstance(value, Mapping):
        return cast(Any, value)
    raise InvalidRequestError(
        f"{name} must be a string, a mapping with 'type' and 'content', or a Turn{name.capitalize()}, "
        f"got {type(value).__name__}",
        param=name,
    )


def tool_call(
    tool_name: str, arguments: Mapping[str, Any], output: Any, tool_call_id: Optional[str]
) -> Tuple[Dict[str, Any], Dict[str, Any]]:
    """Write a tool call as the input and output of a turn, the way that statebase 0.4 did.

    That took whatever it was given as arguments, such as the JSON text that a model wrote; so does this.
    """
    shown: object = dict(arguments) if isinstance(arguments, Mapping) else arguments  # pyright: ignore[reportUnnecessaryIsInstance]
    return (
        {
            "type": "tool_call",
            "content": f"Call tool {tool_name} with {shown}",
            "tool_metadata": {"name": tool_name, "arguments": arguments, "id": tool_call_id},
        },
        {"type": "tool_response", "content": str(output), "output": output},
    )


def turns_of(items: Iterable[TurnLike]) -> List[Dict[str, Any]]:
    """Read turns from pairs, mappings of `add_turn`'s arguments, and chat messages.

    Chat messages pair up: what the user says and what the assistant answers is one turn; messages of one side in a row
    are joined by a blank line. System messages are left out: they are the prompt, not the exchange.

    Returns:
        The arguments of `add_turn` for each turn.

    Raises:
        InvalidRequestError: An item is none of these; it names the item's place.
    """
    turns: List[Dict[str, Any]] = []
    user: List[str] = []
    assistant: List[str] = []

    def finish_exchange() -> None:
        if user or assistant:
            turns.append({"input": turn_input("\n\n".join(user)), "output": turn_output("\n\n".join(assistant))})
            user.clear()
            assistant.clear()

    for place, item in enumerate(items):
        if not isinstance(item, Mapping) or "role" not in item:
            finish_exchange()
            turns.append(_turn_arguments(place, item))
            continue
        role, content = item["role"], item.get("content")
        if role in ("system", "developer"):
            continue
        if role not in ("user", "assistant"):
            raise InvalidRequestError(f"turns[{place}]['role'] must be 'user', 'assistant' or 'system'")
        if not isinstance(content, str):
            raise InvalidRequestError(f"turns[{place}] has no text as 'content': give an (input, output) pair instead")
        if role == "assistant":
            assistant.append(content)
            continue
        if assistant:
            finish_exchange()
        user.append(content)
    finish_exchange()
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
        raise InvalidRequestError(
            f"turns[{place}] must be an (input, output) pair, a mapping or a chat message, got {type(item).__name__}"
        )
    try:
        return {**arguments, "input": turn_input(arguments["input"]), "output": turn_output(arguments["output"])}
    except InvalidRequestError as error:
        raise InvalidRequestError(f"turns[{place}]: {error}", param=error.param) from None
