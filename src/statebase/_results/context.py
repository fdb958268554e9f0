"""A context that writes itself as a prompt, or as the messages that chat models take."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

import pydantic_core
from pydantic import PrivateAttr

from .._base.exchange import Reply
from .._base.headers import number
from .._generated import models

# pydantic looks up the names in annotations that a class inherits where the class stands, so these stand here.
from .._generated.models import ContextMemory, ContextTurn


class ContextResponse(models.ContextResponse):
    """The context of an agent's next answer: state, relevant memories, recent turns."""

    _latency_ms: Optional[float] = PrivateAttr(default=None)

    @property
    def latency_ms(self) -> Optional[float]:
        """The time that the service took, in milliseconds; None if the response does not have it."""
        return self._latency_ms

    def __received__(self, reply: Reply) -> None:
        text = reply.headers.get("x-statebase-latency")
        if text is not None:
            self._latency_ms = number(text.strip().removesuffix("ms"))

    def to_prompt(self) -> str:
        """Write state, memories and turns as text for a system prompt.

        Returns:
            Sections headed by `#`, without those that are empty; memories best first, turns oldest first. Of a memory
            or a turn, all lines but the first are indented: none can pass for a heading, or for another speaker.

        Example:
            >>> context = client.state.get_context(session.id, "How to contact them?")
            >>> prompt = " ".join(["You are a support agent.", context.to_prompt()])
        """
        sections = _background(self.state, self.memories)
        turns = [
            f"{message['role'].capitalize()}: {_indented(message['content'])}"
            for message in _messages(self.recent_turns)
        ]
        if turns:
            sections.append("# Conversation so far\n" + "\n".join(turns))
        return "\n\n".join(sections)

    def to_messages(self) -> List[Dict[str, str]]:
        """Write state, memories and turns as the messages that chat models take.

        Returns:
            `{"role", "content"}` each: one `system` message with state and memories, where there are any, then the
            turns, oldest first: `user` and `assistant`, without those that are blank. A tool call is one `assistant`
            message with its result. Where the service gives a message of another role, a `user` message names it.

        Example:
            >>> messages = client.state.get_context(session.id, "How to contact them?").to_messages()
            >>> messages.append({"role": "user", "content": "Call me back, please."})
        """
        background = "\n\n".join(_background(self.state, self.memories))
        system = [{"role": "system", "content": background}] if background else []
        return [*system, *_messages(self.recent_turns)]


_SEPARATORS = {ord(character): f"\\u{ord(character):04x}" for character in "\x85\u2028\u2029"}
"""Line separators that JSON leaves as they are, and the escapes to write instead."""


def _background(state: Mapping[str, Any], memories: Sequence[ContextMemory]) -> List[str]:
    sections: List[str] = []
    if state:
        sections.append("# State\n" + pydantic_core.to_json(state, indent=2).decode().translate(_SEPARATORS))
    contents = [memory.content for memory in memories if memory.content.strip()]
    if contents:
        sections.append("# Memories\n" + "\n".join(f"- {_indented(content)}" for content in contents))
    return sections


def _indented(text: str) -> str:
    """Indent all lines but the first, whatever separates them."""
    return "\n  ".join(text.splitlines())


def _messages(newest_first: Sequence[ContextTurn]) -> Iterator[Dict[str, str]]:
    for turn in reversed(newest_first):
        for role, content in _said(turn):
            if content.strip():  # services of models refuse a message without text
                yield {"role": role, "content": content}


def _said(turn: ContextTurn) -> Iterator[Tuple[str, str]]:
    given = None if turn.input is None else turn.input.content
    gave = None if turn.output is None else turn.output.content
    if given is None and gave is None:
        role, text = (turn.role or "user").lower(), turn.content or ""
        if role in ("user", "assistant"):
            yield role, text
        elif text.strip():
            yield "user", f"{role}: {text}"
    elif turn.input is not None and turn.input.type == "tool_call":
        yield "assistant", "\nResult: ".join(part for part in (given, gave) if part)
    else:
        yield "user", given or ""
        yield "assistant", gave or ""
