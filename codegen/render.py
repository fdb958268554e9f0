"""Render the modules of the package from the templates.

Templates receive objects of the generator, and strings that are valid Python. Texts of the document reach them only as
docstrings or literals, written by filters.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterable

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from codegen.document.choices import Namespace
from codegen.errors import CodegenError, pointer
from codegen.models import Models
from codegen.names import camel_case
from codegen.operations.enums import names_of_long_enums
from codegen.operations.operations import Api, Operation
from codegen.operations.parameters import Location, Parameter
from codegen.operations.steps import Steps
from codegen.operations.value_types import Type, as_argument, as_literal, as_result
from codegen.prose import ERRORS, LINE_LENGTH, example_for, literal, outcome, paragraphs, section, sentence
from codegen.reference.page import Section

_METHOD_WIDTH = LINE_LENGTH - 8
_KEYWORDS: dict[Location, str] = {"path": "path", "query": "query", "header": "headers"}
# Names that the templates import or define. A class of the document with one of these names would shadow it.
_TAKEN = {
    *("Any", "Dict", "List", "Literal", "Mapping", "Sequence", "Union", "Unpack", "TYPE_CHECKING", "Timestamp"),
    *("Cursor", "Operation", "OPERATIONS", "NOT_GIVEN", "NotGiven", "RequestOptions", "WriteOptions"),
    *(
        "AsyncNamespace",
        "AsyncPage",
        "Page",
        "SyncNamespace",
        "Iterable",
        "Optional",
        "Tuple",
        "run",
        "run_async",
        "raw",
        "raw_async",
    ),
}


class Renderer:
    """Renders modules.

    Args:
        templates: The folder of the templates.
        header: The first line of every module.
    """

    def __init__(self, templates: Path, header: str) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(templates),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            autoescape=False,
        )
        self._environment.globals["header"] = header
        self._environment.filters.update(
            {
                "default": _default,
                "python": repr,
                "literal": as_literal,
                "result": _result,
                "value": _value,
                "returned": _returned,
                "call": _call,
            }
        )

    def models(self, models: Models, api: Api) -> str:
        """Render `models.py`."""
        # A hand-written class replaces the generated class of its name; type checkers keep the first definition.
        replaced = {operation.result_class.rpartition(".")[2] for operation in api.operations if operation.result_class}
        return self._render("models.py.jinja", models=models, replaced=replaced)

    def queries(self, queries: Models, operations: Iterable[Operation]) -> str:
        """Render `queries.py`."""
        classes = {
            operation.id: queries.classes[operation.id] for operation in operations if operation.id in queries.classes
        }
        return self._render("queries.py.jinja", queries=queries, classes=classes)

    def operations(self, api: Api) -> str:
        """Render `operations.py`."""
        models = sorted({name for operation in api.operations for name in _at_run_time(operation)})
        _refuse_taken(models, {operation.id.upper() for operation in api.operations})
        return self._render(
            "operations.py.jinja",
            operations=api.operations,
            models=models,
            results=_result_imports(api.operations, models),
        )

    def transport(self, api: Api, namespace: str, steps: tuple[Steps, ...]) -> str:
        """Render the module of one namespace."""
        methods = api.methods(namespace)
        operations = [operation for _, operation in methods]
        models = sorted(
            {name for operation in operations for name in _in_signature(operation)}
            | {name for each in steps for name in each.models}
        )
        class_name = camel_case(namespace)
        _refuse_taken(
            models, {f"{prefix}{class_name}{end}" for prefix in ("", "Async") for end in ("", "WithRawResponse")}
        )
        sets = names_of_long_enums((p.argument, p.type) for each in operations for p in each.parameters)
        text = sentence(api.namespaces[namespace].description)
        return self._render(
            "transport.py.jinja",
            namespace=namespace,
            class_name=class_name,
            description=literal([text] if text else [f"The methods of {namespace}."], 4),
            methods=methods,
            raw_methods=[*(name for name, _ in methods), *api.namespaces[namespace].raw],
            models=models,
            results=_result_imports(operations, models),
            own=_own_imports(operations, steps),
            steps=steps,
            sets=sets,
            annotation=lambda parameter: as_argument(parameter.type, sets, parameter.required),
            docstring=_method_docstring,
            steps_docstring=lambda each, asynchronous: literal(each.docstring_lines(asynchronous), 8),
        )

    def namespaces(self, api: Api, prefix: str) -> str:
        """Render `namespaces.py`, or `async_namespaces.py` with the prefix Async."""
        namespaces = [_client_namespace(api, name, namespace) for name, namespace in api.namespaces.items()]
        operations = [operation for namespace in namespaces for _, operation in namespace["methods"]]
        models = sorted({name for operation in operations for name in _in_signature(operation)})
        taken = {f"{prefix}{end}" for prefix in ("", "Async") for end in ("Namespaces", "WithRawResponse", "APIClient")}
        _refuse_taken(models, {*taken, "SyncAPIClient"})
        return self._render(
            "namespaces.py.jinja",
            prefix=prefix,
            namespaces=namespaces,
            models=models,
            results=_result_imports(operations, models),
            with_parameters=any(operation.parameters for operation in operations),
            annotation=lambda parameter: as_argument(parameter.type, {}, parameter.required),
            docstring=_method_docstring,
        )

    def reference(self, sections: Iterable[Section]) -> str:
        """Render `api.md`."""
        return self._render("api.md.jinja", sections=[*sections])

    def text(self, template: str) -> str:
        """Render a module that does not depend on the document."""
        return self._render(template)

    def _render(self, template: str, **values: Any) -> str:
        return self._environment.get_template(template).render(**values)


def _class_of(name: str, namespace: Namespace) -> dict[str, Any]:
    """Return the name of a namespace, its class, and the module of the class."""
    return {"name": name, "module": f".transport.{name}", "class_name": camel_case(name), "also": namespace.also}


def _client_namespace(api: Api, name: str, namespace: Namespace) -> dict[str, Any]:
    """Return the values for an attribute in `namespaces.py`, with the methods that the client itself has."""
    text = sentence(namespace.description) or f"The methods of {name}."
    methods = api.methods(name) if namespace.client_path else ()
    return {**_class_of(name, namespace), "description": literal([text], 8), "methods": [*methods]}


def _method_docstring(operation: Operation, method: str, asynchronous: bool) -> str:
    return literal(method_docstring(operation, method, asynchronous), 8)


def method_docstring(operation: Operation, method: str, asynchronous: bool) -> list[str]:
    """Write the docstring of a method in Google style, line by line.

    Args:
        operation: The operation that the method carries out.
        method: The method, such as `sessions.get`.
        asynchronous: Whether it is a method of the asynchronous client.
    """
    lines = paragraphs(sentence(operation.summary) or f"Carry out {operation.id}.", _METHOD_WIDTH)
    description = paragraphs(operation.description, _METHOD_WIDTH)
    if description:
        lines += ["", *description]
    if operation.deprecated:
        lines += ["", "Deprecated: the service may drop this operation."]
    lines += ["", f"``{operation.method} {operation.path}``"]
    options = f"Options of this call, such as timeout{' and idempotency_key' if operation.carries_key else ''}."
    arguments = [*((p.argument, p.description) for p in operation.parameters), ("**options", options)]
    lines += section("Args", arguments, _METHOD_WIDTH)
    if operation.result.kind != "null":
        lines += section("Returns", [("", outcome(operation.returns))], _METHOD_WIDTH)
    refused = [("InvalidRequestError", sentence(operation.refuses))] if operation.refuses else []
    errors = ((ERRORS.get(status, "APIStatusError"), outcome(text)) for status, text in operation.errors)
    lines += section("Raises", [*refused, *errors], _METHOD_WIDTH)
    if operation.example is not None:
        place = pointer("paths", operation.path, operation.method.lower(), "x-statebase", "example")
        code = example_for(operation.example, operation.calls, method, asynchronous, place)
        lines += ["", "Example:", *(f"    {line}" for line in code)]
    return lines


def _default(parameter: Parameter) -> str:
    if parameter.required:
        return ""
    return " = NOT_GIVEN" if parameter.default is None else f" = {parameter.default!r}"


def _result(operation: Operation) -> str:
    """Return the type of a successful response of an operation."""
    return operation.result_class.rsplit(".", 1)[-1] if operation.result_class else as_result(operation.result)


def _value(type_: Type) -> str:
    """Return the expression of a type at run time."""
    return {"None": "type(None)", "Any": "object"}.get(as_result(type_), as_result(type_))


def _returned(operation: Operation, asynchronous: bool) -> str:
    """Return the text of the section Returns."""
    if operation.item is not None:
        return f"{'AsyncPage' if asynchronous else 'Page'}[{as_result(operation.item)}]"
    return _result(operation)


def _call(operation: Operation) -> str:
    """Return the arguments of a request."""
    arguments = [f"operations.{operation.id.upper()}", "options"]
    for location, keyword in _KEYWORDS.items():
        if operation.at(location):
            arguments.append(f"{keyword}={_mapping(operation.at(location))}")
    if operation.body is not None:
        whole = operation.body.kind != "model"
        arguments.append("body=body" if whole else f"body={_mapping(operation.at('body'))}")
    return ", ".join(arguments)


def _mapping(parameters: Iterable[Parameter]) -> str:
    """Return a dictionary from wire names to arguments."""
    return "{" + ", ".join(f"{parameter.name!r}: {_sent(parameter)}" for parameter in parameters) + "}"


def _sent(parameter: Parameter) -> str:
    # The client requires path parameters to be strings, so that it can detect a mistaken id.
    name = parameter.argument
    if parameter.location == "path" and as_result(parameter.type) == "int":
        return f"str({name})"
    value = f"either({name!r}, {name}, {parameter.also!r}, {parameter.also})" if parameter.also else name
    return f"{parameter.convert.rpartition('.')[2]}({name!r}, {value})" if parameter.convert else value


def _at_run_time(operation: Operation) -> set[str]:
    """Return the models that an operation needs when it is defined."""
    answer = set() if operation.result_class else operation.result.models()
    return answer if operation.body is None else answer | operation.body.models()


def _in_signature(operation: Operation) -> set[str]:
    """Return the models in the annotations of a method."""
    result = operation.result if operation.item is None else operation.item
    answer = set() if operation.result_class else result.models()
    return answer.union(*(parameter.type.models() for parameter in operation.parameters))


def _result_imports(operations: Iterable[Operation], models: list[str]) -> list[tuple[str, str]]:
    paths = sorted({operation.result_class for operation in operations if operation.result_class})
    imports = [(path.rsplit(".", 1)[0], path.rsplit(".", 1)[1]) for path in paths]
    names = [name for _, name in imports]
    for name in names:
        if name in models or names.count(name) > 1:
            raise CodegenError(pointer("components", "schemas", name), f"There is another class {name} beside it.")
    return imports


def _own_imports(operations: Iterable[Operation], steps: Iterable[Steps]) -> list[tuple[str, str]]:
    """Return the imports of hand-written types, converters and steps: modules and names."""
    parameters = [parameter for operation in operations for parameter in operation.parameters]
    paths = {path for parameter in parameters for path in parameter.type.paths()}
    paths |= {parameter.convert for parameter in parameters if parameter.convert}
    imports = {(path.rpartition(".")[0], path.rpartition(".")[2]) for path in paths}
    for each in steps:
        imports |= {(each.module, each.name), *each.imports}
    return sorted(imports)


def _refuse_taken(models: Iterable[str], more: set[str]) -> None:
    for name in models:
        if name in _TAKEN or name in more:
            place = pointer("components", "schemas", name)
            raise CodegenError(place, "Generated code has this name for itself. Rename the schema.")
