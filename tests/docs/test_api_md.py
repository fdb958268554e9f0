"""api.md names every public method of the clients, with its parameters, and its links lead to where it is."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import pytest

from statebase import AsyncStateBase, StateBase
from statebase._call.drivers import AsyncNamespace, SyncNamespace

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "api.md").read_text(encoding="utf-8")
LINE = re.compile(
    r"^- \[`([\w.]+)`\]\((\S+)\)`\((.*?)\)` → (?:`([^`]+)`|\[`([^`]+)`\]\((\S+)\))<br>(?:`(\S+ \S+)` · )?\S.*$"
)


def lines() -> Dict[str, Tuple[str, str]]:
    """Read where each method is and its parameters, by how it is called."""
    found = [LINE.match(line) for line in TEXT.splitlines() if line.startswith("- ")]
    assert None not in found
    return {match[1]: (match[2], match[3]) for match in found if match is not None}


def methods(client: Any, name: str) -> Iterator[Tuple[str, Any]]:
    """Find what is public and callable on a client and in its namespaces, by how it is called."""
    for attribute in dir(client):
        value = None if attribute.startswith("_") else getattr(client, attribute)
        if attribute != "memories" and isinstance(value, (SyncNamespace, AsyncNamespace)):  # another name for memory
            yield from methods(value, f"{name}.{attribute}")
        elif inspect.ismethod(value):
            yield f"StateBase.{attribute}" if inspect.isclass(value.__self__) else f"{name}.{attribute}", value


def names(parameters: str) -> List[str]:
    """Read the names of parameters from a signature."""
    without_brackets = parameters
    while re.search(r"\[[^\[\]]*\]", without_brackets):
        without_brackets = re.sub(r"\[[^\[\]]*\]", "", without_brackets)
    parts = (part.partition(":")[0].strip() for part in without_brackets.split(","))
    return [part.lstrip("*") for part in parts if part.lstrip("*")]


@pytest.mark.parametrize("client", [StateBase("sb_test"), AsyncStateBase("sb_test")], ids=["sync", "async"])
def test_every_method_is_there_with_its_parameters(client: Any) -> None:
    """The page has all methods of the clients, and no other, each with its parameters."""
    offered = {call: list(inspect.signature(method).parameters) for call, method in methods(client, "client")}

    assert {call: names(parameters) for call, (_, parameters) in lines().items()} == offered
    assert len(offered) > 40


def test_each_link_leads_to_the_method() -> None:
    """The file behind a method's name defines it."""
    for call, (path, _) in lines().items():
        assert f"    def {call.rpartition('.')[2]}(" in (ROOT / path).read_text(encoding="utf-8"), call


def test_each_link_to_a_result_leads_to_its_class() -> None:
    """The file behind a result defines the last class that is named in it."""
    links = re.findall(r"\[`([^`]+)`\]\((src/[^)]+)\)", TEXT)
    for text, path in links:
        name = re.findall(r"\w+", text.replace(" | None", ""))[-1]
        assert re.search(rf"(class|def) {name}\b", (ROOT / path).read_text(encoding="utf-8")), text
