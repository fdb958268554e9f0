"""Test integrations where their frameworks are installed: an environment for each, with the SDK from its wheel.

    python -m tests.integrations [NAME ...] [--versions newest|oldest|both] [-- ARGUMENTS OF PYTEST]

`newest` are the versions in uv.lock, `oldest` the lowest ones that the extra allows. Environments are kept and used again
as long as uv.lock is the same. Integrations that this Python is too old for are listed as left out.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Dict, List, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = ROOT / ".venv-integrations"


class Integration(NamedTuple):
    """An integration."""

    extra: str
    python: str
    """The oldest Python that the framework works with."""
    group: str = ""
    """The group of what its tests need beside the framework."""


INTEGRATIONS: Dict[str, Integration] = {
    "agent_framework": Integration("agent-framework", "3.10"),
    "google_adk": Integration("google-adk", "3.11"),
    "langchain": Integration("langchain", "3.10", "integrations-langchain"),
    "langgraph": Integration("langgraph", "3.10", "integrations-langgraph"),
    "openai_agents": Integration("openai-agents", "3.10"),
}


def uv(*arguments: str, environment: Path) -> str:
    """Run uv for an environment, and return what it prints."""
    settings = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(environment)}
    command = [sys.executable, "-m", "uv", *arguments]
    return subprocess.run(command, cwd=ROOT, env=settings, check=True, stdout=subprocess.PIPE, text=True).stdout


def prepare(name: str, versions: str, wheels: List[Path]) -> Path:
    """Create the environment of an integration, unless there is one that fits, and install the wheels into it.

    Returns:
        Its interpreter.
    """
    integration = INTEGRATIONS[name]
    environment = ENVIRONMENTS / f"{name}-{versions}"
    python = environment / "bin" / "python"
    locked = hashlib.sha256((ROOT / "uv.lock").read_bytes()).hexdigest()
    mark = environment / "made-from"
    if not mark.exists() or mark.read_text() != locked:
        groups = ["--group", "integrations"] + (["--group", integration.group] if integration.group else [])
        if versions == "newest":
            extras = ["--extra", integration.extra, "--extra", "local", "--extra", "postgres", "--extra", "server"]
            uv(
                *("sync", "--quiet", "--locked", "--no-default-groups", "--no-install-workspace"),
                *("--python", sys.executable, *groups, *extras),
                environment=environment,
            )
        else:
            uv("venv", "--quiet", "--clear", "--python", sys.executable, str(environment), environment=environment)
            uv(
                *("pip", "install", "--quiet", "--python", str(python), *groups, *floors(integration.extra)),
                *(
                    f"{wheel}[local,postgres,server]" if wheel.name.startswith("statebase-1") else str(wheel)
                    for wheel in wheels
                ),
                environment=environment,
            )
        mark.write_text(locked)
    uv(
        *("pip", "install", "--quiet", "--python", str(python), "--no-deps", "--reinstall", *map(str, wheels)),
        environment=environment,
    )
    return python


def floors(extra: str) -> List[str]:
    """Return the requirements of an extra as their lowest versions."""
    text = (ROOT / "pyproject.toml").read_text()
    found = re.search(rf"^{re.escape(extra)} = \[(.*)\]$", text, re.MULTILINE)
    assert found is not None, f"pyproject.toml has no extra {extra}"
    return [re.sub(r">=", "==", one.split(";")[0].strip()) for one in re.findall(r'"([^"]+)"', found[1])]


def modules(name: str) -> List[str]:
    """Return the module of an integration, and the package of its parts if it has one."""
    parts = ROOT / "src" / "statebase" / "integrations" / f"_{name}"
    return [f"statebase.integrations.{name}"] + ([f"statebase.integrations._{name}"] if parts.is_dir() else [])


def main() -> int:
    """Test the integrations that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.integrations", description="Test integrations.")
    parser.add_argument("names", nargs="*", choices=[[], *INTEGRATIONS], metavar="NAME", help="Default: all")
    parser.add_argument("--versions", choices=["newest", "oldest", "both"], default="newest")
    arguments = sys.argv[1:]
    place = arguments.index("--") if "--" in arguments else len(arguments)
    options = parser.parse_args(arguments[:place])
    names: List[str] = options.names or list(INTEGRATIONS)
    failed: List[str] = []
    (wheels,) = [sorted((ROOT / "build" / "wheels").glob("*.whl"))]
    for name in names:
        integration = INTEGRATIONS[name]
        if sys.version_info < tuple(map(int, integration.python.split("."))):
            print(f"== {name}: left out, needs Python {integration.python}", flush=True)
            continue
        for versions in ["newest", "oldest"] if options.versions == "both" else [options.versions]:
            print(f"== {name}, {versions} versions", flush=True)
            python = prepare(name, versions, wheels)
            page = ROOT / "docs" / "integrations" / f"{name.replace('_', '-')}.md"
            for command in (
                [
                    "-m",
                    "pytest",
                    "-n",
                    "auto",
                    "--dist",
                    "loadfile",
                    f"tests/integrations/{name}",
                    *arguments[place + 1 :],
                ],
                ["-m", "mypy", *(option for module in modules(name) for option in ("-p", module))],
                *(["-m", "mypy", str(path)] for path in (ROOT / "examples").glob(f"{name}_agent.py")),
                [str(ROOT / "tests" / "docs" / "run_page.py"), str(page)],
            ):
                with tempfile.TemporaryDirectory() as empty:  # for what a page writes
                    directory = ROOT if command[0] == "-m" else empty
                    if subprocess.run([str(python), *command], cwd=directory, check=False).returncode != 0:
                        failed.append(f"{name}, {versions}: {' '.join(command[:2])}")
    for failure in failed:
        print(f"FAILED {failure}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
