"""What `--help` says beside the options, for terminals of 80 columns."""

from __future__ import annotations

DESCRIPTION = """\
StateBase on this machine: look at sessions, serve a store to clients, move
sessions between a store and a service, and find out why something does not
work. A store is the SQLite file that StateBase.local("agents.db") opens."""

EPILOG = """\
examples:
  statebase doctor                          what is wrong? safe to publish
  statebase show sess_1 --path agents.db    a session: state and last turns
  statebase tail sess_1 --url us            what happens in it, as it happens
  statebase serve --path agents.db          point clients at localhost:8787

environment:
  STATEBASE_API_KEY        the key of the service
  STATEBASE_BASE_URL       the service, for doctor, show and tail without --url
                           or --path
  STATEBASE_SERVE_API_KEY  the key that `serve` asks clients for
  HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY
                           the proxy to go through, and where to do without
  SSL_CERT_FILE, SSL_CERT_DIR
                           the authorities to trust, in place of the usual ones
  NO_COLOR                 set to anything: no colours
  FORCE_COLOR              set to anything: colours also where no terminal is

exit codes:
  0    done; `serve`, `tail`: also when Ctrl-C stops them; `doctor`: no check
       failed
  1    failed, one line on stderr says why; `doctor`: a check failed
  2    the command line makes no sense
  130  interrupted by Ctrl-C

With --json, stdout holds JSON in ASCII. Complaints are lines on stderr."""

DOCTOR = """\
Check all that a client needs, from Python to the answers of the service, one
line a check.

Without --path and --url it checks the service that StateBase() would use. With
--path it checks a store instead, and changes nothing in it; with both, both.
What it prints is safe to paste into an issue: of the key only the first
characters, of a proxy no password, nothing that sessions hold."""

DOCTOR_EPILOG = """\
exit codes:
  0  all is well, or there are only warnings
  1  a check failed; its line says what to do

Every check ends in time; all together take two minutes at worst."""

SHOW = """\
Show a session: what it is, when it expires, its state, and its last turns.

Text that would steer the terminal is escaped, like \\u001b. With --json it is
one object: the fields of the API's session, `state_version`, and `turns`, which
are complete, oldest first."""

TAIL = """\
Show what happens in a session, as it happens: its turns, and what each change
of the state added (+), removed (-) or made different (~). Begins with the last
turns and changes.

Ctrl-C stops it. It goes on over failures that may pass, and says so on stderr;
it ends when the session is deleted or expires. With --json each event is a
line: {"event": "turn" or "state", ...}, for a state with its `changes`."""

TAIL_EPILOG = """\
exit codes:
  0  stopped by Ctrl-C, or the session has ended; with --once: all was shown
  1  there is no such session, the first look failed, or the service refused"""

SERVE = """\
Answer the StateBase API over HTTP/1.1 and HTTP/2, from a store on this machine.

Clients find it by STATEBASE_BASE_URL; the start lines say how. Without --path
the store is in memory, and gone when the server stops. Several processes may
use a file at once. GET /openapi.json describes the API."""

SERVE_EPILOG = """\
Without a key, any key or none will do, and only requests to localhost are
answered. To listen beyond this machine a key is needed: in
STATEBASE_SERVE_API_KEY, or by --api-key, which other users of this machine can
see."""

EXPORT = """\
Write sessions as lines of JSON, with their state versions, turns, memories and
entities.

What stays behind: traces (the audit trail of the source), API keys, and state
versions before the newest 100 of a session, which the API does not give. For a
complete copy of a file there is `statebase backup`."""

IMPORT = """\
Make the sessions of an export in a store or a service, under ids and times of
their own.

Each remembers in its metadata, as `imported_from`, the id that it had; so does
each memory. Importing again adds what is missing and leaves what is there, so
that an import that broke off is simply repeated, and a second one adds nothing.
A session whose own id is there is left alone."""

PURGE = """\
Remove the sessions that have expired, with all that belongs to them but their
traces. Until then they answer as if they had never been, and keep their room in
the file."""

BACKUP = """\
Copy everything in a store to a new file, while others go on reading and writing
it."""

RESTORE = """\
Put a copy that `statebase backup` wrote in the place of a store, together with
the write-ahead log that a killed process may have left beside it.

Stop what has the store open first: the command refuses otherwise. The copy is
checked before anything is replaced, and stays as it is."""
