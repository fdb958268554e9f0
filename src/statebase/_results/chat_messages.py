"""Chat messages that turns keep as they were added, so that they are given back equal.

A turn may have the list `chat_messages` in its input or output. A message and its tool calls with their results may
spread over several turns; the last of them keeps the messages, and those before have empty lists.
"""

from __future__ import annotations

from typing import Any, Dict, FrozenSet, Iterable, Iterator, List, Literal, Mapping, Optional, Sequence, Set

from typing_extensions import TypeGuard

from .._generated.models import ContextTurn

Api = Literal["openai", "anthropic", "responses"]
"""The API whose messages they are; `openai` is Chat Completions."""
Message = Dict[str, Any]

KEY = "chat_messages"
"""The key of the list in the input and output of a turn."""

_ALL: FrozenSet[Api] = frozenset(("openai", "anthropic", "responses"))
_OPENAI: FrozenSet[Api] = frozenset(("openai",))
_ANTHROPIC: FrozenSet[Api] = frozenset(("anthropic",))
_RESPONSES: FrozenSet[Api] = frozenset(("responses",))
_OF_ROLE: Mapping[str, FrozenSet[Api]] = {
    "user": _ALL,
    "assistant": _ALL,
    "system": _OPENAI | _RESPONSES,
    "developer": _OPENAI | _RESPONSES,
    "tool": _OPENAI,
    "function": _OPENAI,
}
_OF_KEY: Mapping[str, FrozenSet[Api]] = {
    "role": _ALL,
    "content": _ALL,
    "type": _RESPONSES,
    "id": _RESPONSES,
    "status": _RESPONSES,
    "phase": _RESPONSES,
    "parts": frozenset(),  # Gemini
}
_OF_PART: Mapping[str, FrozenSet[Api]] = {
    "text": _OPENAI | _ANTHROPIC,
    "image_url": _OPENAI,
    "file": _OPENAI,
    "input_audio": _OPENAI | _RESPONSES,
    "refusal": _OPENAI | _RESPONSES,
    "input_text": _RESPONSES,
    "output_text": _RESPONSES,
    "input_image": _RESPONSES,
    "input_file": _RESPONSES,
    "image": _ANTHROPIC,
    "document": _ANTHROPIC,
    "search_result": _ANTHROPIC,
    "thinking": _ANTHROPIC,
    "redacted_thinking": _ANTHROPIC,
    "tool_use": _ANTHROPIC,
    "tool_result": _ANTHROPIC,
}
_LANGCHAIN = frozenset(("human", "ai", "system", "tool", "function"))
"""The types of its messages, which have no role."""
_OUTPUTS = ("function_call_output", "custom_tool_call_output")


def apis_of(message: Mapping[str, Any]) -> FrozenSet[Api]:
    """Return the APIs that accept a message as it is; none if it is in a mixed format, or in that of another API.

    A part or an item of an unknown type is taken to fit its message, since the APIs get new ones.
    """
    role = message.get("role")
    if role is None:
        kind = message.get("type")
        return _RESPONSES if isinstance(kind, str) and kind not in _LANGCHAIN else frozenset()
    apis = _OF_ROLE.get(role, frozenset()) if isinstance(role, str) else frozenset()
    for key in message:
        apis &= _OF_KEY.get(key, _OPENAI)
    content = message.get("content")
    if content is None:
        apis &= _OPENAI
    elif _is_list(content):
        for part in content:
            apis &= _apis_of_part(part)
    elif not isinstance(content, str):
        apis = frozenset()
    return apis


def _apis_of_part(part: Any) -> FrozenSet[Api]:
    kind = part.get("type") if _is_dict(part) else None
    if not isinstance(kind, str):
        return frozenset()
    if kind == "text" and len(part) > 2:  # cache_control, citations
        return _ANTHROPIC
    return _OF_PART.get(kind, _ALL)


def kept(turn: ContextTurn) -> Optional[List[Message]]:
    """Return the messages that a turn keeps; None if it keeps none, so that they are made from its texts."""
    found: List[Message] = []
    has_any = False
    for role, part in (("user", turn.input), ("assistant", turn.output)):
        extra: Mapping[str, Any] = {} if part is None else part.model_extra or {}
        messages = extra.get(KEY)
        if _is_list(messages) and all(map(_is_dict, messages)):
            has_any = True
            found += messages
        elif part is not None and part.content.strip():
            found.append({"role": role, "content": part.content})
    return found if has_any else None


def native(newest_first: Sequence[ContextTurn], api: Api) -> List[Optional[List[Message]]]:
    """Return the messages of each turn in the format of an API; None where the turn must be converted.

    A turn without messages of its own, which are kept by a later turn, is converted if that one is.
    """
    messages: List[Optional[List[Message]]] = []
    has_fitting = False
    for turn in newest_first:
        own = kept(turn)
        if own is None:
            has_fitting = False
        elif own:
            has_fitting = all(api in apis_of(message) for message in own)
        messages.append(own if has_fitting else None)
    return messages


def call_ids(messages: Iterable[Message]) -> Iterator[str]:
    """Yield the ids of the tool calls in messages."""
    for message in messages:
        for call in _dicts(message.get("tool_calls")):
            yield from _texts(call.get("id"))
        for part in _dicts(message.get("content")):
            if part.get("type") == "tool_use":
                yield from _texts(part.get("id"))
        if message.get("type") not in _OUTPUTS:
            yield from _texts(message.get("call_id"))


def with_calls(messages: Sequence[Message]) -> List[Message]:
    """Leave out results without their tool calls, which are in older messages: the APIs refuse them."""
    called: Set[str] = set()
    complete: List[Message] = []
    for message in messages:
        called.update(call_ids([message]))
        if message.get("role") == "tool" and message.get("tool_call_id") not in called:
            continue
        if message.get("type") in _OUTPUTS and message.get("call_id") not in called:
            continue
        content = message.get("content")
        if _is_list(content):
            parts = [part for part in content if not _is_result_without(called, part)]
            if not parts and content:
                continue
            message = {**message, "content": parts}
        complete.append(message)
    return complete


def _is_result_without(called: Set[str], part: Any) -> bool:
    return _is_dict(part) and part.get("type") == "tool_result" and part.get("tool_use_id") not in called


def _dicts(value: Any) -> List[Dict[str, Any]]:
    return [item for item in value if _is_dict(item)] if _is_list(value) else []


def _texts(value: Any) -> List[str]:
    return [value] if isinstance(value, str) else []


def _is_dict(value: Any) -> TypeGuard[Dict[str, Any]]:
    return isinstance(value, dict)


def _is_list(value: Any) -> TypeGuard[List[Any]]:
    return isinstance(value, list)
