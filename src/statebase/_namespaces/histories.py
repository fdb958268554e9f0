"""Converts chat histories of OpenAI, Anthropic, Gemini and LangChain to turns. No I/O."""

from __future__ import annotations

from typing import Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Tuple, cast

from .._base.errors import InvalidRequestError

_ROLES = {
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "model": "assistant",
    "system": "system",
    "developer": "system",
    "tool": "tool",
    "function": "tool",
}
_TEXTS = {"text": "text", "input_text": "text", "output_text": "text", "refusal": "refusal"}
_THOUGHTS = {"thinking": "thinking", "reasoning_text": "text", "summary_text": "text"}
_CALLS = {"function_call": "arguments", "custom_tool_call": "input", "tool_call": "args", "tool_use": "input"}
_RESULTS = {"function_call_output": "output", "custom_tool_call_output": "output", "tool_result": "content"}
_ITEMS = frozenset(_CALLS) | frozenset(_RESULTS) | {"reasoning"}


class Said(NamedTuple):
    """Text, or another part of a message, of the user or the assistant."""

    role: str
    text: Optional[str]
    part: Any = None


class Thought(NamedTuple):
    """Readable reasoning of the model."""

    text: str


class Called(NamedTuple):
    """A tool call of the model."""

    id: Optional[str]
    name: Optional[str]
    arguments: Any


class Returned(NamedTuple):
    """The result of a tool call."""

    id: Optional[str]
    name: Optional[str]
    output: Any
    text: str
    is_error: bool


def plain(value: Any) -> Any:
    """Convert an object of an SDK to a dictionary; return other values unchanged."""
    dump = None if isinstance(value, type) else getattr(value, "model_dump", None)
    return dump() if callable(dump) else value


def as_text(name: str, value: Any) -> str:
    """Return the text of an argument or result of a tool.

    Raises:
        InvalidRequestError: The value cannot be converted to a string.
    """
    try:
        return str(value)
    except RecursionError:
        raise InvalidRequestError(f"{name} is nested too deeply to be written as text: pass a flatter value") from None
    except ValueError as error:
        if "integer string conversion" not in str(error):  # raised by the object itself
            raise
        raise InvalidRequestError(f"{name} has an integer of too many digits: pass it as a string") from None


def tool_call_input(name: Optional[str], arguments: Any, tool_call_id: Optional[str]) -> Dict[str, Any]:
    """Return the input of a turn for a tool call."""
    shown: object = dict(cast(Any, arguments)) if isinstance(arguments, Mapping) else arguments
    return {
        "type": "tool_call",
        "content": f"Call tool {name} with {as_text('arguments', shown)}",
        "tool_metadata": {"name": name, "arguments": arguments, "id": tool_call_id},
    }


def is_message(item: Mapping[Any, Any]) -> bool:
    """Return whether a mapping is a message or an item of a history rather than arguments of `add_turn`."""
    kind = item.get("type")
    if "role" in item or not isinstance(kind, str):
        return "role" in item
    return kind in _ITEMS or _is_hosted(kind) or ("content" in item and (kind in _ROLES or kind == "message"))


def read(path: str, item: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the contents of one message in order: `Said`, `Thought`, `Called`, `Returned`.

    Args:
        path: The location of the message for error messages, such as `turns[3]`.
        item: The message.

    Raises:
        InvalidRequestError: The message has an unknown role or format.
    """
    role = _role(path, item)
    if role is None:  # an item of the Responses API
        yield from _item(path, item)
    elif role == "tool":
        yield from _tool_message(path, item)
    elif role != "system":
        yield from _message(path, role, item)


def _role(path: str, item: Mapping[str, Any]) -> Optional[str]:
    key = "role" if "role" in item else "type"
    given = item[key]
    if key == "type" and given not in _ROLES and given != "message":
        return None
    role = _ROLES.get(given) if isinstance(given, str) else None
    if role is None:
        what = "an unknown role" if isinstance(given, str) else _type(given)
        raise InvalidRequestError(
            f"{path}[{key!r}] must be 'user', 'assistant', 'tool', 'function', 'model', 'system' or 'developer', "
            f"got {what}"
        )
    return role


def _item(path: str, item: Mapping[str, Any]) -> Iterator[Any]:
    if item["type"] == "reasoning":
        for key in ("summary", "content"):
            if item.get(key) is not None:
                yield from _parts(f"{path}[{key!r}]", "assistant", item[key])
    else:
        yield from _part(path, "assistant", item)


def _message(path: str, role: str, item: Mapping[str, Any]) -> Iterator[Any]:
    thoughts = item.get("reasoning_content")
    if isinstance(thoughts, str) and thoughts:
        yield Thought(thoughts)
    key = "parts" if "parts" in item and item.get("content") is None else "content"
    content = item.get(key)
    seen: List[Optional[str]] = []
    if content is not None:
        for event in _parts(f"{path}[{key!r}]", role, content):
            if isinstance(event, Called):
                seen.append(event.id)
            yield event
    elif role == "user":
        raise InvalidRequestError(f"{path}['content'] must be a string or a list of parts, got None")
    if isinstance(item.get("refusal"), str):
        yield Said(role, item["refusal"])
    if item.get("audio") is not None:
        yield Said(role, None, {"type": "audio", "audio": plain(item["audio"])})
    calls = item.get("tool_calls")
    for number, call in enumerate(_list(f"{path}['tool_calls']", calls) if calls is not None else ()):
        called = _call(f"{path}['tool_calls'][{number}]", call)
        if called.id is None or called.id not in seen:  # LangChain lists the calls of Anthropic twice
            yield called
    if item.get("function_call") is not None:
        yield _call(f"{path}['function_call']", item["function_call"])


def _tool_message(path: str, item: Mapping[str, Any]) -> Iterator[Any]:
    if "parts" in item and item.get("content") is None:
        yield from _parts(f"{path}['parts']", "user", item["parts"])
        return
    text = _result_text(f"{path}['content']", item.get("content"))
    failed = item.get("status") == "error"
    yield Returned(_name(item, "tool_call_id"), _name(item, "name"), _plain_list(item.get("content")), text, failed)


def _parts(path: str, role: str, content: Any) -> Iterator[Any]:
    if isinstance(content, str):
        yield Said(role, content)
        return
    if isinstance(plain(content), Mapping):  # a single part
        yield from _part(path, role, content)
        return
    for number, part in enumerate(_list(path, content)):
        yield from _part(f"{path}[{number}]", role, part)


def _part(path: str, role: str, given: Any) -> Iterator[Any]:
    part = plain(given)
    if isinstance(part, str):
        yield Said(role, part)
        return
    if not isinstance(part, Mapping):
        raise InvalidRequestError(f"{path} must be a string or a mapping, got {_type(part)}")
    part = cast("Mapping[str, Any]", part)
    kind = part.get("type")
    if kind is None:
        yield from _part_without_type(path, role, part)
    elif not isinstance(kind, str):
        raise InvalidRequestError(f"{path}['type'] must be a string, got {_type(kind)}")
    elif kind in _TEXTS:
        yield Said(role, _text(path, part, _TEXTS[kind]))
    elif kind in _THOUGHTS:
        yield Thought(_text(path, part, _THOUGHTS[kind]))
    elif kind in _CALLS:
        yield Called(_name(part, "call_id", "id"), _name(part, "name"), part.get(_CALLS[kind]))
    elif kind in _RESULTS:
        output = part.get(_RESULTS[kind])
        text = _result_text(f"{path}[{_RESULTS[kind]!r}]", output)
        failed = part.get("is_error") is True
        yield Returned(_name(part, "tool_use_id", "call_id"), None, _plain_list(output), text, failed)
    else:
        yield Said(role, None, dict(part))


def _part_without_type(path: str, role: str, part: Mapping[str, Any]) -> Iterator[Any]:
    """Read a part in Gemini's format, in camelCase or snake_case."""
    call = plain(part.get("functionCall") or part.get("function_call"))
    response = plain(part.get("functionResponse") or part.get("function_response"))
    if isinstance(call, Mapping):
        called = cast("Mapping[str, Any]", call)
        yield Called(_name(called, "id"), _name(called, "name"), called.get("args"))
    elif isinstance(response, Mapping):
        returned = cast("Mapping[str, Any]", response)
        output = returned.get("response")
        yield Returned(_name(returned, "id"), _name(returned, "name"), output, as_text(path, output), False)
    elif part.get("text") is not None:
        text = _text(path, part, "text")
        yield Thought(text) if part.get("thought") is True else Said(role, text)
    else:
        yield Said(role, None, {key: value for key, value in part.items() if value is not None})


def _call(path: str, given: Any) -> Called:
    """Read a tool call of OpenAI (`tool_calls` or the old `function_call`) or LangChain."""
    call = plain(given)
    if not isinstance(call, Mapping):
        raise InvalidRequestError(f"{path} must be a mapping, got {_type(call)}")
    outer = cast("Mapping[str, Any]", call)
    inner = plain(outer.get("function") or outer.get("custom") or outer)
    function: Mapping[str, Any] = cast(Any, inner) if isinstance(inner, Mapping) else {}
    if not isinstance(function.get("name"), str):
        raise InvalidRequestError(f"{path} must be a tool call with the 'name' of a function")
    key = next((key for key in ("arguments", "input", "args") if key in function), "arguments")
    return Called(_name(outer, "id"), function["name"], function.get(key))


def _result_text(path: str, output: Any) -> str:
    if isinstance(output, (list, tuple)):
        said = _parts(path, "tool", output)
        return "\n\n".join(event.text for event in said if isinstance(event, Said) and event.text is not None)
    return "" if output is None else as_text(path, output)


def _plain_list(output: Any) -> Any:
    return [plain(part) for part in cast("Iterable[Any]", output)] if isinstance(output, (list, tuple)) else output


def _text(path: str, part: Mapping[str, Any], key: str) -> str:
    text = part.get(key)
    if not isinstance(text, str):
        raise InvalidRequestError(f"{path}[{key!r}] must be a string, got {_type(text)}")
    return text


def _name(item: Mapping[str, Any], *keys: str) -> Optional[str]:
    return next((item[key] for key in keys if isinstance(item.get(key), str)), None)


def _list(path: str, value: Any) -> Iterable[Any]:
    if not isinstance(value, (list, tuple)):
        wanted = "a list" if path.endswith("['tool_calls']") else "a string or a list of parts"
        raise InvalidRequestError(f"{path} must be {wanted}, got {_type(value)}")
    return cast("Iterable[Any]", value)


def _is_hosted(kind: str) -> bool:
    """Return whether an item of the Responses API is about a tool run by OpenAI."""
    return kind.endswith(("_call", "_call_output")) or kind.startswith("mcp_")


def _type(value: object) -> str:
    return "None" if value is None else type(value).__name__


class History:
    """Collects the contents of messages, in order, into turns."""

    def __init__(self, turns: List[Dict[str, Any]]) -> None:
        self._turns = turns
        self._texts: Dict[str, List[str]] = {"user": [], "assistant": []}
        self._parts: Dict[str, List[Any]] = {"user": [], "assistant": []}
        self._reasons: List[str] = []
        self._thoughts: List[str] = []
        self._pending: List[Tuple[Called, Dict[str, Any]]] = []
        """The tool calls without a result, oldest first, each with the arguments of its turn."""

    def add(self, event: Any) -> None:
        """Add the next content of a message."""
        if isinstance(event, Thought):
            self._thoughts.append(event.text)
        elif isinstance(event, Called):
            self._call(event)
        elif isinstance(event, Returned):
            self._return(event)
        else:
            self._say(event)

    @property
    def is_waiting(self) -> bool:
        """Whether a tool call has no result yet."""
        return bool(self._pending)

    @property
    def has_text(self) -> bool:
        """Whether there are contents since the last turn, except reasoning that the next contents may belong to."""
        return any((*self._texts.values(), *self._parts.values(), self._reasons))

    def stop_waiting(self) -> None:
        """Assume that tool calls without a result will not get one."""
        self._pending.clear()

    def end_exchange(self) -> None:
        """Create a turn from the contents since the last turn."""
        self._reasons += self._thoughts
        self._thoughts = []
        self.end_texts()

    def _say(self, said: Said) -> None:
        if said.role == "assistant":
            self._reasons += self._thoughts
            self._thoughts = []
        elif self._texts["assistant"] or self._parts["assistant"]:
            self.end_exchange()
        if said.text is not None:
            self._texts[said.role].append(said.text)
        else:
            self._parts[said.role].append(said.part)

    def _call(self, called: Called) -> None:
        self.end_texts()
        turn: Dict[str, Any] = {
            "input": tool_call_input(called.name, called.arguments, called.id),
            "output": {"type": "tool_response", "content": ""},
        }
        if self._thoughts:
            turn["reasoning"] = "\n\n".join(self._thoughts)
            self._thoughts = []
        self._turns.append(turn)
        self._pending.append((called, turn))

    def _return(self, returned: Returned) -> None:
        if returned.id is not None:
            fits = [each for each in self._pending if each[0].id == returned.id]
        else:
            fits = [each for each in self._pending if returned.name in (None, each[0].name)]
        if fits:
            self._pending.remove(fits[0])
        else:  # the call is not in the history
            self._call(Called(returned.id, returned.name, None))
            fits = [self._pending.pop()]
        output = {"type": "tool_response", "content": returned.text, "output": returned.output}
        fits[0][1]["output"] = {**output, "is_error": True} if returned.is_error else output

    def end_texts(self) -> None:
        """As `end_exchange`, but reasoning at the end stays for the next turn."""
        if not self.has_text:
            return
        texts, parts = self._texts, self._parts
        turn: Dict[str, Any] = {}
        for name, role in (("input", "user"), ("output", "assistant")):
            turn[name] = {"type": "text", "content": "\n\n".join(texts[role])}
            if parts[role]:
                turn[name]["parts"] = parts[role]
        if self._reasons:
            turn["reasoning"] = "\n\n".join(self._reasons)
        self._turns.append(turn)
        self._texts, self._parts, self._reasons = {"user": [], "assistant": []}, {"user": [], "assistant": []}, []
