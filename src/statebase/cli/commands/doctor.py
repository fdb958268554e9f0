"""`statebase doctor`; the checks are in `cli.doctor`."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, List

from ..arguments import SERVICE, add_json, add_store, text
from ..command import Command
from ..environment import FAILED
from ..store import store_of
from ..terminal import print_line

if TYPE_CHECKING:
    from ..doctor.report import Check

_DESCRIPTION = """\
Check everything that a client needs, from Python to the responses of the
service, one line per check.

Without options it checks the service that StateBase() would use. With --path or
--database it checks a store instead, and changes nothing in it; with --url as
well, both.
The output is safe to paste into an issue: only the first characters of the key,
no password of a proxy, no content of sessions."""

_EPILOG = """\
exit codes:
  0  no check failed; there may be warnings
  1  a check failed; its line says what to do

Every check has a time limit; all together take at most two minutes."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", type=text(parser, "--url"), help=SERVICE)
    add_store(parser, required=False)
    add_json(parser, "print all checks as one JSON object")


def _run(options: argparse.Namespace) -> int:
    from ..._base.clock import Clock
    from ..doctor.examine import examine
    from ..doctor.report import as_json, print_check, print_summary

    store = store_of(options)
    checks: List[Check] = []
    for check in examine(options.url, store, os.environ, Clock()):
        checks.append(check)
        if not options.json:
            print_check(check)
    if options.json:
        print_line(as_json(checks))
    else:
        print_summary(checks)
    return FAILED if any(check.status == "failed" for check in checks) else 0


COMMAND = Command("doctor", "diagnose problems", _DESCRIPTION, _add_arguments, _run, _EPILOG)
