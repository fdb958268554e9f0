"""The results of writes that are in the outbox: they have not been sent, or their response was lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

from pydantic import PrivateAttr
from typing_extensions import Self

from .._base.model import Model
from .._generated import models


class QueuedWrite(Model):
    """The part that both have: most fields do not exist yet."""

    _idempotency_key: str = PrivateAttr()
    _reason: str = PrivateAttr()

    @classmethod
    def of(cls, session_id: Optional[str], idempotency_key: str, reason: str) -> Self:
        """Return the result of a write in the outbox; the session of a memory of a user is not known yet."""
        queued = cls.model_construct()
        values = vars(queued)
        values.clear()  # of defaults, which need not be what was sent
        if session_id is not None:
            values["session_id"] = session_id
        queued._idempotency_key = idempotency_key
        queued._reason = reason
        return queued

    @property
    def idempotency_key(self) -> str:
        """The key under which it is sent."""
        return self._idempotency_key

    @property
    def reason(self) -> str:
        """The reason that it was not sent at once, one sentence."""
        return self._reason

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name in type(self).model_fields:
                raise AttributeError(
                    f"A {type(self).__name__} has no {name} yet: it is in the outbox, and is sent later. Check "
                    f"isinstance(result, {type(self).__name__}) before"
                )
            return super().__getattr__(name)


class QueuedTurn(QueuedWrite, models.TurnResponse):
    """The result of `add_turn` and `add_tool_call` if the turn is in the outbox. It has no id and no number yet.

    Of the fields of a turn, it has only `session_id`; others raise an AttributeError.
    """


class QueuedMemory(QueuedWrite, models.MemoryResponse):
    """The result of `memory.add`, and an item of that of `add_many`, if the memory is in the outbox. It has no id yet.

    Of the fields of a memory, it has only `session_id`, unless it is one of a user; others raise an AttributeError.
    """
