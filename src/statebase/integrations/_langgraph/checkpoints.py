"""Checkpoints as LangGraph takes them, from records and to records, one at a time or as a list."""

from __future__ import annotations

import base64
import zlib
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple
from langgraph.checkpoint.serde.base import SerializerProtocol

from statebase import InvalidRequestError

from .._steps import Steps
from .records import Found, Reader, Scan, Source, key_of

_MOST_BYTES = 7_000_000
"""More does not fit into a request of 10 MiB in base64."""
_SMALL_BYTES = 2_000
"""So few bytes are not worth compressing."""
_SAMPLE_BYTES = 4_000
_COMPRESSED = "zlib:"
_BATCH = 20


def dumped(serde: SerializerProtocol, value: Any) -> Tuple[str, str]:
    """Return a value as a type and base64, compressed if that makes it smaller."""
    kind, content = serde.dumps_typed(value)
    sample = content[:_SAMPLE_BYTES]
    if len(content) > _SMALL_BYTES and len(zlib.compress(sample, 1)) < 0.8 * len(sample):
        kind, content = _COMPRESSED + kind, zlib.compress(content, 1)
    return kind, base64.b64encode(content).decode()


def loads(serde: SerializerProtocol, value: Sequence[str]) -> Any:
    """Return the value of a type and base64."""
    kind, content = value[0], base64.b64decode(value[1])
    if kind.startswith(_COMPRESSED):
        kind, content = kind[len(_COMPRESSED) :], zlib.decompress(content)
    return serde.loads_typed((kind, content))


def check_size(what: str, contents: Iterable[str]) -> None:
    """Check that base64 fits into a request.

    Raises:
        InvalidRequestError: It does not fit.
    """
    size = sum(map(len, contents)) * 3 // 4
    if size > _MOST_BYTES:
        raise InvalidRequestError(
            f"The size of {what} is {size:,} bytes, compressed where possible, and at most {_MOST_BYTES:,} fit: keep "
            "large content elsewhere, such as in files, and its names in the state"
        )


def loaded(serde: SerializerProtocol, found: Found, thread_id: Optional[str] = None) -> CheckpointTuple:
    """Return a checkpoint as LangGraph takes it.

    Args:
        serde: The serializer.
        found: The records, whose bodies are read.
        thread_id: The thread as it was asked for. Default: as it was stored.
    """
    body = found.put.body
    place = (body["thread"] if thread_id is None else thread_id, body["namespace"])
    writes: Dict[Tuple[str, int], Tuple[str, str, int, Any]] = {}
    for entry in found.writes:
        task, path = entry.body["task"], entry.body["path"]
        for channel, index, *value in entry.body["writes"]:
            if index < 0 or (task, index) not in writes:
                writes[task, index] = (path, task, index, (task, channel, loads(serde, value)))
    return CheckpointTuple(
        config=config_of(*place, body["id"]),
        checkpoint=loads(serde, body["checkpoint"]),
        metadata=loads(serde, body["metadata"]),
        parent_config=config_of(*place, body["parent"]) if body["parent"] else None,
        pending_writes=[write[3] for write in sorted(writes.values(), key=lambda write: write[:3])],
    )


class Listing:
    """The checkpoints that a list returns, in batches.

    Args:
        serde: The serializer.
        sources: Returns the sessions with the records.
        config: The config that was passed, or None.
        wanted: Values that the metadata must have.
        before: The id that those of the checkpoints must be lower than.
        limit: The largest number of checkpoints.
    """

    def __init__(
        self,
        serde: SerializerProtocol,
        sources: Callable[[], Steps[Sequence[Source]]],
        config: Optional[RunnableConfig],
        wanted: Optional[Mapping[str, Any]],
        before: Optional[str],
        limit: Optional[int],
    ) -> None:
        self._serde = serde
        self._sources = sources
        self._configurable: Mapping[str, Any] = config["configurable"] if config else {}
        self._wanted = wanted or {}
        self._before = before
        self._left = limit
        self._readers: Optional[Iterator[Reader]] = None
        self._reader: Optional[Reader] = None

    def next(self) -> Steps[List[CheckpointTuple]]:
        """Return some checkpoints; none at the end."""
        batch: List[CheckpointTuple] = []
        while len(batch) < (_BATCH if self._left is None else min(self._left, _BATCH)):
            found = yield from self._found()
            if found is None:
                break
            item = loaded(self._serde, found, self._configurable.get("thread_id"))
            is_before = not self._before or item.checkpoint["id"] < self._before
            if is_before and all(item.metadata.get(key) == value for key, value in self._wanted.items()):
                batch.append(item)
        if self._left is not None:
            self._left -= len(batch)
        return batch

    def _found(self) -> Steps[Optional[Found]]:
        if self._readers is None:
            sources = yield from self._sources()
            self._readers = iter([self._read(source) for source in sources])
            self._reader = next(self._readers, None)
        while self._reader is not None:
            found = yield from self._reader.next()
            if found is not None:
                yield from self._reader.scan.fill(found.entries)
                return found
            self._reader = next(self._readers, None)
        return None

    def _read(self, source: Source) -> Reader:
        checkpoint_id = self._configurable.get("checkpoint_id") or None
        return Reader(
            Scan(source, whole=checkpoint_id is None),
            namespace=self._configurable.get("checkpoint_ns"),
            checkpoint_id=checkpoint_id,
        )


def place_of(config: RunnableConfig) -> Tuple[str, str]:
    """Return the thread and the namespace of a config."""
    configurable = config["configurable"]
    return str(configurable["thread_id"]), configurable.get("checkpoint_ns") or ""


def config_of(thread_id: str, namespace: str, checkpoint_id: str) -> RunnableConfig:
    """Return the config of a checkpoint."""
    place = {"thread_id": thread_id, "checkpoint_ns": namespace, "checkpoint_id": checkpoint_id}
    return {"configurable": place}


def around_of(namespace: str, parents: Mapping[str, str]) -> Optional[Tuple[str, str]]:
    """Return the names of the checkpoint around a namespace that is made for one task; None for other namespaces."""
    outer, _, inner = namespace.rpartition("|")
    if ":" not in inner or outer not in parents:
        return None
    return key_of(outer, parents[outer])
