"""The cost of a script until its first response: the import, the client, the first call."""

from __future__ import annotations

import subprocess
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Iterator, Mapping, NamedTuple, Optional

from benchmarks.environment import PUBLISHED, PYTHON
from benchmarks.measure import Goal, Row, Table, compared, interleave
from benchmarks.processes import ROOT, WorkerError, environment
from benchmarks.sections import BEFORE, HTTPX, OPENAI, OURS, ZEP

if TYPE_CHECKING:
    from benchmarks.sections import Bench


def startup(bench: Bench) -> Iterator[Table]:
    """Import, construction, first answer."""
    timed = "from time import perf_counter as now; began = now(); {}; print((now() - began) * 1e3)"
    rounds = bench.some(21, 7)
    imports = interleave(
        {
            OURS: lambda: float(_python(timed.format("import statebase"))),
            BEFORE: lambda: float(_python(timed.format("import statebase"), PUBLISHED)),
            HTTPX: lambda: float(_python(timed.format("import httpx"))),
            OPENAI: lambda: float(_python(timed.format("import openai"))),
            ZEP: lambda: float(_python(timed.format("import zep_cloud.client"))),
        },
        rounds,
    )
    table = Table("Importing, over a bare interpreter", "ms")
    for name, figures in imports.items():
        table.rows.append(Row(name, figures, goal=Goal(5, 1) if name == OURS else None))
    yield table

    for options in ("api_key='sb_key'", "api_key='sb_key', base_url='https://host.example/base'"):
        code = "import statebase\n" + timed.format(f"statebase.StateBase({options})")
        made = interleave({OURS: partial(_python, code), BEFORE: partial(_python, code, PUBLISHED)}, rounds)
        table = Table(f"`StateBase({'api_key=..., base_url=...' if 'base_url' in options else 'api_key=...'})`", "ms")
        table.note = "After the import of the package."
        for name, printed in made.items():
            table.rows.append(Row(name, [*map(float, printed)], goal=Goal(0.7, 0.3) if name == OURS else None))
        yield table

    first = f"from statebase import StateBase; StateBase('sb_key', {bench.address()!r}).sessions.get('sess_1')"
    took = interleave({BEFORE: lambda: _took(first, PUBLISHED), OURS: lambda: _took(first)}, rounds)
    table = Table("From the start of the interpreter to the first answer, over plain HTTP", "ms", f"`{BEFORE}`")
    answered = {name: [each.answered for each in figures] for name, figures in took.items()}
    yield compared(table, answered, BEFORE, {OURS: Goal(1.0, 0.85)})
    table = Table("The same, and until the interpreter has ended", "ms", f"`{BEFORE}`")
    ended = {name: [each.ended for each in figures] for name, figures in took.items()}
    yield compared(table, ended, BEFORE, {OURS: Goal(0.97, 0.90)})


SECTIONS: Mapping[str, Callable[[Bench], Iterator[Table]]] = {"startup": startup}


def _python(code: str, extra_path: Optional[Path] = None) -> str:
    command = [str(PYTHON), "-c", code]
    return subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=ROOT, env=environment(extra_path)
    ).stdout


class _Took(NamedTuple):
    """Milliseconds of a process from its start."""

    answered: float
    ended: float


def _took(code: str, extra_path: Optional[Path] = None) -> _Took:
    command = [str(PYTHON), "-c", f"{code}; print(flush=True)"]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env=environment(extra_path)) as process:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise WorkerError(f"{code!r} failed")
        answered = time.perf_counter()
    return _Took((answered - began) * 1e3, (time.perf_counter() - began) * 1e3)
