"""Sessions move between stores and services by `statebase export` and `statebase import`, and are never doubled."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import threading
import tracemalloc
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, cast

import httpx
import pytest

from statebase import APIConnectionError, AsyncStateBase, InvalidRequestError, NotFoundError, StateBase
from statebase.cli.commands.import_ import _progress, _total
from statebase.local import Engine, LocalTransport
from statebase.server import serve_in_thread
from statebase.transfer import Count, export_sessions, import_sessions
from statebase.transfer.exporting import export
from statebase.transfer.importing import Importer, ImportFormatError, read

pytestmark = pytest.mark.slow

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def fill(client: StateBase, agent_id: str = "support-bot") -> str:
    """Create a session that has some of everything, and return its ID."""
    session = client.sessions.create(agent_id, "ada", {"channel": "web"}, {"plan": "basic"}, 7200)
    client.sessions.add_turn(session.id, "Where is my parcel?", "On its way.", {"tokens": 12}, "Looked it up.")
    client.sessions.add_turn(session.id, "Upgrade me", "Done.", state_after={"plan": "gold", "due": None})
    client.state.update_state(session.id, {"due": 12.5}, "Price list")
    client.state.rollback(session.id, -1, "A misunderstanding")
    client.sessions.add_tool_call(session.id, "track", {"parcel": "P-7"}, {"eta": "tomorrow"})
    client.memory.add("Prefers e-mail over phone calls", "preference", session.id, ["contact"], {"source": "chat"})
    client.memory.delete(client.memory.add("A mistake", "fact", session.id).id)
    client.memory.add("A secret", "general", session.id, embed=False)
    order = client.entities.create(session.id, "order", "A-1043", {"status": "open"})
    client.entities.update(order.id, {"status": "shipped"})
    return session.id


def content(client: StateBase) -> List[Dict[str, Any]]:
    """Return what the sessions of a client hold, oldest first, without ids and times, which an import cannot keep."""
    sessions = []
    for record in exported(client):
        kind = record.pop("record", "header")
        for name in ("id", "session_id", "created_at", "updated_at", "ttl_expires_at", "embedding_id", "exported_at"):
            record.pop(name, None)
        if isinstance(record.get("metadata"), dict):
            record["metadata"] = {key: value for key, value in record["metadata"].items() if key != "imported_from"}
        if str(record.get("reasoning")).startswith("Imported: version "):
            record["reasoning"] = None  # the source has none
        if kind == "entity":
            del record["version"]  # an entity is imported by one write
        sessions.append({"kind": kind, **record, "metadata": record.get("metadata") or None})
    return sessions


def exported(client: StateBase) -> List[Dict[str, Any]]:
    warnings: List[str] = []
    records = [json.loads(record.model_dump_json()) for record in export(client, None, warnings.append)]
    assert warnings == []
    return records


def lines(client: StateBase) -> List[bytes]:
    return [json.dumps(record).encode() for record in exported(client)]


def added(importer: Importer) -> int:
    return sum(count.added for count in importer.counts.values())


@pytest.fixture
def source() -> Iterator[StateBase]:
    with StateBase.local() as client:
        yield client


@pytest.fixture
def target() -> Iterator[StateBase]:
    with StateBase.local() as client:
        yield client


def test_import_makes_what_was_exported(source: StateBase, target: StateBase) -> None:
    """State versions, turns, memories and entities arrive in their order, with all that was stored with them."""
    fill(source)
    fill(source, "sales-bot")

    for _ in Importer(target).run(read(lines(source))):
        pass

    assert content(target) == content(source)


def test_second_import_adds_nothing(source: StateBase, target: StateBase) -> None:
    """All that is there is found again."""
    fill(source)
    for _ in Importer(target).run(read(lines(source))):
        pass
    before = exported(target)[1:]

    again = Importer(target)
    for _ in again.run(read(lines(source))):
        pass

    assert added(again) == 0
    assert {kind: count.present for kind, count in again.counts.items()} == {
        "sessions": 1,
        "state_versions": 3,
        "turns": 3,
        "memories": 2,
        "entities": 1,
    }
    assert exported(target)[1:] == before


def test_second_import_adds_nothing_later(source: StateBase) -> None:
    """Also when the answers that the target keeps for repeated requests are long gone."""
    now = datetime(2026, 1, 2, tzinfo=timezone.utc)
    fill(source)
    export_lines = lines(source)
    with StateBase.local(clock=lambda: now) as target:
        for _ in Importer(target, ttl_seconds=2_592_000).run(read(export_lines)):
            pass
        now += timedelta(days=20)
        again = Importer(target, ttl_seconds=2_592_000)
        for _ in again.run(read(export_lines)):
            pass

        assert added(again) == 0
        assert len(target.sessions.list()) == 1


def test_import_that_broke_off_goes_on(source: StateBase, target: StateBase) -> None:
    """Wherever it stopped, repeating it adds what is missing, and nothing twice."""
    fill(source)
    export_lines = lines(source)

    for stop in range(1, len(export_lines)):
        with pytest.raises(ImportFormatError, match="cut off"):
            for _ in Importer(target).run(read(export_lines[:stop])):
                pass
    for _ in Importer(target).run(read(export_lines)):
        pass

    assert content(target) == content(source)


def test_two_imports_at_once_double_nothing(source: StateBase, target: StateBase) -> None:
    """Step by step beside each other, two imports make one copy."""
    fill(source)
    export_lines = lines(source)

    for _ in zip(Importer(target).run(read(export_lines)), Importer(target).run(read(export_lines))):
        pass

    assert [session["kind"] for session in content(target)] == [session["kind"] for session in content(source)]


def test_import_into_the_source_adds_nothing(source: StateBase) -> None:
    """A session that is still there under its own id is not copied."""
    fill(source)

    importer = Importer(source)
    for _ in importer.run(read(lines(source))):
        pass

    assert added(importer) == 0
    assert len(source.sessions.list()) == 1


def test_deleted_copy_is_made_again(source: StateBase, target: StateBase) -> None:
    """An import after the imported session was deleted, on the same day, creates it again."""
    fill(source)
    for _ in Importer(target).run(read(lines(source))):
        pass
    target.sessions.delete(target.sessions.list()[0].id)

    for _ in Importer(target).run(read(lines(source))):
        pass

    assert content(target) == content(source)


def test_copy_says_where_it_came_from(source: StateBase, target: StateBase) -> None:
    """The ids of the source are in the metadata of sessions and memories, beside what was there."""
    session_id = fill(source)

    for _ in Importer(target).run(read(lines(source))):
        pass

    copy = target.sessions.get(target.sessions.list()[0].id)
    assert copy.metadata == {"channel": "web", "imported_from": session_id}


def test_memories_can_be_found_as_before(source: StateBase, target: StateBase) -> None:
    """Memories that searches found are found, others are not."""
    fill(source)

    for _ in Importer(target).run(read(lines(source))):
        pass

    found = target.memory.search("Prefers e-mail secret", threshold=0.0)
    assert [memory.content for memory in found] == ["Prefers e-mail over phone calls"]


@pytest.mark.parametrize(("left", "given", "expected"), [(7200, None, 7200), (60, None, 3600), (60, 90, 90)])
def test_lifetime_goes_on_where_it_stopped(target: StateBase, left: int, given: Any, expected: int) -> None:
    """A copy lives as long as the session had left, an hour at least, or as long as it was told."""
    now = datetime.now(timezone.utc)
    header = {"format": "statebase-export", "version": 1, "exported_at": now.isoformat(), "statebase": "1.0.0"}
    session = {
        "record": "session",
        "id": "sess_gone",
        "agent_id": "bot",
        "created_at": now.isoformat(),
        "updated_at": now.isoformat(),
        "ttl_expires_at": (now + timedelta(seconds=left)).isoformat(),
        "initial_state": {},
    }
    end = {"record": "end", "counts": {}}

    for _ in Importer(target, given).run(read(json.dumps(record).encode() for record in (header, session, end))):
        pass

    copy = target.sessions.get(target.sessions.list()[0].id)
    assert copy.ttl_expires_at is not None
    assert (copy.ttl_expires_at - copy.created_at).total_seconds() == expected


def test_long_histories_keep_their_newest_versions(source: StateBase, target: StateBase) -> None:
    """Of more than 100 state versions the API gives the newest 100; the export says so."""
    session = source.sessions.create("bot")
    source.sessions.add_turn(session.id, "in", "out", state_after={"step": 0})
    for step in range(1, 130):
        source.state.replace_state(session.id, {"step": step})
    warnings: List[str] = []

    records = [record.model_dump_json().encode() for record in export(source, None, warnings.append)]
    for _ in Importer(target).run(read(records)):
        pass

    copy = target.sessions.list()[0].id
    assert warnings == [f"{session.id}: only the newest 100 of its 131 state versions were exported."]
    assert target.state.get_state(copy).version == 99
    assert [version.state["step"] for version in target.state.get_state_history(copy, limit=100).data] == [
        *range(129, 29, -1)
    ]


def test_states_differ_as_json(source: StateBase, target: StateBase) -> None:
    """True is not 1: the state before a turn is the one that was, though Python takes them for equal."""
    session = source.sessions.create("bot", initial_state={"done": 1})
    source.sessions.add_turn(session.id, "in", "out", state_after={"done": True})

    for _ in Importer(target).run(read(lines(source))):
        pass

    copy = target.sessions.list()[0].id
    turn = target.sessions.get_turn(copy, target.sessions.list_turns(copy)[0].id)
    assert json.dumps([turn.state_before, turn.state_after]) == '[{"done": 1}, {"done": true}]'


def test_export_holds_one_page_at_a_time(source: StateBase) -> None:
    """Memory does not grow with what is exported."""
    session = source.sessions.create("bot")
    for _ in range(500):
        source.sessions.add_turn(session.id, "x" * 40_000, "out")
    tracemalloc.start()

    size = sum(len(record.model_dump_json()) for record in export(source, None, print))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert size > 20_000_000
    assert peak < size / 2


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "The input is empty"),
        ("Dear Ada", "The input is not an export"),
        ('{"format": "something else"}', "The input is not an export"),
        ("HEADER2", "has format 3, and this version of statebase reads formats 1 and 2: upgrade"),
        ("HEADER", "The export is cut off"),
        ("HEADER\n{half", "Line 2 is damaged"),
        (
            'HEADER\n{"record": "session", "id": "sess_1"}',
            "Line 2 is damaged ($.session.agent_id: Field required; $.session.created_at: ",
        ),
        ('HEADER\n{"record": "planet"}', "Line 2 is damaged"),
        ("HEADER\nENTITY", "Line 2 does not belong to the session before it"),
    ],
)
def test_what_is_no_export_is_refused(call: Run, tmp_path: Path, text: str, complaint: str) -> None:
    """The line on stderr says what is wrong, and where."""
    header = '{"format": "statebase-export", "version": 1, "exported_at": "2026-01-02T03:04:05Z", "statebase": "1.0.0"}'
    entity = json.dumps(
        {
            "record": "entity",
            "id": "ent_1",
            "session_id": "sess_1",
            "entity_type": "order",
            "entity_id": "A-1",
            "attributes": {},
            "version": 1,
            "created_at": "2026-01-02T03:04:05Z",
            "updated_at": "2026-01-02T03:04:05Z",
        }
    )
    file = text.replace("HEADER2", header.replace("1,", "3,", 1)).replace("HEADER", header).replace("ENTITY", entity)
    (tmp_path / "in.jsonl").write_text(file)

    result = call("import", "in.jsonl", "--path", "target.db")

    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert complaint in result.stderr


def test_from_the_laptop_to_the_service_and_back(run: Run, tmp_path: Path) -> None:
    """A file, a service, another file: the command moves everything both ways."""
    with StateBase.local(tmp_path / "laptop.db") as laptop:
        fill(laptop)
        expected = content(laptop)
    engine = Engine.open()
    with serve_in_thread(engine, api_key="sb_secret") as server:
        key = {"STATEBASE_API_KEY": "sb_secret"}
        assert run("export", "--all", "--path", "laptop.db", "-o", "out.jsonl").returncode == 0
        there = run("import", "out.jsonl", "--url", server.url, **key)
        back = run("export", "--all", "--url", server.url, **key)
    engine.close()

    again = run("import", "-", "--path", "new.db", "--json", input=back.stdout)

    assert there.stderr == ""
    assert there.stdout == "Imported 1 session, 3 state versions, 3 turns, 2 memories and 1 entity.\n"
    assert json.loads(again.stdout)["turns"] == {"added": 3, "present": 0}
    with StateBase.local(tmp_path / "new.db") as client:
        assert content(client) == expected


def test_only_what_was_asked_for_is_exported(run: Run, tmp_path: Path) -> None:
    """Sessions are named by their ids; one that is not there is an error, and no file is left behind."""
    with StateBase.local(tmp_path / "store.db") as client:
        first, _, third = fill(client), fill(client), fill(client)

    some = run("export", third, first, "--path", "store.db")
    missing = run("export", first, "sess_none", "--path", "store.db", "-o", "out.jsonl")

    ids = [record["id"] for record in map(json.loads, some.stdout.splitlines()) if record.get("record") == "session"]
    assert ids == [third, first]
    assert missing.returncode == 1
    assert "There is no session 'sess_none'" in missing.stderr
    assert [file.name for file in tmp_path.iterdir() if "out" in file.name] == []


def test_expired_sessions_can_be_exported_from_a_store(run: Run, tmp_path: Path) -> None:
    """Expired sessions are still in the file: `--expired` exports them, `--all` does not."""
    yesterday = datetime.now(timezone.utc) - timedelta(days=2)
    with StateBase.local(tmp_path / "store.db", clock=lambda: yesterday) as client:
        expired = fill(client)
    with StateBase.local(tmp_path / "store.db") as client:
        alive = fill(client)

    everything = run("export", "--expired", "--path", "store.db").stdout
    living = run("export", "--all", "--path", "store.db").stdout

    assert [expired in everything, alive in everything] == [True, True]
    assert [expired in living, alive in living] == [False, True]


def test_output_is_for_its_owner(run: Run, tmp_path: Path) -> None:
    """An export file is readable only by its owner, and replaces an older one when it is complete."""
    with StateBase.local(tmp_path / "store.db") as client:
        fill(client)
    (tmp_path / "out.jsonl").write_text("old")

    result = run("export", "--all", "--path", "store.db", "-o", "out.jsonl")

    text = (tmp_path / "out.jsonl").read_text(encoding="utf-8")
    assert re.fullmatch(r"Wrote 1 session, 3 state versions, .* to out\.jsonl\.\n", result.stderr)
    assert json.loads(text.splitlines()[-1])["record"] == "end"
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "out.jsonl").stat().st_mode) == 0o600


def test_devices_are_written_to(run: Run, tmp_path: Path) -> None:
    """A path that is not a regular file is not replaced by one."""
    with StateBase.local(tmp_path / "store.db") as client:
        fill(client)

    assert run("export", "--all", "--path", "store.db", "-o", os.devnull).returncode == 0
    assert not Path(os.devnull).is_file()


@pytest.mark.parametrize("command", [["export", "--all"], ["purge"], ["backup", "copy.db"]])
def test_store_that_is_not_there_is_not_made(call: Run, tmp_path: Path, command: List[str]) -> None:
    """Only `import` and `serve` make a store."""
    result = call(*command, "--path", "missing.db")

    assert (result.returncode, result.stderr) == (1, "statebase: --path missing.db: No such file or directory.\n")
    assert list(tmp_path.iterdir()) == []


def test_purge_removes_what_has_expired(run: Run, tmp_path: Path) -> None:
    """And says how much that was, as text or as JSON."""
    yesterday = datetime.now(timezone.utc) - timedelta(days=2)
    with StateBase.local(tmp_path / "store.db", clock=lambda: yesterday) as client:
        for _ in range(3):
            client.sessions.create("bot")

    first, second = run("purge", "--path", "store.db"), run("purge", "--path", "store.db", "--json")

    assert first.stdout == "Removed 3 expired sessions.\n"
    assert json.loads(second.stdout) == {"sessions": 0}


def test_backup_is_a_store(run: Run, tmp_path: Path) -> None:
    """The copy has everything, while the store stays in use; a directory is not accepted."""
    with StateBase.local(tmp_path / "store.db") as client:
        session_id = fill(client)
        result = run("backup", "--path", "store.db", "copy.db")
        refused = run("backup", "--path", "store.db", ".")

    assert (result.returncode, result.stderr) == (0, "")
    assert refused.stderr == "statebase: TARGET . is a directory: pass the path of a file.\n"
    with StateBase.local(tmp_path / "copy.db") as copy:
        assert copy.sessions.get(session_id).turn_count == 3


def test_reasons_of_changes_are_exported(source: StateBase, target: StateBase) -> None:
    """They are in traces, and arrive in the traces of the target."""
    fill(source)

    for _ in Importer(target).run(read(lines(source))):
        pass

    reasons = [
        [target_or_source.traces.get(trace.id).details["reasoning"] for trace in traces][::-1]  # type: ignore[index]
        for target_or_source in (source, target)
        for traces in [target_or_source.traces.list(action="state.updated")]
    ]
    assert reasons[0] == ["Price list"]
    assert reasons[1][1:] == ["Price list", "A misunderstanding"]


class Wire:
    """A transport in front of an engine that counts operations, knows no batches, or loses responses."""

    def __init__(self, engine: Engine, *, knows_batches: bool = True) -> None:
        self.paths: List[str] = []
        self.fails_after: int = 10**9
        self._inner = LocalTransport(engine)
        self._knows_batches = knows_batches

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.paths.append(f"{request.method} {request.url.path.rpartition('/')[2]}")
        fails = len(self.paths) > self.fails_after
        if not self._knows_batches and request.url.path.endswith("/batch"):
            return httpx.Response(404, json={"detail": "Not Found"})
        response = self._inner.handle_request(request)
        if fails:
            raise httpx.ReadError("lost")
        return response


def long_sessions(number: int, turns: int) -> List[bytes]:
    """Return the lines of an export."""
    with StateBase.local() as client:
        for session in range(number):
            made = client.sessions.create(f"bot-{session}", initial_state={"step": 0})
            client.sessions.ingest(
                made.id,
                [
                    {"input": f"{session}-{step}", "output": "x", "state_after": {"step": step}, "reasoning": "why"}
                    for step in range(turns)
                ],
            )
        return lines(client)


def test_turns_and_versions_are_imported_in_batches(target: StateBase) -> None:
    """Not one request for each."""
    export_lines = long_sessions(2, 60)
    engine = Engine.open()
    wire = Wire(engine)

    with StateBase("sb_test", transport=httpx.MockTransport(wire)) as client:
        importer = Importer(client)
        for _ in importer.run(read(export_lines)):
            pass
        assert [dict(record) for record in content(client)] == content_of(export_lines)

    assert importer.counts["turns"].added == 120
    assert wire.paths.count("POST batch") == 4
    assert "POST turns" not in wire.paths
    engine.close()


def content_of(export_lines: List[bytes]) -> List[Dict[str, Any]]:
    with StateBase.local() as client:
        for _ in Importer(client).run(read(export_lines)):
            pass
        return content(client)


@pytest.mark.parametrize("concurrency", [1, 3])
def test_service_without_batches_gets_single_requests(concurrency: int) -> None:
    """Several sessions at the same time, the turns of each in order."""
    export_lines = long_sessions(7, 12)
    engine = Engine.open()
    wire = Wire(engine, knows_batches=False)

    with StateBase("sb_test", transport=httpx.MockTransport(wire)) as client:
        for _ in Importer(client, concurrency=concurrency).run(read(export_lines)):
            pass
        made = sorted(client.sessions.list(limit=100), key=lambda session: session.agent_id)
        said = [
            [turn.input_preview for turn in client.sessions.list_turns(session.id, order="asc")] for session in made
        ]

    assert said == [[f"{number}-{step}" for step in range(12)] for number in range(7)]
    assert wire.paths.count("POST batch") <= concurrency
    engine.close()


@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize("knows_batches", [True, False])
def test_import_that_failed_anywhere_is_resumed(concurrency: int, knows_batches: bool) -> None:
    """Each response may be lost, of a request that was carried out: in the end nothing is missing or doubled."""
    export_lines = long_sessions(3, 12)
    engine = Engine.open()
    attempts = 0
    for fails_after in [*range(1, 20, 2), 10**9]:
        wire = Wire(engine, knows_batches=knows_batches)
        wire.fails_after = fails_after
        with StateBase("sb_test", transport=httpx.MockTransport(wire), max_retries=0) as client:
            try:
                for _ in Importer(client, concurrency=concurrency).run(read(export_lines)):
                    pass
            except APIConnectionError:
                attempts += 1

    assert attempts > 2
    with StateBase("sb_test", transport=LocalTransport(engine)) as client:
        found = sorted(content(client), key=lambda record: json.dumps(record, sort_keys=True))
    assert found == sorted(content_of(export_lines), key=lambda record: json.dumps(record, sort_keys=True))
    engine.close()


class Interrupt(BaseException):
    pass


@pytest.mark.parametrize("concurrency", [1, 3])
def test_import_that_was_interrupted_is_resumed(target: StateBase, concurrency: int) -> None:
    """No thread goes on after the interruption."""
    export_lines = long_sessions(5, 90)
    threads = threading.active_count()

    def interrupt() -> Iterator[bytes]:
        yield from export_lines[: len(export_lines) // 2]
        raise Interrupt

    with pytest.raises(Interrupt):
        for _ in Importer(target, concurrency=concurrency).run(read(interrupt())):
            pass
    assert threading.active_count() == threads
    for _ in Importer(target, concurrency=concurrency).run(read(export_lines)):
        pass

    assert sorted(session.turn_count for session in target.sessions.list()) == [90] * 5
    assert len(target.sessions.list()) == 5


def test_functions_export_and_import(source: StateBase, target: StateBase, tmp_path: Path) -> None:
    """As the commands do, with traces if requested; a second import adds nothing."""
    session_id = fill(source)
    path = tmp_path / "out.jsonl"

    exported = export_sessions(source, path, [session_id], traces=True)
    first, second = import_sessions(target, path), import_sessions(target, path, concurrency=3, ttl_seconds=3600)

    records = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    actions = [record["action"] for record in records if record.get("record") == "trace"]
    assert exported.warnings == []
    assert exported.counts == {
        "sessions": 1,
        "state_versions": 3,
        "turns": 3,
        "memories": 2,
        "entities": 1,
        "traces": len(actions),
    }
    assert (actions[0], records[0]["version"]) == ("session.created", 2)
    assert content(target) == content(source)
    assert [sum(count.added for count in counts.values()) for counts in (first, second)] == [10, 0]
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_failed_export_leaves_the_old_file(source: StateBase, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("old")

    with pytest.raises(NotFoundError):
        export_sessions(source, path, [fill(source), "sess_none"])

    assert [file.name for file in tmp_path.iterdir()] == ["out.jsonl"]
    assert path.read_text() == "old"


WRONG: Dict[str, Any] = {
    "async client": (
        lambda client, path: import_sessions(AsyncStateBase("sb_test"), path),  # type: ignore[arg-type]
        "client must be a StateBase, got AsyncStateBase: in async code, pass a StateBase and call this with "
        "asyncio.to_thread",
    ),
    "path": (
        lambda client, path: import_sessions(client, cast(Any, None)),
        "path must be the path of a file, got NoneType",
    ),
    "empty path": (lambda client, path: export_sessions(client, ""), "path must be the path of a file, got str"),
    "one id": (
        lambda client, path: export_sessions(client, path, "sess_1"),
        "session_ids must be a list of ids, got str: pass [session_id]",
    ),
    "ttl": (
        lambda client, path: import_sessions(client, path, ttl_seconds=0),
        "ttl_seconds must be an integer from 1 to 2,592,000, got 0",
    ),
    "concurrency": (
        lambda client, path: import_sessions(client, path, concurrency=33),
        "concurrency must be an integer from 1 to 32, got 33",
    ),
    "concurrency of another type": (
        lambda client, path: import_sessions(client, path, concurrency=cast(Any, "MARK")),
        "concurrency must be an integer from 1 to 32, got str",
    ),
}


@pytest.mark.parametrize(("call", "message"), WRONG.values(), ids=WRONG)
def test_wrong_arguments_of_the_functions(source: StateBase, tmp_path: Path, call: Any, message: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        call(source, tmp_path / "file")

    assert str(caught.value) == message
    assert list(tmp_path.iterdir()) == []


def test_progress_has_total_and_rate() -> None:
    counts = {"sessions": Count(1, 0), "turns": Count(1_200, 34)}

    assert _progress(counts, 20_000, 2.0) == "1,235 of 20,000 records, 618 per second"
    assert _progress(counts, None, 0.0) == "1,235 records, 1,235,000 per second"


def test_total_is_in_the_last_line(source: StateBase, tmp_path: Path) -> None:
    """Without traces, which are not imported; an incomplete file has none."""
    fill(source)
    path = tmp_path / "out.jsonl"
    export_sessions(source, path, traces=True)

    assert _total(str(path)) == 10
    path.write_bytes(path.read_bytes()[:-5])
    assert _total(str(path)) is None
    assert _total("-") is None
