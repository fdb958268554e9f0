"""Write api.md: each method of the clients in one line, with its signature.

Signatures are read from the source of the generated and the hand-written classes; the package is not imported.
"""

from __future__ import annotations

import ast
import functools
import html
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterator, Mapping, Optional

from codegen.document.choices import NAMESPACES, Namespace
from codegen.errors import CodegenError, pointer
from codegen.names import camel_case
from codegen.operations.operations import Api, Operation
from codegen.operations.steps import Steps
from codegen.reference.modules import GENERATED, Function, Module, functions, functions_with_bases
from codegen.reference.signatures import parameters, result

_PACKAGE = "src/statebase"
_MARKDOWN = re.compile(r"([\\`*_\[\]{}|~#!])")


@dataclass(frozen=True)
class Method:
    """One line of the page; all texts are Markdown."""

    name: str
    parameters: str
    result: str
    route: str
    summary: str


@dataclass(frozen=True)
class Section:
    """One namespace."""

    title: str
    description: str
    methods: tuple[Method, ...]


def sections(
    api: Api, steps: Mapping[str, tuple[Steps, ...]], generated: Mapping[str, str], sources: Path
) -> Iterator[Section]:
    """Describe the namespaces of the clients.

    Args:
        api: The operations.
        steps: The steps of each namespace, which are additional methods.
        generated: The generated modules, by path in the generated package.
        sources: The folder of the package, with the hand-written classes.

    Raises:
        CodegenError: A class that the overlay names cannot be read.
    """

    @functools.cache
    def read(path: str) -> Module:
        inner = path.removeprefix(GENERATED)
        text = generated[inner] if inner != path else (sources / path).read_text(encoding="utf-8")
        return Module(path, ast.parse(text), read)

    # The client itself comes first.
    for name, namespace in sorted(api.namespaces.items(), key=lambda item: item[1].client_path is None):
        title = "client" if namespace.client_path else f"client.{name}"
        description = "What the client does itself." if namespace.client_path else namespace.description
        own = dict(api.methods(name))
        upon = {each.name: own[call] for each in steps[name] for call in each.calls if call in own}
        by_steps = {
            method.partition(".")[2]: operation
            for operation in reversed(api.operations)
            for method in operation.methods
            if method in {f"{name}.{each.name}" for each in steps[name]}
        }
        operations = {**own, **upon, **by_steps}
        try:
            methods = tuple(_method(title, function, operations) for function in _offered(name, namespace, read))
        except (OSError, LookupError, SyntaxError) as error:
            problem = f"The class that is written by hand cannot be read: {error}."
            raise CodegenError(pointer(NAMESPACES, name), problem) from error
        also = f" Also as {_code(f'client.{namespace.also}')}." if namespace.also else ""
        yield Section(_code(title), _text(description) + also, methods)


def _offered(name: str, namespace: Namespace, read: Callable[[str], Module]) -> Iterator[Function]:
    """Return the methods of a namespace, or of the client."""
    if namespace.client_path:
        yield from dict(functions_with_bases(*_place(namespace.client_path, read))).values()
    else:
        for _, function in functions(read(f"{GENERATED}transport/{name}.py"), camel_case(name)):
            yield function


def _place(path: str, read: Callable[[str], Module]) -> tuple[Module, str]:
    """Return the module and the name of a class."""
    module, _, class_name = path.removeprefix("statebase.").rpartition(".")
    return read(f"{module.replace('.', '/')}.py"), class_name


def _method(owner: str, function: Function, operations: Mapping[str, Operation]) -> Method:
    returned, origin = result(function)
    operation = operations.get(function.name)
    call = f"{function.owner if function.of_class else owner}.{function.name}"
    return Method(
        name=f"[{_code(call)}]({_PACKAGE}/{function.module.path})",
        parameters=_code(f"({parameters(function)})"),
        result=_code(returned) if origin is None else f"[{_code(returned)}]({_PACKAGE}/{origin})",
        route="" if operation is None else _code(f"{operation.method} {operation.path}"),
        summary=_text(function.summary),
    )


def _code(text: str) -> str:
    """Return any text as code in Markdown."""
    line = " ".join(text.split())
    fence = "`" * (max(map(len, re.findall("`+", line)), default=0) + 1)
    space = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{space}{line}{space}{fence}"


def _text(text: Optional[str]) -> str:
    """Return a text escaped for Markdown."""
    return html.escape(_MARKDOWN.sub(r"\\\1", " ".join((text or "").split())), quote=False)
