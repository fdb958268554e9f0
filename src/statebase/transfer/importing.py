"""Writing the records of an export through the API, into an engine file or a service alike.

Ids and times are those of the target: clients cannot choose them. A session that is made carries the id that it
came from in its metadata, as `imported_from`, and so does a memory; that is how a repeated import finds what is there.
Turns and versions of the state are counted, and entities are unique by themselves. So what is there is left as it is,
and what is missing is added, however long ago the first import was and wherever it broke off.

Beside that, each write carries an idempotency key that follows from what it writes, so that two imports at once double
nothing.
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

from .._base.errors import ConflictError, NotFoundError
from .._base.model import Model
from .._call.idempotency import new_idempotency_key
from .._call.options import NOT_GIVEN
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
"""The key in metadata that holds the id that a session or a memory had where it was exported."""

_SQLITE = b"SQLite format 3\x00"
_SHORTEST_TTL_SECONDS = 3600
_LONGEST_TTL_SECONDS = 2_592_000

T = TypeVar("T")


class ImportFormatError(Exception):
    """The input of an import is not an export, or is damaged."""


class Count(NamedTuple):
    """How many records of a kind an import met."""

    added: int = 0
    present: int = 0
    """Those that were there already."""


class Export(NamedTuple):
    """An export that is being read."""

    header: Header
    records: Iterator[Tuple[int, Record]]
    """The records after the header, each with the number of its line."""


def read(lines: Iterable[bytes]) -> Export:
    """Read the header of an export; a record is read when the iteration asks for it. Blank lines are skipped.

    Raises:
        ImportFormatError: The first line is not a header; or, in the iteration, a line is damaged.
    """
    numbered = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
    _, first = next(numbered, (0, b""))
    header = _header(first[len(codecs.BOM_UTF8) :] if first.startswith(codecs.BOM_UTF8) else first)
    return Export(header, ((number, _record(number, line)) for number, line in numbered))


class Importer:
    """Makes in a target what the records of an export say.

    Args:
        client: The target.
        ttl_seconds: Lifetime of the sessions from now on. None: what each had left at the time of the export, at least
            an hour.
    """

    def __init__(self, client: StateBase, ttl_seconds: Optional[int] = None) -> None:
        self._client = client
        self._ttl_seconds = ttl_seconds
        self.counts: Dict[str, Count] = dict.fromkeys(KINDS.values(), Count())
        """How far the import has come."""

    def run(self, export: Export) -> Iterator[None]:
        """Import an export; a step of the iteration is a record.

        Raises:
            ImportFormatError: A line is damaged or missing; what stood before it was imported.
            StateBaseError: The target refused something; what stood before it was imported.
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
        """Find or make what a session becomes, and say whether it was made."""
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
        """Make a session, and return its id."""

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
        # The answer to the key may be a day old, and the session gone since.
        return made if _exists(self._client, made) else make(new_idempotency_key())

    def _lifetime(self, record: SessionRecord, header: Header) -> int:
        if self._ttl_seconds is not None:
            return self._ttl_seconds
        if record.ttl_expires_at is None:
            return _LONGEST_TTL_SECONDS
        left = int((record.ttl_expires_at - header.exported_at).total_seconds())
        return min(max(left, _SHORTEST_TTL_SECONDS), _LONGEST_TTL_SECONDS)


class _Original:
    """A session that was never away: it has the id that it was exported under."""

    def __init__(self, origin: str) -> None:
        self.origin = origin

    def add(self, record: PartRecord) -> bool:
        """Leave the session as it is."""
        return False


class _Copy:
    """A session of the target that an exported one became, and how far it has come.

    Args:
        client: The target.
        record: The session that was exported.
        session_id: The id of the copy.
        versions: How many versions its state has after the initial one.
        turns: How many turns it has.
        memories: The ids that its memories had where they came from.
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
        """Add what is not there, and say whether it was added."""
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
        # What differs from the state at this point would become a version that never was.
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
            # With a key of its own each time, for the answer to an old key would hide that it is there.
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
        problem = error.errors(include_url=False)[0]
        place = ".".join(map(str, problem["loc"]))
        reason = f"{place}: {problem['msg']}" if place else problem["msg"]
        if problem["type"] == "union_tag_invalid":
            reason = "record: unknown kind"  # the message of pydantic shows the value
        raise ImportFormatError(f"Line {number} is damaged ({reason}): export again.") from None  # it shows the line


def _written(write: Callable[[str], T], key: str) -> T:
    """Write under a key, or under a new one where what was written under it is deleted."""
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
    """Return the ids that the memories of a session had where they came from."""
    found: Set[str] = set()
    for memory_id in memory_ids(client, session_id):
        with contextlib.suppress(NotFoundError):  # it was deleted
            found.add(str((client.memory.get(memory_id).metadata or {}).get(ORIGIN)))
    return found


def _text(state: Optional[Dict[str, Any]]) -> str:
    """Write a state so that equal ones are equal: in Python `{"done": True}` equals `{"done": 1}`."""
    return json.dumps(state, sort_keys=True)


def _key(record: Model, *target: str) -> str:
    """Return the idempotency key for writing a record, the same whenever it is written."""
    return "import-" + hashlib.sha256("\n".join((*target, record.model_dump_json())).encode()).hexdigest()[:40]
