"""Converts chat messages to turns that keep them, so that they are given back equal. No I/O."""

from __future__ import annotations

from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple, cast

from .._base.errors import InvalidRequestError
from .._call.request import build_body, type_name
from .._results.chat_messages import KEY, apis_of
from .histories import Called, History, Returned, Said, is_message, plain, read, tool_call_input

Message = Dict[str, Any]


def turns_of_messages(messages: Iterable[Any]) -> List[Dict[str, Any]]:
    """Return the arguments of `add_turn` for the turns of messages.

    Raises:
        InvalidRequestError: An item is not a chat message, or cannot be represented in JSON.
    """
    listed: Any = messages
    if isinstance(listed, (str, bytes, Mapping)) or not isinstance(listed, Iterable):
        raise InvalidRequestError(
            f"messages must be a list of chat messages, got {type_name(cast(object, listed))}", param="messages"
        )
    turns: List[Dict[str, Any]] = []
    history = History(turns)
    kept: Dict[int, List[Optional[Message]]] = {}
    group: List[Optional[Message]] = []  # messages that belong together; the last of their turns keeps them

    def end_group() -> None:
        last = len(turns) if history.has_text else len(turns) - 1
        kept.setdefault(last, []).extend(group)
        group.clear()

    for place, given in enumerate(messages):
        message, events = _read(f"messages[{place}]", given)
        calls = any(isinstance(event, (Called, Returned)) for event in events)
        if calls:
            history.end_texts()
        elif history.is_waiting and any(isinstance(event, Said) and event.role == "user" for event in events):
            history.stop_waiting()  # the conversation goes on without the results
            end_group()
        for event in events:
            history.add(event)
        group.append(message)
        if not history.is_waiting and (calls or any(isinstance(event, Said) for event in events)):
            end_group()
    history.end_exchange()
    if group and not turns:
        text = "\n\n".join(_text_of_system(message) for message in group if message)
        turns.append({"input": {"type": "system", "content": text}, "output": {"type": "text", "content": ""}})
    if group:
        end_group()
    if kept:
        kept.setdefault(len(turns) - 1, kept.pop(max(kept)))  # also of a turn that only has reasoning
    for number, turn in enumerate(turns):
        _keep(turn, kept.get(number, []), is_first=number == 0)
    return turns


def message_part(name: str, value: Any) -> Dict[str, Any]:
    """Convert a chat message to the input or output of a turn that keeps it.

    Raises:
        InvalidRequestError: The message has an unknown role or format, or cannot be represented in JSON.
    """
    message, events = _read(name, value)
    texts: List[str] = []
    for event in events:
        if isinstance(event, Called):
            texts.append(tool_call_input(event.name, event.arguments, event.id)["content"])
        elif isinstance(event, (Returned, Said)) and event.text is not None:
            texts.append(event.text)
    part: Dict[str, Any] = {"type": "text", "content": "\n\n".join(texts)}
    if message is None:
        others = [event.part for event in events if isinstance(event, Said) and event.text is None]
        return {**part, "parts": others} if others else part
    return part if [message] == _plain_messages(part, name) else {**part, KEY: [message]}


def is_chat_message(value: Mapping[Any, Any]) -> bool:
    """Return whether a mapping is a chat message rather than the input or output of a turn."""
    is_part = isinstance(value.get("type"), str) and isinstance(value.get("content"), str)
    return is_message(value) and not is_part


def _keep(turn: Dict[str, Any], messages: List[Optional[Message]], *, is_first: bool) -> None:
    """Store messages with a turn, unless its texts give them back, or one of them is in no format that is kept."""
    given, gave = turn["input"], turn["output"]
    if None in messages:
        return
    from_texts = [*_plain_messages(given, "input"), *_plain_messages(gave, "output")]
    # A conversation that begins with an assistant is given back with a user's message before it, unless it is kept.
    if messages and messages == from_texts and not (is_first and from_texts[0]["role"] == "assistant"):
        return
    for part in (given, gave):
        part.pop("parts", None)  # the messages have them
    given[KEY], gave[KEY] = [], messages


def _plain_messages(part: Mapping[str, Any], name: str) -> List[Message]:
    """Return the message that the text of an input or output is given back as."""
    if part["type"] != "text" or "parts" in part or not part["content"].strip():
        return []
    return [{"role": "user" if name == "input" else "assistant", "content": part["content"]}]


def _read(path: str, given: Any) -> Tuple[Optional[Message], List[Any]]:
    """Return a message as it is kept, None if its format is not, and its contents."""
    item = plain(given)
    if not isinstance(item, Mapping) or not is_message(cast(Any, item)):
        raise InvalidRequestError(
            f"{path} must be a chat message of OpenAI or Anthropic: a mapping with 'role' or 'type', or an object of "
            f"their SDKs, got {type_name(given)}",
            param=path,
        )
    try:
        message: Message = _as_json(given)
    except RecursionError:
        raise InvalidRequestError(f"{path} is nested too deeply: pass a flatter value", param=path) from None
    if message.get("type") == "message" and "model" in message:  # a response of Anthropic's API
        message = {"role": message.get("role"), "content": message.get("content")}
    build_body({path: message})
    is_kept = bool(apis_of(message))
    return message if is_kept else None, list(read(path, message if is_kept else cast(Any, item)))


def _as_json(value: Any) -> Any:
    """Return a value with dictionaries and lists in place of mappings, tuples and objects of an SDK."""
    dump = None if isinstance(value, type) else getattr(value, "model_dump", None)
    if callable(dump):
        try:
            value = dump(mode="json", exclude_unset=True)
        except TypeError:  # an object of another library
            value = dump()
    if isinstance(value, Mapping):
        return {key: _as_json(item) for key, item in cast(Any, value).items()}
    if isinstance(value, (list, tuple)):
        return [_as_json(item) for item in cast("Iterable[Any]", value)]
    return value


def _text_of_system(message: Message) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    return "\n\n".join(_texts(content)) if isinstance(content, list) else ""


def _texts(parts: Any) -> Iterator[str]:
    for part in parts:
        if isinstance(part, dict) and isinstance(cast("Dict[str, Any]", part).get("text"), str):
            yield cast("Dict[str, Any]", part)["text"]
