"""Rewrite a document into a canonical form for both generators.

References to parameters, responses and bodies are resolved, and text for people is left out. A construct that the
generator does not support is an error: nothing in the document is ignored silently.
"""

from __future__ import annotations

from typing import Any, Mapping

from codegen.document.choices import NAMESPACES
from codegen.document.schemas import Schemas, component_name, refuse_unknown
from codegen.errors import CodegenError, below, pointer

METHODS = ("get", "put", "post", "patch", "delete", "head", "options")

_DOCUMENT_KEYS = {
    *("openapi", "info", "servers", "paths", "components", "security", "tags", "webhooks", "externalDocs", NAMESPACES),
}
_COMPONENT_KEYS = {"schemas", "parameters", "responses", "requestBodies", "headers", "examples", "securitySchemes"}
_PATH_KEYS = {*METHODS, "summary", "description", "parameters"}
_OPERATION_KEYS = {
    *("operationId", "tags", "summary", "description", "parameters", "requestBody", "responses"),
    *("deprecated", "security", "externalDocs", "x-statebase"),
}
_PARAMETER_KEYS = {
    *("name", "in", "required", "description", "schema", "deprecated"),
    *("style", "explode", "example", "examples", "allowEmptyValue"),
}
_BODY_KEYS = {"content", "required", "description"}
_ANSWER_KEYS = {"description", "content", "headers", "links"}
_CONTENT_KEYS = {"schema", "example", "examples"}


def canonical(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document in canonical form, without examples, titles and servers.

    Args:
        document: A valid OpenAPI 3.1 document; it is not changed.

    Returns:
        A new document: `paths` with operations whose parameters and responses are resolved, and `components.schemas`
        with all objects that have properties, including those nested in other objects.

    Raises:
        CodegenError: The document uses a construct that the generator does not support.
    """
    return _Canonical(document).document()


class _Canonical:
    def __init__(self, document: Mapping[str, Any]) -> None:
        self._source = document
        self._components: Mapping[str, Any] = document.get("components", {})
        self._schemas = Schemas(self._components.get("schemas", {}))

    def document(self) -> dict[str, Any]:
        _refuse_half_characters(self._source, "#")
        refuse_unknown(self._source, _DOCUMENT_KEYS, "#")
        refuse_unknown(self._components, _COMPONENT_KEYS, pointer("components"))
        paths = {path: self._path(item, pointer("paths", path)) for path, item in self._source.get("paths", {}).items()}
        return {
            **{key: self._source[key] for key in ("openapi", "info", "tags", NAMESPACES) if key in self._source},
            "paths": paths,
            "components": {"schemas": self._schemas.models},
        }

    def _path(self, item: Mapping[str, Any], place: str) -> dict[str, Any]:
        refuse_unknown(item, _PATH_KEYS, place)
        shared = self._parameters(item.get("parameters", []), below(place, "parameters"))
        return {
            method: self._operation(item[method], shared, below(place, method)) for method in METHODS if method in item
        }

    def _operation(self, operation: Mapping[str, Any], shared: list[dict[str, Any]], place: str) -> dict[str, Any]:
        refuse_unknown(operation, _OPERATION_KEYS, place)
        own = self._parameters(operation.get("parameters", []), below(place, "parameters"))
        given = {(parameter["in"], parameter["name"]) for parameter in own}
        result = dict(operation)
        result["parameters"] = [
            *(parameter for parameter in shared if (parameter["in"], parameter["name"]) not in given),
            *own,
        ]
        if "requestBody" in operation:
            body_place = below(place, "requestBody")
            body = dict(self._resolved(operation["requestBody"], "requestBodies", body_place))
            refuse_unknown(body, _BODY_KEYS, body_place)
            body["content"] = self._content(body.get("content", {}), below(body_place, "content"))
            result["requestBody"] = body
        result["responses"] = {
            status: self._answer(answer, below(place, "responses", status))
            for status, answer in operation.get("responses", {}).items()
        }
        return result

    def _parameters(self, parameters: list[Any], place: str) -> list[dict[str, Any]]:
        result: list[dict[str, Any]] = []
        for index, reference in enumerate(parameters):
            inner = below(place, index)
            parameter = self._resolved(reference, "parameters", inner)
            refuse_unknown(parameter, _PARAMETER_KEYS, inner)
            if "schema" not in parameter:
                raise CodegenError(inner, "The parameter has no schema. Give it one in the overlay.")
            style = {"query": "form", "path": "simple", "header": "simple"}.get(parameter["in"])
            if style is None:
                raise CodegenError(inner, f"Parameters in the {parameter['in']} are not supported.")
            if parameter.get("style", style) != style or parameter.get("explode", style == "form") != (style == "form"):
                raise CodegenError(inner, "The style of the parameter is not supported: only the default one is.")
            # The description of the parameter describes its value.
            said = {key: parameter[key] for key in ("description", "deprecated") if parameter.get(key)}
            schema = {**self._schemas.read(parameter["schema"], below(inner, "schema")), **said}
            required = parameter.get("required", False)
            result.append({"name": parameter["name"], "in": parameter["in"], "required": required, "schema": schema})
        return result

    def _answer(self, reference: Mapping[str, Any], place: str) -> dict[str, Any]:
        answer = dict(self._resolved(reference, "responses", place))
        refuse_unknown(answer, _ANSWER_KEYS, place)
        result = {"description": answer.get("description", "")}
        if answer.get("content"):
            result["content"] = self._content(answer["content"], below(place, "content"))
        return result

    def _content(self, content: Mapping[str, Any], place: str) -> dict[str, Any]:
        if list(content) != ["application/json"]:
            raise CodegenError(place, f"Only application/json is supported, not {', '.join(content) or 'nothing'}.")
        inner = below(place, "application/json")
        media = content["application/json"]
        refuse_unknown(media, _CONTENT_KEYS, inner)
        return {"application/json": {"schema": self._schemas.read(media.get("schema", {}), below(inner, "schema"))}}

    def _resolved(self, node: Mapping[str, Any], kind: str, place: str) -> Mapping[str, Any]:
        seen: list[str] = []
        while "$ref" in node:
            reference = node["$ref"]
            name = component_name(reference, kind)
            if name is None or name not in self._components.get(kind, {}) or reference in seen:
                raise CodegenError(place, f"The reference {reference} does not lead to one of components/{kind}.")
            seen.append(reference)
            node = self._components[kind][name]
        return node


def _refuse_half_characters(node: Any, place: str) -> None:
    # JSON can contain a lone surrogate, which cannot be encoded as UTF-8.
    if isinstance(node, str):
        if not node.isascii() and any("\ud800" <= character <= "\udfff" for character in node):
            raise CodegenError(
                place,
                "The string contains a lone surrogate, which cannot be encoded as UTF-8. Write the whole character.",
            )
    elif isinstance(node, list):
        for index, item in enumerate(node):
            _refuse_half_characters(item, below(place, index))
    elif isinstance(node, dict):
        for key, value in node.items():
            _refuse_half_characters(key, place)
            _refuse_half_characters(value, below(place, key))
