"""`statebase serve --workers` is several processes behind one port that work, die and stop as one server."""

from __future__ import annotations

import os
import re
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, List

import httpx
import pytest

from statebase import StateBase

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the tests find the worker processes in /proc"),
]

Serve = Callable[..., Any]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def workers_of(serving: Any) -> List[int]:
    """Return the processes of the workers that have not ended."""
    pid = serving.start["pid"]
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [child for child in map(int, children) if is_running(child)]


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    """Return the first value of a condition that is true."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come about")


def is_running(pid: int) -> bool:
    """Return whether there is a process that has not ended."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_start_line(serve: Serve, tmp_path: Path) -> None:
    """It is one, for all workers; the process is the one to stop."""
    serving = serve("--path", "store.db", "--workers", "3")

    assert serving.start["workers"] == 3
    assert serving.start["path"] == str((tmp_path / "store.db").resolve())
    assert serving.start["pid"] == serving.process.pid
    assert len(workers_of(serving)) == 3
    assert serving.stop() == 0
    assert serving.stderr == ""


def test_one_worker_is_one_process(serve: Serve) -> None:
    """The server itself serves the store, and the start line is as without the option."""
    serving = serve("--path", "store.db", "--workers", "1")

    assert workers_of(serving) == []
    assert "workers" not in serving.start


def test_connections_are_shared(serve: Serve) -> None:
    """Of 16 clients that connect at once each worker gets some, and its number is in the log."""
    serving = serve("--path", "store.db", "--workers", "4", "--access-log")
    clients = [httpx.Client(base_url=serving.url, trust_env=False) for _ in range(16)]
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda client: client.get("/v1/sessions").status_code, clients))
    for client in clients:
        client.close()
    serving.stop()

    requests = Counter(re.findall(r"^\S+ \S+ (worker \d): 127\.0\.0\.1", serving.stderr, re.MULTILINE))
    assert answers == [200] * 16
    assert sum(requests.values()) == 16
    assert len(requests) >= 3


def test_store_is_one(serve: Serve) -> None:
    """All workers read at once a change that one of them made."""
    serving = serve("--path", "store.db", "--workers", "4")
    clients = [StateBase("any", serving.url) for _ in range(8)]
    session = clients[0].sessions.create("bot")
    for number, client in enumerate(clients * 2):
        assert client.sessions.get(session.id).turn_count == number
        assert client.sessions.add_turn(session.id, "in", "out").turn_number == number + 1
    for client in clients:
        client.close()


def test_killed_worker_is_replaced(serve: Serve) -> None:
    """Another process takes its place, which a line says; clients go on by their retries."""
    serving = serve("--path", "store.db", "--workers", "2")
    before = workers_of(serving)
    os.kill(before[0], signal.SIGKILL)

    after = wait_for(lambda: len(workers_of(serving)) == 2 and set(workers_of(serving)) - set(before), "a new worker")
    with StateBase("any", serving.url) as client:
        assert client.health().status == "healthy"
    assert len(after) == 1
    assert serving.stop() == 0
    (line,) = serving.stderr.splitlines()
    assert re.fullmatch(
        rf"Worker [12] \(process {before[0]}\) was ended by SIGKILL\. It is started again in 0\.5 seconds\.", line
    )


def test_writes_are_applied_once_while_workers_are_killed(serve: Serve, tmp_path: Path) -> None:
    """No turn that was answered is lost, none is there twice, and their numbers have no gaps."""
    serving = serve("--path", "store.db", "--workers", "3")
    with StateBase("any", serving.url) as client:
        session = client.sessions.create("bot")
    killed = threading.Event()

    def write(writer: int) -> List[str]:
        answered: List[str] = []
        with StateBase("any", serving.url, max_retries=20) as client:
            while not killed.is_set():
                text = f"{writer}-{len(answered)}"
                client.sessions.add_turn(session.id, text, "out")
                answered.append(text)
        return answered

    with ThreadPoolExecutor(4) as threads:
        writing = [threads.submit(write, writer) for writer in range(4)]
        for pid in workers_of(serving):
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda: len(workers_of(serving)) == 3, "a new worker")
        killed.set()
        answered = [text for each in writing for text in each.result()]
    serving.stop()

    with StateBase.local(tmp_path / "store.db") as client:
        turns = list(client.sessions.list_turns(session.id, limit=100, order="asc").auto_paging_iter())
    assert sorted(turn.input_preview for turn in turns) == sorted(answered)
    assert [turn.turn_number for turn in turns] == list(range(1, len(answered) + 1))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_stop_all(serve: Serve, number: signal.Signals) -> None:
    """Every worker finishes, with exit code 0 and without a word, though a client keeps its connection."""
    serving = serve("--path", "store.db", "--workers", "3")
    workers = workers_of(serving)
    with StateBase("any", serving.url) as client:
        client.health()

        assert serving.stop(number) == 0
    assert serving.stderr == ""
    assert [pid for pid in workers if is_running(pid)] == []


def test_ctrl_c_reaches_all_processes(tmp_path: Path) -> None:
    """A terminal sends the signal to the workers too; that is not a reason to start them again."""
    command = [sys.executable, "-m", "statebase", "serve", "--port", "0", "--json", "--path", "store.db"]
    with subprocess.Popen(
        [*command, "--workers", "3"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)
        _, stderr = process.communicate(timeout=30)

    assert (process.returncode, stderr) == (0, "")


def test_workers_end_with_the_supervisor(serve: Serve) -> None:
    """A server that is killed leaves no process behind, nor its port."""
    serving = serve("--path", "store.db", "--workers", "3")
    workers = workers_of(serving)

    serving.process.kill()
    # The pipe has its end when no process has it open any more.
    stderr = serving.process.communicate(timeout=30)[1]

    assert stderr == ""
    assert [pid for pid in workers if is_running(pid)] == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{serving.url}/health/live", trust_env=False)


def test_stop_keeps_what_was_answered(serve: Serve, tmp_path: Path) -> None:
    """Workers that are stopped in the middle of writes finish what they answer."""
    serving = serve("--path", "store.db", "--workers", "3")
    answered: List[Any] = []
    many = threading.Event()

    def write() -> None:
        with StateBase("any", serving.url, max_retries=0) as client:
            session = client.sessions.create("bot")
            with pytest.raises(Exception, match="."):
                while True:
                    answered.append((session.id, client.sessions.add_turn(session.id, "in", "out").turn_number))
                    if len(answered) >= 30:
                        many.set()

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    assert many.wait(30)
    assert serving.stop() == 0
    for writer in writers:
        writer.join()

    with StateBase.local(tmp_path / "store.db") as client:
        counts = {session.id: session.turn_count for session in client.sessions.list(limit=100)}
    assert [turn for turn in answered if turn[1] > counts[turn[0]]] == []


def test_store_that_cannot_be_opened(run: Run, tmp_path: Path) -> None:
    """The error is that of a server with one process, once."""
    (tmp_path / "letter").write_text("Dear Ada, " * 1000)

    several, one = [run("serve", "--port", "0", "--path", "letter", "--workers", number) for number in ("3", "1")]

    assert (several.returncode, several.stdout) == (1, "")
    assert several.stderr == one.stderr
    assert several.stderr.count("\n") == 1


def test_tls(serve: Serve) -> None:
    """All workers show the certificate of the start line, and the file goes with the server."""
    serving = serve("--path", "store.db", "--workers", "2", "--tls")
    ca_file = Path(serving.start["ca_file"])
    trust = ssl.create_default_context(cafile=str(ca_file))

    for _ in range(6):
        with httpx.Client(verify=trust, http2=True, base_url=serving.url, trust_env=False) as client:
            assert client.get("/health/live").http_version == "HTTP/2"
    serving.stop()
    assert not ca_file.exists()


def test_rate_limit_holds_over_all_workers(serve: Serve) -> None:
    """Of 200 requests at once over several connections exactly 60 of a minute are answered."""
    serving = serve("--path", "store.db", "--workers", "4", "--rate-limit", "60")
    clients = [httpx.Client(base_url=serving.url, trust_env=False) for _ in range(8)]
    with ThreadPoolExecutor(24) as threads:
        answers = list(threads.map(lambda number: clients[number % 8].get("/v1/sessions"), range(200)))
    for client in clients:
        client.close()

    windows = Counter(answer.headers["X-RateLimit-Reset"] for answer in answers)
    passed = Counter(answer.headers["X-RateLimit-Reset"] for answer in answers if answer.status_code == 200)
    assert {answer.status_code for answer in answers} == {200, 429}
    # The flood may fall into two windows.
    assert passed == {window: min(number, 60) for window, number in windows.items()}
