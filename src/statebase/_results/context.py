"""The context of a session, with methods that return it as a prompt or as chat messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Literal, Optional, overload

from pydantic import PrivateAttr

from .._base.errors import InvalidRequestError
from .._base.exchange import Reply
from .._base.headers import number
from .._generated import models

# pydantic resolves inherited annotations in the module of the class, so it needs these names.
from .._generated.models import ContextMemory, ContextTurn
from . import prompt
from .prompt import Count, Section

if TYPE_CHECKING:
    # Of packages that need not be installed: without them, type checkers treat these as Any.
    from anthropic.types import MessageParam
    from openai.types.chat import ChatCompletionMessageParam
    from openai.types.responses import ResponseInputItemParam

__all__ = ["ContextMemory", "ContextResponse", "ContextTurn"]


class ContextResponse(models.ContextResponse):
    """The context for an agent's next answer: state, relevant memories, recent turns."""

    _latency_ms: Optional[float] = PrivateAttr(default=None)
    _reason: Optional[str] = PrivateAttr(default=None)
    _age_seconds: Optional[float] = PrivateAttr(default=None)

    @property
    def degraded(self) -> bool:
        """Whether the service was unavailable, and this is an empty context or an earlier one: see `on_unavailable`."""
        return self._reason is not None

    @property
    def reason(self) -> Optional[str]:
        """The reason that the service was unavailable, one sentence; None if it answered."""
        return self._reason

    @property
    def age_seconds(self) -> Optional[float]:
        """The age of an earlier context, in seconds; None if the service answered, or the context is empty."""
        return self._age_seconds

    @property
    def latency_ms(self) -> Optional[float]:
        """The time that the service took, in milliseconds; None if the response does not have it."""
        return self._latency_ms

    @property
    def state_str(self) -> str:
        """The state as indented JSON; empty if the state is."""
        return prompt.state_text(self.state) if self.state else ""

    @property
    def memories_str(self) -> str:
        """The memories as a list, best first, one line for each: `- Prefers tea`. Empty if there are none."""
        return prompt.memories_text([memory.content for memory in self.memories if memory.content.strip()])

    @property
    def recent_history_str(self) -> str:
        """The turns, oldest first, as lines such as `User: hi` and `Assistant: hello`. Empty if there are none."""
        return prompt.turns_text(self.recent_turns)

    def __received__(self, reply: Reply) -> None:
        text = reply.headers.get("x-statebase-latency")
        if text is not None:
            self._latency_ms = number(text.strip().removesuffix("ms"))

    def __degraded__(self, reason: str, age_seconds: Optional[float]) -> ContextResponse:
        self._reason, self._age_seconds = reason, age_seconds
        return self

    def to_prompt(
        self,
        *,
        max_tokens: Optional[int] = None,
        count: Optional[Count] = None,
        sections: Optional[Iterable[Section]] = None,
    ) -> str:
        """Return state, memories and turns as text for a system prompt.

        Args:
            max_tokens: The most tokens that the text may take, at least 1. The sections get their share in order: the
                state is used whole; then memories, best first, as long as they fit; then turns, newest first. No
                memory or turn is cut. None: no limit.
            count: Returns the number of tokens of a text, such as `lambda text: len(encoding.encode(text))` with an
                encoding of tiktoken. None: one token for each 3 bytes of UTF-8, which is a third too high for usual
                English.
            sections: The sections to use: "state", "memories" and "turns". The first is the first to get its share of
                `max_tokens`; the text has them in the usual order. None: all three, in that order.

        Returns:
            Sections with headings that begin with `#`; empty sections are left out. Memories are ordered best first,
            turns oldest first. Continuation lines of a memory or turn are indented, so that none looks like a heading
            or another speaker.

        Raises:
            InvalidRequestError: An argument is invalid, or the state does not fit in `max_tokens`.

        Example:
            >>> context = client.state.get_context(session.id, "How to contact them?")
            >>> prompt = " ".join(["You are a support agent.", context.to_prompt(max_tokens=2000)])
        """
        return prompt.prompt(self._selected(sections, max_tokens, count, "prompt"))

    @overload
    def to_messages(
        self,
        *,
        max_tokens: Optional[int] = None,
        count: Optional[Count] = None,
        sections: Optional[Iterable[Section]] = None,
        format: None = None,
    ) -> List[Dict[str, str]]: ...

    @overload
    def to_messages(
        self,
        *,
        max_tokens: Optional[int] = None,
        count: Optional[Count] = None,
        sections: Optional[Iterable[Section]] = None,
        format: Literal["openai"],
    ) -> List[ChatCompletionMessageParam]: ...

    @overload
    def to_messages(
        self,
        *,
        max_tokens: Optional[int] = None,
        count: Optional[Count] = None,
        sections: Optional[Iterable[Section]] = None,
        format: Literal["anthropic"],
    ) -> List[MessageParam]: ...

    @overload
    def to_messages(
        self,
        *,
        max_tokens: Optional[int] = None,
        count: Optional[Count] = None,
        sections: Optional[Iterable[Section]] = None,
        format: Literal["responses"],
    ) -> List[ResponseInputItemParam]: ...

    def to_messages(
        self,
        *,
        max_tokens: Optional[int] = None,
        count: Optional[Count] = None,
        sections: Optional[Iterable[Section]] = None,
        format: Optional[Literal["openai", "anthropic", "responses"]] = None,
    ) -> Any:
        """Return state, memories and turns as a list of chat messages.

        Args:
            max_tokens: The most tokens that the messages may take, at least 1; see `to_prompt`. A tool call and its
                result are used together or not at all.
            count: Returns the number of tokens of a text; see `to_prompt`. Each message counts 4 tokens more.
            sections: The sections to use: "state", "memories" and "turns"; see `to_prompt`.
            format: "openai" for messages of OpenAI's Chat Completions API, "responses" for items of its Responses API,
                and "anthropic" for messages of Anthropic's Messages API, with tool calls and their results as such,
                typed as the packages `openai` and `anthropic` type them. None: messages with text only.

        Returns:
            Dictionaries with `role` and `content`: one `system` message with state and memories, if there are any, then
            the turns as `user` and `assistant` messages, oldest first; blank ones are left out. A tool call with its
            result is one `assistant` message, or those of the format. A message with another role becomes a `user`
            message that names the role. With `format="anthropic"` there is no `system` message, as Anthropic's API
            takes it as a parameter: pass it `context.to_prompt(sections=["state", "memories"])`. Its tokens count
            there, not here. With a format, each tool call has an id of its own, and names and ids are changed where
            the API would refuse them. Messages that `sessions.add_messages` stored are returned unchanged in their own
            format, and converted to others; a result whose tool call is in an older turn than these is left out.

        Raises:
            InvalidRequestError: An argument is invalid, or the state does not fit in `max_tokens`.

        Example:
            >>> messages = client.state.get_context(session.id, "How to contact them?").to_messages()
            >>> messages.append({"role": "user", "content": "Call me back, please."})
        """
        if format not in (None, "openai", "anthropic", "responses"):
            got = repr(format) if isinstance(format, str) else type(format).__name__
            raise InvalidRequestError(
                f"format must be 'openai', 'anthropic', 'responses' or None, got {got}", param="format"
            )
        selection = self._selected(sections, max_tokens, count, format or "text")
        turns = selection.turns
        messages = prompt.text_messages(turns) if format is None else prompt.chat_messages(turns, format)
        background = "" if format == "anthropic" else prompt.background(selection)
        return [{"role": "system", "content": background}, *messages] if background else messages

    def _selected(
        self,
        sections: Optional[Iterable[Section]],
        max_tokens: Optional[int],
        count: Optional[Count],
        form: prompt.Form,
    ) -> prompt.Selection:
        return prompt.select(
            self.state,
            self.memories,
            self.recent_turns,
            sections=sections,
            max_tokens=max_tokens,
            count=count,
            form=form,
        )
