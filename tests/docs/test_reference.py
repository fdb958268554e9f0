"""The site is built without a warning, and its reference has every public name and method."""

from __future__ import annotations

import inspect
import os
import re
import shutil
import subprocess
import sys
import zlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Dict, Iterator, Set
from urllib.parse import unquote

import pytest

import statebase
from statebase import StateBase, models, testing, webhooks
from statebase._base.model import Model
from statebase._call.drivers import SyncNamespace
from tests.docs.pages import DOCS, PAGES, ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built from a copy of what it is made of."""
    if find_spec("zensical") is None:
        pytest.skip("zensical, which needs Python 3.11, is not installed")
    project = tmp_path_factory.mktemp("project")
    for name in ("docs", "examples", "src"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("mkdocs.yml", *(page.name for page in ROOT.glob("*.md"))):
        shutil.copy(ROOT / name, project)
    build = [sys.executable, "-m", "zensical", "build", "--strict"]
    environment = {**os.environ, "PYTHONPATH": "docs/.extensions"}
    result = subprocess.run(build, cwd=project, env=environment, capture_output=True, encoding="utf-8")
    assert result.returncode == 0, result.stdout + result.stderr
    return project / "site"


@pytest.fixture(scope="module")
def inventory(site: Path) -> Set[str]:
    """The names that the reference has."""
    packed = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    return {line.split(" ")[0] for line in zlib.decompress(packed).decode().splitlines()}


def public_methods(value: Any) -> Set[str]:
    """List the functions of a class that a caller may use, inherited ones of ours included."""
    return {
        name
        for name, member in inspect.getmembers(value)
        if not name.startswith("_")
        and (inspect.isfunction(member) or inspect.ismethod(member))
        and member.__module__.startswith("statebase")
    }


def namespaces() -> Iterator[type]:
    """Yield the classes of the namespaces."""
    with StateBase.local() as client:
        for name in ("sessions", "state", "memory", "traces", "entities", "dashboard"):
            namespace = getattr(client, name)
            assert isinstance(namespace, SyncNamespace)
            yield type(namespace)


def test_every_public_name_is_there(inventory: Set[str]) -> None:
    """Every name in `statebase.__all__`, `statebase.models` and `statebase.webhooks` has an entry."""
    of_models = {
        name
        for name, value in inspect.getmembers(models, inspect.isclass)
        if issubclass(value, Model) and value is not Model
    }
    expected = {f"statebase.{name}" for name in statebase.__all__ if name != "models"}
    expected |= {f"statebase.models.{name}" for name in of_models}
    expected |= {f"statebase.testing.{name}" for name in testing.__all__}
    expected |= {f"statebase.webhooks.{name}" for name in webhooks.__all__ if name != "WebhookEvent"}

    assert expected - inventory == set()


def test_every_method_is_there(inventory: Set[str]) -> None:
    """Each method of the clients, their namespaces, and of what they return has an entry."""
    classes: Dict[str, type] = {f"{one.__module__}.{one.__name__}": one for one in namespaces()}
    public = {name: getattr(statebase, name) for name in statebase.__all__}
    classes.update({f"statebase.{name}": value for name, value in public.items() if inspect.isclass(value)})

    missing = {f"{path}.{name}" for path, value in classes.items() for name in public_methods(value)} - inventory

    assert missing == set()


def test_every_page_is_in_the_navigation() -> None:
    """A page that no menu leads to would not be found."""
    listed = set(re.findall(r"^ +- ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE))

    assert listed == {page.relative_to(DOCS).as_posix() for page in PAGES if DOCS in page.parents}


def test_every_link_leads_somewhere(site: Path) -> None:
    """A link within the site leads to a file and, where it names one, to a place in it."""
    pages = {page: page.read_text(encoding="utf-8") for page in site.rglob("*.html") if page.name != "404.html"}
    links = [
        (page, unquote(link)) for page, text in pages.items() for link in re.findall(r'<a[^>]* href="?([^" >]+)', text)
    ]

    dead = []
    for page, link in links:
        path, _, place = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        target = target / "index.html" if target.is_dir() else target
        if "://" not in link and not (target.is_file() and (not place or f'id="{place}"' in pages[target])):
            dead.append((page.name, link))

    assert len(links) > 1000
    assert dead == []


def test_nothing_is_fetched_by_a_page(site: Path) -> None:
    """No script, style, font or picture comes from elsewhere: the site works without a network."""
    fetched = re.compile(r"<(?:script|img|iframe)[^>]+src=\"?(?:https?:)?//|<link[^>]+href=\"?(?:https?:)?//[^>]*>")
    pages = {page: fetched.findall(page.read_text(encoding="utf-8")) for page in site.rglob("*.html")}

    assert len(pages) > 30
    assert {page.name: found for page, found in pages.items() if found} == {}


def test_errors_and_codes_are_explained() -> None:
    """The page on errors has a row for each class and each code."""
    page = (DOCS / "errors.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| `([\w.]+)` \|", page, re.MULTILINE))
    overlay = (ROOT / "openapi/overlay.yaml").read_text(encoding="utf-8")
    codes = {code.strip() for listed in re.findall(r"x-error-codes: \[(.*?)\]", overlay) for code in listed.split(",")}
    classes = {name for name in statebase.__all__ if name.endswith("Error")} - {"StateBaseError"}

    assert len(codes) > 10
    assert (codes | classes | {"webhooks.WebhookError"}) - rows == set()
