"""The checkpointer of LangGraph: the checkpoints of a thread are the turns of a session."""

from __future__ import annotations

import hashlib
import re
from typing import Any, AsyncIterator, Dict, Iterator, List, Optional, Sequence, Tuple

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_id,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from statebase import ConfigurationError, InvalidRequestError

from .._steps import Client, Steps, run, run_async
from .checkpoints import Listing, around_of, check_size, config_of, dumped, loaded, place_of
from .records import Reader, Session, Source, key_of, name, session_items
from .threads import Thread, Threads
from .upkeep import copy, delete_runs, prune


class StateBaseSaver(BaseCheckpointSaver[int]):
    """Store the checkpoints of graphs in StateBase: in a file, in memory, in `statebase serve` or the hosted service.

    A thread is a session of the agent `agent_id`; each checkpoint, and the writes of each task, is a turn of it.
    `put`, `put_writes`, and `get_tuple` of the newest checkpoint, take one request. Each write is applied once, also
    if the response to it is lost and it is repeated.

    Methods with `await` work with both clients, those without it with `StateBase` only.

    Args:
        client: A `StateBase` or an `AsyncStateBase`. Closing it is up to you.
        serde: The serializer of LangGraph, such as an `EncryptedSerializer`. Default: `JsonPlusSerializer`.
        agent_id: The agent of the sessions. Savers with different agents do not see each other's threads.
        user_id: The user of the sessions, so that `client.erase_user` erases their threads as well. Savers of
            different users do not see each other's threads. Default: no user.

    Raises:
        ConfigurationError: `client` is not a client.

    Example:
        >>> from langgraph.graph import START, MessagesState, StateGraph
        >>> from statebase import StateBase
        >>> builder = StateGraph(MessagesState)
        >>> _ = builder.add_node("answer", lambda state: {"messages": [("ai", f"message {len(state['messages'])}")]})
        >>> _ = builder.add_edge(START, "answer")
        >>> graph = builder.compile(checkpointer=StateBaseSaver(StateBase.local()))
        >>> thread = {"configurable": {"thread_id": "ada-1"}}
        >>> _ = graph.invoke({"messages": [("human", "hi")]}, thread)
        >>> graph.invoke({"messages": [("human", "hi again")]}, thread)["messages"][-1].content
        'message 3'
    """

    def __init__(
        self,
        client: Client,
        *,
        serde: Optional[SerializerProtocol] = None,
        agent_id: str = "langgraph",
        user_id: Optional[str] = None,
    ) -> None:
        super().__init__(serde=serde)
        if not hasattr(client, "sessions"):
            raise ConfigurationError(f"client must be a StateBase or an AsyncStateBase, got {type(client).__name__}")
        self.client = client
        self.agent_id = agent_id
        self.user_id = user_id
        self._threads = Threads(agent_id, user_id)

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint.

        Args:
            config: The thread and the namespace; its `checkpoint_id` is the parent of the checkpoint.
            checkpoint: The checkpoint. If one with its id is stored, it is replaced.
            metadata: Its metadata.
            new_versions: Not used: the whole checkpoint is stored.

        Returns:
            The thread, the namespace and the id of the checkpoint.

        Raises:
            InvalidRequestError: The checkpoint takes more than 7,000,000 bytes, compressed; nothing was sent.
        """
        return run(self.client, self._put(config, checkpoint, metadata))

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint, as `put` does."""
        return await run_async(self.client, self._put(config, checkpoint, metadata))

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[Tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Store writes of a task, which belong to a checkpoint.

        Args:
            config: The thread, the namespace and the id of the checkpoint.
            writes: Channels and values. A task's first writes stay, but errors, interrupts and resumes are replaced.
            task_id: Id of the task.
            task_path: Its place among the tasks, which the order of the writes follows.

        Raises:
            InvalidRequestError: The writes take more than 7,000,000 bytes, compressed; nothing was sent.
        """
        run(self.client, self._put_writes(config, writes, task_id, task_path))

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[Tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Store writes of a task, as `put_writes` does."""
        await run_async(self.client, self._put_writes(config, writes, task_id, task_path))

    def get_tuple(self, config: RunnableConfig) -> Optional[CheckpointTuple]:
        """Return a checkpoint with its metadata and writes; None if there is none.

        Args:
            config: The thread and the namespace, and the id of the checkpoint. Without an id: the newest.
        """
        return run(self.client, self._get_tuple(config))

    async def aget_tuple(self, config: RunnableConfig) -> Optional[CheckpointTuple]:
        """Return a checkpoint, as `get_tuple` does."""
        return await run_async(self.client, self._get_tuple(config))

    def list(
        self,
        config: Optional[RunnableConfig],
        *,
        filter: Optional[Dict[str, Any]] = None,
        before: Optional[RunnableConfig] = None,
        limit: Optional[int] = None,
    ) -> Iterator[CheckpointTuple]:
        """Iterate over checkpoints, the newest first, fetching them as they are reached.

        Args:
            config: The thread, and the namespace and the id of the checkpoint if it has them. None: all threads.
            filter: Values that the metadata must have.
            before: Only checkpoints with a lower id than this one.
            limit: The largest number of checkpoints.
        """
        listing = self._listing(config, filter, before, limit)
        while batch := run(self.client, listing.next()):
            yield from batch

    async def alist(
        self,
        config: Optional[RunnableConfig],
        *,
        filter: Optional[Dict[str, Any]] = None,
        before: Optional[RunnableConfig] = None,
        limit: Optional[int] = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Iterate over checkpoints, as `list` does."""
        listing = self._listing(config, filter, before, limit)
        while batch := await run_async(self.client, listing.next()):
            for item in batch:
                yield item

    def delete_thread(self, thread_id: str) -> None:
        """Delete the checkpoints and writes of a thread from the service. A deleted thread begins again."""
        run(self.client, self.thread(thread_id).delete())

    async def adelete_thread(self, thread_id: str) -> None:
        """Delete a thread, as `delete_thread` does."""
        await run_async(self.client, self.thread(thread_id).delete())

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete the checkpoints and writes of runs, in all threads.

        They are not returned again, but stay stored until their thread is deleted or expires. The previews of all
        records of all threads are read, 100 a request.

        Args:
            run_ids: The `run_id` in the metadata of the checkpoints.
        """
        run(self.client, self._delete_for_runs(run_ids))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete the checkpoints of runs, as `delete_for_runs` does."""
        await run_async(self.client, self._delete_for_runs(run_ids))

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy the checkpoints and writes of a thread into another one, which keeps those that it has.

        Args:
            source_thread_id: The thread to copy.
            target_thread_id: The thread that receives the copies.
        """
        run(self.client, self._copy_thread(source_thread_id, target_thread_id))

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy a thread, as `copy_thread` does."""
        await run_async(self.client, self._copy_thread(source_thread_id, target_thread_id))

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Delete checkpoints of threads.

        Args:
            thread_ids: The threads.
            strategy: "keep_latest" keeps the newest checkpoint of each namespace, and those before it that its delta
                channels need; the others are not returned again, but stay stored until their thread is deleted or
                expires. "delete" deletes the threads.

        Raises:
            InvalidRequestError: There is no such strategy.
        """
        run(self.client, self._prune(thread_ids, strategy))

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Delete checkpoints of threads, as `prune` does."""
        await run_async(self.client, self._prune(thread_ids, strategy))

    def thread(self, thread_id: Any) -> Thread:
        """Return the records of a thread."""
        text = str(thread_id)
        is_short = re.fullmatch(r"[!-~]{1,128}", text) is not None and not text.startswith("sha256:")
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        return self._threads.get(text if is_short else f"sha256:{digest}")

    def _put(
        self, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata
    ) -> Steps[RunnableConfig]:
        thread_id, namespace = place_of(config)
        whole = get_checkpoint_metadata(config, metadata)
        contents = (dumped(self.serde, checkpoint), dumped(self.serde, whole))
        check_size("the checkpoint", (content for _, content in contents))
        body = {
            "thread": thread_id,
            "namespace": namespace,
            "id": checkpoint["id"],
            "parent": get_checkpoint_id(config),
            "checkpoint": contents[0],
            "metadata": contents[1],
        }
        parent = around_of(namespace, whole.get("parents") or {})
        run_name = name(str(whole.get("run_id", "")))
        yield from self.thread(thread_id).put(key_of(namespace, checkpoint["id"]), run_name, body, parent)
        return config_of(thread_id, namespace, checkpoint["id"])

    def _put_writes(
        self, config: RunnableConfig, writes: Sequence[Tuple[str, Any]], task_id: str, task_path: str
    ) -> Steps[None]:
        thread_id, namespace = place_of(config)
        key = key_of(namespace, str(config["configurable"]["checkpoint_id"]))
        stored = [
            (channel, WRITES_IDX_MAP.get(channel, index), *dumped(self.serde, value))
            for index, (channel, value) in enumerate(writes)
        ]
        check_size("the writes of a task", (content for *_, content in stored))
        body = {"task": task_id, "path": task_path, "writes": stored}
        replaces = any(write[1] < 0 for write in stored)
        yield from self.thread(thread_id).write(key, name(task_id), body, replaces=replaces)

    def _get_tuple(self, config: RunnableConfig) -> Steps[Optional[CheckpointTuple]]:
        thread_id, namespace = place_of(config)
        checkpoint_id = get_checkpoint_id(config)
        thread = self.thread(thread_id)
        names = key_of(namespace, checkpoint_id or "")
        scan = thread.scan(names[0], names if checkpoint_id else None)
        around = around_of(namespace, config["configurable"].get("checkpoint_map") or {})
        is_last = None
        if around is not None and not checkpoint_id and not thread.was_written(names[0]):
            # The namespace is that of one task, whose id is made from this checkpoint around it.
            is_last = lambda entry: entry.key[0] == around[0] and entry.key[1] <= around[1]  # noqa: E731
        reader = Reader(scan, namespace=namespace, checkpoint_id=checkpoint_id or None, is_last=is_last)
        found = yield from reader.next()
        thread.saw(scan, found, is_newest=not checkpoint_id)
        if found is None:
            return None
        yield from scan.fill(found.entries)
        return loaded(self.serde, found, thread_id)

    def _delete_for_runs(self, run_ids: Sequence[str]) -> Steps[None]:
        runs = {name(str(run_id)) for run_id in run_ids}
        for session in (yield from self._sessions()) if runs else ():
            yield from delete_runs(session, runs)
        self._threads.forget_deleted()

    def _copy_thread(self, source_thread_id: str, target_thread_id: str) -> Steps[None]:
        yield from copy(self.thread(source_thread_id).log, self.thread(target_thread_id).log, target_thread_id)

    def _prune(self, thread_ids: Sequence[str], strategy: str) -> Steps[None]:
        if strategy not in ("keep_latest", "delete"):
            raise InvalidRequestError("strategy must be 'keep_latest' or 'delete'", param="strategy")
        for thread in map(self.thread, thread_ids):
            yield from (thread.delete() if strategy == "delete" else prune(thread.log, self.serde))
        self._threads.forget_deleted()

    def _listing(
        self,
        config: Optional[RunnableConfig],
        wanted: Optional[Dict[str, Any]],
        before: Optional[RunnableConfig],
        limit: Optional[int],
    ) -> Listing:
        def sources() -> Steps[Sequence[Source]]:
            if config is not None:
                return [self.thread(place_of(config)[0]).log]
            return (yield from self._sessions())

        return Listing(self.serde, sources, config, wanted, get_checkpoint_id(before) if before else None, limit)

    def _sessions(self) -> Steps[List[Session]]:
        """Return the sessions of all threads."""
        items = yield from session_items(self.agent_id)
        return [Session(item.id) for item in items if item.user_id == self.user_id]
