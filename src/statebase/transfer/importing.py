"""Writes the records of an export through the API, to a store or a service.

The target assigns new IDs and times: clients cannot choose them. An imported session or memory has its original ID in
its metadata, as `imported_from`; a repeated import finds it by that. Turns and state versions are compared by number,
and entities by their unique ID. So an import adds what is missing and does not change what exists, whenever and
wherever an earlier import stopped.

Each write also carries an idempotency key that is derived from its content, so that two imports at the same time create
nothing twice.
"""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import json
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    NamedTuple,
    Optional,
    Set,
    Tuple,
    TypeVar,
    Union,
)

from pydantic import ValidationError

from .._base.http_errors import ConflictError, NotFoundError
from .._base.limits import LONGEST_TTL_SECONDS
from .._base.model import Model
from .._call.idempotency import new_idempotency_key
from .._call.options import NOT_GIVEN
from .._call.response import wrong_fields
from .exporting import memory_ids
from .records import (
    FORMAT_VERSION,
    KINDS,
    EndRecord,
    EntityRecord,
    Header,
    MemoryRecord,
    PartRecord,
    Record,
    SessionRecord,
    StateVersionRecord,
    TurnRecord,
    records,
)

if TYPE_CHECKING:
    from ..client import StateBase

ORIGIN = "imported_from"
"""The metadata key of the original ID of a session or a memory."""

_SQLITE = b"SQLite format 3\x00"
_SHORTEST_TTL_SECONDS = 3600

T = TypeVar("T")


class ImportFormatError(Exception):
    """The input of an import is not an export, or is damaged."""


class Count(NamedTuple):
    """How many records of a kind an import has read."""

    added: int = 0
    present: int = 0
    """Records that existed already."""


class Export(NamedTuple):
    """An export that is being read."""

    header: Header
    records: Iterator[Tuple[int, Record]]
    """The records after the header, each with its line number."""


def read(lines: Iterable[bytes]) -> Export:
    """Read the header of an export; records are read by the iteration. Blank lines are skipped.

    Raises:
        ImportFormatError: The first line is not a header. In the iteration: a line is damaged.
    """
    numbered = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
    _, first = next(numbered, (0, b""))
    header = _header(first[len(codecs.BOM_UTF8) :] if first.startswith(codecs.BOM_UTF8) else first)
    return Export(header, ((number, _record(number, line)) for number, line in numbered))


class Importer:
    """Creates the sessions of an export in a target.

    Args:
        client: The client of the target.
        ttl_seconds: Lifetime of the sessions from now on. None: what each had left at the time of the export, at least
            an hour.
    """

    def __init__(self, client: StateBase, ttl_seconds: Optional[int] = None) -> None:
        self._client = client
        self._ttl_seconds = ttl_seconds
        self.counts: Dict[str, Count] = dict.fromkeys(KINDS.values(), Count())
        """The records so far, by kind."""

    def run(self, export: Export) -> Iterator[None]:
        """Import an export, one record for each step of the iteration.

        Raises:
            ImportFormatError: A line is damaged or missing; the lines before it were imported.
            StateBaseError: A write failed; the lines before it were imported.
        """
        session: Union[_Copy, _Original, None] = None
        ended = False
        for number, record in export.records:
            if isinstance(record, EndRecord):
                ended = True
            elif isinstance(record, SessionRecord):
                session, added = self._open(record, export.header)
                self._count(record, added)
            elif session is None or session.origin != record.session_id:
                raise ImportFormatError(f"Line {number} does not belong to the session before it: export again.")
            else:
                self._count(record, session.add(record))
            yield
        if not ended:
            raise ImportFormatError("The export is cut off: its last line is missing. Export again.")

    def _count(self, record: Union[SessionRecord, PartRecord], added: bool) -> None:
        kind = KINDS[record.record]
        count = self.counts[kind]
        self.counts[kind] = Count(count.added + added, count.present + (not added))

    def _open(self, record: SessionRecord, header: Header) -> tuple[Union[_Copy, _Original], bool]:
        """Find or create the session for a record; returns it and whether it was created."""
        client = self._client
        if _exists(client, record.id):
            return _Original(record.id), False
        mark = json.dumps({ORIGIN: record.id})
        for found in client.sessions.list(agent_id=record.agent_id, metadata=mark, limit=1):
            versions = client.state.get_state(found.id).version
            return _Copy(
                client, record, found.id, versions, found.turn_count, _imported_memories(client, found.id)
            ), False
        return _Copy(client, record, self._make(record, self._lifetime(record, header)), 0, 0, set()), True

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

        made = _written(make, _key(record, str(ttl_seconds)))
        # The stored response to the key may be old, and the session deleted since.
        return made if _exists(self._client, made) else make(new_idempotency_key())

    def _lifetime(self, record: SessionRecord, header: Header) -> int:
        if self._ttl_seconds is not None:
            return self._ttl_seconds
        if record.ttl_expires_at is None:
            return LONGEST_TTL_SECONDS
        left = int((record.ttl_expires_at - header.exported_at).total_seconds())
        return min(max(left, _SHORTEST_TTL_SECONDS), LONGEST_TTL_SECONDS)


class _Original:
    """A session that exists under its original ID; it is not changed."""

    def __init__(self, origin: str) -> None:
        self.origin = origin

    def add(self, record: PartRecord) -> bool:
        """Add nothing."""
        return False


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
        self.origin = record.id
        self._client = client
        self._id = session_id
        self._versions_left = versions
        self._turns_left = turns
        self._memories = memories
        self._state = record.initial_state

    def add(self, record: PartRecord) -> bool:
        """Add a record unless it exists; returns whether it was added."""
        if isinstance(record, StateVersionRecord):
            return self._add_version(record)
        if isinstance(record, TurnRecord):
            return self._add_turn(record)
        if isinstance(record, MemoryRecord):
            return self._add_memory(record)
        return self._add_entity(record)

    def _add_version(self, record: StateVersionRecord) -> bool:
        self._state = record.state
        if self._versions_left > 0:
            self._versions_left -= 1
            return False
        reasoning = f"Imported: version {record.version} of {self.origin}."
        self._client.state.replace_state(self._id, record.state, reasoning, idempotency_key=_key(record, self._id))
        return True

    def _add_turn(self, record: TurnRecord) -> bool:
        if self._turns_left > 0:
            self._turns_left -= 1
            return False
        # A state that differs from the current one would create a version that did not exist.
        state = _text(self._state)
        self._client.sessions.add_turn(
            self._id,
            record.input.model_dump(),
            record.output.model_dump(),
            record.metadata,
            record.reasoning,
            state_before=NOT_GIVEN if _text(record.state_before) == state else record.state_before,
            state_after=record.state_after if _text(record.state_after) == state else NOT_GIVEN,
            idempotency_key=_key(record, self._id),
        )
        return True

    def _add_memory(self, record: MemoryRecord) -> bool:
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

        _written(add, _key(record, self._id))
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
    if header.version != FORMAT_VERSION:
        raise ImportFormatError(
            f"The export has format {header.version}, and this version of statebase reads format {FORMAT_VERSION}: "
            "upgrade the package."
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


def _text(state: Optional[Dict[str, Any]]) -> str:
    """Return a state as text for comparison: in Python `{"done": True}` equals `{"done": 1}`."""
    return json.dumps(state, sort_keys=True)


def _key(record: Model, *target: str) -> str:
    """Return the idempotency key for writing a record, derived from its content."""
    return "import-" + hashlib.sha256("\n".join((*target, record.model_dump_json())).encode()).hexdigest()[:40]
