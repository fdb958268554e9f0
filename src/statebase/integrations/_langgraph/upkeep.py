"""Deleting checkpoints, and copying those of a thread."""

from __future__ import annotations

import json
from typing import Any, Collection, Dict, Iterable, List

from langgraph.checkpoint.serde.base import SerializerProtocol

from .._steps import Steps
from .checkpoints import loads
from .records import Entry, Found, Key, Reader, Scan, Source, name


def delete_runs(source: Source, runs: Collection[str]) -> Steps[None]:
    """Hide the checkpoints of runs, with their writes.

    Args:
        source: The session.
        runs: The names of the runs.
    """
    scan = Scan(source, 0)
    found = yield from Reader(scan).all()
    keys = {item.put.key for item in found if item.put.detail in runs}
    yield from _hide(source, (entry for entry in scan.entries if entry.key in keys))


def prune(source: Source, serde: SerializerProtocol) -> Steps[None]:
    """Hide the checkpoints of a session that are neither the newest of a namespace nor needed for one of these.

    Args:
        source: The session.
        serde: The serializer.
    """
    scan = Scan(source, 0)
    found = {item.put.key: item for item in (yield from Reader(scan).all())}
    newest: Dict[str, Found] = {}
    for item in found.values():
        newest.setdefault(item.put.key[0], item)
    kept: List[Entry] = []
    for item in newest.values():
        kept.extend((yield from _with_ancestors(scan, serde, found, item)))
    numbers = {entry.number for entry in kept}
    yield from _hide(source, (entry for entry in scan.entries if entry.key in found and entry.number not in numbers))


def copy(source: Source, target: Source, thread_id: str) -> Steps[None]:
    """Add copies of all checkpoints and writes of a session to another one.

    Args:
        source: The session.
        target: The session that receives the copies.
        thread_id: The thread of the copies.
    """
    scan = Scan(source, whole=True)
    turns: List[Any] = []
    for item in reversed((yield from Reader(scan).all())):
        yield from scan.fill(item.entries)
        for entry in item.entries:
            body = {**entry.body, "thread": thread_id} if entry.kind == "put" else entry.body
            head = " ".join((entry.kind, entry.key[1], entry.key[0], entry.detail))
            turns.append({"input": head, "output": {"type": "json", "content": json.dumps(body)}})
    if turns:
        yield from target.used(lambda client, session_id: client.sessions.ingest(session_id, turns))


def _with_ancestors(scan: Scan, serde: SerializerProtocol, found: Dict[Key, Found], item: Found) -> Steps[List[Entry]]:
    """Return the records of a checkpoint, and of those before it that its delta channels are rebuilt from."""
    yield from scan.fill([item.put])
    counters: Dict[str, Any] = loads(serde, item.put.body["metadata"]).get("counters_since_delta_snapshot") or {}
    kept = item.entries
    for _ in range(max((steps for _, steps in counters.values()), default=0)):
        parent = found.get((item.put.key[0], name(item.put.body["parent"] or "", 36)))
        if parent is None:
            break
        item = parent
        yield from scan.fill([item.put])
        kept = [*kept, *item.entries]
    return kept


def _hide(source: Source, entries: Iterable[Entry]) -> Steps[None]:
    ranges: List[List[int]] = []
    for number in sorted({entry.number for entry in entries}):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    if ranges:
        output = {"type": "json", "content": json.dumps(ranges)}
        yield from source.used(lambda client, session_id: client.sessions.add_turn(session_id, "delete", output))
