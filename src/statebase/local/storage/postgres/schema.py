"""The tables, and how a database of an older version of the package gets them. Migrations only go forward.

The tables stand in the first schema of the `search_path` of the connection. Columns have the names and the meaning that
they have on SQLite, so that most statements are the same. A text may have any length, so that indexes of texts
are hash indexes, which hold a digest; what callers cannot make long has a B-tree.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import psycopg

from ...errors import EngineError
from .errors import translated
from .pool import Connection

LOCKS = 0x53744264
"""The first number of the advisory locks of stores; the second one is made of the schema and what is locked."""

_OLDEST_SERVER = 140_000

_FIRST = """
CREATE TABLE statebase_schema (version integer NOT NULL);
INSERT INTO statebase_schema VALUES (0);
CREATE TABLE meta (key text PRIMARY KEY, value text NOT NULL);

CREATE TABLE sessions (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    agent_id text NOT NULL,
    user_id text,
    metadata text,
    created_us bigint NOT NULL,
    updated_us bigint NOT NULL,
    expires_us bigint NOT NULL,
    turn_count bigint NOT NULL DEFAULT 0,
    memory_count bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 80);
CREATE INDEX sessions_by_agent ON sessions USING hash (agent_id);
CREATE INDEX sessions_by_user ON sessions USING hash (user_id);
CREATE INDEX sessions_by_creation ON sessions (created_us);
CREATE INDEX sessions_by_expiry ON sessions (expires_us);
-- key and value are digests: see the tables of sessions on PostgreSQL.
CREATE TABLE session_labels (key text, value text, session_seq bigint, PRIMARY KEY (key, value, session_seq));

CREATE TABLE states (
    session_seq bigint PRIMARY KEY,
    version bigint NOT NULL,
    keyframe bigint NOT NULL,
    keyframe_size bigint NOT NULL,
    updated_us bigint NOT NULL,
    text text NOT NULL
) WITH (fillfactor = 80);
CREATE TABLE state_versions (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session_seq bigint NOT NULL,
    version bigint NOT NULL,
    parent bigint,
    created_us bigint NOT NULL,
    author text NOT NULL,
    reasoning text,
    kind integer NOT NULL,
    base bigint,
    data bytea NOT NULL,
    UNIQUE (session_seq, version)
);
-- The engine has compressed them already.
ALTER TABLE state_versions ALTER COLUMN data SET STORAGE EXTERNAL;

CREATE TABLE turns (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    session_seq bigint NOT NULL,
    number bigint NOT NULL,
    created_us bigint NOT NULL,
    input text NOT NULL,
    output text NOT NULL,
    metadata text,
    reasoning text,
    state_before text,
    version_before bigint NOT NULL,
    version_after bigint,
    UNIQUE (session_seq, number)
);

CREATE TABLE memories (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    session_seq bigint NOT NULL,
    type text NOT NULL,
    content text NOT NULL,
    tags text,
    metadata text,
    embed integer NOT NULL,
    embedding_id text,
    created_us bigint NOT NULL,
    updated_us bigint NOT NULL,
    version bigint NOT NULL
);
CREATE INDEX memories_by_session ON memories (session_seq, seq);
CREATE INDEX memories_by_type ON memories USING hash (type);
CREATE INDEX memories_pending ON memories (seq) WHERE embed = 1 AND embedding_id IS NULL;
CREATE TABLE memory_tags (tag text NOT NULL, seq bigint NOT NULL);
CREATE INDEX memory_tags_by_tag ON memory_tags USING hash (tag);
CREATE INDEX memory_tags_by_seq ON memory_tags (seq);
CREATE TABLE memory_terms (seq bigint PRIMARY KEY, terms text NOT NULL, speaker text);
CREATE INDEX memory_terms_index ON memory_terms USING gin (string_to_array(terms, ' ')) WITH (fastupdate = off);

CREATE TABLE entities (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    session_seq bigint NOT NULL,
    entity_type text NOT NULL,
    entity_id text NOT NULL,
    attributes text NOT NULL,
    created_us bigint NOT NULL,
    updated_us bigint NOT NULL,
    version bigint NOT NULL
);
CREATE UNIQUE INDEX entities_by_name ON entities (session_seq, md5(entity_type), md5(entity_id));
CREATE INDEX entities_by_session ON entities (session_seq, seq);
CREATE INDEX entities_by_type ON entities USING hash (entity_type);

CREATE TABLE traces (
    seq bigint PRIMARY KEY,
    id text NOT NULL UNIQUE,
    session_id text NOT NULL,
    action text NOT NULL,
    resource_type text NOT NULL,
    resource_id text NOT NULL,
    actor text NOT NULL,
    actor_id text,
    request_id text,
    details text NOT NULL,
    created_us bigint
);
CREATE INDEX traces_by_session ON traces (session_id, seq);
CREATE INDEX traces_by_action ON traces (action, seq);
CREATE INDEX traces_by_resource_type ON traces (resource_type, seq);
CREATE INDEX traces_by_resource ON traces (resource_id, seq);
CREATE INDEX traces_by_time ON traces (created_us) WHERE created_us IS NOT NULL;
-- The number of a trace is its time, or the next one that is free: a transaction waits here at most for the end of
-- another one that has reached its last statements.
CREATE FUNCTION insert_trace(
    wanted bigint, created_us bigint, id text, session_id text, action text, resource_type text, resource_id text,
    actor text, actor_id text, request_id text, details text
) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    LOOP
        INSERT INTO traces
            (seq, created_us, id, session_id, action, resource_type, resource_id, actor, actor_id, request_id, details)
            VALUES (wanted, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
            ON CONFLICT (seq) DO NOTHING;
        EXIT WHEN FOUND;
        wanted := wanted + 1;
    END LOOP;
END $$;

CREATE TABLE answers (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key bytea NOT NULL UNIQUE,
    request bytea NOT NULL,
    status integer NOT NULL,
    expires_us bigint NOT NULL,
    body bytea NOT NULL,
    sealed integer NOT NULL,
    session_seq bigint,
    cuts text,
    session_id text,
    resource_id text
);
CREATE INDEX answers_by_expiry ON answers (expires_us);
CREATE INDEX answers_by_session ON answers (session_seq) WHERE session_seq IS NOT NULL;
CREATE INDEX answers_by_session_id ON answers (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX answers_by_resource ON answers (resource_id) WHERE resource_id IS NOT NULL;
CREATE TABLE answer_memories (
    memory_id text NOT NULL,
    key bytea NOT NULL REFERENCES answers (key) ON DELETE CASCADE,
    PRIMARY KEY (memory_id, key)
);
CREATE INDEX answer_memories_by_key ON answer_memories (key);
CREATE FUNCTION forget_answers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM answers WHERE key IN (SELECT key FROM answer_memories WHERE memory_id = OLD.id);
    RETURN NULL;
END $$;
CREATE TRIGGER memories_deleted AFTER DELETE ON memories FOR EACH ROW EXECUTE FUNCTION forget_answers();

CREATE TABLE api_keys (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    digest bytea NOT NULL UNIQUE,
    prefix text NOT NULL,
    name text NOT NULL,
    owner_id text,
    rate_limit bigint NOT NULL,
    is_active integer NOT NULL,
    created_us bigint NOT NULL,
    expires_us bigint,
    last_used_us bigint,
    total_requests bigint NOT NULL
);

CREATE TABLE removals (session_seq bigint PRIMARY KEY, session_id text NOT NULL);

-- Where the newest of what was deleted stood in its list, so that a page may begin after it.
CREATE TABLE deleted (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    seq bigint NOT NULL
);
CREATE FUNCTION note_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE newest bigint;
BEGIN
    INSERT INTO deleted (id, seq) VALUES (OLD.id, OLD.seq) RETURNING number INTO newest;
    DELETE FROM deleted WHERE number IN (
        SELECT number FROM deleted WHERE number <= newest - 10000 ORDER BY number LIMIT 2 FOR UPDATE SKIP LOCKED
    );
    RETURN NULL;
END $$;
CREATE TRIGGER sessions_deleted AFTER DELETE ON sessions FOR EACH ROW EXECUTE FUNCTION note_deleted();
CREATE TRIGGER entities_deleted AFTER DELETE ON entities FOR EACH ROW EXECUTE FUNCTION note_deleted();
"""

_VECTORS = """
CREATE TABLE IF NOT EXISTS memory_vectors (
    seq bigint PRIMARY KEY,
    session_seq bigint NOT NULL,
    mark bytea NOT NULL,
    vector halfvec NOT NULL
);
CREATE INDEX IF NOT EXISTS memory_vectors_by_session ON memory_vectors (session_seq);
CREATE INDEX IF NOT EXISTS memory_vectors_by_mark ON memory_vectors (mark);
"""

_CONVERSATIONS = """
-- The lifetime that a write restores once less than half of it is left; NULL: writes do not extend it.
ALTER TABLE sessions ADD COLUMN keep_us bigint;
-- A digest of agent, user and key of a session of get_or_create.
ALTER TABLE sessions ADD COLUMN key bytea;
CREATE INDEX sessions_by_key ON sessions (key, expires_us) WHERE key IS NOT NULL;
"""


_MINUTE = 60 * 1_000_000
_HOUR = 60 * _MINUTE

_COUNTS = f"""
LOCK TABLE sessions, entities, traces IN ACCESS EXCLUSIVE MODE;
-- What the sessions hold that expire within a minute, counted since 1970, as on SQLite. Each backend adds up its
-- changes in rows of its own, so that no transaction waits for another; later they are added to those of slot 0.
CREATE TABLE session_counts (
    slot integer NOT NULL,
    minute bigint NOT NULL,
    sessions bigint NOT NULL,
    turns bigint NOT NULL,
    memories bigint NOT NULL,
    entities bigint NOT NULL,
    PRIMARY KEY (minute, slot)
) WITH (fillfactor = 50);
CREATE INDEX session_counts_of_backends ON session_counts (slot) WHERE slot <> 0;
CREATE FUNCTION count_session(
    expires_us bigint, sessions bigint, turns bigint, memories bigint, entities bigint
) RETURNS void LANGUAGE sql AS $$
    INSERT INTO session_counts AS c VALUES (pg_backend_pid(), $1 / {_MINUTE}, $2, $3, $4, $5)
        ON CONFLICT (minute, slot) DO UPDATE SET
            sessions = c.sessions + excluded.sessions, turns = c.turns + excluded.turns,
            memories = c.memories + excluded.memories, entities = c.entities + excluded.entities;
$$;
CREATE FUNCTION count_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE there bigint;
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM count_session(NEW.expires_us, 1, NEW.turn_count, NEW.memory_count, 0);
    ELSIF TG_OP = 'UPDATE' AND NEW.expires_us / {_MINUTE} = OLD.expires_us / {_MINUTE} THEN
        PERFORM count_session(
            NEW.expires_us, 0, NEW.turn_count - OLD.turn_count, NEW.memory_count - OLD.memory_count, 0
        );
    ELSE
        there := (SELECT count(*) FROM entities WHERE session_seq = OLD.seq);
        PERFORM count_session(OLD.expires_us, -1, -OLD.turn_count, -OLD.memory_count, -there);
        IF TG_OP = 'UPDATE' THEN
            PERFORM count_session(NEW.expires_us, 1, NEW.turn_count, NEW.memory_count, there);
        END IF;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER sessions_counted AFTER INSERT OR DELETE ON sessions FOR EACH ROW EXECUTE FUNCTION count_sessions();
CREATE TRIGGER sessions_recounted AFTER UPDATE OF turn_count, memory_count, expires_us ON sessions FOR EACH ROW
    WHEN ((NEW.turn_count, NEW.memory_count, NEW.expires_us / {_MINUTE})
        <> (OLD.turn_count, OLD.memory_count, OLD.expires_us / {_MINUTE}))
    EXECUTE FUNCTION count_sessions();
-- What is left of a session that was deleted is not counted any more.
CREATE FUNCTION count_entity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM count_session(expires_us, 0, 0, 0, 1) FROM sessions WHERE seq = NEW.session_seq;
    ELSE
        PERFORM count_session(expires_us, 0, 0, 0, -1) FROM sessions WHERE seq = OLD.session_seq;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER entities_counted AFTER INSERT OR DELETE ON entities FOR EACH ROW EXECUTE FUNCTION count_entity();
INSERT INTO session_counts
    SELECT 0, expires_us / {_MINUTE}, count(*), sum(turn_count), sum(memory_count), sum(coalesce(e.entities, 0))
    FROM sessions LEFT JOIN (SELECT session_seq, count(*) AS entities FROM entities GROUP BY 1) e ON e.session_seq = seq
    GROUP BY 2;
-- A column, since an index of the time itself would make every write of a session change all its indexes.
ALTER TABLE sessions ADD COLUMN updated_hour bigint GENERATED ALWAYS AS (updated_us / {_HOUR}) STORED;
CREATE INDEX sessions_by_update ON sessions (updated_hour, expires_us);

-- The traces of an hour, counted since 1970, in slots as above.
CREATE TABLE trace_counts (
    slot integer NOT NULL, hour bigint NOT NULL, traces bigint NOT NULL, PRIMARY KEY (hour, slot)
) WITH (fillfactor = 50);
CREATE FUNCTION count_trace() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO trace_counts AS c VALUES (pg_backend_pid(), coalesce(NEW.created_us, NEW.seq) / {_HOUR}, 1)
        ON CONFLICT (hour, slot) DO UPDATE SET traces = c.traces + 1;
    RETURN NULL;
END $$;
CREATE TRIGGER traces_counted AFTER INSERT ON traces FOR EACH ROW EXECUTE FUNCTION count_trace();
INSERT INTO trace_counts SELECT 0, coalesce(created_us, seq) / {_HOUR}, count(*) FROM traces GROUP BY 2;
"""

MIGRATIONS: tuple[str, ...] = (_FIRST, _COUNTS, _CONVERSATIONS)
"""The steps from each version of the schema to the next, in order; never change one that was released."""


class Facts(NamedTuple):
    """The facts about a database that is open."""

    server: str
    """The version of the server: `16.4`."""
    schema: str
    """The schema with the tables."""
    quoted_schema: str
    schema_oid: int
    vector: str
    """The version of the extension `vector` (pgvector), if it can be used; else empty."""
    has_vectors: bool
    """Whether there is a table of vectors."""


def prepare(connection: Connection, name: str) -> Facts:
    """Bring the tables to the newest schema, while other processes may do the same.

    Args:
        connection: A connection that is in no transaction.
        name: The database, as messages show it.

    Raises:
        EngineError: 500, if the database cannot be used, with what to do.
    """
    failure: EngineError
    try:
        if connection.info.server_version < _OLDEST_SERVER:
            raise _unusable(f"{name} runs PostgreSQL {_server(connection)}: statebase needs 14 or later.")
        schema, quoted, oid, version = look(connection, name)
        if version < len(MIGRATIONS):
            _migrate(connection, name, oid)
        vector = _vector(connection)
        has_vectors = vector != "" and _make_vectors(connection, oid)
        return Facts(_server(connection), schema, quoted, oid, vector, has_vectors)
    except psycopg.errors.InsufficientPrivilege:
        failure = _unusable(
            f"The user may not make tables in {name}: GRANT CREATE ON SCHEMA to it, or let it own the schema."
        )
    except psycopg.Error as error:
        failure = translated(error)
    raise failure


def look(connection: Connection, name: str) -> tuple[str, str, int, int]:
    """Return the schema, its quoted name, its number, and the version of the tables in it; 0 if there are none."""
    row = _one(
        connection,
        "SELECT n.nspname, quote_ident(n.nspname), n.oid::bigint,"
        " EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = n.oid AND relname = 'statebase_schema'),"
        " EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = n.oid AND relkind = 'r'"
        " AND relname IN ('meta', 'sessions', 'states', 'turns', 'memories', 'entities', 'traces', 'answers'))"
        " FROM pg_namespace n WHERE n.nspname = current_schema()",
    )
    if row is None:
        raise _unusable(f"The search_path of {name} names no schema that exists: create it, or name another one.")
    schema, quoted, oid, is_store, is_foreign = row
    if not is_store:
        if is_foreign:
            raise _unusable(
                f"The schema {quoted} of {name} holds tables of another application: pass a database or a schema of "
                "its own, with ?options=-csearch_path%3DSCHEMA."
            )
        return schema, quoted, oid, 0
    version = int(_one(connection, "SELECT version FROM statebase_schema")[0])
    if version > len(MIGRATIONS):
        raise _unusable(
            f"{name} was written by a newer statebase (schema {version}, this one knows {len(MIGRATIONS)}): "
            "upgrade the package, or pass another database."
        )
    return schema, quoted, oid, version


def _migrate(connection: Connection, name: str, oid: int) -> None:
    while True:
        with connection.transaction():
            _lock(connection, oid)
            version = look(connection, name)[3]  # another process may have done it meanwhile
            if version >= len(MIGRATIONS):
                return
            connection.execute(MIGRATIONS[version].encode())
            connection.execute("UPDATE statebase_schema SET version = $1", (version + 1,))


def _vector(connection: Connection) -> str:
    """Return the version of pgvector, made available if it can be; empty if it cannot, or is too old."""
    row = _one(connection, "SELECT extversion FROM pg_extension WHERE extname = 'vector'")
    if row is None:
        if _one(connection, "SELECT 1 FROM pg_available_extensions WHERE name = 'vector'") is None:
            return ""
        try:
            with connection.transaction():
                _lock(connection, 0)  # stores in other schemas of the database need it too
                # Where the connection of every store finds it, rather than in the schema of this one.
                has_public = _one(connection, "SELECT 'public' = ANY(current_schemas(false))")[0]
                connection.execute(f"CREATE EXTENSION IF NOT EXISTS vector{' SCHEMA public' * has_public}".encode())
        except psycopg.errors.InsufficientPrivilege:
            return ""  # what follows from it is said when something is searched
        row = _one(connection, "SELECT extversion FROM pg_extension WHERE extname = 'vector'")
    version = "" if row is None else str(row[0])
    return version if _is_new_enough(version) else ""


def _is_new_enough(version: str) -> bool:
    numbers = [int(part) for part in version.split(".")[:2] if part.isdigit()]
    return numbers >= [0, 8]


def _make_vectors(connection: Connection, oid: int) -> bool:
    """Create the table of vectors; return whether it is there: the extension may lie in a schema out of reach."""
    if _one(connection, "SELECT to_regtype('halfvec')")[0] is None:
        return False
    # Not by to_regclass: another schema of the search_path may be a store too.
    there = f"SELECT 1 FROM pg_class WHERE relnamespace = {oid:d} AND relname = 'memory_vectors'"
    if _one(connection, there) is None:
        with connection.transaction():
            _lock(connection, oid)
            connection.execute(_VECTORS.encode())
    return True


def _lock(connection: Connection, oid: int) -> None:
    """Let no other process change the tables of the schema until this transaction ends."""
    connection.execute("SELECT pg_advisory_xact_lock($1::int, $2::bigint::int)", (LOCKS, oid & 0x7FFFFFFF))


def _server(connection: Connection) -> str:
    number = connection.info.server_version
    return f"{number // 10_000}.{number % 10_000}"


def _one(connection: Connection, sql: str) -> Any:
    return connection.execute(sql.encode()).fetchone()


def _unusable(message: str) -> EngineError:
    return EngineError(500, "internal_error", message, "path")
