"""The turns of a context as what was said and which tools were called, oldest first."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any, Dict, Iterable, Iterator, List, Literal, NamedTuple, Optional, Sequence, Set, Tuple, Union, cast

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
    for of_turn in events_by_turn(newest_first[::-1], plain_ids=plain_ids):
        yield from of_turn


def events_by_turn(
    oldest_first: Sequence[Optional[ContextTurn]], *, plain_ids: bool = False, taken: Iterable[str] = ()
) -> List[List[Union[Said, ToolCall]]]:
    """Return what was said and called in each turn; a result whose call is in an earlier turn belongs to that.

    Args:
        oldest_first: The turns. None stands for a turn that is written otherwise.
        plain_ids: See `events`.
        taken: Ids that no tool call may have.
    """
    used = dict.fromkeys(taken, 1)
    late: Dict[str, List[Tuple[int, str]]] = {}
    for index, turn in enumerate(oldest_first):
        result = None if turn is None else _late_result(turn)
        if result is not None:
            late.setdefault(result[0], []).append((index, result[1]))
    found: List[List[Union[Said, ToolCall]]] = [[] for _ in oldest_first]
    answered: Set[int] = set()
    for index, turn in enumerate(oldest_first):
        if turn is None or index in answered:
            continue
        call = _tool_call(turn, index + 1)
        if call is None:
            # model APIs reject a message without text
            found[index] += [said for said in _said(turn) if said.text.strip()]
            continue
        results = [] if _has_result(turn) else [each for each in late.get(call.id, ()) if each[0] > index]
        if results:
            late[call.id].remove(results[0])
            answered.add(results[0][0])
            call = call._replace(result=results[0][1])
        identifier = _REFUSED.sub("_", call.id) if plain_ids else call.id
        found[index].append(call._replace(id=_unique(identifier[:_LONGEST_ID], used)))
    return found


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
    details = _tool_metadata(turn)
    name, identifier = details.get("name"), details.get("id")
    if not isinstance(name, str) or not name:
        return None
    if not isinstance(identifier, str) or not identifier:
        identifier = f"call_{turn.turn_number or number}"
    return ToolCall(identifier, name, details.get("arguments"), _result(turn))


def _late_result(turn: ContextTurn) -> Optional[Tuple[str, str]]:
    """Return the id and the text of a result that was added after the turn of its call; None for other turns."""
    details = _tool_metadata(turn)
    identifier = details.get("id")
    if details.get("name") is not None or not isinstance(identifier, str) or not _has_result(turn):
        return None
    return identifier, _result(turn)


def _tool_metadata(turn: ContextTurn) -> Dict[str, Any]:
    if turn.input is None or turn.input.type != "tool_call":
        return {}
    about = (turn.input.model_extra or {}).get("tool_metadata")
    return cast("Dict[str, Any]", about) if isinstance(about, dict) else {}


def _has_result(turn: ContextTurn) -> bool:
    return turn.output is not None and "output" in (turn.output.model_extra or {})


def _result(turn: ContextTurn) -> str:
    if turn.output is None:
        return ""
    returned = (turn.output.model_extra or {}).get("output", turn.output.content)
    return returned if isinstance(returned, str) else json_text(returned)


def _said(turn: ContextTurn) -> Iterator[Said]:
    given = None if turn.input is None else turn.input.content
    gave = None if turn.output is None else turn.output.content
    if given is None and gave is None:
        role, text = (turn.role or "user").lower(), turn.content or ""
        if role in _ROLES:
            yield Said(_ROLES[role], text)
        elif text.strip():
            yield Said("user", f"{role}: {text}")
    elif turn.input is not None and turn.input.type == "system":
        yield Said("assistant", gave or "")  # a system message without a conversation
    elif turn.input is not None and turn.input.type == "tool_call":
        yield Said("assistant", "\nResult: ".join(part for part in (given, gave) if part))
    else:
        yield Said("user", given or "")
        yield Said("assistant", gave or "")
