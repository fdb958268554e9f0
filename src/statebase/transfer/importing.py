"""Writes the records of an export through the API, to a store or a service.

The target assigns new IDs and times: clients cannot choose them. An imported session or memory has its original ID in
its metadata, as `imported_from`; a repeated import finds it by that. Turns and state versions are compared by number,
and entities by their unique ID. So an import adds what is missing and does not change what exists, whenever and
wherever an earlier import stopped.

Each write also carries an idempotency key that is derived from its line, so that two imports at the same time create
nothing twice.

Turns and state versions are sent in batches where the target supports them. Sessions can be imported at the same time,
but the lines of one session are written in order.
"""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import json
import threading
from functools import partial
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Protocol,
    Set,
    Tuple,
    TypeVar,
    Union,
)

from pydantic import ValidationError

from .._base.http_errors import ConflictError, NotFoundError
from .._base.limits import LONGEST_TTL_SECONDS
from .._call.idempotency import new_idempotency_key
from .._call.options import NOT_GIVEN
from .._call.response import wrong_fields
from .._call.steps import run
from .._namespaces.batches import Write, in_batches, turn, write_batch
from .exporting import memory_ids
from .records import (
    FORMAT_VERSION,
    FORMAT_WITH_TRACES,
    KINDS,
    EndRecord,
    EntityRecord,
    Header,
    MemoryRecord,
    PartRecord,
    Record,
    SessionRecord,
    StateVersionRecord,
    TraceRecord,
    TurnRecord,
    records,
)
from .workers import Order, Workers

if TYPE_CHECKING:
    from ..client import StateBase

ORIGIN = "imported_from"
"""The metadata key of the original ID of a session or a memory."""

_SQLITE = b"SQLite format 3\x00"
_SHORTEST_TTL_SECONDS = 3600
_LINES_AT_ONCE = 100
_BYTES_AT_ONCE = 512 * 1024

T = TypeVar("T")


class _CountRecord(Protocol):
    def __call__(self, record: PartRecord, *, is_new: bool) -> None: ...


class ImportFormatError(Exception):
    """The input of an import is not an export, or is damaged."""


class Count(NamedTuple):
    """How many records of a kind an import has read."""

    added: int = 0
    present: int = 0
    """Records that existed already."""


class Line(NamedTuple):
    """A line of an export after the header."""

    number: int
    content: bytes
    record: Record


class Export(NamedTuple):
    """An export that is being read."""

    header: Header
    lines: Iterator[Line]
    """The lines after the header."""


def read(lines: Iterable[bytes]) -> Export:
    """Read the header of an export; records are read by the iteration. Blank lines are skipped.

    Raises:
        ImportFormatError: The first line is not a header. In the iteration: a line is damaged.
    """
    numbered = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
    _, first = next(numbered, (0, b""))
    header = _header(first[len(codecs.BOM_UTF8) :] if first.startswith(codecs.BOM_UTF8) else first)
    return Export(header, (Line(number, line, _record(number, line)) for number, line in numbered))


class Importer:
    """Creates the sessions of an export in a target.

    Args:
        client: The client of the target.
        ttl_seconds: Lifetime of the sessions from now on. None: what each had left at the time of the export, at least
            an hour.
        concurrency: The number of sessions to import at the same time. With more than one, sessions may be created in
            another order than that of the export.
    """

    def __init__(self, client: StateBase, ttl_seconds: Optional[int] = None, *, concurrency: int = 1) -> None:
        self._client = client
        self._ttl_seconds = ttl_seconds
        self._concurrency = concurrency
        self._lock = threading.Lock()
        self.counts: Dict[str, Count] = {kind: Count() for record, kind in KINDS.items() if record != "trace"}
        """The records so far, by kind."""

    def run(self, export: Export) -> Iterator[None]:
        """Import an export, some lines of a session for each step of the iteration.

        Raises:
            ImportFormatError: A line is damaged or missing; the lines before it were imported.
            StateBaseError: A write failed; what was written before it stays. A repeated import adds the rest.
        """
        with Workers(self._concurrency) as workers:
            for session, lines in self._pieces(export):
                workers.submit(session.order, partial(session.add, lines))
                yield

    def count(self, record: Union[SessionRecord, PartRecord], *, is_new: bool) -> None:
        """Count a record that was imported, or existed already."""
        kind = KINDS[record.record]
        with self._lock:
            count = self.counts[kind]
            self.counts[kind] = Count(count.added + is_new, count.present + (not is_new))

    def _pieces(self, export: Export) -> Iterator[Tuple[_Session, List[Line]]]:
        """Yield the lines of each session in pieces that fit into a batch."""
        session: Optional[_Session] = None
        lines: List[Line] = []
        size = 0
        ended = False
        failure: Optional[ImportFormatError] = None
        try:
            for line in export.lines:
                record = line.record
                if isinstance(record, EndRecord):
                    ended = True
                    continue
                if isinstance(record, TraceRecord):
                    continue
                if isinstance(record, SessionRecord):
                    if session is not None and lines:
                        yield session, lines
                    session, lines, size = _Session(self, record, self._lifetime(record, export.header)), [], 0
                    yield session, []  # created at once: the lines after it may take long to arrive
                    continue
                if session is None or session.record.id != record.session_id:
                    raise ImportFormatError(
                        f"Line {line.number} does not belong to the session before it: export again."
                    )
                if len(lines) == _LINES_AT_ONCE or size > _BYTES_AT_ONCE:
                    yield session, lines
                    lines, size = [], 0
                lines.append(line)
                size += len(line.content)
        except ImportFormatError as error:
            failure = error
        if session is not None and lines:
            yield session, lines
        if failure is None and not ended:
            failure = ImportFormatError("The export is cut off: its last line is missing. Export again.")
        if failure is not None:
            raise failure

    def _lifetime(self, record: SessionRecord, header: Header) -> int:
        if self._ttl_seconds is not None:
            return self._ttl_seconds
        if record.ttl_expires_at is None:
            return LONGEST_TTL_SECONDS
        left = int((record.ttl_expires_at - header.exported_at).total_seconds())
        return min(max(left, _SHORTEST_TTL_SECONDS), LONGEST_TTL_SECONDS)

    def open(self, record: SessionRecord, ttl_seconds: int) -> Union[_Copy, _Original]:
        """Find or create the session for a record."""
        client = self._client
        if _exists(client, record.id):
            self.count(record, is_new=False)
            return _Original()
        mark = json.dumps({ORIGIN: record.id})
        for found in client.sessions.list(agent_id=record.agent_id, metadata=mark, limit=1):
            self.count(record, is_new=False)
            versions = client.state.get_state(found.id).version
            return _Copy(client, record, found.id, versions, found.turn_count, _imported_memories(client, found.id))
        session_id = self._make(record, ttl_seconds)
        self.count(record, is_new=True)
        return _Copy(client, record, session_id, 0, 0, set())

    def _make(self, record: SessionRecord, ttl_seconds: int) -> str:
        """Create a session, and return its ID."""

        def make(key: str) -> str:
            return self._client.sessions.create(
                record.agent_id,
                record.user_id,
                {**(record.metadata or {}), ORIGIN: record.id},
                record.initial_state,
                ttl_seconds,
                idempotency_key=key,
            ).id

        made = _written(make, _key(record.model_dump_json().encode(), str(ttl_seconds)))
        # The stored response to the key may be old, and the session deleted since.
        return made if _exists(self._client, made) else make(new_idempotency_key())


class _Session:
    """A session of the export; it is found or created in the target when its own line is read."""

    def __init__(self, importer: Importer, record: SessionRecord, ttl_seconds: int) -> None:
        self.record = record
        self.order = Order()
        self._importer = importer
        self._ttl_seconds = ttl_seconds
        self._target: Union[_Copy, _Original, None] = None

    def add(self, lines: List[Line]) -> None:
        """Add the lines that are missing in the target."""
        if self._target is None:
            self._target = self._importer.open(self.record, self._ttl_seconds)
        self._target.add(lines, self._importer.count)


class _Original:
    """A session that exists under its original ID; it is not changed."""

    def add(self, lines: List[Line], count: _CountRecord) -> None:
        """Add nothing."""
        for line in lines:
            count(_part(line), is_new=False)


class _Copy:
    """An imported session in the target, and how much of it was imported.

    Args:
        client: The client of the target.
        record: The exported session.
        session_id: The ID in the target.
        versions: The number of state versions after the initial one.
        turns: The number of turns.
        memories: The original IDs of its memories.
    """

    def __init__(
        self, client: StateBase, record: SessionRecord, session_id: str, versions: int, turns: int, memories: Set[str]
    ) -> None:
        self._origin = record.id
        self._client = client
        self._id = session_id
        self._versions_left = versions
        self._turns_left = turns
        self._memories = memories
        self._state = _text(record.initial_state)

    def add(self, lines: List[Line], count: _CountRecord) -> None:
        """Add the lines that are missing; turns and state versions in batches."""
        writes: List[Write] = []
        written: List[PartRecord] = []
        for line in lines:
            record = _part(line)
            if isinstance(record, (StateVersionRecord, TurnRecord)):
                write = self._turn(record, line) if isinstance(record, TurnRecord) else self._version(record, line)
                if write is None:
                    count(record, is_new=False)
                else:
                    writes.append(write)
                    written.append(record)
                continue
            self._send(writes, written, count)
            writes, written = [], []
            if isinstance(record, MemoryRecord):
                count(record, is_new=self._add_memory(record, line))
            else:
                count(record, is_new=self._add_entity(record))
        self._send(writes, written, count)

    def _send(self, writes: List[Write], records: List[PartRecord], count: _CountRecord) -> None:
        sessions, state = self._client.sessions, self._client.state
        left = iter(records)
        for batch in in_batches(writes):
            if run(write_batch(sessions, self._id, batch, {}, include_results=False)) is not None:
                for _ in batch:
                    count(next(left), is_new=True)
                continue
            for write in batch:
                send: Any = sessions.add_turn if write.operation == "create_turn" else state.replace_state
                send(self._id, **write.arguments, idempotency_key=write.key)
                count(next(left), is_new=True)

    def _version(self, record: StateVersionRecord, line: Line) -> Optional[Write]:
        """Return the write for a state version; None if the version exists."""
        self._state = _text(record.state)
        if self._versions_left > 0:
            self._versions_left -= 1
            return None
        reasoning = record.reasoning or f"Imported: version {record.version} of {self._origin}."
        arguments = {"state": record.state, "reasoning": reasoning}
        return Write("replace_state", _key(line.content, self._id), arguments)

    def _turn(self, record: TurnRecord, line: Line) -> Optional[Write]:
        """Return the write for a turn; None if the turn exists."""
        if self._turns_left > 0:
            self._turns_left -= 1
            return None
        # A state that differs from the current one would create a version that did not exist.
        is_before, is_after = (_text(state) == self._state for state in (record.state_before, record.state_after))
        arguments = {
            "input": record.input.model_dump(),
            "output": record.output.model_dump(),
            "metadata": record.metadata,
            "reasoning": record.reasoning,
            "state_before": NOT_GIVEN if is_before else record.state_before,
            "state_after": record.state_after if is_after else NOT_GIVEN,
        }
        return turn(_key(line.content, self._id), arguments)

    def _add_memory(self, record: MemoryRecord, line: Line) -> bool:
        if record.id in self._memories:
            return False

        def add(key: str) -> None:
            self._client.memory.add(
                record.content,
                record.type,
                self._id,
                record.tags,
                {**(record.metadata or {}), ORIGIN: record.id},
                embed=record.embed,
                idempotency_key=key,
            )

        _written(add, _key(line.content, self._id))
        return True

    def _add_entity(self, record: EntityRecord) -> bool:
        try:
            # With a new key each time: the stored response to an old key would hide that it exists.
            self._client.entities.create(self._id, record.entity_type, record.entity_id, record.attributes)
        except ConflictError:
            return False
        return True


def _header(line: bytes) -> Header:
    try:
        header = Header.model_validate_json(line)
    except ValidationError:
        raise ImportFormatError(_not_an_export(line)) from None  # it shows the line
    if header.version not in (FORMAT_VERSION, FORMAT_WITH_TRACES):
        raise ImportFormatError(
            f"The export has format {header.version}, and this version of statebase reads formats {FORMAT_VERSION} and "
            f"{FORMAT_WITH_TRACES}: upgrade the package."
        )
    return header


def _not_an_export(line: bytes) -> str:
    if not line:
        return "The input is empty: pass a file that `statebase export` wrote."
    if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "The input is encoded as UTF-16 or UTF-32: save it as UTF-8."
    if line.startswith(_SQLITE):
        return "The input is a SQLite file, not an export: pass a file that `statebase export` wrote."
    return "The input is not an export: its first line must be the header that `statebase export` writes."


def _record(number: int, line: bytes) -> Record:
    try:
        return records.validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"] == "union_tag_invalid":
            reason = "record: unknown kind"  # the message of pydantic shows the value
        else:
            reason = first["msg"] if first["type"] == "json_invalid" else wrong_fields(error)
        raise ImportFormatError(f"Line {number} is damaged ({reason}): export again.") from None  # it shows the line


def _written(write: Callable[[str], T], key: str) -> T:
    """Write with a key, or with a new one if what was written with it has been deleted."""
    try:
        return write(key)
    except NotFoundError:
        return write(new_idempotency_key())


def _exists(client: StateBase, session_id: str) -> bool:
    try:
        client.sessions.get(session_id)
    except NotFoundError:
        return False
    return True


def _imported_memories(client: StateBase, session_id: str) -> Set[str]:
    """Return the original IDs of the memories of a session."""
    found: Set[str] = set()
    for memory_id in memory_ids(client, session_id):
        with contextlib.suppress(NotFoundError):  # it was deleted
            found.add(str((client.memory.get(memory_id).metadata or {}).get(ORIGIN)))
    return found


def _part(line: Line) -> PartRecord:
    assert not isinstance(line.record, (SessionRecord, TraceRecord, EndRecord))
    return line.record


def _text(state: Optional[Dict[str, Any]]) -> str:
    """Return a state as text for comparison: in Python `{"done": True}` equals `{"done": 1}`."""
    return json.dumps(state, sort_keys=True)


def _key(content: bytes, *target: str) -> str:
    """Return the idempotency key for writing a record, derived from its content."""
    return "import-" + hashlib.sha256("\n".join(target).encode() + b"\n" + content.strip()).hexdigest()[:40]
