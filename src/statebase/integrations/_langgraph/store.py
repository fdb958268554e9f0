"""The store of LangGraph: a namespace is a session, its items are keys of the state, and memories index their texts."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any, Callable, Dict, Iterable, List, Literal, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from langgraph.store.base import (
    BaseStore,
    GetOp,
    Item,
    ListNamespacesOp,
    Op,
    PutOp,
    SearchItem,
    SearchOp,
    get_text_at_path,
)

from statebase import ConfigurationError, NotFoundError, StateBase

from .._log import Log
from .._steps import Client, Steps, call, gather, run, run_async
from .items import Entry, Namespace, changed, digest, entries_of, is_match, prefix_tag, suits
from .records import session_items

_AT_ONCE = 10
_MOST_FOUND = 50
"""The largest number of results of a search by meaning."""
_LONGEST_TEXT = 10_000


class _Stored(NamedTuple):
    """A namespace and its items that have not expired."""

    namespace: Namespace
    session_id: str
    entries: Dict[str, Entry]


class StateBaseStore(BaseStore):
    """Store long-term memory of graphs in StateBase: items in namespaces, found by key, by filter or by meaning.

    A namespace is a session of the agent `agent_id`, and its items are in the state of the session, so `get` takes one
    request, whose response has all items of the namespace. The text of an item is a memory of the session, which
    `search(query=...)` finds by meaning. A namespace that is not used for 30 days expires.

    `get`, `put`, `search`, `delete` and `list_namespaces`, and those to await, are those of LangGraph's `BaseStore`.
    Those to await work with both clients, the others with `StateBase` only. Namespaces, keys and values are as JSON
    has them. Items without a query come in the order of their last change, the newest first.

    Args:
        client: A `StateBase` or an `AsyncStateBase`. Closing it is up to you.
        index: Which fields of a value its text consists of, as paths such as "text" or "notes[*].title"; False: items
            are not found by meaning. An `index` that is passed to `put` replaces it. Default: the whole value.
        agent_id: The agent of the sessions. Stores with different agents have different items.
        user_id: The user of the sessions, so that `client.erase_user` erases their items as well. Stores of different
            users have different items. Default: no user.
        default_ttl: Minutes after which items expire unless they are read or written again. Default: never.
        now: Returns the time, with a time zone. Default: that of the system.

    Raises:
        ConfigurationError: `client` is not a client.

    Example:
        >>> from statebase import StateBase
        >>> store = StateBaseStore(StateBase.local(), index=["text"])
        >>> store.put(("users", "ada"), "food", {"text": "Ada does not eat meat"})
        >>> store.put(("users", "ada"), "city", {"text": "Ada lives in Graz"})
        >>> store.get(("users", "ada"), "food").value
        {'text': 'Ada does not eat meat'}
        >>> store.search(("users",), query="where is her home?", limit=1)[0].key
        'city'
    """

    supports_ttl = True

    def __init__(
        self,
        client: Client,
        *,
        index: Union[Sequence[str], Literal[False], None] = None,
        agent_id: str = "langgraph-store",
        user_id: Optional[str] = None,
        default_ttl: Optional[float] = None,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        if not hasattr(client, "sessions"):
            raise ConfigurationError(f"client must be a StateBase or an AsyncStateBase, got {type(client).__name__}")
        self.client = client
        self.index = ["$"] if index is None else index
        self.agent_id = agent_id
        self.user_id = user_id
        self.ttl_config = {"default_ttl": default_ttl, "refresh_on_read": True}
        self._now = now
        self._log = lru_cache(maxsize=1_000)(self._log_of)

    def batch(self, ops: Iterable[Op]) -> List[Any]:
        """Run operations: first those that read, as if none of the others were made, then the others.

        Args:
            ops: The operations. Of several changes of one item, the last is made.

        Returns:
            The result of each operation.
        """
        return run(self.client, self._batch(list(ops)))

    async def abatch(self, ops: Iterable[Op]) -> List[Any]:
        """Run operations, as `batch` does."""
        return await run_async(self.client, self._batch(list(ops)))

    def _batch(self, ops: List[Op]) -> Steps[List[Any]]:
        results: List[Any] = []
        known: Dict[Namespace, _Stored] = {}
        changes: Dict[Namespace, Dict[str, PutOp]] = {}
        for op in ops:
            result: Any = None
            if isinstance(op, GetOp):
                result = yield from self._get(op, known)
            elif isinstance(op, SearchOp):
                result = yield from (self._find(op) if op.query else self._search(op))
            elif isinstance(op, ListNamespacesOp):
                result = yield from self._namespaces(op)
            else:
                changes.setdefault(tuple(op.namespace), {})[op.key] = op
            results.append(result)
        for namespace, puts in changes.items():
            yield from self._put(namespace, puts)
        return results

    def _get(self, op: GetOp, known: Dict[Namespace, _Stored]) -> Steps[Optional[Item]]:
        namespace = tuple(op.namespace)
        if namespace not in known:
            known[namespace] = yield from self._read(namespace)
        entry = known[namespace].entries.get(op.key)
        if entry is None:
            return None
        yield from self._touch(known[namespace], [entry], op.refresh_ttl)
        return Item(
            value=entry.value,
            key=op.key,
            namespace=namespace,
            created_at=entry.created_at,
            updated_at=entry.updated_at,
        )

    def _search(self, op: SearchOp) -> Steps[List[SearchItem]]:
        found: List[Tuple[_Stored, Entry, Optional[float]]] = []
        for stored in (yield from self._under(tuple(op.namespace_prefix))):
            found.extend(
                (stored, entry, None) for entry in stored.entries.values() if suits(entry.value, op.filter or {})
            )
        found.sort(key=lambda item: (item[1].updated_at, item[0].namespace, item[1].key), reverse=True)
        return (yield from self._results(op, found))

    def _find(self, op: SearchOp) -> Steps[List[SearchItem]]:
        tag = prefix_tag(self.agent_id, self.user_id, tuple(op.namespace_prefix))
        query = op.query or ""
        hits = yield from call(
            lambda client: client.memory.search(query, tags=[tag], top_k=_MOST_FOUND, threshold=0, all_users=True)
        )
        by_session = {stored.session_id: stored for stored in (yield from self._open({hit.session_id for hit in hits}))}
        found: List[Tuple[_Stored, Entry, Optional[float]]] = []
        for hit in hits:
            stored = by_session.get(hit.session_id)
            entries = stored.entries.values() if stored is not None else ()
            for entry in entries:
                if stored is not None and entry.memory_id == hit.id and suits(entry.value, op.filter or {}):
                    found.append((stored, entry, hit.score))
        return (yield from self._results(op, found))

    def _results(self, op: SearchOp, found: List[Tuple[_Stored, Entry, Optional[float]]]) -> Steps[List[SearchItem]]:
        found = found[op.offset : op.offset + op.limit]
        for stored in {stored.session_id: stored for stored, _, _ in found}.values():
            yield from self._touch(stored, [entry for of, entry, _ in found if of is stored], op.refresh_ttl)
        return [
            SearchItem(
                namespace=stored.namespace,
                key=entry.key,
                value=entry.value,
                created_at=entry.created_at,
                updated_at=entry.updated_at,
                score=score,
            )
            for stored, entry, score in found
        ]

    def _namespaces(self, op: ListNamespacesOp) -> Steps[List[Namespace]]:
        conditions = op.match_conditions or ()
        namespaces = {
            stored.namespace if op.max_depth is None else stored.namespace[: op.max_depth]
            for stored in (yield from self._under(()))
            if stored.entries and all(is_match(condition, stored.namespace) for condition in conditions)
        }
        return sorted(namespaces)[op.offset : op.offset + op.limit]

    def _put(self, namespace: Namespace, puts: Mapping[str, PutOp]) -> Steps[None]:
        stored = yield from self._read(namespace)
        now = self._now()
        new: List[Tuple[Entry, str]] = []
        entries: Dict[str, Optional[Entry]] = {}
        unused: List[str] = []
        for key, op in puts.items():
            old = stored.entries.get(key)
            if op.value is None:
                entries[key] = None
                unused.extend([old.memory_id] if old is not None and old.memory_id else [])
                continue
            entry = Entry.of(op, old, now)
            entries[key] = entry
            text = self._text(op)
            if old is not None and old.memory_id and old.text == digest(text):
                entry.memory_id, entry.text = old.memory_id, old.text
                continue
            unused.extend([old.memory_id] if old is not None and old.memory_id else [])
            if text:
                new.append((entry, text))
        if all(entry is None and key not in stored.entries for key, entry in entries.items()):
            return
        if new:
            tags = [prefix_tag(self.agent_id, self.user_id, namespace[:depth]) for depth in range(len(namespace) + 1)]
            texts = [{"content": text, "tags": tags} for _, text in new]
            memories = yield from self._log(namespace).used(
                lambda client, session_id: client.memory.add_many(texts, session_id)
            )
            for (entry, text), memory in zip(new, memories):
                entry.memory_id, entry.text = memory.id, digest(text)
        yield from self._write(namespace, entries)
        for memory_id in unused:
            with suppress(NotFoundError):
                yield from call(_deletion(memory_id))

    def _touch(self, stored: _Stored, entries: Sequence[Entry], refresh_ttl: bool) -> Steps[None]:
        """Extend the life of items that were read."""
        lasting = [entry for entry in entries if entry.ttl is not None] if refresh_ttl else []
        if lasting:
            now = self._now()
            yield from self._write(stored.namespace, {entry.key: entry.extended(now) for entry in lasting})

    def _write(self, namespace: Namespace, entries: Mapping[str, Optional[Entry]]) -> Steps[None]:
        state = changed(entries)
        yield from self._log(namespace).used(lambda client, session_id: client.sessions.update_state(session_id, state))

    def _read(self, namespace: Namespace) -> Steps[_Stored]:
        response = yield from self._log(namespace).used(
            lambda client, session_id: client.sessions.get_state(session_id)
        )
        return _Stored(namespace, response.session_id, entries_of(response.state, self._now()))

    def _under(self, prefix: Namespace) -> Steps[List[_Stored]]:
        """Return all namespaces that begin with a prefix."""
        tag = prefix_tag(self.agent_id, self.user_id, prefix)
        items = yield from session_items(self.agent_id, {f"prefix_{len(prefix)}": tag})
        return (yield from self._open(item.id for item in items))

    def _open(self, session_ids: Iterable[str]) -> Steps[List[_Stored]]:
        ids = sorted(session_ids)
        sessions: List[Any] = []
        for place in range(0, len(ids), _AT_ONCE):
            some = [_session(one) for one in ids[place : place + _AT_ONCE]]
            try:
                sessions.extend((yield from gather(some)))
            except NotFoundError:  # one of them has just expired
                for one in some:
                    with suppress(NotFoundError):
                        sessions.append((yield from call(one)))
        now = self._now()
        found: List[_Stored] = []
        for session in sessions:
            namespace = tuple(json.loads(session.metadata["namespace"]))
            found.append(_Stored(namespace, session.id, entries_of(session.state, now)))
        return found

    def _log_of(self, namespace: Namespace) -> Log:
        metadata = {"namespace": json.dumps(namespace)}
        for depth in range(len(namespace) + 1):
            metadata[f"prefix_{depth}"] = prefix_tag(self.agent_id, self.user_id, namespace[:depth])
        return Log(self.agent_id, digest(namespace), self.user_id, metadata)

    def _text(self, op: PutOp) -> str:
        """Return the text by which an item is found; empty if there is none."""
        paths: Any = self.index if op.index is None else op.index
        texts = [text for path in paths or () for text in get_text_at_path(dict(op.value or {}), path)]
        return "\n".join(texts).replace("\0", " ")[:_LONGEST_TEXT].strip()


def _session(session_id: str) -> Callable[[StateBase], Any]:
    return lambda client: client.sessions.get(session_id)


def _deletion(memory_id: str) -> Callable[[StateBase], Any]:
    return lambda client: client.memory.delete(memory_id)
