"""States: the newest one of each session, and all of its versions."""

from __future__ import annotations

import zlib
from typing import NamedTuple, Optional

from ...errors import EngineError, damaged
from .. import history
from ..database import Database
from .sessions import COLUMNS, SessionRow

LARGE = 64 * 1024
"""A state this long, in characters, is encoded before the transaction: it takes longer than a second transaction."""

_INTEGER_MAX = 2**63 - 1
_NEWEST = "version, keyframe, keyframe_size, updated_us, text"
_WITH_SESSION = ", ".join(
    [f"s.{column}" for column in COLUMNS.split(", ")] + [f"n.{column}" for column in _NEWEST.split(", ")]
)


class StateRow(NamedTuple):
    """The newest state of a session, as JSON text."""

    version: int
    keyframe: int
    """The newest version that is stored whole."""
    keyframe_size: int
    """How many bytes that takes."""
    updated_us: int
    text: str


class VersionRow(NamedTuple):
    """One version of a state, as JSON text."""

    version: int
    created_us: int
    author: str
    text: str


class Draft(NamedTuple):
    """A new version that is not encoded yet: all that takes long and needs no transaction."""

    text: bytes
    current: StateRow
    """The state that it follows."""
    frames: list[tuple[int, history.Frame]]
    """Those that lead to its base, each with its version, the base first."""
    ends_at_current: bool
    """Whether the last of them, or the new version if there are none, is written against `current`."""

    def encode(self) -> history.Frame:
        """Return the new version as it is stored."""
        base = history.Base(self.current.version, self.current.text.encode()) if self.ends_at_current else None
        for version, frame in reversed(self.frames):
            text = history.decode(frame.kind, frame.data, None if base is None else base.text)
            base = history.Base(version, text)
        return history.encode(self.text, base, self.current.keyframe_size)


class States:
    """The tables of states and their versions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(self, session_seq: int) -> StateRow:
        """Return the newest state of a session that exists."""
        row = self._database.execute(f"SELECT {_NEWEST} FROM states WHERE session_seq = ?", (session_seq,)).fetchone()
        return StateRow._make(row)

    def with_session(self, session_id: str) -> Optional[tuple[SessionRow, StateRow]]:
        """Return a session, expired or not, with its newest state; None if there is none."""
        row = self._database.execute(
            f"SELECT {_WITH_SESSION} FROM sessions s JOIN states n ON n.session_seq = s.seq WHERE s.id = ?",
            (session_id,),
        ).fetchone()
        if row is None:
            return None
        columns = len(SessionRow._fields)
        return SessionRow._make(row[:columns]), StateRow._make(row[columns:])

    def version(self, session_seq: int) -> int:
        """Return the version of the newest state of a session that exists."""
        row = self._database.execute("SELECT version FROM states WHERE session_seq = ?", (session_seq,)).fetchone()
        return int(row[0])

    def created_us(self, session_seq: int, version: int) -> int:
        """Return the time of a version that exists."""
        row = self._database.execute(
            "SELECT created_us FROM state_versions WHERE session_seq = ? AND version = ?", (session_seq, version)
        ).fetchone()
        return int(row[0])

    def start(
        self, session_seq: int, text: str, now_us: int, author: str, *, frame: Optional[history.Frame] = None
    ) -> None:
        """Store the first state of a session, as version 0.

        Args:
            session_seq: The session.
            text: The state.
            now_us: The time.
            author: Who makes it.
            frame: What `history.encode` returned for the text; None to call it here.
        """
        if frame is None:
            frame = history.encode(text.encode())
        self._database.execute(
            "INSERT INTO states (session_seq, version, keyframe, keyframe_size, updated_us, text)"
            " VALUES (?, 0, 0, ?, ?, ?)",
            (session_seq, len(frame.data), now_us, text),
        )
        self._insert(session_seq, 0, None, now_us, author, None, frame)

    def append(
        self,
        session_seq: int,
        current: StateRow,
        text: str,
        now_us: int,
        author: str,
        reasoning: Optional[str],
        *,
        parent: Optional[int],
        frame: Optional[history.Frame] = None,
    ) -> int:
        """Store a new version of the state and return its number.

        Args:
            session_seq: The session.
            current: Its newest state.
            text: The new state.
            now_us: The time.
            author: Who changes it.
            reasoning: Why.
            parent: The version that undoing this change leads back to; None if it leads nowhere.
            frame: What `Draft.encode` returned for this text after this state; None to encode it here.
        """
        version = current.version + 1
        if frame is None:
            frame = self.draft(session_seq, current, text).encode()
        self._insert(session_seq, version, parent, now_us, author, reasoning, frame)
        keyframe, keyframe_size = current.keyframe, current.keyframe_size
        if frame.base is None:
            keyframe, keyframe_size = version, len(frame.data)
        self._database.execute(
            "UPDATE states SET version = ?, keyframe = ?, keyframe_size = ?, updated_us = ?, text = ?"
            " WHERE session_seq = ?",
            (version, keyframe, keyframe_size, now_us, text, session_seq),
        )
        return version

    def draft(self, session_seq: int, current: StateRow, text: str) -> Draft:
        """Read what encoding a new version needs.

        Args:
            session_seq: The session.
            current: The state that the new version follows.
            text: The new state.
        """
        content = text.encode()
        frames: list[tuple[int, history.Frame]] = []
        version = history.base_of(content, current.version + 1, current.keyframe)
        while version is not None and version != current.version:
            frame = self._frame(session_seq, version)
            if frame is None:
                raise _missing(version)
            frames.append((version, frame))
            version = frame.base
        return Draft(content, current, frames, ends_at_current=version is not None)

    def at(self, session_seq: int, version: int) -> Optional[str]:
        """Return the text of a version; None if there is no such version."""
        if not 0 <= version <= _INTEGER_MAX or self._frame(session_seq, version) is None:
            return None
        return self._text(session_seq, version, {}).decode()

    def parent(self, session_seq: int, version: int) -> Optional[int]:
        """Return the version that undoing this one leads back to; None if it leads nowhere."""
        row = self._database.execute(
            "SELECT parent FROM state_versions WHERE session_seq = ? AND version = ?", (session_seq, version)
        ).fetchone()
        return None if row is None else row[0]

    def versions(
        self, session_seq: int, limit: int, after_version: Optional[int], before_version: Optional[int] = None
    ) -> list[VersionRow]:
        """Return at most `limit` versions with their texts, newest first.

        Args:
            session_seq: The session.
            limit: How many.
            after_version: Only versions above this one; None for all.
            before_version: Only versions below this one; None for all.
        """
        above = -1 if after_version is None else max(-1, min(after_version, _INTEGER_MAX))
        below = _INTEGER_MAX if before_version is None else max(0, min(before_version, _INTEGER_MAX))
        rows = self._database.execute(
            "SELECT version, created_us, author FROM state_versions"
            " WHERE session_seq = ? AND version > ? AND version < ? ORDER BY version DESC LIMIT ?",
            (session_seq, above, below, limit),
        ).fetchall()
        known: dict[int, bytes] = {}
        return [
            VersionRow(version, created_us, author, self._text(session_seq, version, known).decode())
            for version, created_us, author in rows
        ]

    def delete(self, session_seq: int) -> None:
        """Remove the newest state of a session; its versions are removed by `delete_some_versions`."""
        self._database.execute("DELETE FROM states WHERE session_seq = ?", (session_seq,))

    def delete_some_versions(self, session_seq: int, limit: int) -> int:
        """Remove at most `limit` versions of the state of a session and return how many that were."""
        return self._database.execute(
            "DELETE FROM state_versions WHERE seq IN (SELECT seq FROM state_versions WHERE session_seq = ? LIMIT ?)",
            (session_seq, limit),
        ).rowcount

    def _insert(
        self,
        session_seq: int,
        version: int,
        parent: Optional[int],
        now_us: int,
        author: str,
        reasoning: Optional[str],
        frame: history.Frame,
    ) -> None:
        self._database.execute(
            "INSERT INTO state_versions (session_seq, version, parent, created_us, author, reasoning, kind, base, data)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (session_seq, version, parent, now_us, author, reasoning, *frame),
        )

    def _text(self, session_seq: int, version: int, known: dict[int, bytes]) -> bytes:
        """Return the text of a version; `known` holds, and then remembers, those of versions on the way."""
        if version not in known:
            frame = self._frame(session_seq, version)
            if frame is None:
                raise _missing(version)
            base = None if frame.base is None else self._text(session_seq, frame.base, known)
            try:
                known[version] = history.decode(frame.kind, frame.data, base)
            except (ValueError, LookupError, zlib.error) as error:
                raise damaged() from error
        return known[version]

    def _frame(self, session_seq: int, version: int) -> Optional[history.Frame]:
        row = self._database.execute(
            "SELECT kind, base, data FROM state_versions WHERE session_seq = ? AND version = ?", (session_seq, version)
        ).fetchone()
        return None if row is None else history.Frame._make(row)


def _missing(version: int) -> EngineError:
    error = damaged()
    error.__cause__ = LookupError(f"version {version} is missing in the history")
    return error
