"""Numbers on the pages, in the help and in several modules are those of the code and of the document."""

from __future__ import annotations

import importlib
import inspect
import json
import re
from pathlib import Path
from typing import Set

from statebase._base import limits
from statebase._call import retry, settings
from statebase._call.retry import RETRIED_STATUSES
from statebase._call.settings import REGIONS
from statebase._generated.operations import OPERATIONS
from statebase._generated.queries import QUERIES
from statebase.cli import arguments
from statebase.local.http.read import LARGEST_BODY

ROOT = Path(__file__).parents[2]
SCHEMAS = json.loads((ROOT / "src/statebase/_generated/openapi.json").read_text(encoding="utf-8"))["components"][
    "schemas"
]


def page(name: str) -> str:
    """Return the text of a page, on one line."""
    return " ".join((ROOT / name).read_text(encoding="utf-8").split())


def test_retried_statuses() -> None:
    """The page about errors lists the statuses that are retried."""
    (listed,) = re.findall(r"the statuses ([\d, and]+)\.", page("docs/errors.md"))

    assert set(map(int, re.findall(r"\d+", listed))) == RETRIED_STATUSES


def test_waits_before_a_retry() -> None:
    """The page about errors has the first and the longest wait between attempts."""
    policy = retry.RetryPolicy(settings.DEFAULT_MAX_RETRIES)

    assert f"a random part of {policy.initial_seconds:g} seconds" in page("docs/errors.md")
    assert f"and so on up to {policy.cap_seconds:g}." in page("docs/errors.md")


def test_defaults_of_a_client() -> None:
    """README and pages have the defaults of the constructor."""
    timeout, retries = settings.DEFAULT_TIMEOUT_SECONDS, settings.DEFAULT_MAX_RETRIES
    mebibytes = settings.DEFAULT_MAX_RESPONSE_BYTES // 1024**2

    assert f"`timeout={timeout}`" in page("README.md")
    assert f"`max_retries={retries}`" in page("README.md")
    assert f"`max_response_bytes` ({mebibytes} MiB)" in page("docs/errors.md")
    assert f"`max_response_bytes`, {mebibytes} MiB" in page("docs/guides/network.md")


def test_lifetime_of_a_session() -> None:
    """The longest lifetime of a session is that of the document, on pages, in the command line and in imports."""

    def maxima(schema: object) -> Set[int]:
        if isinstance(schema, dict):
            own = {schema["maximum"]} if "maximum" in schema else set()
            return own.union(*map(maxima, schema.values()))
        return set().union(*map(maxima, schema)) if isinstance(schema, list) else set()

    (longest,) = maxima(SCHEMAS["SessionCreateRequest"]["properties"]["ttl_seconds"])

    assert longest == limits.LONGEST_TTL_SECONDS
    for name in ("README.md", "docs/index.md", "docs/quickstart.md"):
        assert f"`ttl_seconds=` sets another lifetime, up to {longest / 86400:g} days" in page(name)


def test_largest_body() -> None:
    """Pages and docstrings state the largest body that the embedded engine takes."""
    limit = f"{LARGEST_BODY // 1024**2} MiB"

    assert page("docs/errors.md").count(f"The body is over {limit}") == 2
    assert f"the limit of {limit} per request" in page("docs/guides/histories.md")
    for module in ("_namespaces/sessions.py", "_generated/transport/sessions.py"):
        stated = set(re.findall(r"body is over ([^.,]+)", page(f"src/statebase/{module}")))
        assert stated == {limit}, module


def test_page_sizes() -> None:
    """The default and the largest page in the docstring of a list are those of its query."""
    for operation, query in QUERIES.items():
        limit = query.model_fields.get("limit")
        largest = [each.le for each in limit.metadata if hasattr(each, "le")] if limit else []
        for method in OPERATIONS[operation].methods if largest else ():
            if method == "memory.list":  # reads as many pages as it needs
                continue
            namespace, name = method.split(".")
            module = importlib.import_module(f"statebase._generated.transport.{namespace}")
            documented = inspect.getdoc(getattr(getattr(module, namespace.capitalize()), name)) or ""
            (stated,) = re.findall(r"^ *limit: (.*(?:\n {8}.*)*)", documented, re.MULTILINE)
            assert f"1 to {largest[0]:,}" in stated, (method, stated)


def test_regions() -> None:
    """The command line names the regions that `base_url` takes."""
    assert f"region ({', '.join(f'`{name}`' for name in REGIONS)})" in page("docs/command-line.md")
    assert f"a region: {', '.join(REGIONS)};" in arguments.SERVICE
