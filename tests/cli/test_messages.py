"""The errors of the command line: each command, and below it the exact line on stderr, to be read in review."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Callable

import pytest

from statebase import StateBase
from tests.message_tables import rows

Run = Callable[..., "subprocess.CompletedProcess[str]"]

# The tables: a line at the margin is a command without `statebase`, with environment variables before it, and
# below it the error without the usage. `store.db` has no session, `folder` is a directory, `letter` a text file,
# and `damaged.jsonl` an export that was cut off.

USAGE = r"""
nothing
    there is no command 'nothing': choose from doctor, list, show, tail, search, serve, export, import,
    purge, erase, backup, restore, completion
dokter
    there is no command 'dokter': did you mean 'doctor'?
sess_1
    sess_1 is a session ID: use `statebase show sess_1`, or `tail` to follow it
--path store.db
    there is no command 'store.db': did you mean 'restore'?
doctor --verbose
    unrecognized arguments: --verbose
doctor sess_1
    unrecognized arguments: sess_1
doctor --path ''
    --path must not be empty
show
    the following arguments are required: SESSION
show sess_1
    one of the arguments --path --database --url is required
show sess_1 --path
    argument --path: expected one argument
show sess_1 --path store.db --url us
    argument --url: not allowed with argument --path
show '' --path store.db
    SESSION must not be empty
show sess_1 --path store.db -n 100
    -n/--number must be an integer from 0 to 50, got 100
show sess_1 --path store.db -n x
    -n/--number must be an integer from 0 to 50, got x
show sess_1 --path store.db -n ''
    -n/--number must be an integer from 0 to 50, got an empty string
show sess_1 --path store.db -n -1
    -n/--number must be an integer from 0 to 50, got -1
tail sess_1 --path store.db --interval 0
    --interval must be a number of seconds from 0.1 to 86400, got 0
tail sess_1 --path store.db --interval often
    --interval must be a number of seconds from 0.1 to 86400, got often
tail sess_1 --path store.db --interval nan
    --interval must be a number of seconds from 0.1 to 86400, got nan
search
    the following arguments are required: QUERY
search '' --path store.db
    QUERY must not be empty
search pets
    one of the arguments --path --database --url is required
search pets --path store.db --limit 51
    --limit must be an integer from 1 to 50, got 51
search pets --path store.db --threshold 70
    --threshold must be a number from 0 to 1, got 70
search pets --path store.db --threshold nan
    --threshold must be a number from 0 to 1, got nan
search pets --url us --explain
    --explain requires --path or --database: a service does not return the parts of a score
serve --port 99999
    --port must be an integer from 0 to 65535, got 99999
serve --port http
    --port must be an integer from 0 to 65535, got http
serve --rate-limit 0
    --rate-limit must be an integer from 1 to 1000000000, got 0
serve --workers 0 --path store.db
    --workers must be an integer from 1 to 256, got 0
serve --workers 2
    --workers requires --path or --database: each process would have a store of its own in memory
serve --workers 2 --path :memory:
    --workers requires --path or --database: each process would have a store of its own in memory
serve --path store.db --database postgresql://db/statebase
    argument --database: not allowed with argument --path
serve --api-key 'two words'
    the key of --api-key or STATEBASE_SERVE_API_KEY must be printable ASCII text without spaces
serve --api-key ''
    the key of --api-key or STATEBASE_SERVE_API_KEY must be printable ASCII text without spaces
serve --host 0.0.0.0
    --host 0.0.0.0 is reachable from other machines, which could read and write everything: set
    STATEBASE_SERVE_API_KEY, or use --host 127.0.0.1
serve --host ''
    --host '' is reachable from other machines, which could read and write everything: set
    STATEBASE_SERVE_API_KEY, or use --host 127.0.0.1
export --path store.db
    one of the arguments SESSION --all --expired is required
export --all
    one of the arguments --path --database --url is required
export --all sess_1 --path store.db
    argument SESSION: not allowed with argument --all
export --all --expired --path store.db
    argument --expired: not allowed with argument --all
export --expired --url us
    --expired requires --path or --database: a service does not return expired sessions
export --all --path store.db --json
    --json requires -o/--output: stdout is the export itself
import --path store.db
    the following arguments are required: FILE
import damaged.jsonl
    one of the arguments --path --database --url is required
import damaged.jsonl --path store.db --ttl-seconds 0
    --ttl-seconds must be an integer from 1 to 2592000, got 0
import damaged.jsonl --path store.db --ttl-seconds 1h
    --ttl-seconds must be an integer from 1 to 2592000, got 1h
purge
    one of the arguments --path --database is required
purge store.db
    one of the arguments --path --database is required
purge --path store.db --database postgresql://db/statebase
    argument --database: not allowed with argument --path
purge --database postgresql://ada:private@db/statebase
    --database must not contain a password, which other users of this machine can see: set STATEBASE_DATABASE_URL or
    PGPASSWORD, or use ~/.pgpass
show sess_1 --database 'postgres://db/statebase?user=ada&password=private'
    --database must not contain a password, which other users of this machine can see: set STATEBASE_DATABASE_URL or
    PGPASSWORD, or use ~/.pgpass
purge --database ''
    --database must not be empty
backup --path store.db
    the following arguments are required: TARGET
backup copy.db
    the following arguments are required: --path
restore --path store.db
    the following arguments are required: BACKUP
restore store.db
    the following arguments are required: --path
"""

FILES = r"""
show sess_1 --path missing.db
    --path missing.db: No such file or directory.
show sess_1 --path folder
    --path folder is a directory: pass the path of a file.
show sess_1 --path letter
    letter is not a statebase store (file is not a database): pass the path of another file.
show sess_1 --path :memory:
    --path must be the path of a file: :memory: is empty in each new process.
show sess_1 --path store.db
    404 session_not_found: There is no session 'sess_1': check the id; it may have expired or been deleted.
show 'sess/1' --path store.db
    session_id must not be empty, '.' or '..', nor contain / \ ? # % or control characters, got 'sess/1'
tail sess_1 --once --path store.db
    404 session_not_found: There is no session 'sess_1': check the id; it may have expired or been deleted.
export --all --path missing.db
    --path missing.db: No such file or directory.
export --all --path store.db -o folder
    -o/--output folder is a directory: pass the path of a file.
export --all --path store.db -o missing/out.jsonl
    -o/--output missing/out.jsonl: the directory missing does not exist.
export --all --path store.db -o letter/out.jsonl
    -o/--output letter/out.jsonl: letter is not a directory.
export sess_1 --path store.db -o out.jsonl
    404 session_not_found: There is no session 'sess_1': check the id; it may have expired or been deleted.
import missing.jsonl --path store.db
    FILE missing.jsonl: No such file or directory.
import folder --path store.db
    FILE folder is a directory: pass the path of a file.
import letter --path store.db
    FILE letter: The input is not an export: its first line must be the header that `statebase export` writes.
import store.db --path new.db
    FILE store.db: The input is a SQLite file, not an export: pass a file that `statebase export` wrote.
import damaged.jsonl --path store.db
    FILE damaged.jsonl: The export is cut off: its last line is missing. Export again.
import damaged.jsonl --path missing/new.db
    --path missing/new.db: the directory missing does not exist.
import damaged.jsonl --path letter
    letter is not a statebase store (file is not a database): pass the path of another file.
purge --path missing.db
    --path missing.db: No such file or directory.
purge --path letter
    letter is not a statebase store (file is not a database): pass the path of another file.
purge --database db/statebase
    --database must be a URL such as postgresql://user@host:5432/statebase.
purge --database mysql://ada:private@db/statebase
    --database must be a URL such as postgresql://user@host:5432/statebase.
STATEBASE_DATABASE_URL=mysql://ada:private@db/statebase purge
    STATEBASE_DATABASE_URL must be a URL such as postgresql://user@host:5432/statebase.
STATEBASE_DATABASE_URL=postgresql://ada:private@[db/statebase serve --port 0
    STATEBASE_DATABASE_URL is not a valid PostgreSQL URL: write postgresql://user@host:5432/database.
STATEBASE_DATABASE_URL=postgresql://db/statebase purge --path missing.db
    --path missing.db: No such file or directory.
purge --path :memory:
    --path must be the path of a file: :memory: is empty in each new process.
backup copy.db --path missing.db
    --path missing.db: No such file or directory.
backup missing/copy.db --path store.db
    TARGET missing/copy.db: the directory missing does not exist.
backup folder --path store.db
    TARGET folder is a directory: pass the path of a file.
backup store.db --path store.db
    store.db is the store itself: pass another file.
restore missing.db --path store.db
    BACKUP missing.db: No such file or directory.
restore letter --path store.db
    letter is not a statebase store (file is not a database): pass the path of another file.
restore folder --path store.db
    BACKUP folder is a directory: pass the path of a file.
restore store.db --path folder
    --path folder is a directory: pass the path of a file.
restore store.db --path store.db
    The backup and the store are the same file: pass two different files.
serve --path missing/store.db --port 0
    --path missing/store.db: the directory missing does not exist.
serve --path folder --port 0
    --path folder is a directory: pass the path of a file.
serve --path letter --port 0
    letter is not a statebase store (file is not a database): pass the path of another file.
serve --tls letter --port 0
    --tls letter: File exists. Pass a directory that you can write to.
"""

SERVICES = r"""
show sess_1 --url us
    STATEBASE_API_KEY is not set: set it to the API key of the service.
STATEBASE_API_KEY='two words' show sess_1 --url us
    STATEBASE_API_KEY contains a space, a line break or another character that is not printable ASCII: copy it again
    from the dashboard
STATEBASE_API_KEY=sb_1 show sess_1 --url nowhere
    --url 'nowhere' is not an HTTP URL: write https://host, or a region (us, eu, apac)
STATEBASE_API_KEY=sb_1 show sess_1 --url localhost:8787
    --url 'localhost:8787' is not an HTTP URL: write http://localhost:8787, or a region (us, eu, apac)
STATEBASE_API_KEY=sb_1 show sess_1 --url ftp://example.org
    --url 'ftp://example.org' is not an HTTP URL: write https://host, or a region (us, eu, apac)
STATEBASE_API_KEY=sb_1 show sess_1 --url http://example.org
    --url 'http://example.org' would send the API key unencrypted: use https://
STATEBASE_API_KEY=sb_1 show sess_1 --url https://ada:private@example.org
    --url must not contain a query, a fragment, a user name or a space: write https://host/path
STATEBASE_API_KEY=sb_1 STATEBASE_BASE_URL=nowhere tail sess_1
    STATEBASE_BASE_URL 'nowhere' is not an HTTP URL: write https://host, or a region (us, eu, apac)
"""


@pytest.fixture(autouse=True)
def _files(tmp_path: Path) -> None:
    with StateBase.local(tmp_path / "store.db"):
        pass
    (tmp_path / "folder").mkdir()
    (tmp_path / "letter").write_text("Dear Ada, " * 1000)
    (tmp_path / "damaged.jsonl").write_text(
        '{"format": "statebase-export", "version": 1, "exported_at": "2026-01-02T03:04:05Z", "statebase": "1"}\n'
    )


@pytest.mark.parametrize(("command", "error"), rows(USAGE))
def test_usage_errors(command: str, error: str, call: Run) -> None:
    """A command line that is not valid ends with exit code 2."""
    result = call(*shlex.split(command))

    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.splitlines()[-1].partition(": error: ")[2] == error


@pytest.mark.parametrize(("command", "error"), rows(FILES + SERVICES))
def test_failures(command: str, error: str, call: Run) -> None:
    """A command that fails ends with exit code 1 and one line."""
    words = shlex.split(command)
    variables = dict(word.split("=", 1) for word in words if word.startswith("STATEBASE_"))

    result = call(*words[len(variables) :], **variables)

    assert (result.returncode, result.stdout) == (1, "")
    assert re.sub(r" \(request req_\w{12}\)", "", result.stderr) == f"statebase: {error}\n"
