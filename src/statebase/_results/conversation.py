"""The turns of a context as what was said and which tools were called, oldest first."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any, Dict, Iterator, Literal, NamedTuple, Optional, Sequence, Union, cast

import pydantic_core

from .._generated.models import ContextTurn

_ROLES: Dict[str, Literal["user", "assistant"]] = {"user": "user", "assistant": "assistant"}
_REFUSED = re.compile(r"[^A-Za-z0-9_-]")
"""The characters that the APIs of models refuse in the names of tools, and Anthropic's API in ids."""
_LONGEST_ID = 40
"""The limit of OpenAI's API, in characters."""
_LONGEST_NAME = 64
"""The limit of OpenAI's API, in characters."""


class Said(NamedTuple):
    """A message with text."""

    role: Literal["user", "assistant"]
    text: str


class ToolCall(NamedTuple):
    """A call of a tool, with its result."""

    id: str
    """No other call of the conversation has it."""
    name: str
    arguments: Any
    """Any JSON value; usually an object."""
    result: str

    @property
    def api_name(self) -> str:
        """The name as the APIs of models accept it."""
        return _REFUSED.sub("_", self.name)[:_LONGEST_NAME]


def events(newest_first: Sequence[ContextTurn], *, plain_ids: bool = False) -> Iterator[Union[Said, ToolCall]]:
    """Return what was said and called in turns, oldest first; blank text is left out.

    Args:
        newest_first: The turns.
        plain_ids: Whether ids of tool calls have ASCII letters, digits, `_` and `-` only, as Anthropic's API requires.
    """
    used: Dict[str, int] = {}
    for number, turn in enumerate(reversed(newest_first), 1):
        call = _tool_call(turn, number)
        if call is not None:
            identifier = _REFUSED.sub("_", call.id) if plain_ids else call.id
            yield call._replace(id=_unique(identifier[:_LONGEST_ID], used))
            continue
        for event in _said(turn):
            if event.text.strip():  # model APIs reject a message without text
                yield event


def arguments_text(call: ToolCall) -> str:
    """Return the arguments of a tool call as JSON; a model may have written them as JSON already."""
    if _has_no_arguments(call):
        return "{}"
    return call.arguments if isinstance(call.arguments, str) else json_text(call.arguments)


def arguments_object(call: ToolCall) -> Dict[str, Any]:
    """Return the arguments of a tool call as an object, also where a model wrote them as JSON text."""
    if _has_no_arguments(call):
        return {}
    value = call.arguments
    if isinstance(value, str):
        with suppress(ValueError):
            value = pydantic_core.from_json(value, allow_inf_nan=False)
    return cast("Dict[str, Any]", value) if isinstance(value, dict) else {"arguments": call.arguments}


def _has_no_arguments(call: ToolCall) -> bool:
    """Whether a tool was called without arguments, for which some models write nothing."""
    return call.arguments is None or (isinstance(call.arguments, str) and not call.arguments.strip())


def json_text(value: Any) -> str:
    """Return a value as JSON."""
    return pydantic_core.to_json(value).decode()


def _unique(wanted: str, used: Dict[str, int]) -> str:
    """Return an id that is not used yet; `used` has the number of uses by id."""
    unique = wanted
    while unique in used:
        used[wanted] += 1
        suffix = f"_{used[wanted]}"
        unique = wanted[: _LONGEST_ID - len(suffix)] + suffix
    used[unique] = 1
    return unique


def _tool_call(turn: ContextTurn, number: int) -> Optional[ToolCall]:
    """Return the tool call of a turn; None if it is not one whose parts are known."""
    if turn.input is None or turn.input.type != "tool_call":
        return None
    about = (turn.input.model_extra or {}).get("tool_metadata")
    if not isinstance(about, dict):
        return None
    details = cast("Dict[str, Any]", about)
    name, identifier = details.get("name"), details.get("id")
    if not isinstance(name, str) or not name:
        return None
    if not isinstance(identifier, str) or not identifier:
        identifier = f"call_{turn.turn_number or number}"
    result = ""
    if turn.output is not None:
        returned = (turn.output.model_extra or {}).get("output", turn.output.content)
        result = returned if isinstance(returned, str) else json_text(returned)
    return ToolCall(identifier, name, details.get("arguments"), result)


def _said(turn: ContextTurn) -> Iterator[Said]:
    given = None if turn.input is None else turn.input.content
    gave = None if turn.output is None else turn.output.content
    if given is None and gave is None:
        role, text = (turn.role or "user").lower(), turn.content or ""
        if role in _ROLES:
            yield Said(_ROLES[role], text)
        elif text.strip():
            yield Said("user", f"{role}: {text}")
    elif turn.input is not None and turn.input.type == "tool_call":
        yield Said("assistant", "\nResult: ".join(part for part in (given, gave) if part))
    else:
        yield Said("user", given or "")
        yield Said("assistant", gave or "")
