"""A document is read from a file or from a running service, or it is said why it cannot be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable, Union

import httpx
import pytest

from codegen.drift.compare import load
from codegen.errors import CodegenError

ADDRESS = "https://api.example.com/openapi.json"
DOCUMENT: dict[str, Any] = {"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, "paths": {}}


def answering(respond: Callable[[httpx.Request], httpx.Response]) -> httpx.Client:
    """Return a client whose requests are answered by the function."""
    return httpx.Client(transport=httpx.MockTransport(respond))


def test_json_file_is_read(tmp_path: Path) -> None:
    """The checked-in document is such a file."""
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(DOCUMENT), encoding="utf-8")

    assert load(str(path)) == DOCUMENT


def test_yaml_file_is_read_with_text_keys(tmp_path: Path) -> None:
    """Statuses without quotes are numbers in YAML, and texts in a document."""
    path = tmp_path / "openapi.yaml"
    path.write_text("openapi: 3.1.0\npaths:\n  /:\n    get:\n      responses:\n        200: {}\n", encoding="utf-8")

    assert load(str(path))["paths"] == {"/": {"get": {"responses": {"200": {}}}}}


def test_address_is_fetched() -> None:
    """A running service publishes its document under an address."""
    client = answering(lambda request: httpx.Response(200, json=DOCUMENT))

    assert load(ADDRESS, client) == DOCUMENT


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "neither JSON nor YAML"),
        ("a: [", "neither JSON nor YAML"),
        ("[]", "it holds no object"),
        ("just text", "it holds no object"),
        ("{}", "not an OpenAPI 3 document"),
        ('{"swagger": "2.0", "paths": {}}', "not an OpenAPI 3 document"),
        ('{"openapi": "3.1.0", "paths": []}', "its paths are not an object"),
    ],
    ids=["broken JSON", "broken YAML", "list", "text", "empty", "version 2", "no paths"],
)
def test_file_without_a_document_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    """The error names the file and says what is wrong with it."""
    path = tmp_path / "openapi.json"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(CodegenError, match=problem) as caught:
        load(str(path))

    assert caught.value.place == str(path)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    """The error says that there is no such file."""
    with pytest.raises(CodegenError, match="There is no such file"):
        load(str(tmp_path / "nowhere.json"))


def test_folder_is_refused(tmp_path: Path) -> None:
    """The error says that it cannot be read."""
    with pytest.raises(CodegenError, match="cannot be read"):
        load(str(tmp_path))


# What a service does instead of giving a document, and what is said of it.
FAILURES: dict[str, tuple[Union[httpx.Response, Exception], str]] = {
    "not found": (httpx.Response(404), "the status 404"),
    "web page": (httpx.Response(200, html="<html></html>"), "a web page"),
    "broken JSON": (httpx.Response(200, text="{"), "neither JSON nor YAML"),
    "timeout": (httpx.ReadTimeout("slow"), "did not answer in time"),
    "no service": (httpx.ConnectError("refused"), "cannot be reached: refused"),
}


@pytest.mark.parametrize(("failure", "problem"), FAILURES.values(), ids=FAILURES.keys())
def test_address_without_a_document_is_refused(failure: Union[httpx.Response, Exception], problem: str) -> None:
    """The error names the address and says what came instead of a document."""

    def respond(request: httpx.Request) -> httpx.Response:
        if isinstance(failure, Exception):
            raise failure
        return failure

    with pytest.raises(CodegenError, match=problem) as caught:
        load(ADDRESS, answering(respond))

    assert caught.value.place == ADDRESS


def test_address_that_is_none_is_refused() -> None:
    """An address that cannot be asked is refused like one that does not answer."""
    with pytest.raises(CodegenError, match="cannot be reached"):
        load("https://api.example.com:port/", answering(lambda request: httpx.Response(200)))
