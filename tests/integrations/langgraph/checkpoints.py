"""Checkpoints for the tests."""

from __future__ import annotations

from typing import Any, Optional

from langgraph.checkpoint.base import empty_checkpoint


def config(thread: Any = "thread-1", namespace: str = "", checkpoint_id: Optional[str] = None) -> Any:
    place = {"thread_id": thread, "checkpoint_ns": namespace}
    return {"configurable": place if checkpoint_id is None else {**place, "checkpoint_id": checkpoint_id}}


def checkpoint(number: int, value: Any = None) -> Any:
    """Return a checkpoint whose id follows those of lower numbers."""
    values = {} if value is None else {"value": value}
    return {
        **empty_checkpoint(),
        "id": checkpoint_id(number),
        "channel_values": values,
        "channel_versions": dict.fromkeys(values, number),
    }


def checkpoint_id(number: int) -> str:
    return f"1f0f0f0f-0000-6000-8000-{number:012d}"


def put(
    saver: Any, number: int, value: Any = None, *, thread: Any = "thread-1", namespace: str = "", **more: Any
) -> Any:
    """Store a checkpoint, whose parent is the one before."""
    made = checkpoint(number, value)
    parent = config(thread, namespace, checkpoint_id(number - 1) if number > 1 else None)
    metadata: Any = {"source": "loop", "step": number, "parents": {}, **more}
    return saver.put(parent, made, metadata, made["channel_versions"])
