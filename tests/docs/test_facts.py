"""Numbers on the pages, in the help and in several modules are those of the code and of the document."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Set

from statebase._call import retry, settings
from statebase._call.retry import RETRIED_STATUSES
from statebase._call.settings import REGIONS
from statebase.cli import arguments
from statebase.transfer import importing

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

    def limits(schema: object) -> Set[int]:
        if isinstance(schema, dict):
            own = {schema["maximum"]} if "maximum" in schema else set()
            return own.union(*map(limits, schema.values()))
        return set().union(*map(limits, schema)) if isinstance(schema, list) else set()

    (longest,) = limits(SCHEMAS["SessionCreateRequest"]["properties"]["ttl_seconds"])

    assert arguments.LONGEST_TTL_SECONDS == importing._LONGEST_TTL_SECONDS == longest
    for name in ("README.md", "docs/index.md", "docs/quickstart.md"):
        assert f"`ttl_seconds=` sets another lifetime, up to {longest / 86400:g} days" in page(name)


def test_regions() -> None:
    """The command line names the regions that `base_url` takes."""
    assert f"region ({', '.join(f'`{name}`' for name in REGIONS)})" in page("docs/command-line.md")
    assert f"a region: {', '.join(REGIONS)};" in arguments.SERVICE
