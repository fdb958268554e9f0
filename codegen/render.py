"""Render the modules of the package from the templates.

Templates receive objects of the generator, and strings that are valid Python. Texts of the document reach them only as
docstrings or literals, written by filters.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterable, Mapping

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from codegen.document.choices import Namespace, Typed
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
        "AsyncPages",
        "Page",
        "SyncNamespace",
        "Iterable",
        "Optional",
        "Tuple",
        "run",
        "run_async",
        "raw",
        "raw_async",
        "overload",
        "Callable",
        "cast",
        "AsyncIterator",
        "Iterator",
        "iterate",
        "iterate_async",
        "coroutine_function",
    ),
}


_AS = (
    "A Pydantic model, a dataclass, a TypedDict or any other type of an object that Pydantic can validate. The result "
    "is a `TypedState`, whose `state` is an instance of it."
)


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
                "as_themselves": _as_themselves,
                "literal": as_literal,
                "result": _result,
                "value": _value,
                "returned": _returned,
                "call": _call,
            }
        )

    def models(self, modules: Mapping[str, Models], api: Api) -> dict[str, str]:
        """Render the package `models`, its files by their paths."""
        classes = {module: tuple(sorted(models.classes.values())) for module, models in modules.items()}
        made = {name for module in classes.values() for name in module}
        for name in made & _TAKEN:
            place = pointer("components", "schemas", name)
            raise CodegenError(place, "Generated code has this name for itself. Rename the schema.")
        # A hand-written class replaces the generated class of its name; type checkers keep the first definition.
        replaced = {path.rpartition(".")[2] for path in _result_classes(api)}
        return {
            "models/__init__.py": self._render(
                "models_package.py.jinja", modules=classes, names=sorted(made - replaced)
            ),
            **{
                f"models/{module}.py": self._render("models.py.jinja", code=models.code)
                for module, models in modules.items()
            },
        }

    def results(self, api: Api) -> str:
        """Render `results.py`."""
        modules: dict[str, tuple[str, ...]] = {}
        for path in _result_classes(api):
            module, _, name = path.rpartition(".")
            modules[module] = (*modules.get(module, ()), name)
        names = sorted(name for module in modules.values() for name in module)
        models = {name for operation in api.operations for name in _models(operation)}
        for name in names:
            if name in models or names.count(name) > 1:
                raise CodegenError(pointer("components", "schemas", name), f"There is another class {name} beside it.")
        return self._render("results.py.jinja", modules=modules, names=names)

    def queries(self, queries: Models, operations: Iterable[Operation]) -> str:
        """Render `queries.py`."""
        classes = {
            operation.id: queries.classes[operation.id] for operation in operations if operation.id in queries.classes
        }
        return self._render("queries.py.jinja", queries=queries, classes=classes)

    def operations(self, api: Api) -> str:
        """Render `operations.py`."""
        return self._render("operations.py.jinja", operations=api.operations)

    def transport(self, api: Api, namespace: str, steps: tuple[Steps, ...]) -> str:
        """Render the module of one namespace."""
        by_hand = {each.name for each in steps}
        methods = [(name, operation) for name, operation in api.methods(namespace) if name not in by_hand]
        operations = [operation for _, operation in methods]
        sets = names_of_long_enums((p.argument, p.type) for each in operations for p in each.parameters)
        text = sentence(api.namespaces[namespace].description)
        return self._render(
            "transport.py.jinja",
            namespace=namespace,
            class_name=camel_case(namespace),
            description=literal([text] if text else [f"The methods of {namespace}."], 4),
            methods=methods,
            raw_methods=[*(name for name, _ in methods), *api.namespaces[namespace].raw],
            own=_own_imports(operations, steps),
            steps=steps,
            overloaded=any(each.typed for each in operations) or any(each.overloads for each in steps),
            sets=sets,
            annotation=lambda parameter: as_argument(parameter.type, sets, parameter.required),
            docstring=_method_docstring,
            steps_docstring=_steps_docstring,
        )

    def namespaces(self, api: Api, prefix: str, steps: Mapping[str, tuple[Steps, ...]]) -> str:
        """Render `namespaces.py`, or `async_namespaces.py` with the prefix Async."""
        namespaces = [
            _client_namespace(api, name, namespace, steps[name]) for name, namespace in api.namespaces.items()
        ]
        operations = [operation for namespace in namespaces for _, operation in namespace["methods"]]
        return self._render(
            "namespaces.py.jinja",
            prefix=prefix,
            namespaces=namespaces,
            with_parameters=any(operation.parameters for operation in operations),
            imports=sorted({each for namespace in namespaces for s in namespace["steps"] for each in s.imports}),
            annotation=lambda parameter: as_argument(parameter.type, {}, parameter.required),
            docstring=_method_docstring,
            steps_docstring=_steps_docstring,
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


def _client_namespace(api: Api, name: str, namespace: Namespace, steps: tuple[Steps, ...]) -> dict[str, Any]:
    """Return the values for an attribute in `namespaces.py`, with the methods that the client itself has."""
    text = sentence(namespace.description) or f"The methods of {name}."
    methods = api.methods(name) if namespace.client_path else ()
    own = steps if namespace.client_path else ()
    return {**_class_of(name, namespace), "description": literal([text], 8), "methods": [*methods], "steps": own}


def _steps_docstring(steps: Steps, asynchronous: bool) -> str:
    return literal(steps.docstring_lines(asynchronous), 8)


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
    key = " and idempotency_key. The service stores a key for 24 hours" if operation.carries_key else ""
    options = f"Options of this call, such as timeout{key}."
    typed = [("as_", _AS)] if operation.typed else []
    arguments = [*((p.argument, p.description) for p in operation.parameters), *typed, ("**options", options)]
    lines += section("Args", arguments, _METHOD_WIDTH)
    if operation.result.kind != "null":
        lines += section("Returns", [("", outcome(operation.returns))], _METHOD_WIDTH)
    refused = [("InvalidRequestError", sentence(operation.refuses))] if operation.refuses else []
    if operation.typed:
        refused.append(
            ("APIResponseValidationError", "The state does not fit `as_`; `path` names the first wrong value.")
        )
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


def _as_themselves(names: Iterable[str]) -> str:
    """Write names of an import that hands them on, which type checkers are told by `X as X`."""
    return ", ".join(f"{name} as {name}" for name in names)


def _result(operation: Operation) -> str:
    """Return the type of a successful response of an operation."""
    if operation.result_class:
        return f"results.{operation.result_class.rpartition('.')[2]}"
    return as_result(operation.result)


def _value(type_: Type) -> str:
    """Return the expression of a type at run time."""
    return {"None": "type(None)", "Any": "object"}.get(as_result(type_), as_result(type_))


def _returned(operation: Operation, asynchronous: bool) -> str:
    """Return the text of the section Returns."""
    if operation.item is not None:
        return f"{'AsyncPages' if asynchronous else 'Page'}[{as_result(operation.item)}]"
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
    if operation.check is not None:
        arguments.append(f"check={operation.check.function.rpartition('.')[2]}({operation.check.argument})")
    if operation.typed is not None:
        arguments.append(f"convert={operation.typed.function.rpartition('.')[2]}(as_)")
    if operation.fallback is not None:
        arguments.append(f"fallback={operation.fallback.function.rpartition('.')[2]}({operation.fallback.argument})")
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


def _models(operation: Operation) -> set[str]:
    """Return the classes of the models that an operation takes and gives."""
    answer = set() if operation.result_class else operation.result.models()
    return answer if operation.body is None else answer | operation.body.models()


def _result_classes(api: Api) -> list[str]:
    """Return the paths of the hand-written classes that answers are read into."""
    return sorted({operation.result_class for operation in api.operations if operation.result_class})


def _paths_of_typed(typed: Typed) -> tuple[str, ...]:
    return typed.function, typed.result, f"{typed.result.rpartition('.')[0]}.T"


def _own_imports(operations: Iterable[Operation], steps: Iterable[Steps]) -> list[tuple[str, str]]:
    """Return the imports of hand-written types, converters and steps: modules and names."""
    parameters = [parameter for operation in operations for parameter in operation.parameters]
    paths = {path for parameter in parameters for path in parameter.type.paths()}
    paths |= {parameter.convert for parameter in parameters if parameter.convert}
    paths |= {operation.check.function for operation in operations if operation.check}
    paths |= {path for operation in operations if operation.typed for path in _paths_of_typed(operation.typed)}
    paths |= {operation.fallback.function for operation in operations if operation.fallback}
    imports = {(path.rpartition(".")[0], path.rpartition(".")[2]) for path in paths}
    for each in steps:
        imports |= {(each.module, each.function), *each.imports}
    return sorted(imports)
