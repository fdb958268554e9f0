"""`statebase doctor` finds what is wrong between a client and a service, and says what to do."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import ssl
import subprocess
from datetime import datetime, timedelta, timezone
from importlib import metadata
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, Tuple

import pytest
import trustme

from statebase._base.deadline import within
from statebase.cli.doctor.environment import EXTRAS, FRAMEWORKS, redacted_key
from tests.server.small_service import KEY, SmallService

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Checks = Dict[str, Dict[str, str]]
Doctor = Callable[..., Tuple[int, Checks]]


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.lower().endswith("_proxy") or name.startswith("SSL_CERT_"):
            monkeypatch.delenv(name)


@pytest.fixture
def make_service() -> Iterator[Callable[..., SmallService]]:
    made = []

    def make(context: Any = None) -> SmallService:
        made.append(SmallService(context))
        return made[-1]

    yield make
    for service in made:
        service.close()


@pytest.fixture
def service(make_service: Callable[..., SmallService]) -> SmallService:
    return make_service()


@pytest.fixture
def doctor(call: Run) -> Doctor:
    """Run the command with a key that works; return the exit code, and the checks by name."""

    def command(*arguments: str, **variables: str) -> Tuple[int, Checks]:
        result = call("doctor", "--json", *arguments, **{"STATEBASE_API_KEY": KEY, **variables})
        assert result.stderr == ""
        report = json.loads(result.stdout)
        assert report["ok"] == (result.returncode == 0)
        return result.returncode, {check.pop("name"): check for check in report["checks"]}

    return command


def certificate(tmp_path: Path, authority: trustme.CA, *names: str, **options: Any) -> ssl.SSLContext:
    """Return how a server encrypts, with a certificate by an authority that SSL_CERT_FILE=ca.pem trusts."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, **options).configure_cert(context)
    return context


def statuses(checks: Checks) -> Dict[str, str]:
    return {name: check["status"] for name, check in checks.items()}


def test_all_is_well_with_our_own_server(run: Run, serve: Callable[..., Any]) -> None:
    """Of `statebase serve --tls`, whose authority is trusted, every check is ok."""
    server = serve("--tls", STATEBASE_SERVE_API_KEY=KEY)

    result = run("doctor", STATEBASE_BASE_URL=server.url, STATEBASE_API_KEY=KEY, SSL_CERT_FILE=server.start["ca_file"])

    assert result.returncode == 0, result.stdout
    *lines, empty, last = result.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["ok"] * 13
    names = "python packages extras settings address proxy dns tcp tls server clock key api"
    assert " ".join(line.split()[1] for line in lines) == names
    assert (empty, last) == ("", "13 checks: none failed.")
    assert "from STATEBASE_BASE_URL" in result.stdout


def test_what_is_found(doctor: Doctor, service: SmallService) -> None:
    """The service is asked for its health, its list of sessions and its document, and nothing else."""
    code, checks = doctor("--url", service.url)

    assert code == 0
    assert set(statuses(checks).values()) == {"ok", "skipped"}
    assert checks["server"]["detail"] == "version 9.8.7, healthy, up 1 hour 2 minutes"
    assert checks["tls"]["detail"] == "an http:// address does not use TLS"
    assert service.targets == ["/health", "/v1/sessions?limit=1", "/openapi.json"]


@pytest.mark.parametrize("arguments", [("--json",), ()])
def test_output_can_be_published(call: Run, service: SmallService, arguments: Tuple[str, ...]) -> None:
    """Of the key only the beginning shows, of the proxy no password, of the home directory not whose it is."""
    variables = {
        "STATEBASE_API_KEY": KEY,
        "HTTPS_PROXY": service.url.replace("://", "://user:pass-word@"),
        "HOME": "/home/ada",
        "USERPROFILE": "/home/ada",
        "SSL_CERT_FILE": str(Path("/home/ada", "ca.pem")),
    }

    output = call("doctor", "--url", "https://localhost:1", *arguments, **variables).stdout

    assert "sb_live_" in output and KEY[:9] not in output
    assert "user and password hidden" in output and "pass-word" not in output
    assert "ca.pem" in output and "ada" not in output


@pytest.mark.parametrize(("key", "shown"), [("", "…"), ("any", "…"), ("sb_1", "s…"), (KEY, "sb_live_…")])
def test_little_is_shown_of_a_short_key(key: str, shown: str) -> None:
    """A quarter of it at most."""
    assert redacted_key(key) == shown


@pytest.mark.parametrize(
    ("key", "status", "words"),
    [
        ("sb_wrong_key_1234", "failed", "is not accepted"),
        ("", "failed", "empty"),
        ("two words", "failed", "a space"),
    ],
)
def test_keys_that_do_not_work(doctor: Doctor, service: SmallService, key: str, status: str, words: str) -> None:
    """A key may be refused by the service, or be none that could be sent."""
    code, checks = doctor("--url", service.url, STATEBASE_API_KEY=key)

    assert (code, checks["key"]["status"]) == (1, status)
    assert words in checks["key"]["detail"]
    assert checks["api"]["status"] == "ok"


def test_no_key(call: Run, service: SmallService) -> None:
    """Without a key the rest is checked all the same."""
    result = call("doctor", "--url", service.url)

    assert result.returncode == 1
    assert re.search(r"^failed +key +STATEBASE_API_KEY is not set: set it", result.stdout, re.M)
    assert re.search(r"^ok +server", result.stdout, re.M)


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [(403, "failed", "may not list"), (429, "warning", "rate limit"), (503, "failed", "returned 503")],
)
def test_answers_to_the_key(doctor: Doctor, service: SmallService, answer: int, status: str, words: str) -> None:
    """Not every refusal is about the key."""
    service.statuses["/v1/sessions"] = answer

    _, checks = doctor("--url", service.url)

    assert checks["key"]["status"] == status
    assert words in checks["key"]["detail"]


def test_closed_port(doctor: Doctor) -> None:
    """No server listens: checks that need a connection are skipped, with the reason."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    code, checks = doctor("--url", f"https://127.0.0.1:{port}")

    assert code == 1
    assert checks["tcp"]["status"] == "failed"
    assert f"127.0.0.1, port {port}: Connection refused" in checks["tcp"]["detail"]
    skipped = [name for name, status in statuses(checks).items() if status == "skipped"]
    assert skipped == ["tls", "server", "clock", "key", "api"]


def test_unknown_host(doctor: Doctor) -> None:
    """A name without an address is what is wrong, and nothing after it."""
    code, checks = doctor("--url", "https://statebase.invalid")

    assert code == 1
    assert [name for name, status in statuses(checks).items() if status == "failed"] == ["dns"]
    assert "statebase.invalid has no address" in checks["dns"]["detail"]


@pytest.mark.parametrize("url", ["ftp://user:pass-word@host", "http://example.com", "nowhere", "user:pass-word@host"])
def test_addresses_that_cannot_work(doctor: Doctor, url: str) -> None:
    """An address that a client would refuse is refused, without the password that it may hold."""
    code, checks = doctor("--url", url)

    assert (code, checks["address"]["status"]) == (1, "failed")
    assert "pass-word" not in json.dumps(checks)
    assert checks["server"] == {"status": "skipped", "detail": "there is no valid address", "advice": ""}


def test_certificate_that_is_trusted(doctor: Doctor, make_service: Callable[..., SmallService], tmp_path: Path) -> None:
    """Protocol, authority and last day of the certificate are told."""
    end = datetime.now(timezone.utc) + timedelta(days=100)
    authority = trustme.CA(organization_name="Our Own")
    service = make_service(certificate(tmp_path, authority, "127.0.0.1", not_after=end))

    code, checks = doctor("--url", service.url, SSL_CERT_FILE=str(tmp_path / "ca.pem"))

    assert (code, checks["tls"]["status"]) == (0, "ok")
    assert re.match(r"TLSv1\.\d; ", checks["tls"]["detail"])
    assert checks["tls"]["detail"].endswith(f"the certificate, issued by Our Own, is valid until {end:%Y-%m-%d}")


def test_certificate_that_expires_soon(
    doctor: Doctor, make_service: Callable[..., SmallService], tmp_path: Path
) -> None:
    """A certificate with less than two weeks to go is a warning, which fails nothing."""
    end = datetime.now(timezone.utc) + timedelta(days=3, hours=12)
    service = make_service(certificate(tmp_path, trustme.CA(), "127.0.0.1", not_after=end))

    code, checks = doctor("--url", service.url, SSL_CERT_FILE=str(tmp_path / "ca.pem"))

    assert (code, checks["tls"]["status"]) == (0, "warning")
    assert "It expires in 3 days 11 hours" in checks["tls"]["advice"]


def test_certificate_that_has_expired(
    doctor: Doctor, make_service: Callable[..., SmallService], tmp_path: Path
) -> None:
    """An expired certificate fails, and what builds on the connection is skipped."""
    past = datetime.now(timezone.utc) - timedelta(days=1)
    service = make_service(certificate(tmp_path, trustme.CA(), "127.0.0.1", not_after=past))

    code, checks = doctor("--url", service.url, SSL_CERT_FILE=str(tmp_path / "ca.pem"))

    assert (code, checks["tls"]["status"]) == (1, "failed")
    assert "certificate has expired" in checks["tls"]["detail"]
    assert "renew" in checks["tls"]["advice"]
    assert [checks[name]["status"] for name in ("server", "clock", "key", "api")] == ["skipped"] * 4
    assert service.targets == []


def test_certificate_of_a_stranger(doctor: Doctor, make_service: Callable[..., SmallService], tmp_path: Path) -> None:
    """A certificate by an unknown authority fails, with the way to trust it."""
    service = make_service(certificate(tmp_path, trustme.CA(), "127.0.0.1"))

    code, checks = doctor("--url", service.url)

    assert (code, checks["tls"]["status"]) == (1, "failed")
    assert "SSL_CERT_FILE" in checks["tls"]["advice"]


def test_certificate_of_another_host(doctor: Doctor, make_service: Callable[..., SmallService], tmp_path: Path) -> None:
    """A certificate for another name fails, with what to do."""
    service = make_service(certificate(tmp_path, trustme.CA(), "example.com"))

    code, checks = doctor("--url", service.url, SSL_CERT_FILE=str(tmp_path / "ca.pem"))

    assert (code, checks["tls"]["status"]) == (1, "failed")
    assert checks["tls"]["advice"] == "Use a host name that the certificate is issued for."


def test_server_without_tls(doctor: Doctor, service: SmallService) -> None:
    """https:// to a port that speaks http is told from a certificate that is not trusted."""
    code, checks = doctor("--url", service.url.replace("http:", "https:"))

    assert (code, checks["tls"]["status"]) == (1, "failed")
    assert "Check that the server uses TLS" in checks["tls"]["advice"]


def test_authorities_that_are_not_there(doctor: Doctor, tmp_path: Path, make_service: Any) -> None:
    """A variable whose path does not exist is named, and no connection is opened."""
    service = make_service(certificate(tmp_path, trustme.CA(), "127.0.0.1"))

    code, checks = doctor("--url", service.url, SSL_CERT_FILE=str(tmp_path / "absent.pem"))

    assert code == 1
    assert checks["settings"]["status"] == "failed"
    assert "SSL_CERT_FILE" in checks["settings"]["advice"]


@pytest.mark.parametrize(("hours", "word"), [(-3, "ahead of"), (3, "behind")])
def test_clocks_that_differ(doctor: Doctor, service: SmallService, hours: int, word: str) -> None:
    """Hours between the clocks are a warning, which says whose is late."""
    service.clock_ahead = timedelta(hours=hours)

    code, checks = doctor("--url", service.url)

    assert (code, checks["clock"]["status"]) == (0, "warning")
    assert re.match(rf"This machine is (3 hours|2 hours 59 minutes) {word} the server", checks["clock"]["detail"])


def test_older_server(doctor: Doctor, service: SmallService) -> None:
    """Something that the server lacks is a warning that names it."""
    del service.document["paths"]["/v1/sessions/{session_id}/fork"]

    code, checks = doctor("--url", service.url)

    assert (code, checks["api"]["status"]) == (0, "warning")
    assert "The server lacks POST /v1/sessions/{session_id}/fork." in checks["api"]["detail"]


def test_newer_server(doctor: Doctor, service: SmallService) -> None:
    """An addition of the server is reported, but not as a warning."""
    service.document["paths"]["/v1/news"] = {"get": {}}

    _, checks = doctor("--url", service.url)

    assert checks["api"]["status"] == "ok"
    assert "The server also has GET /v1/news." in checks["api"]["detail"]


def test_server_without_a_document(doctor: Doctor, service: SmallService) -> None:
    """A server need not publish its document."""
    service.statuses["/openapi.json"] = 404

    _, checks = doctor("--url", service.url)

    assert checks["api"]["status"] == "skipped"
    assert "404" in checks["api"]["detail"]


@pytest.mark.parametrize("document", [b"<html>", [], {}, b"[" * 100_000])
def test_document_that_is_none(doctor: Doctor, service: SmallService, document: Any) -> None:
    """Whatever stands at /openapi.json, the doctor comes to an end."""
    service.document = document

    _, checks = doctor("--url", service.url)

    assert checks["api"]["status"] in ("warning", "failed")


@pytest.mark.parametrize("health", [b"<html>Welcome", {"status": "healthy"}, [], b"\xff"])
def test_another_service(doctor: Doctor, service: SmallService, health: Any) -> None:
    """A response that differs from StateBase's is probably from another service."""
    service.health = health

    code, checks = doctor("--url", service.url)

    assert (code, checks["server"]["status"]) == (1, "failed")
    assert checks["server"]["advice"] == "Check the address and its path."


def test_service_that_is_not_well(doctor: Doctor, service: SmallService) -> None:
    """A service that knows that something is wrong with it is a warning, which names the part."""
    service.health["status"] = "degraded"
    service.health["services"]["vectors"] = {"status": "down"}

    code, checks = doctor("--url", service.url)

    assert (code, checks["server"]["status"]) == (0, "warning")
    assert checks["server"]["advice"] == "Not healthy: vectors."


def test_service_that_hangs_up(doctor: Doctor, service: SmallService) -> None:
    """A port that accepts connections and sends nothing is not a service; the rest is skipped."""
    service.hangs_up = True

    code, checks = doctor("--url", service.url)

    assert (code, checks["server"]["status"]) == (1, "failed")
    assert "was lost" in checks["server"]["detail"]
    assert [checks[name]["status"] for name in ("clock", "key", "api")] == ["skipped"] * 3


def test_proxy_of_http(doctor: Doctor, service: SmallService) -> None:
    """Unencrypted requests to this machine do not use the proxy in the environment."""
    code, checks = doctor("--url", service.url, HTTP_PROXY="http://proxy.invalid:3128")

    assert code == 0
    assert checks["proxy"]["detail"] == "none: HTTP_PROXY does not apply to this address"
    assert service.targets[0] == "/health"


def test_proxy_of_https(doctor: Doctor, make_service: Callable[..., SmallService], tmp_path: Path) -> None:
    """Through a proxy, with its credentials, the certificate that is checked is the service's."""
    proxy = make_service()
    proxy.proxy_credentials = "Basic " + base64.b64encode(b"user:secret").decode()
    service = make_service(certificate(tmp_path, trustme.CA(organization_name="Our Own"), "127.0.0.1"))
    variables = {
        "HTTPS_PROXY": proxy.url.replace("://", "://user:secret@"),
        "SSL_CERT_FILE": str(tmp_path / "ca.pem"),
    }

    code, checks = doctor("--url", service.url, **variables)

    assert code == 0
    assert "by Our Own" in checks["tls"]["detail"]
    assert checks["proxy"]["detail"] == f"{proxy.url} (user and password hidden) from HTTPS_PROXY"
    assert proxy.targets[0] == f"127.0.0.1:{service.port}"


def test_proxy_that_asks_for_a_password(doctor: Doctor, make_service: Any, tmp_path: Path) -> None:
    """A proxy that refuses is what is wrong."""
    proxy = make_service()
    proxy.proxy_credentials = "Basic other"
    service = make_service(certificate(tmp_path, trustme.CA(), "127.0.0.1"))

    code, checks = doctor("--url", service.url, HTTPS_PROXY=proxy.url)

    assert code == 1
    assert "407" in checks["server"]["detail"]


@pytest.mark.parametrize("proxy", ["ftp://user:pass-word@proxy", "http://user:pass-word@proxy:port"])
def test_proxies_that_cannot_work(doctor: Doctor, service: SmallService, proxy: str) -> None:
    """A proxy that no client can go through is what is wrong; its password does not show."""
    code, checks = doctor("--url", service.url.replace("http:", "https:"), HTTPS_PROXY=proxy)

    assert (code, checks["proxy"]["status"]) == (1, "failed")
    assert "pass-word" not in json.dumps(checks)
    assert checks["dns"]["status"] == "skipped"


def test_proxy_that_does_not_count(doctor: Doctor, service: SmallService) -> None:
    """NO_PROXY is obeyed, and it is said that a proxy is set."""
    _, checks = doctor("--url", service.url, HTTP_PROXY="http://127.0.0.1:1", NO_PROXY="127.0.0.1")

    assert checks["proxy"]["detail"] == "none: HTTP_PROXY does not apply to this address"
    assert checks["server"]["status"] == "ok"


def test_variables_that_nothing_reads(doctor: Doctor, service: SmallService) -> None:
    """A misspelt variable is a warning."""
    _, checks = doctor("--url", service.url, STATEBASE_BASEURL="http://127.0.0.1:1")

    assert checks["settings"]["status"] == "warning"
    assert checks["settings"]["advice"] == "StateBase does not read STATEBASE_BASEURL: did you mean STATEBASE_BASE_URL?"


def test_extras_are_those_of_the_package() -> None:
    """No extra is forgotten."""
    assert {*EXTRAS, *FRAMEWORKS} == set(metadata.metadata("statebase").get_all("Provides-Extra") or [])


def test_missing_extra_is_named(doctor: Doctor, service: SmallService, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing extra is reported with the command that installs it."""
    monkeypatch.setitem(EXTRAS, "http2", ("no_such_module",))

    _, checks = doctor("--url", service.url)

    assert 'not installed: http2 (pip install "statebase[http2]")' in checks["extras"]["detail"]


def test_nothing_is_waited_for_without_end() -> None:
    """A function that takes too long is abandoned; otherwise its result is returned."""

    def fail() -> None:
        raise KeyError("mine")

    never = socket.socketpair()
    with never[0], never[1]:
        with pytest.raises(TimeoutError):
            within(0.01, lambda: never[0].recv(1))
        never[1].sendall(b"x")  # lets the thread end
    assert within(30, lambda: 5) == 5
    with pytest.raises(KeyError, match="mine"):
        within(30, fail)
