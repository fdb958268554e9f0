"""Files of CA certificates that cannot be used are ConfigurationErrors that name them; nothing was sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import pytest

from statebase import ConfigurationError
from statebase._wire.tls import default_ssl_context


@pytest.fixture(autouse=True)
def no_shared_context() -> Iterator[None]:
    """Load the certificates again."""
    default_ssl_context.cache_clear()
    yield
    default_ssl_context.cache_clear()


@pytest.mark.parametrize("kind", ["missing", "directory", "empty", "no certificates"])
def test_file_of_the_environment(make_client: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str) -> None:
    """SSL_CERT_FILE is named, with its value; the call is not repeated, and later calls say the same."""
    file = tmp_path / "company.pem"
    if kind == "directory":
        file.mkdir()
    elif kind != "missing":
        file.write_text("" if kind == "empty" else "nothing to trust")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    client = make_client(base_url="https://127.0.0.1:9")

    for _ in range(2):
        with pytest.raises(ConfigurationError, match="SSL_CERT_FILE='.*company.pem' cannot be used") as caught:
            client.sessions.create("agent")
        assert caught.value.outcome == "not_sent"
        assert caught.value.attempts == ()


def test_directory_of_the_environment(make_client: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """SSL_CERT_DIR is named as well."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "missing"))

    with pytest.raises(ConfigurationError, match="SSL_CERT_DIR='.*missing' cannot be used"):
        make_client(base_url="https://127.0.0.1:9").sessions.create("agent")


def test_file_that_is_removed_after_the_client_was_made(make_client: Any, tmp_path: Path) -> None:
    """A file of verify= that is gone at the first use is named."""
    file = tmp_path / "company.pem"
    file.write_text("")
    client = make_client(base_url="https://127.0.0.1:9", verify=str(file))
    file.unlink()

    with pytest.raises(ConfigurationError, match=r"verify='.*company.pem'"):
        client.sessions.create("agent")


def test_usual_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the variables, the certificates of httpx are read once."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)

    assert default_ssl_context() is default_ssl_context()
