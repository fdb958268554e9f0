"""The checks of this machine: interpreter, packages, extras, settings."""

from __future__ import annotations

import difflib
import os
import platform
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Iterator, List, Mapping

from ..._base.version import __version__
from ..environment import API_KEY, BASE_URL, DATABASE_URL, SERVE_API_KEY
from .report import Check, ok

EXTRAS = {
    "aiohttp": ("aiohttp",),
    "http2": ("h2",),
    "local": ("numpy", "statebase_minilm"),
    "otel": ("opentelemetry",),
    "postgres": ("psycopg",),
    "server": ("hypercorn", "trustme"),
}
"""The optional dependencies, and the modules that each installs."""
FRAMEWORKS = {
    "agent-framework": ("agent_framework",),
    "google-adk": ("google", "google.adk"),
    "langchain": ("langchain_core",),
    "langgraph": ("langgraph", "langgraph.checkpoint"),
    "openai-agents": ("agents",),
}
"""The extras of integrations with agent frameworks; they are listed only if they are installed."""

_PACKAGES = ("httpx", "httpcore", "pydantic")
_OURS = (API_KEY, BASE_URL, DATABASE_URL, SERVE_API_KEY, "STATEBASE_LOG")
_FILES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_SHOWN_OF_KEY = 8


def examine_environment(environment: Mapping[str, str]) -> Iterator[Check]:
    """Check this machine."""
    interpreter = f"{platform.python_implementation()} {platform.python_version()}"
    yield ok("python", f"{interpreter} on {platform.platform()}")
    packages = {"statebase": __version__, **{name: metadata.version(name) for name in _PACKAGES}}
    yield ok("packages", ", ".join(f"{name} {version}" for name, version in packages.items()))
    yield _extras()
    yield _settings(environment)


def redacted_key(key: str) -> str:
    """Return the first characters of a key, a quarter of it at most."""
    return f"{key[: min(_SHOWN_OF_KEY, len(key) // 4)]}…"


def _extras() -> Check:
    installed = [extra for extra, modules in {**EXTRAS, **FRAMEWORKS}.items() if all(map(find_spec, modules))]
    missing = [extra for extra in EXTRAS if extra not in installed]
    text = ", ".join(installed) or "none"
    if missing:
        text += f'; not installed: {", ".join(missing)} (pip install "statebase[{",".join(missing)}]")'
    return ok("extras", text)


def _settings(environment: Mapping[str, str]) -> Check:
    """Return the check that lists the variables that are set, and only those values that may be shown."""
    names = sorted(name for name, value in environment.items() if value)
    found: List[str] = []
    for name in names:
        if name == API_KEY:
            found.append(f"{name}={redacted_key(environment[name])}")
        elif name in _FILES:
            found.append(f"{name}={_without_home(environment[name])}")
        elif name in _OURS or name.lower() in _PROXIES:
            found.append(name)
    lost = [name for name in names if name in _FILES and not Path(environment[name]).exists()]
    unknown = [name for name in names if name.startswith("STATEBASE_") and name not in _OURS]
    text = ", ".join(found) or "no environment variable is set"
    if lost:
        return Check("settings", "failed", f"{text}.", f"The path in {lost[0]} does not exist: correct or unset it.")
    if unknown:
        near = difflib.get_close_matches(unknown[0], _OURS, 1)
        hint = f": did you mean {near[0]}?" if near else "."
        return Check("settings", "warning", f"{text}.", f"StateBase does not read {', '.join(unknown)}{hint}")
    return ok("settings", text)


def _without_home(path: str) -> str:
    """Return a path with ~ for the home directory, so that the user name is not shown."""
    home = str(Path.home())
    return f"~{path[len(home) :]}" if path.startswith(f"{home}{os.sep}") else path
