"""Read an OpenAPI document from a file or from a running service."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Optional, cast

import httpx
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from codegen.errors import CodegenError

_TIMEOUT_SECONDS = 20.0


class SourceError(CodegenError):
    """There is no OpenAPI document to be had from a source; the place is the source."""


def load(source: str, client: Optional[httpx.Client] = None) -> dict[str, Any]:
    """Read an OpenAPI document.

    Args:
        source: The path of a JSON or YAML file, or an http(s) address such as `https://api.statebase.org/openapi.json`.
        client: What to fetch an address with, instead of a client of its own.

    Returns:
        The document.

    Raises:
        SourceError: The source cannot be read, or what it holds is not an OpenAPI 3 document.
    """
    is_address = source.startswith(("http://", "https://"))
    return _document(_fetched(source, client) if is_address else _read(source), source)


def _read(source: str) -> str:
    try:
        return Path(source).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise SourceError(source, "There is no such file.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(source, f"The file cannot be read: {error}.") from error


def _fetched(source: str, client: Optional[httpx.Client]) -> str:
    if client is None:
        with httpx.Client(timeout=_TIMEOUT_SECONDS, follow_redirects=True) as own:
            return _fetched(source, own)
    try:
        answer = client.get(source, headers={"Accept": "application/json, application/yaml;q=0.9"})
    except httpx.TimeoutException as error:
        raise SourceError(source, "The service did not answer in time.") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SourceError(source, f"The service cannot be reached: {error}.") from error
    if not answer.is_success:
        raise SourceError(source, f"The service answered with the status {answer.status_code}.")
    if "html" in answer.headers.get("Content-Type", ""):
        raise SourceError(source, "The service answered with a web page: give the address of its openapi.json.")
    return answer.text


def _document(text: str, source: str) -> dict[str, Any]:
    try:
        document: object = json.loads(text)
    except ValueError:
        document = _yaml(text, source)
    if not isinstance(document, dict):
        raise SourceError(source, "This is not an OpenAPI document: it holds no object.")
    found = cast("dict[str, Any]", _with_text_keys(cast(object, document)))
    if not str(found.get("openapi", "")).startswith("3."):
        raise SourceError(source, "This is not an OpenAPI 3 document: its openapi field does not say 3.x.")
    if not isinstance(found.get("paths", {}), dict):
        raise SourceError(source, "This is not an OpenAPI document: its paths are not an object.")
    return found


def _yaml(text: str, source: str) -> object:
    try:
        return cast(Any, YAML(typ="safe", pure=True)).load(text)
    except YAMLError as error:
        raise SourceError(source, "This is neither JSON nor YAML.") from error


def _with_text_keys(node: object) -> object:
    # In YAML the statuses of answers are often written without quotes, and so are numbers.
    if isinstance(node, dict):
        return {str(key): _with_text_keys(value) for key, value in cast("dict[object, object]", node).items()}
    if isinstance(node, list):
        return [_with_text_keys(value) for value in cast("list[object]", node)]
    return node
