"""The agent of the support backend. Put the call of your model in place of `decide`."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Optional

from pydantic import BaseModel


class Decision(BaseModel):
    """The answer of the agent, and the refund that it asks for."""

    text: str
    refund: Optional[float] = None


def decide(messages: List[Dict[str, Any]]) -> Decision:
    """Answer the last message. A refund is asked for, not made: a person decides about it.

    Args:
        messages: The prompt: system messages with state and memories, the conversation, and the new message.
    """
    text = messages[-1]["content"]
    amount = re.search(r"refund of (\d+(?:\.\d+)?)", text)
    if amount:
        return Decision(text="I have asked for your refund.", refund=float(amount[1]))
    earlier = sum(message["role"] == "user" for message in messages[:-1])
    return Decision(text=f"Before this you wrote {earlier} messages. You wrote: {text}")
