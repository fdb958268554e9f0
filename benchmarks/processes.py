"""The processes of a run: servers, and a worker a peer, each with orders on its standard input."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Literal, Optional

ROOT = Path(__file__).resolve().parents[1]


class WorkerError(Exception):
    """A worker could not do what it was told."""


def pin(role: Literal["client", "server"]) -> None:
    """Keep this process off the other role's core, where the system can and there are two."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) > 1:
            os.sched_setaffinity(0, {cores[-1]} if role == "client" else {cores[0]})


def environment(extra_path: Optional[Path] = None) -> dict[str, str]:
    """Return the variables for a process of the benchmarks: no proxy, no key, and what it may import."""
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.lower().endswith("_proxy") and not name.startswith(("STATEBASE_", "PYTHON", "OPENAI_", "ZEP_"))
    }
    paths = [str(extra_path)] if extra_path else []
    return variables | {"PYTHONPATH": os.pathsep.join([*paths, str(ROOT)])}


class Server:
    """A server in a process of its own."""

    def __init__(self, command: list[str], *, scheme: str = "http", extra_path: Optional[Path] = None) -> None:
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment(extra_path)
        )
        assert self._process.stdout is not None
        self.first_line = self._process.stdout.readline()
        if not self.first_line:
            raise WorkerError(f"{' '.join(command)} did not start")
        self._scheme = scheme

    @property
    def address(self) -> str:
        """The port of a server that prints it."""
        return f"{self._scheme}://127.0.0.1:{int(self.first_line)}"

    def cpu_seconds(self) -> float:
        """Return the processor time that it has used so far; on Linux only."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()


class Worker:
    """A process that measures one peer, in the environment where that is installed."""

    def __init__(self, python: Path, peer: str, extra_path: Optional[Path] = None) -> None:
        self.peer = peer
        self._process = subprocess.Popen(
            [str(python), "-m", "benchmarks.worker", peer],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment(extra_path),
        )

    def run(self, task: str, **arguments: Any) -> Any:
        """Have it measure something.

        Raises:
            WorkerError: It could not.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps({"task": task, **arguments}) + "\n")
        stdin.flush()
        line = stdout.readline()
        if not line:
            raise WorkerError(f"the worker of {self.peer} ended during {task}")
        answer = json.loads(line)
        if "error" in answer:
            raise WorkerError(f"{self.peer}, {task}: {answer['error']}")
        return answer["value"]

    def stop(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
