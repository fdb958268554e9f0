"""The tables, and how a file of an older version of the package gets them. Migrations only go forward."""

from __future__ import annotations

import sqlite3

from ...errors import EngineError

APPLICATION_ID = 0x53744264
"""Marks a file as a store ("StBd"), so that another application's file is not taken for one."""

_FIRST = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    # AUTOINCREMENT, so that the number of something deleted never comes back: caches and cursors rely on it.
    """CREATE TABLE sessions (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        agent_id TEXT NOT NULL,
        user_id TEXT,
        metadata TEXT,
        created_us INTEGER NOT NULL,
        updated_us INTEGER NOT NULL,
        expires_us INTEGER NOT NULL,
        turn_count INTEGER NOT NULL DEFAULT 0,
        memory_count INTEGER NOT NULL DEFAULT 0
    )""",
    "CREATE INDEX sessions_by_agent ON sessions (agent_id, seq)",
    "CREATE INDEX sessions_by_user ON sessions (user_id, seq)",
    "CREATE INDEX sessions_by_creation ON sessions (created_us)",
    "CREATE INDEX sessions_by_update ON sessions (updated_us)",
    "CREATE INDEX sessions_by_expiry ON sessions (expires_us)",
    # The newest state has a row of its own, so that counting a turn does not write the state again.
    """CREATE TABLE states (
        session_seq INTEGER PRIMARY KEY,
        version INTEGER NOT NULL,
        keyframe INTEGER NOT NULL,
        keyframe_size INTEGER NOT NULL,
        updated_us INTEGER NOT NULL,
        text TEXT NOT NULL
    )""",
    """CREATE TABLE state_versions (
        seq INTEGER PRIMARY KEY,
        session_seq INTEGER NOT NULL,
        version INTEGER NOT NULL,
        parent INTEGER,
        created_us INTEGER NOT NULL,
        author TEXT NOT NULL,
        reasoning TEXT,
        kind INTEGER NOT NULL,
        base INTEGER,
        data BLOB NOT NULL,
        UNIQUE (session_seq, version)
    )""",
    """CREATE TABLE turns (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        session_seq INTEGER NOT NULL,
        number INTEGER NOT NULL,
        created_us INTEGER NOT NULL,
        input TEXT NOT NULL,
        output TEXT NOT NULL,
        metadata TEXT,
        reasoning TEXT,
        state_before TEXT,
        version_before INTEGER NOT NULL,
        version_after INTEGER,
        UNIQUE (session_seq, number)
    )""",
    """CREATE TABLE memories (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        session_seq INTEGER NOT NULL,
        type TEXT NOT NULL,
        content TEXT NOT NULL,
        tags TEXT,
        metadata TEXT,
        embed INTEGER NOT NULL,
        embedding_id TEXT,
        created_us INTEGER NOT NULL,
        updated_us INTEGER NOT NULL,
        version INTEGER NOT NULL
    )""",
    "CREATE INDEX memories_by_session ON memories (session_seq, seq)",
    "CREATE INDEX memories_by_type ON memories (type, seq)",
    "CREATE INDEX memories_pending ON memories (seq) WHERE embed = 1 AND embedding_id IS NULL",
    "CREATE TABLE memory_tags (tag TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (tag, seq)) WITHOUT ROWID",
    "CREATE TABLE memory_vectors (seq INTEGER PRIMARY KEY, vector BLOB NOT NULL)",
    "CREATE TABLE memory_changes (change INTEGER PRIMARY KEY AUTOINCREMENT, seq INTEGER NOT NULL)",
    """CREATE TABLE entities (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        session_seq INTEGER NOT NULL,
        entity_type TEXT NOT NULL,
        entity_id TEXT NOT NULL,
        attributes TEXT NOT NULL,
        created_us INTEGER NOT NULL,
        updated_us INTEGER NOT NULL,
        version INTEGER NOT NULL,
        UNIQUE (session_seq, entity_type, entity_id)
    )""",
    "CREATE INDEX entities_by_session ON entities (session_seq, seq)",
    "CREATE INDEX entities_by_type ON entities (entity_type, seq)",
    # The number of a trace is its time in microseconds: no two traces have the same, so that a page may end by time.
    """CREATE TABLE traces (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        session_id TEXT NOT NULL,
        action TEXT NOT NULL,
        resource_type TEXT NOT NULL,
        resource_id TEXT NOT NULL,
        actor TEXT NOT NULL,
        actor_id TEXT,
        request_id TEXT,
        details TEXT NOT NULL
    )""",
    "CREATE INDEX traces_by_session ON traces (session_id, seq)",
    "CREATE INDEX traces_by_action ON traces (action, seq)",
    "CREATE INDEX traces_by_resource_type ON traces (resource_type, seq)",
    "CREATE INDEX traces_by_resource ON traces (resource_id, seq)",
    """CREATE TABLE answers (
        seq INTEGER PRIMARY KEY,
        key BLOB NOT NULL UNIQUE,
        request BLOB NOT NULL,
        status INTEGER NOT NULL,
        expires_us INTEGER NOT NULL,
        body BLOB NOT NULL,
        sealed INTEGER NOT NULL,
        session_seq INTEGER,
        cuts TEXT
    )""",
    "CREATE INDEX answers_by_expiry ON answers (expires_us)",
    "CREATE INDEX answers_by_session ON answers (session_seq) WHERE session_seq IS NOT NULL",
    """CREATE TABLE api_keys (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        digest BLOB NOT NULL UNIQUE,
        prefix TEXT NOT NULL,
        name TEXT NOT NULL,
        owner_id TEXT,
        rate_limit INTEGER NOT NULL,
        is_active INTEGER NOT NULL,
        created_us INTEGER NOT NULL,
        expires_us INTEGER,
        last_used_us INTEGER,
        total_requests INTEGER NOT NULL
    )""",
)

_TRACE_TIMES = (
    # Until here the number of a trace was its time in microseconds; where this is NULL, it still is.
    "ALTER TABLE traces ADD COLUMN created_us INTEGER",
    "CREATE INDEX traces_by_time ON traces (created_us)",
)

_REMOVALS = (
    # Sessions that were deleted, and of which some rows are still there.
    "CREATE TABLE removals (session_seq INTEGER PRIMARY KEY, session_id TEXT NOT NULL)",
    # What a stored response tells of, so that it goes when that goes.
    "ALTER TABLE answers ADD COLUMN session_id TEXT",
    "ALTER TABLE answers ADD COLUMN resource_id TEXT",
    "CREATE INDEX answers_by_session_id ON answers (session_id) WHERE session_id IS NOT NULL",
    "CREATE INDEX answers_by_resource ON answers (resource_id) WHERE resource_id IS NOT NULL",
)

_LABELS = (
    # The top-level keys of the metadata of sessions, with their values in a form that equal values share.
    """CREATE TABLE session_labels (
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        session_seq INTEGER NOT NULL,
        PRIMARY KEY (key, value, session_seq)
    ) WITHOUT ROWID""",
    # The sessions that are there already get theirs a few at a time, from this one down.
    # SQLite before 3.39 takes no HAVING without GROUP BY.
    "INSERT INTO meta (key, value) SELECT 'labels.todo', seq FROM sessions ORDER BY seq DESC LIMIT 1",
)

_CURSORS = (
    # Where the newest of what was deleted stood in its list, so that a page may begin after it.
    "CREATE TABLE deleted (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, seq INTEGER NOT NULL)",
    *(
        f"""CREATE TRIGGER {table}_deleted AFTER DELETE ON {table} BEGIN
            INSERT OR REPLACE INTO deleted (id, seq) VALUES (OLD.id, OLD.seq);
            DELETE FROM deleted WHERE number = last_insert_rowid() - 10000;
        END"""
        for table in ("sessions", "entities")
    ),
)

_CONTEXTS = (
    # The memories that a stored response to get_context holds, of any session.
    """CREATE TABLE answer_memories (
        memory_id TEXT NOT NULL,
        key BLOB NOT NULL,
        PRIMARY KEY (memory_id, key)
    ) WITHOUT ROWID""",
    "CREATE INDEX answer_memories_by_key ON answer_memories (key)",
    """CREATE TRIGGER answers_deleted AFTER DELETE ON answers BEGIN
        DELETE FROM answer_memories WHERE key = OLD.key;
    END""",
    """CREATE TRIGGER memories_deleted AFTER DELETE ON memories BEGIN
        DELETE FROM answers WHERE key IN (SELECT key FROM answer_memories WHERE memory_id = OLD.id);
    END""",
)

_MINUTE = 60 * 1_000_000
_HOUR = 60 * _MINUTE

_COUNTS = (
    # What the sessions hold that expire within a minute, counted since 1970: the dashboard adds up those to come.
    """CREATE TABLE session_counts (
        minute INTEGER PRIMARY KEY,
        sessions INTEGER NOT NULL,
        turns INTEGER NOT NULL,
        memories INTEGER NOT NULL,
        entities INTEGER NOT NULL
    )""",
    f"""INSERT INTO session_counts
        SELECT expires_us / {_MINUTE}, count(*), sum(turn_count), sum(memory_count),
            sum((SELECT count(*) FROM entities WHERE session_seq = sessions.seq))
        FROM sessions GROUP BY 1""",
    f"""CREATE TRIGGER sessions_counted AFTER INSERT ON sessions BEGIN
        INSERT OR IGNORE INTO session_counts VALUES (NEW.expires_us / {_MINUTE}, 0, 0, 0, 0);
        UPDATE session_counts
            SET sessions = sessions + 1, turns = turns + NEW.turn_count, memories = memories + NEW.memory_count
            WHERE minute = NEW.expires_us / {_MINUTE};
    END""",
    f"""CREATE TRIGGER sessions_recounted AFTER UPDATE OF turn_count, memory_count ON sessions BEGIN
        UPDATE session_counts
            SET turns = turns + NEW.turn_count - OLD.turn_count,
                memories = memories + NEW.memory_count - OLD.memory_count
            WHERE minute = OLD.expires_us / {_MINUTE};
    END""",
    f"""CREATE TRIGGER sessions_moved AFTER UPDATE OF expires_us ON sessions
        WHEN NEW.expires_us / {_MINUTE} <> OLD.expires_us / {_MINUTE}
    BEGIN
        INSERT OR IGNORE INTO session_counts VALUES (NEW.expires_us / {_MINUTE}, 0, 0, 0, 0);
        UPDATE session_counts
            SET sessions = sessions + 1, turns = turns + NEW.turn_count, memories = memories + NEW.memory_count,
                entities = entities + (SELECT count(*) FROM entities WHERE session_seq = NEW.seq)
            WHERE minute = NEW.expires_us / {_MINUTE};
        UPDATE session_counts
            SET sessions = sessions - 1, turns = turns - NEW.turn_count, memories = memories - NEW.memory_count,
                entities = entities - (SELECT count(*) FROM entities WHERE session_seq = NEW.seq)
            WHERE minute = OLD.expires_us / {_MINUTE};
        DELETE FROM session_counts WHERE minute = OLD.expires_us / {_MINUTE} AND sessions = 0;
    END""",
    f"""CREATE TRIGGER sessions_uncounted AFTER DELETE ON sessions BEGIN
        UPDATE session_counts
            SET sessions = sessions - 1, turns = turns - OLD.turn_count, memories = memories - OLD.memory_count,
                entities = entities - (SELECT count(*) FROM entities WHERE session_seq = OLD.seq)
            WHERE minute = OLD.expires_us / {_MINUTE};
        DELETE FROM session_counts WHERE minute = OLD.expires_us / {_MINUTE} AND sessions = 0;
    END""",
    *(
        # What is left of a session that was deleted is not counted any more.
        f"""CREATE TRIGGER entities_{name} AFTER {event} ON entities BEGIN
            UPDATE session_counts SET entities = entities {sign} 1
                WHERE minute = (SELECT expires_us / {_MINUTE} FROM sessions WHERE seq = {row}.session_seq);
        END"""
        for name, event, sign, row in (("counted", "INSERT", "+", "NEW"), ("uncounted", "DELETE", "-", "OLD"))
    ),
    # The traces of an hour, counted since 1970.
    "CREATE TABLE trace_counts (hour INTEGER PRIMARY KEY, traces INTEGER NOT NULL)",
    f"INSERT INTO trace_counts SELECT coalesce(created_us, seq) / {_HOUR}, count(*) FROM traces GROUP BY 1",
    f"""CREATE TRIGGER traces_counted AFTER INSERT ON traces BEGIN
        INSERT OR IGNORE INTO trace_counts VALUES (coalesce(NEW.created_us, NEW.seq) / {_HOUR}, 0);
        UPDATE trace_counts SET traces = traces + 1 WHERE hour = coalesce(NEW.created_us, NEW.seq) / {_HOUR};
    END""",
    # Counts the sessions that were active and live without looking them up.
    "DROP INDEX sessions_by_update",
    "CREATE INDEX sessions_by_update ON sessions (updated_us, expires_us)",
)

_TERMS = (
    # What search by words goes by; `tables/words.py` makes the index of them, and fills it.
    "CREATE TABLE memory_terms (seq INTEGER PRIMARY KEY, terms TEXT NOT NULL, speaker TEXT)",
)

_CONVERSATIONS = (
    # The lifetime that a write restores once less than half of it is left; NULL: writes do not extend it.
    "ALTER TABLE sessions ADD COLUMN keep_us INTEGER",
    # A digest of agent, user and key of a session of get_or_create.
    "ALTER TABLE sessions ADD COLUMN key BLOB",
    "CREATE INDEX sessions_by_key ON sessions (key, expires_us) WHERE key IS NOT NULL",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    _FIRST,
    (*_TRACE_TIMES, *_REMOVALS, *_LABELS, *_CURSORS, *_CONTEXTS, *_COUNTS),
    _TERMS,
    _CONVERSATIONS,
)
"""What brings a file from each version of the schema to the next, in order; never change one that was released."""


def refuse_foreign(connection: sqlite3.Connection, path: str) -> None:
    """Raise an error if the file is not a store, or one of a newer version of the package; change nothing.

    Raises:
        EngineError: 500, with what to do.
    """
    try:
        # First: if another process makes a store of an empty file meanwhile, the tables come with the application's id.
        empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        version = _pragma(connection, "user_version")
        application = _pragma(connection, "application_id")
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        raise _unusable(f"{path} is not a statebase store ({error}): pass the path of another file.") from error
    if application != APPLICATION_ID and not (empty and application == 0):
        raise _unusable(f"{path} belongs to another application: pass the path of another file.")
    if version > len(MIGRATIONS):
        raise _unusable(
            f"{path} was written by a newer statebase (schema {version}, this one knows {len(MIGRATIONS)}): "
            "upgrade the package, or pass the path of another file."
        )


def migrate(connection: sqlite3.Connection, path: str) -> None:
    """Bring the file to the newest schema, one transaction a step.

    Raises:
        EngineError: 500, if the file is not a store that this version of the package can use.
    """
    while _pragma(connection, "user_version") < len(MIGRATIONS):
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have done the step meanwhile.
            refuse_foreign(connection, path)
            version = _pragma(connection, "user_version")
            if version < len(MIGRATIONS):
                for statement in MIGRATIONS[version]:
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _unusable(message: str) -> EngineError:
    return EngineError(500, "internal_error", message, "path")
