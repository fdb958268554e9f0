"""Measure this SDK beside its peers, on loopback, and write RESULTS.md.

make bench
python -m benchmarks.run [--quick] [--no-write] [SECTION ...]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from contextlib import ExitStack
from datetime import date
from pathlib import Path

from benchmarks import engine, servers, startup
from benchmarks.environment import PYTHON, STORES_PYTHON, prepare
from benchmarks.processes import ROOT, WorkerError
from benchmarks.sections import SECTIONS, Bench

RESULTS = Path(__file__).with_name("RESULTS.md")
_ALL = {**startup.SECTIONS, **SECTIONS, **engine.SECTIONS, **servers.SECTIONS}
_SHOWN = [
    *("httpx", "httpcore", "pydantic", "pydantic-core", "openai", "zep-cloud", "aiohttp", "httpx-aiohttp", "hypercorn"),
    "h2",
    *("numpy", "qdrant-client", "chromadb"),
]


def main() -> int:
    """Run the sections; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run")
    parser.add_argument(
        "sections",
        nargs="*",
        metavar="SECTION",
        help=f"of: {', '.join(_ALL)}; without it all but {', '.join(engine.ON_REQUEST)}",
    )
    parser.add_argument("--quick", action="store_true", help="few rounds: to see that it works, not to quote")
    parser.add_argument("--no-write", action="store_true", help="print only, leave RESULTS.md as it is")
    options = parser.parse_args()
    chosen = options.sections or [name for name in _ALL if name not in engine.ON_REQUEST]
    unknown = [name for name in chosen if name not in _ALL]
    if unknown:
        parser.error(f"no section is called {', '.join(unknown)}; there are {', '.join(_ALL)}")
    prepare(stores=not engine.SECTIONS.keys().isdisjoint(chosen))
    text = _preface(quick=options.quick)
    print(text)
    failed = False
    for name in chosen:
        with ExitStack() as stack:
            try:
                for table in _ALL[name](Bench(stack, quick=options.quick)):
                    print(table.markdown(), flush=True)
                    text += table.markdown() + "\n"
            except (WorkerError, subprocess.CalledProcessError) as error:
                failed = True
                text += f"Section {name} failed: {error}\n\n"
                print(f"section {name}: {error}", file=sys.stderr)
    if not options.no_write:
        RESULTS.write_text(text.rstrip() + "\n")
        print(f"wrote {RESULTS.relative_to(ROOT)}")
    return int(failed)


def _preface(*, quick: bool) -> str:
    kept = ", `--quick`: few rounds, not to be quoted" if quick else ""
    return "\n".join(
        [
            "# Benchmarks",
            "",
            f"Measured on {date.today().isoformat()} by `make bench`{kept}, on {_machine()}.",
            "",
            "Client and server are processes of their own on loopback; the peers took turns round by round. Figures",
            "are medians, with the first and third quartile of the rounds in parentheses. Compare within a table only:",
            "a ratio is the median of the ratios of each round, and it is what most goals are about; absolute figures",
            "belong to this machine and this hour. What a search finds is in [search/RESULTS.md](search/RESULTS.md).",
            "",
            f"Python {platform.python_version()}; {_versions()}.",
            "",
            "",
        ]
    )


def _machine() -> str:
    count = os.cpu_count() or 1
    cores = f"{count} core{'s' if count > 1 else ''}"
    return f"{platform.system()} on {platform.machine()}, {cores}"


def _versions() -> str:
    code = (
        "import importlib.metadata as m, json; "
        "print(json.dumps({d.name.lower().replace(chr(95), chr(45)): d.version for d in m.distributions()}))"
    )
    found: dict[str, str] = {}
    for python in filter(Path.exists, (STORES_PYTHON, PYTHON)):
        listed = subprocess.run([str(python), "-c", code], check=True, capture_output=True, text=True).stdout
        found |= json.loads(listed)
    return ", ".join(f"{name} {found[name]}" for name in _SHOWN if name in found)


if __name__ == "__main__":
    sys.exit(main())
