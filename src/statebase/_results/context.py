"""The context of a session, with methods that return it as a prompt or as chat messages."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

import pydantic_core
from pydantic import PrivateAttr

from .._base.exchange import Reply
from .._base.headers import number
from .._generated import models

# pydantic resolves inherited annotations in the module of the class, so it needs these names.
from .._generated.models import ContextMemory, ContextTurn


class ContextResponse(models.ContextResponse):
    """The context for an agent's next answer: state, relevant memories, recent turns."""

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
        """Return state, memories and turns as text for a system prompt.

        Returns:
            Sections with headings that begin with `#`; empty sections are left out. Memories are ordered best first,
            turns oldest first. Continuation lines of a memory or turn are indented, so that none looks like a heading
            or another speaker.

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
        """Return state, memories and turns as a list of chat messages.

        Returns:
            Dictionaries with `role` and `content`: one `system` message with state and memories, if there are any, then
            the turns as `user` and `assistant` messages, oldest first; blank ones are left out. A tool call with its
            result is one `assistant` message. A message with another role becomes a `user` message that names the role.

        Example:
            >>> messages = client.state.get_context(session.id, "How to contact them?").to_messages()
            >>> messages.append({"role": "user", "content": "Call me back, please."})
        """
        background = "\n\n".join(_background(self.state, self.memories))
        system = [{"role": "system", "content": background}] if background else []
        return [*system, *_messages(self.recent_turns)]


_SEPARATORS = {ord(character): f"\\u{ord(character):04x}" for character in "\x85\u2028\u2029"}
"""Line separators that JSON does not escape, and the escapes to write instead."""


def _background(state: Mapping[str, Any], memories: Sequence[ContextMemory]) -> List[str]:
    sections: List[str] = []
    if state:
        sections.append("# State\n" + pydantic_core.to_json(state, indent=2).decode().translate(_SEPARATORS))
    contents = [memory.content for memory in memories if memory.content.strip()]
    if contents:
        sections.append("# Memories\n" + "\n".join(f"- {_indented(content)}" for content in contents))
    return sections


def _indented(text: str) -> str:
    """Indent all lines except the first, with any line separator."""
    return "\n  ".join(text.splitlines())


def _messages(newest_first: Sequence[ContextTurn]) -> Iterator[Dict[str, str]]:
    for turn in reversed(newest_first):
        for role, content in _said(turn):
            if content.strip():  # model APIs reject a message without text
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
