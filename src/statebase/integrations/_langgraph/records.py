"""The records of a thread: checkpoints and writes, and how they are found again.

The head of a record has its kind, and the checkpoint and namespace that it belongs to, within the 100 characters that
lists of turns contain, so old records are found without reading whole checkpoints:

    put CHECKPOINT NAMESPACE RUN BOUND    a checkpoint; all that belongs to it has numbers after BOUND
    write CHECKPOINT NAMESPACE TASK       writes of a task
    delete                                numbers of records that are deleted, as ranges

LangGraph stores checkpoints in the background, so the writes of a task may arrive before the checkpoint.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterable, List, Mapping, NamedTuple, Optional, Protocol, Set, Tuple, TypeVar

from statebase import NOT_GIVEN, ResponseTooLargeError, StateBase

from .._steps import Steps, call, gather, take

T = TypeVar("T")

Key = Tuple[str, str]
"""The names of a namespace and of a checkpoint."""

NEWEST = 50
"""The largest number of turns in a context."""
_PAGE = 100
_AT_ONCE = 10


class Source(Protocol):
    """A session with records."""

    def used(self, function: Callable[[StateBase, str], T]) -> Steps[T]:
        """Call a function with the id of the session, and return its result."""
        ...


class Session:
    """A session that is known by its id."""

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id

    def used(self, function: Callable[[StateBase, str], T]) -> Steps[T]:
        """Call a function with the id of the session, and return its result."""
        return call(lambda client: function(client, self.session_id))


def session_items(agent_id: str, metadata: Optional[Mapping[str, str]] = None) -> Steps[List[Any]]:
    """Return the sessions of an agent as they appear in lists, perhaps only those with some metadata."""
    items: List[Any] = []
    page: Any = yield from call(lambda client: client.sessions.list(agent_id, 100, metadata=metadata or NOT_GIVEN))
    while page is not None:
        items.extend(page.data)
        page = yield from call(_next_page(page))
    return items


def _next_page(page: Any) -> Callable[[Any], Any]:
    return lambda client: page.next_page()


def name(text: str, longest: int = 17) -> str:
    """Return a word that stands for a text in heads: the text itself if it is a short word, else its digest."""
    if len(text) <= longest and re.fullmatch(r"[A-Za-z0-9_-]+", text):
        return text
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).digest()
    return "~" + base64.urlsafe_b64encode(digest).decode()


def key_of(namespace: str, checkpoint_id: str) -> Key:
    """Return the names of a namespace and a checkpoint."""
    return name(namespace), name(checkpoint_id, 36)


@dataclass
class Entry:
    """A record of a thread."""

    number: int
    turn_id: str
    kind: str
    key: Key
    detail: str = ""
    """The run of a checkpoint, the task of writes."""
    bound: int = 0
    """A number before those of all that belongs to the checkpoint."""
    body: Any = None
    """None: not read yet."""

    @classmethod
    def of(cls, number: int, turn_id: str, head: str, content: Optional[str]) -> Entry:
        """Return the record of a turn."""
        kind, checkpoint, namespace, detail, bound, *_ = [*head.split(" "), "", "", "", ""]
        lowest = min(number, int(bound)) if bound.isdigit() else number
        body = None if content is None else json.loads(content)
        return cls(number, turn_id, kind, (namespace, checkpoint), detail, lowest, body)


class Found(NamedTuple):
    """A checkpoint and its writes."""

    put: Entry
    writes: List[Entry]
    """In the order in which they were stored."""

    @property
    def entries(self) -> List[Entry]:
        """The checkpoint, then its writes."""
        return [self.put, *self.writes]


class Scan:
    """The records of a session from the newest back, read as far as they are needed.

    The newest come whole, by one request. Those before them come as previews, 100 a request, and those that are needed
    by a request each; or whole, 100 a request, if all of them are needed and the service returns whole turns.

    Args:
        source: The session.
        first: The number of whole records in the first request, at most 50. 0: begin with previews.
        whole: All records are needed.
    """

    def __init__(self, source: Source, first: int = NEWEST, *, whole: bool = False) -> None:
        self._source = source
        self._first = first
        self._whole = whole
        self._turns: Any = None
        self.entries: List[Entry] = []
        self.is_complete = False

    def more(self) -> Steps[None]:
        """Read some of the records before those that were read."""
        first, self._first = self._first, 0
        try:
            if first:
                context = yield from self._source.used(
                    lambda client, session_id: client.sessions.get_context(session_id, memory_limit=0, turn_limit=first)
                )
                return self._add(context.recent_turns, len(context.recent_turns) < first)
            if self._whole:
                if self._turns is None:
                    self._turns = yield from self._source.used(
                        lambda client, session_id: client.sessions.iter_turns(session_id, full=True, order="desc")
                    )
                turns = yield from take(self._turns, _PAGE)
                return self._add(turns, len(turns) < _PAGE)
        except ResponseTooLargeError:
            self._whole = False
        cursor = self.entries[-1].turn_id if self.entries else ""
        page = yield from self._source.used(
            lambda client, session_id: client.sessions.list_turns(
                session_id, _PAGE, starting_after=cursor or NOT_GIVEN, order="desc"
            )
        )
        return self._add(page.data, len(page.data) < _PAGE)

    def _add(self, turns: Iterable[Any], is_last: bool) -> None:
        for turn in turns:
            if self.entries and turn.turn_number >= self.entries[-1].number:
                continue
            is_whole = getattr(turn, "output", None) is not None
            head, content = (turn.input.content, turn.output.content) if is_whole else (turn.input_preview, None)
            self.entries.append(Entry.of(turn.turn_number, turn.id, head, content))
        self.is_complete = is_last or (bool(self.entries) and self.entries[-1].number == 1)

    def fill(self, entries: Iterable[Entry]) -> Steps[None]:
        """Read the bodies of records that are not read yet."""
        missing = [entry for entry in entries if entry.body is None]
        for place in range(0, len(missing), _AT_ONCE):
            batch = missing[place : place + _AT_ONCE]
            session_id = yield from self._source.used(lambda _, session_id: session_id)
            turns = yield from gather([_turn_of(session_id, entry.turn_id) for entry in batch])
            for entry, turn in zip(batch, turns):
                entry.body = json.loads(turn.output.content)


def _turn_of(session_id: str, turn_id: str) -> Callable[[StateBase], Any]:
    return lambda client: client.sessions.get_turn(session_id, turn_id)


class Reader:
    """The checkpoints of a scan, the newest first, each with its writes.

    Args:
        scan: The records.
        namespace: Only checkpoints of this namespace.
        checkpoint_id: Only this checkpoint.
        is_last: Says of a checkpoint that what is sought cannot have been stored before it.
    """

    def __init__(
        self,
        scan: Scan,
        *,
        namespace: Optional[str] = None,
        checkpoint_id: Optional[str] = None,
        is_last: Optional[Callable[[Entry], bool]] = None,
    ) -> None:
        self.scan = scan
        self._namespace = None if namespace is None else name(namespace)
        self._checkpoint = None if checkpoint_id is None else name(checkpoint_id, 36)
        self._is_last = is_last
        self._place = 0
        self._stop = 0
        self._deleted: Set[int] = set()
        self._seen: Set[Key] = set()
        self._writes: Dict[Key, List[Entry]] = defaultdict(list)

    def next(self) -> Steps[Optional[Found]]:
        """Return the next checkpoint; None if there are no more."""
        while True:
            entry = yield from self._entry(self._place)
            if entry is None or entry.number <= self._stop:
                return None
            self._place += 1
            if entry.kind == "delete":
                yield from self.scan.fill([entry])
                self._deleted.update(number for first, last in entry.body for number in range(first, last + 1))
            elif entry.kind == "write" and entry.number not in self._deleted:
                self._writes[entry.key].append(entry)
            elif entry.kind == "put":
                if self._is_wanted(entry):
                    self._seen.add(entry.key)
                    early = yield from self._early(entry)
                    return Found(entry, [*early, *reversed(self._writes.pop(entry.key, []))])
                if self._is_last is not None and self._is_last(entry):
                    self._stop = entry.bound

    def all(self) -> Steps[List[Found]]:
        """Return all checkpoints, the newest first."""
        items: List[Found] = []
        while True:
            found = yield from self.next()
            if found is None:
                return items
            items.append(found)

    def _is_wanted(self, entry: Entry) -> bool:
        namespace, checkpoint = entry.key
        return (
            entry.number not in self._deleted
            and entry.key not in self._seen
            and self._namespace in (None, namespace)
            and self._checkpoint in (None, checkpoint)
        )

    def _early(self, put: Entry) -> Steps[List[Entry]]:
        """Return the writes of a checkpoint that were stored before it, in order."""
        early: List[Entry] = []
        place = self._place
        while True:
            entry = yield from self._entry(place)
            if entry is None or entry.number <= put.bound:
                return early[::-1]
            if entry.kind == "write" and entry.key == put.key and entry.number not in self._deleted:
                early.append(entry)
            place += 1

    def _entry(self, place: int) -> Steps[Optional[Entry]]:
        while place >= len(self.scan.entries):
            if self.scan.is_complete:
                return None
            yield from self.scan.more()
        return self.scan.entries[place]
