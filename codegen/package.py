"""Generates the files of the package from the document, and writes them to disk."""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from difflib import unified_diff
from importlib import metadata
from pathlib import Path
from typing import Any, Iterator, Mapping, Optional

from codegen.document import overlay as overlays
from codegen.document.canonical import canonical
from codegen.document.lint import linting
from codegen.errors import CodegenError
from codegen.prose import LINE_LENGTH

REFERENCE = "api.md"
_GENERATORS = ("datamodel-code-generator", "openapi-python-client", "openapi-spec-validator", "ruff")
_RUFF = (sys.executable, "-m", "ruff")
_RUFF_OPTIONS = ("--isolated", "--no-cache", "--quiet", "--target-version=py39", f"--line-length={LINE_LENGTH}")
_RUFF_RULES = ("--fix", "--select=F401,I001", "--config=lint.isort.known-first-party=['statebase']")


@dataclass(frozen=True)
class Project:
    """The files that the generator reads and writes."""

    document: Path
    overlay: Path
    lock: Path
    templates: Path
    sources: Path
    """The hand-written package, from which the reference is read."""
    output: Path
    reference: Path

    @classmethod
    def at(cls, root: Path) -> Project:
        """Return the paths in a repository, given its root."""
        openapi = root / "openapi"
        return cls(
            document=openapi / "statebase-v1.json",
            overlay=openapi / "overlay.yaml",
            lock=openapi / "versions.lock",
            templates=root / "templates",
            sources=root / "src" / "statebase",
            output=root / "src" / "statebase" / "_generated",
            reference=root / "api.md",
        )


def read_document(project: Project) -> dict[str, Any]:
    """Read the document and apply the overlay.

    Raises:
        CodegenError: A file is missing or not valid, or the overlay does not match the document.
    """
    try:
        document = json.loads(project.document.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CodegenError(str(project.document), f"The document cannot be read: {error}.") from error
    if not isinstance(document, dict):
        raise CodegenError(str(project.document), "The document must be a JSON object.")
    try:
        return overlays.apply(document, overlays.load(project.overlay))
    except OSError as error:
        raise CodegenError(str(project.overlay), f"The overlay cannot be read: {error}.") from error
    except overlays.OverlayError as error:
        place = error.place if error.place == str(project.overlay) else f"{project.overlay}: {error.place}"
        raise CodegenError(place, error.problem) from error


def generate(project: Project) -> None:
    """Write the generated package, the reference of its methods, and the lock of the document.

    Raises:
        CodegenError: The document cannot be turned into code; nothing is changed.
    """
    project.output.parent.mkdir(parents=True, exist_ok=True)
    # Next to the output, since a folder can only be renamed atomically within one file system.
    with _generated(project, project.output.parent) as (fresh, beside):
        _swap(fresh, project.output)
    for path, text in beside.items():
        path.write_text(text, encoding="utf-8", newline="\n")


def check(project: Project) -> list[str]:
    """Compare the generated files in the repository with newly generated ones.

    Returns:
        The lines of a unified diff; empty if they are the same.

    Raises:
        CodegenError: The document cannot be turned into code.
    """
    with _generated(project) as (fresh, beside):
        expected, found = {**_texts(fresh), **beside}, _texts(project.output)
    found.update({path: path.read_text(encoding="utf-8") for path in beside if path.exists()})
    difference: list[str] = []
    for path in sorted({*expected, *found}, key=str):
        name = path.name if path in beside else f"{project.output.name}/{path.as_posix()}"
        difference += unified_diff(
            found.get(path, "").splitlines(),
            expected.get(path, "").splitlines(),
            f"{name} (as it is)" if path in found else "/dev/null",
            f"{name} (as generated)" if path in expected else "/dev/null",
            lineterm="",
        )
    return difference


def lock_text(project: Project) -> str:
    """Return the text of the lock file: digests of the sources, and versions of the generators."""
    lines = ["# Written by `python -m codegen generate`: what src/statebase/_generated is made from."]
    for path in (project.document, project.overlay):
        # Line ends depend on the checkout.
        content = path.read_bytes().replace(b"\r\n", b"\n")
        lines.append(f"{path.name} sha256:{hashlib.sha256(content).hexdigest()}")
    lines += [f"{name} {metadata.version(name)}" for name in _GENERATORS]
    return "\n".join(lines) + "\n"


@contextlib.contextmanager
def _generated(project: Project, parent: Optional[Path] = None) -> Iterator[tuple[Path, dict[Path, str]]]:
    """Generate into a new folder, below `parent` if given; it is removed at the end unless it was moved.

    Yields:
        The folder, and the contents of the files outside of it.
    """
    with tempfile.TemporaryDirectory(prefix="._generated-", dir=parent) as scratch:
        document = read_document(project)
        sources = f"openapi/{project.document.name} and openapi/{project.overlay.name}"
        header = f"# Generated by codegen from {sources}; do not edit."
        fresh = Path(scratch) / "package"
        files = _render_valid(document, project, header, Path(scratch))
        beside = {project.lock: lock_text(project), project.reference: files.pop(REFERENCE)}
        for path, text in files.items():
            target = fresh / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8", newline="\n")
        _format(fresh)
        yield fresh, beside


def _render_valid(document: Mapping[str, Any], project: Project, header: str, scratch: Path) -> dict[str, str]:
    with linting(document, scratch) as verdict:
        try:
            files = render(document, project, header, scratch)
        except CodegenError:
            raise
        except Exception:
            # A document that is not valid OpenAPI may cause any error.
            verdict()
            raise
        verdict()
        return files


def render(document: Mapping[str, Any], project: Project, header: str, scratch: Path) -> dict[str, str]:
    """Return the files of the package, not formatted yet, and the reference.

    Args:
        document: The document with the overlay applied.
        project: The paths of the templates and of the hand-written package.
        header: The first line of every module.
        scratch: A folder for temporary files.

    Returns:
        The contents of the files by path in the package, and the text of the reference.
    """
    # These import both generators, which takes longer than everything else.
    from codegen.models import document_models, query_models
    from codegen.operations.operations import read_api
    from codegen.operations.steps import read_steps
    from codegen.reference.page import sections
    from codegen.render import Renderer

    source, templates = canonical(document), project.templates
    models = document_models(source, templates / "models", header, scratch)
    api = read_api(source, {name: class_ for module in models.values() for name, class_ in module.classes.items()})
    steps = read_steps(api.namespaces, project.sources)
    ids = {(operation.path, operation.method.lower()): operation.id for operation in api.operations}
    queries = query_models(source, ids, templates / "models", header, scratch)
    renderer = Renderer(templates, header)
    files = {
        "__init__.py": renderer.text("package.py.jinja"),
        **renderer.models(models, api),
        "results.py": renderer.results(api),
        "queries.py": renderer.queries(queries, api.operations),
        "operations.py": renderer.operations(api),
        "namespaces.py": renderer.namespaces(api, "", steps),
        "async_namespaces.py": renderer.namespaces(api, "Async", steps),
        "openapi.json": json.dumps(_without_extension(document), separators=(",", ":")) + "\n",
        "transport/__init__.py": renderer.text("transport_package.py.jinja"),
        **{
            f"transport/{namespace}.py": renderer.transport(api, namespace, steps[namespace])
            for namespace in api.namespaces
        },
    }
    return {**files, REFERENCE: renderer.reference(sections(api, steps, files, project.sources))}


def _without_extension(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_extension(value) for key, value in node.items() if not key.startswith("x-statebase")}
    return [_without_extension(item) for item in node] if isinstance(node, list) else node


def _format(folder: Path) -> None:
    for command in (("check", *_RUFF_RULES), ("format",)):
        done = subprocess.run(
            [*_RUFF, *command, *_RUFF_OPTIONS, str(folder)],
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        if done.returncode:
            problem = " ".join((done.stdout + done.stderr).replace(str(folder), "").split())
            raise CodegenError("templates", f"ruff cannot format the generated code: {problem}")


def _swap(fresh: Path, output: Path) -> None:
    """Exchange two folders; if that fails, both stay in place."""
    old = fresh.with_name("old")
    if output.exists():
        output.rename(old)
    try:
        fresh.rename(output)
    except BaseException:
        if old.exists():
            old.rename(output)
        raise


def _texts(folder: Path) -> dict[Path, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder): path.read_text(encoding="utf-8") for path in files}
