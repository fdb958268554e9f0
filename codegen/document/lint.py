"""Check that a document is valid OpenAPI, in a separate process, since it takes as long as generating the code."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping

from codegen.errors import CodegenError, pointer

_ROOT = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def linting(document: Mapping[str, Any], scratch: Path) -> Iterator[Callable[[], None]]:
    """Check a document while the `with` block runs.

    Args:
        document: The document.
        scratch: A folder for files that are not kept.

    Yields:
        A function that waits for the result; it raises `CodegenError` if the document is not valid.
    """
    copy = scratch / "document.json"
    copy.write_text(json.dumps(document), encoding="utf-8")
    command = [sys.executable, "-m", "codegen.document.lint", str(copy.resolve())]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, encoding="utf-8") as process:

        def verdict() -> None:
            output, _ = process.communicate()
            if process.returncode:
                raise CodegenError(*json.loads(output))

        try:
            yield verdict
        finally:
            process.kill()


def lint(document: Mapping[str, Any]) -> None:
    """Check a document against the OpenAPI specification.

    Raises:
        CodegenError: The document is not valid.
    """
    # Imported only in the separate process.
    from openapi_spec_validator import OpenAPIV31SpecValidator

    if not str(document.get("openapi", "")).startswith("3.1."):
        raise CodegenError("#/openapi", "The document is not one of OpenAPI 3.1.")
    try:
        fault = next(OpenAPIV31SpecValidator(dict(document)).iter_errors(), None)
    except Exception as error:
        # The library does not wrap exceptions of its dependencies.
        raise CodegenError("#", f"openapi-spec-validator failed: {_short(error)}.") from error
    if fault is not None:
        # "Fits none of the alternatives" does not help: the deepest error is the likely cause.
        while fault.context:
            fault = max(fault.context, key=lambda inner: len(inner.absolute_path))
        raise CodegenError(pointer(*fault.absolute_path), f"This is not valid OpenAPI 3.1: {_short(fault.message)}.")


def _short(message: object) -> str:
    # Some messages contain the whole document.
    return str(message)[:300]


def main(path: str) -> int:
    """Check the document in a file, and print as JSON the place and the problem if it is not valid."""
    try:
        lint(json.loads(Path(path).read_text(encoding="utf-8")))
    except CodegenError as error:
        print(json.dumps([error.place, error.problem]))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
