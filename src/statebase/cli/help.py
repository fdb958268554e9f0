"""What `--help` says beside the options, for terminals of 80 columns."""

from __future__ import annotations

DESCRIPTION = """\
StateBase on this machine: look at sessions, serve a store to clients, move
sessions between a store and a service, and diagnose problems. A store is the
SQLite file that StateBase.local("agents.db") opens."""

EPILOG = """\
examples:
  statebase doctor                          diagnose; safe to publish
  statebase show sess_1 --path agents.db    a session: state and last turns
  statebase tail sess_1 --url us            what happens in it, as it happens
  statebase serve --path agents.db          point clients at localhost:8787

environment:
  STATEBASE_API_KEY        the key of the service
  STATEBASE_BASE_URL       the default service of doctor, show and tail
  STATEBASE_SERVE_API_KEY  the API key that clients of `serve` must send
  HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY
                           the proxy, and the hosts that bypass it
  SSL_CERT_FILE, SSL_CERT_DIR
                           the CA certificates to trust instead of the default
  NO_COLOR                 set to anything: no colours
  FORCE_COLOR              set to anything: colours without a terminal, too

exit codes:
  0    done; `serve`, `tail`: also when Ctrl-C stops them; `doctor`: no check
       failed
  1    failed, one line on stderr says why; `doctor`: a check failed
  2    usage error
  130  interrupted by Ctrl-C

With --json, stdout holds JSON in ASCII. Errors are lines on stderr."""

DOCTOR = """\
Check everything that a client needs, from Python to the responses of the
service, one line per check.

Without --path and --url it checks the service that StateBase() would use. With
--path it checks a store instead, and changes nothing in it; with both, both.
What it prints is safe to paste into an issue: of the key only the first
characters, of a proxy no password, nothing that sessions hold."""

DOCTOR_EPILOG = """\
exit codes:
  0  no check failed; there may be warnings
  1  a check failed; its line says what to do

Every check ends in time; all together take two minutes at worst."""

SHOW = """\
Show a session: what it is, when it expires, its state, and its last turns.

Text that would steer the terminal is escaped, like \\u001b. With --json it is
one object: the fields of the API's session, `state_version`, and `turns`, which
are complete, oldest first."""

TAIL = """\
Show what happens in a session, as it happens: its turns, and what each change
of the state added (+), removed (-) or changed (~). Begins with the last
turns and changes.

Ctrl-C stops it. Temporary failures are reported on stderr and polling goes on;
it ends when the session is deleted or expires. With --json each event is a
line: {"event": "turn" or "state", ...}, for a state with its `changes`."""

TAIL_EPILOG = """\
exit codes:
  0  stopped by Ctrl-C, or the session has ended; with --once: all was shown
  1  there is no such session, the first look failed, or the service refused"""

SERVE = """\
Answer the StateBase API over HTTP/1.1 and HTTP/2, from a store on this machine.

Clients find it by STATEBASE_BASE_URL, which is printed at the start. Default
store: in memory, lost when the server stops. Several processes can use one file
at the same time. GET /openapi.json describes the API."""

SERVE_EPILOG = """\
If no key is set, any key or none is accepted, and only requests to localhost
are answered. To listen on other addresses, set a key in
STATEBASE_SERVE_API_KEY, or by --api-key, which other users of this machine can
see."""

EXPORT = """\
Export sessions as JSON Lines, with their state versions, turns, memories and
entities.

Not exported: traces (the audit trail of the source), API keys, and state
versions before the newest 100 of a session, which the API does not return. For
a complete copy of a file use `statebase backup`."""

IMPORT = """\
Import sessions into a store or a service. They get new IDs and times.

The original ID of a session or a memory is in its metadata, as `imported_from`.
Importing again adds only what is missing: repeat an import that failed; one
that was complete adds nothing. A session that still exists under its own ID is
not changed."""

PURGE = """\
Remove expired sessions and everything that belongs to them but their traces.
Until then they return 404, and take up space in the file."""

BACKUP = """\
Copy everything in a store to a new file, while other processes read and write
it."""

RESTORE = """\
Replace a store by a copy that `statebase backup` wrote. A write-ahead log that
a killed process left beside the store is removed.

Stop the processes that have the store open first: the command fails otherwise.
The copy is checked before anything is replaced, and is not changed."""
