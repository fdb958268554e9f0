"""Every operation against every fault, as a page of the documentation.

`python -m tests.faults.matrix` writes what it finds to docs/fault-matrix.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import List

from statebase._generated.operations import OPERATIONS
from tests.faults.bench import FLAVOURS, Bench, set_up
from tests.faults.fault_list import FAULTS
from tests.faults.method_cases import METHODS
from tests.faults.operation_cases import GROUPS, group_of

DOCUMENT = Path(__file__).parents[2] / "docs" / "fault-matrix.md"


def render(bench: Bench) -> str:
    """Write the table of the documentation."""
    first, always = (_table(bench, always=always) for always in (False, True))
    return "\n".join([_INTRODUCTION, *first, _PERSISTENT, *always, _METHODS, *_methods(), ""])


_INTRODUCTION = """# The result of a call when the network fails

Written by `python -m tests.faults.matrix` from its results: it calls every operation of the API with both clients, through a
proxy that injects faults, on a real server with the embedded engine, and counts what is in the store afterwards.
`pytest tests/faults` fails if this page and the results differ.

- **answered**: the call returns its result.
- **once**: the call returns, and the write was applied once, however many times the request was sent or received.
- **not sent**, **rejected**, **unknown**: the call raises an error with this `outcome`. After `not sent` and `rejected`
  nothing was applied; after `unknown` it may have been applied, once.
- **then once**: the same call is made again, with the `idempotency_key` of the error where it has one (POST, PATCH and
  PUT). It succeeds, and in total the write was applied once.

A DELETE carries no key. One that is repeated by hand may return 404: it was applied. So may one that the network delivers
twice, if the response to the second delivery is the one that is returned: that is `rejected`, although it was applied.

Clients make up to two more attempts, the default. The POST that reads, a session's context, is among the reads.

## The fault affects the first attempt
"""

_PERSISTENT = """
## The fault affects every attempt
"""


_METHODS = """
## Methods of several calls

`tests/faults/test_methods.py` lets each of their requests fail, once and for good: not delivered, delivered after the call,
delivered twice, answered with an error, the answer lost, or the process interrupted before or after it. It does so with
SQLite, PostgreSQL, `statebase serve`, and a service without the extensions of the engine. A call that returns was applied
once. After one that raised an error, the table says what a repetition does. The same tests cover imports, which are
continued by repeating them, and writes with an outbox.
"""


def _methods() -> List[str]:
    """Return the table of the methods of several calls."""
    rows = [["Method", "The same call again"], ["---", "---"]]
    for name, method in METHODS.items():
        if not method.is_repeated:
            effect = "may change the state again after `unknown`: read it first"
        elif method.is_keyed:
            effect = "completes it, with the `idempotency_key` of the error"
        else:
            effect = "completes it"
        rows.append([f"`{name}`" if " " not in name else f"`{name.split()[0]}`, {name.partition(' ')[2]}", effect])
    return [f"| {' | '.join(row)} |" for row in rows]


def _table(bench: Bench, *, always: bool) -> List[str]:
    rows = [["Fault", "Error", *GROUPS]]
    rows.append(["---"] * len(rows[0]))
    for fault in FAULTS:
        found = {
            group: [
                bench.find(operation.id, fault, flavour, always=always)
                for operation in OPERATIONS.values()
                for flavour in FLAVOURS
                if group_of(operation) == group
            ]
            for group in GROUPS
        }
        errors = {type(each.error).__name__ for findings in found.values() for each in findings if each.error}
        cells = [" or ".join(sorted({each.summary() for each in findings})) for findings in found.values()]
        rows.append([fault.title, ", ".join(f"`{name}`" for name in sorted(errors)), *cells])
    return [f"| {' | '.join(row)} |" for row in rows]


def main() -> None:
    """Write the table."""
    with set_up() as bench:
        DOCUMENT.write_text(render(bench), encoding="utf-8")


if __name__ == "__main__":
    main()
