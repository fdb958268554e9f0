"""The files that people copy to run servers agree with the command line, the API and with each other."""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List
from urllib.parse import urlsplit

import pytest

from statebase._generated.operations import OPERATIONS
from statebase.cli.environment import VARIABLES
from statebase.cli.parser import parse
from statebase.local import Engine
from statebase.server import serve_in_thread

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "examples" / "deploy"
CONTAINERFILE = (ROOT / "Containerfile").read_text(encoding="utf-8")
NAMES = {name for names in VARIABLES for name in names}
OF_POSTGRESQL = {"PGPASSWORD", "POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD"}
OF_THE_PROXY = {"STATEBASE_DOMAIN"}
PATHS = {operation.path for operation in OPERATIONS.values() if operation.is_open}
"""The paths of the operations that need no key."""


def documents(name: str) -> List[Any]:
    """Return the documents of a YAML file."""
    yaml = pytest.importorskip("ruamel.yaml", reason="YAML is read by a package of the generator")
    return list(yaml.YAML(typ="safe").load_all((DEPLOY / name).read_text(encoding="utf-8")))


def port_of(arguments: List[str]) -> int:
    """Return the port of a server, and check that its command line is valid."""
    return int(parse(arguments).port)


@pytest.fixture
def manifest() -> Dict[str, Any]:
    """The objects of the manifest for Kubernetes, by kind."""
    found = documents("kubernetes.yaml")
    by_kind = {each["kind"]: each for each in found}
    assert len(by_kind) == len(found)
    return by_kind


def test_compose() -> None:
    """Servers take their options, the proxy sends to their port, and every variable is known."""
    (compose,) = documents("compose.yaml")
    services = compose["services"]
    servers = {name: service for name, service in services.items() if name.startswith("server-")}
    upstreams = re.search(r"reverse_proxy ([^{]+)", (DEPLOY / "Caddyfile").read_text(encoding="utf-8"))
    assert upstreams is not None

    assert len(servers) == 2
    assert sorted(upstreams[1].split()) == sorted(
        f"{name}:{port_of(service['command'])}" for name, service in servers.items()
    )
    for service in services.values():
        assert set(service.get("environment", {})) <= NAMES | OF_POSTGRESQL | OF_THE_PROXY
    url = urlsplit(servers["server-1"]["environment"]["STATEBASE_DATABASE_URL"])
    database = services["database"]["environment"]
    assert (url.hostname, url.username, url.path[1:]) == (
        "database",
        database["POSTGRES_USER"],
        database["POSTGRES_DB"],
    )
    build = servers["server-1"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).samefile(ROOT / "Containerfile")
    mounted = [volume.split(":")[0] for service in services.values() for volume in service.get("volumes", [])]
    assert {name for name in mounted if not name.startswith(".")} == set(compose["volumes"])
    assert all((DEPLOY / name).exists() for name in mounted if name.startswith("."))


def test_health_checks_of_the_proxy() -> None:
    """The proxy asks for a path of the API that needs no key."""
    (path,) = re.findall(r"health_uri (\S+)", (DEPLOY / "Caddyfile").read_text(encoding="utf-8"))

    assert path in PATHS


def test_kubernetes(manifest: Dict[str, Any]) -> None:
    """Ports, labels, probes and variables are those of the code, and agree."""
    pod = manifest["Deployment"]["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    (port,) = container["ports"]
    (service_port,) = manifest["Service"]["spec"]["ports"]
    (rule,) = manifest["Ingress"]["spec"]["rules"]
    (path,) = rule["http"]["paths"]

    assert port["containerPort"] == port_of(container["args"])
    assert service_port["targetPort"] == port["name"]
    assert path["backend"]["service"] == {
        "name": manifest["Service"]["metadata"]["name"],
        "port": {"name": service_port["name"]},
    }
    assert manifest["Ingress"]["spec"]["tls"][0]["hosts"] == [rule["host"]]
    for probe in ("readinessProbe", "livenessProbe", "startupProbe"):
        assert container[probe]["httpGet"]["path"] in PATHS
        assert container[probe]["httpGet"]["port"] == port["name"]
    selectors = [
        manifest["Deployment"]["spec"]["selector"]["matchLabels"],
        manifest["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        manifest["Service"]["spec"]["selector"],
    ]
    assert selectors == [pod["metadata"]["labels"]] * 3
    assert container["envFrom"] == [{"secretRef": {"name": manifest["Secret"]["metadata"]["name"]}}]
    assert set(manifest["Secret"]["stringData"]) <= NAMES


def test_systemd_unit() -> None:
    """The command takes its options, and the variables are known."""
    unit = (DEPLOY / "statebase.service").read_text(encoding="utf-8")
    (command,) = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    program, *arguments = shlex.split(command)

    assert Path(program).name == "statebase"
    assert port_of(arguments) == port_of(["serve"])
    assert set(re.findall(r"^# +([A-Z_]+)=", unit, re.MULTILINE)) <= NAMES


def test_image() -> None:
    """It has the files that a build needs, the port of the server, and the extras of a server."""
    sources = [
        word for line in re.findall(r"^COPY (?!--)(.*) \S+$", CONTAINERFILE, re.MULTILINE) for word in line.split()
    ]
    kept = re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

    assert sorted(sources) == sorted(kept)
    assert all((ROOT / source).exists() for source in sources)
    assert re.findall(r"uv==([\d.]+)", CONTAINERFILE) == re.findall(r"uv==([\d.]+)", makefile)
    for extra in re.findall(r"--extra (\w+)", CONTAINERFILE):
        assert re.search(rf"^{extra} = \[", project, re.MULTILINE)
    assert re.findall(r"^EXPOSE (\d+)$", CONTAINERFILE, re.MULTILINE) == [str(port_of(command("CMD")))]
    assert set(re.findall(r"STATEBASE_[A-Z_]+", CONTAINERFILE)) <= NAMES


def command(instruction: str) -> List[str]:
    """Return the command of an instruction of the Containerfile."""
    (found,) = re.findall(
        rf"^(?:    )?{instruction} \[(.*)\]$", CONTAINERFILE.replace("\\\n    CMD", "\\\n    CHECK"), re.MULTILINE
    )
    return [part[1:-1] for part in re.findall(r'"[^"]*"', found)]


@pytest.fixture
def health_check() -> Iterator[Any]:
    """Run the health check of the image against a port of this machine; returns its exit code."""

    def run(port: int) -> int:
        _, *arguments = [part.replace("8787", str(port)) for part in command("CHECK")]
        return subprocess.run([sys.executable, *arguments], stderr=subprocess.DEVNULL).returncode

    yield run


def test_health_check_of_the_image(health_check: Any) -> None:
    """It succeeds as soon as the server answers, with a key too, and fails if no server listens."""
    engine = Engine.open()
    with serve_in_thread(engine, api_key="sb_secret") as server:
        port = urlsplit(server.url).port

        assert health_check(port) == 0
    engine.close()
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert health_check(unused.getsockname()[1]) == 1
