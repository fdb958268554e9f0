"""A context as text and as chat messages of several formats, within a budget of tokens."""

from __future__ import annotations

from copy import deepcopy
from itertools import repeat
from operator import index
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    List,
    Literal,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
    Union,
)

import pydantic_core

from .._base.errors import InvalidRequestError
from .._generated.models import ContextMemory, ContextTurn
from .chat_messages import Api, Message, call_ids, native, with_calls
from .conversation import Said, ToolCall, arguments_object, arguments_text, events, events_by_turn, json_text

T = TypeVar("T")
Section = Literal["state", "memories", "turns"]
"""A part of a context."""
Form = Literal["prompt", "text", "openai", "anthropic", "responses"]
"""The form of a written context: one text, messages of text, or the messages of an API."""
Count = Callable[[str], int]
"""Returns the number of tokens of a text."""

SECTIONS: Tuple[Section, ...] = ("state", "memories", "turns")

_BYTES_OF_A_TOKEN = 3
_EARLIER = "(The conversation began earlier.)"
"""Anthropic's API takes no conversation that begins with an assistant."""
_TOKENS_OF_A_MESSAGE = 4
"""The tokens that a message costs besides its text, for its role and its end."""
_HEADINGS: Dict[Section, str] = {
    "state": "# State\n",
    "memories": "# Memories\n",
    "turns": "# Conversation so far\n",
}
_SEPARATORS = {ord(character): f"\\u{ord(character):04x}" for character in "\x85\u2028\u2029"}
"""Line separators that JSON does not escape, and the escapes to write instead."""


class Selection(NamedTuple):
    """The parts of a context that are written."""

    state: Mapping[str, Any]
    """Empty if it is left out."""
    memories: Sequence[str]
    """Best first."""
    turns: Sequence[ContextTurn]
    """Newest first."""


def estimated_tokens(text: str) -> int:
    """Return a cautious estimate of the tokens of a text: one for each 3 bytes of UTF-8.

    English text usually has 4 to 5 bytes a token, so the estimate is about a third too high; Chinese, Japanese and
    Korean text has about 3.
    """
    return -(-len(text.encode("utf-8", "surrogatepass")) // _BYTES_OF_A_TOKEN)


def select(
    state: Mapping[str, Any],
    memories: Sequence[ContextMemory],
    turns: Sequence[ContextTurn],
    *,
    sections: Optional[Iterable[Section]],
    max_tokens: Optional[int],
    count: Optional[Count],
    form: Form,
) -> Selection:
    """Return the parts of a context that fit in a budget.

    Args:
        state: The state.
        memories: The memories, best first.
        turns: The turns, newest first.
        sections: The sections to use; the first is the first to get its share of the budget. None: all.
        max_tokens: The budget. None: no limit.
        count: Counts the tokens of a text. None: `estimated_tokens`.
        form: How the parts are written.

    Raises:
        InvalidRequestError: An argument is invalid, or the state does not fit, or `count` returned no number of tokens.
    """
    chosen = _checked(sections, max_tokens, count)
    counted = _nothing if max_tokens is None else _checked_count(count or estimated_tokens)
    left = float("inf") if max_tokens is None else max_tokens
    system = 0 if form == "prompt" else _TOKENS_OF_A_MESSAGE
    selected = Selection({}, [], [])
    if form == "anthropic":  # whose messages have neither: they are in the system prompt
        state, memories = {}, ()
    for section in chosen:
        if section == "state" and state:
            cost = counted(_state(state) + "\n\n") + system
            if cost > left:
                raise InvalidRequestError(
                    f"max_tokens={max_tokens} is too small for the state, which takes {cost}: pass a larger number, or "
                    "sections without 'state'",
                    param="max_tokens",
                )
            left, system = left - cost, 0
            selected = selected._replace(state=state)
        elif section == "memories":
            heading = counted(_HEADINGS[section] + "\n") + system
            contents = [memory.content for memory in memories if memory.content.strip()]
            best, left = _fitting(contents, left, lambda content: counted(_memory(content) + "\n"), heading)
            system = 0 if best else system
            selected = selected._replace(memories=best)
        elif section == "turns":
            heading = 0
            if form == "prompt":
                heading = counted(_HEADINGS[section] + "\n")
            elif form == "anthropic":  # the oldest of them may be an assistant's
                heading = counted(_EARLIER) + _TOKENS_OF_A_MESSAGE
            own = repeat(None) if form == "prompt" or form == "text" else native(turns, form)
            latest, left = _fitting([*zip(turns, own)], left, lambda turn: _cost_of_turn(*turn, counted, form), heading)
            selected = selected._replace(turns=[turn for turn, _ in latest])
    return selected


def _checked(
    sections: Optional[Iterable[Section]], max_tokens: Optional[int], count: Optional[Count]
) -> Tuple[Section, ...]:
    if max_tokens is not None and (type(max_tokens) is not int or max_tokens < 1):
        got = max_tokens if type(max_tokens) is int else type(max_tokens).__name__
        raise InvalidRequestError(f"max_tokens must be an integer of at least 1, got {got}", param="max_tokens")
    if count is not None and not callable(count):
        raise InvalidRequestError(f"count must be callable, got {type(count).__name__}", param="count")
    if sections is None:
        return SECTIONS
    if isinstance(sections, str) or not hasattr(sections, "__iter__"):
        raise InvalidRequestError(
            f"sections must be a sequence of 'state', 'memories' and 'turns', got {type(sections).__name__}",
            param="sections",
        )
    chosen = tuple(sections)
    for place, section in enumerate(chosen):
        if section not in SECTIONS:
            shown = repr(section) if type(section) is str else type(section).__name__
            raise InvalidRequestError(
                f"sections[{place}] must be 'state', 'memories' or 'turns', got {shown}", param="sections"
            )
    return chosen


def _fitting(
    items: Sequence[T], left: float, cost_of: Callable[[T], int], cost_of_heading: int
) -> Tuple[List[T], float]:
    """Return the first items that fit together with their heading, and what is left of the budget."""
    used: List[T] = []
    for item in items:
        cost = cost_of(item) + (0 if used else cost_of_heading)
        if cost > left:
            break
        left -= cost
        used.append(item)
    return used, left


def _cost_of_turn(turn: ContextTurn, own: Optional[List[Message]], count: Count, form: Form) -> int:
    if own is not None:
        return sum(count(json_text(message)) + _TOKENS_OF_A_MESSAGE for message in own)
    if form == "prompt":
        return count(turns_text([turn]) + "\n")
    if form == "text":
        return sum(count(message["content"]) + _TOKENS_OF_A_MESSAGE for message in text_messages([turn]))
    cost = 0
    for event in events([turn]):
        if isinstance(event, ToolCall):  # two messages, each with the id
            arguments = json_text(arguments_object(event)) if form == "anthropic" else arguments_text(event)
            parts = (event.api_name, arguments, event.result, event.id, event.id)
            cost += sum(map(count, parts)) + 2 * _TOKENS_OF_A_MESSAGE
        else:
            cost += count(event.text) + _TOKENS_OF_A_MESSAGE
    return cost


def _nothing(text: str) -> int:
    return 0


def _checked_count(count: Count) -> Count:
    def checked(text: str) -> int:
        tokens: Any = count(text)
        try:
            number = index(tokens)
        except TypeError:
            raise _bad_count(type(tokens).__name__) from None
        if number < 0:
            raise _bad_count(number)
        return number

    return checked


def _bad_count(got: object) -> InvalidRequestError:
    return InvalidRequestError(f"count must return an integer of at least 0, got {got}", param="count")


def background(selection: Selection) -> str:
    """Return state and memories as text."""
    sections: List[str] = []
    if selection.state:
        sections.append(_state(selection.state))
    if selection.memories:
        sections.append(_HEADINGS["memories"] + memories_text(selection.memories))
    return "\n\n".join(sections)


def prompt(selection: Selection) -> str:
    """Return everything as text."""
    turns = turns_text(selection.turns)
    parts = [background(selection), _HEADINGS["turns"] + turns if turns else ""]
    return "\n\n".join(part for part in parts if part)


def state_text(state: Mapping[str, Any]) -> str:
    """Return a state as indented JSON."""
    return pydantic_core.to_json(state, indent=2).decode().translate(_SEPARATORS)


def memories_text(contents: Sequence[str]) -> str:
    """Return memories as a list, one item for each; more lines of an item are indented."""
    return "\n".join(map(_memory, contents))


def turns_text(newest_first: Sequence[ContextTurn]) -> str:
    """Return turns as lines that begin with their speaker, oldest first; more lines of a message are indented."""
    return "\n".join(
        f"{message['role'].capitalize()}: {_indented(message['content'])}" for message in text_messages(newest_first)
    )


def text_messages(newest_first: Sequence[ContextTurn]) -> List[Dict[str, str]]:
    """Return turns as messages of a user and an assistant; a tool call with its result is one message."""
    messages: List[Dict[str, str]] = []
    for event in events(newest_first):
        if isinstance(event, ToolCall):
            text = f"Call tool {event.name} with {arguments_text(event)}"
            result = f"\nResult: {event.result}" if event.result else ""
            messages.append({"role": "assistant", "content": text + result})
        else:
            messages.append({"role": event.role, "content": event.text})
    return messages


def chat_messages(newest_first: Sequence[ContextTurn], api: Api) -> List[Dict[str, Any]]:
    """Return turns as messages of an API: those that the turns keep, or made from their texts and tool calls."""
    own = native(newest_first, api)[::-1]
    converted = [turn if messages is None else None for turn, messages in zip(newest_first[::-1], own)]
    taken = [identifier for messages in own if messages for identifier in call_ids(messages)]
    messages: List[Dict[str, Any]] = []
    ends_with_own = False
    for kept, said in zip(own, events_by_turn(converted, plain_ids=api == "anthropic", taken=taken)):
        messages += deepcopy(kept) if kept is not None else [each for event in said for each in _WRITERS[api](event)]
        if kept or said:
            ends_with_own = bool(kept)
    begins = bool(newest_first) and newest_first[-1].turn_number == 1
    if not begins:
        messages = with_calls(messages)
    if api == "anthropic" and messages:
        if messages[0]["role"] != "user" and not (begins and own[0] is not None):
            messages.insert(0, {"role": "user", "content": _EARLIER})
        if messages[-1]["role"] == "assistant" and not ends_with_own:
            # A tool call is never last. The API refuses a last answer that ends with white space.
            messages[-1]["content"] = messages[-1]["content"].rstrip()
    return messages


def _openai(event: Union[Said, ToolCall]) -> List[Dict[str, Any]]:
    if isinstance(event, Said):
        return [{"role": event.role, "content": event.text}]
    function = {"name": event.api_name, "arguments": arguments_text(event)}
    call = {"id": event.id, "type": "function", "function": function}
    return [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": event.id, "content": event.result},
    ]


def _responses(event: Union[Said, ToolCall]) -> List[Dict[str, Any]]:
    if isinstance(event, Said):
        return [{"role": event.role, "content": event.text}]
    call = {"call_id": event.id, "name": event.api_name, "arguments": arguments_text(event)}
    return [
        {"type": "function_call", **call},
        {"type": "function_call_output", "call_id": event.id, "output": event.result},
    ]


def _anthropic(event: Union[Said, ToolCall]) -> List[Dict[str, Any]]:
    if isinstance(event, Said):
        return [{"role": event.role, "content": event.text}]
    use = {"type": "tool_use", "id": event.id, "name": event.api_name, "input": arguments_object(event)}
    result = {"type": "tool_result", "tool_use_id": event.id}
    if event.result.strip():  # the API refuses blank text, but not a result without content
        result["content"] = event.result
    return [{"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]


_WRITERS: Dict[Api, Callable[[Union[Said, ToolCall]], List[Dict[str, Any]]]] = {
    "openai": _openai,
    "responses": _responses,
    "anthropic": _anthropic,
}


def _state(state: Mapping[str, Any]) -> str:
    return _HEADINGS["state"] + state_text(state)


def _memory(content: str) -> str:
    return f"- {_indented(content)}"


def _indented(text: str) -> str:
    """Indent all lines except the first, with any line separator."""
    return "\n  ".join(text.splitlines())
