"""Generate the models with datamodel-code-generator: modules for those of the document, one for the query strings."""

from __future__ import annotations

import json
import tempfile
import warnings
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Sequence

from codegen.document.choices import text_choices
from codegen.document.schemas import LIMITS, Schema, nullable, referred
from codegen.errors import CodegenError, below, pointer
from codegen.model_modules import model_modules, sent
from codegen.names import camel_case
from codegen.prose import LINE_LENGTH, literal, paragraphs

_BASE_CLASS = "statebase._base.model.Model"
_TIMESTAMP = "statebase._base.model.Timestamp"
# The base class has methods of these names.
_RENAMED = {"get": "get_", "keys": "keys_"}
_INDENT = 4
# Used by what the template adds.
_MODEL_IMPORTS = ("typing.TYPE_CHECKING",)
# Used by the table of models that the template adds.
_QUERY_IMPORTS = ("typing.Dict", "typing.Type")
# Used for the fields that the template leaves out of the repr.
_SECRET_IMPORTS = ("typing.Annotated", "pydantic.Field")


@dataclass(frozen=True)
class Models:
    """A module of models."""

    code: str
    classes: Mapping[str, str]
    """The class of each component, by its name in the document."""


def document_models(document: Mapping[str, Any], templates: Path, header: str, scratch: Path) -> dict[str, Models]:
    """Generate the models of the components of a document in canonical form.

    Args:
        document: The document.
        templates: The folder of the templates that replace those of the library.
        header: The first line of each module.
        scratch: A folder for temporary files.

    Returns:
        The modules by name.

    Raises:
        CodegenError: A component has no class, there is a class without a component, or two classes have one name.
    """
    schemas: Mapping[str, Schema] = document["components"]["schemas"]
    requests = sent(document)
    adapted = {name: _request(schema) if name in requests else _answer(schema) for name, schema in schemas.items()}
    modules = _generate(adapted, model_modules(document), templates, header, scratch, _MODEL_IMPORTS)
    owners: dict[str, str] = {}
    for module in modules.values():
        for name, class_name in module.classes.items():
            other = owners.setdefault(class_name, name)
            if other != name:
                place = below(pointer("components", "schemas"), name)
                raise CodegenError(place, f"{other} has a class {class_name} already. Rename one of the two schemas.")
    return modules


def query_models(
    document: Mapping[str, Any], ids: Mapping[tuple[str, str], str], templates: Path, header: str, scratch: Path
) -> Models:
    """Generate a model for the query string of each operation that has one.

    Args:
        document: The document in canonical form.
        ids: The ids of the operations, by path and method.
        templates: The folder of the templates that replace those of the library.
        header: The first line of the module.
        scratch: A folder for temporary files.

    Returns:
        The module, with its classes by operation id.
    """
    schemas: dict[str, Schema] = {}
    for (path, method), identity in ids.items():
        parameters = [p for p in document["paths"][path][method]["parameters"] if p["in"] == "query"]
        if parameters:
            schemas[identity] = {
                "type": "object",
                "description": f"The query string of ``{method.upper()} {path}``.",
                "properties": {p["name"]: p["schema"] for p in parameters},
                "required": [p["name"] for p in parameters if p["required"]],
            }
    names = {f"{camel_case(identity)}Query": identity for identity in schemas}
    adapted = {name: _request(schemas[identity]) for name, identity in names.items()}
    if not adapted:
        return Models(f"{header}\n", {})
    homes = dict.fromkeys(adapted, "queries")
    models = _generate(adapted, homes, templates, header, scratch, _QUERY_IMPORTS)["queries"]
    return Models(models.code, {names[name]: class_ for name, class_ in models.classes.items()})


def _request(model: Schema) -> Schema:
    """Adapt an object that is used in requests: its constraints are kept."""
    return {**model, "properties": {name: _adapted(schema) for name, schema in model["properties"].items()}}


def _answer(model: Schema) -> Schema:
    """Adapt an object that only the service sends: its limits are removed, so that all values are accepted."""
    properties = {name: _without(_adapted(schema), LIMITS | {"enum"}) for name, schema in model["properties"].items()}
    # An absent nullable field is None, so that responses of an older service can be parsed.
    required = [name for name in model["required"] if not nullable(properties[name])]
    return {**model, "properties": properties, "required": required}


def _adapted(schema: Schema, inner: bool = False) -> Schema:
    """Adapt a schema to datamodel-code-generator; `inner`: it is a part of the schema of a property."""
    result = {key: value for key, value in schema.items() if key != "deprecated"}
    if inner:
        # A limit on an item would become a class with the item in its attribute `root`.
        dropped = LIMITS | {"description", "default", "x-statebase"}
        result = {key: value for key, value in result.items() if key not in dropped}
    if result.get("format") == "date-time":
        result["customTypePath"] = _TIMESTAMP
    for key in ("items", "additionalProperties"):
        if isinstance(result.get(key), dict):
            result[key] = _adapted(result[key], inner=True)
    if "anyOf" in result:
        result["anyOf"] = [_adapted(member, inner=True) for member in result["anyOf"]]
    return result


def _without(node: Any, keys: frozenset[str]) -> Any:
    if isinstance(node, list):
        return [_without(item, keys) for item in node]
    if not isinstance(node, dict):
        return node
    return {key: value if key == "default" else _without(value, keys) for key, value in node.items() if key not in keys}


def _generate(
    schemas: Mapping[str, Schema],
    homes: Mapping[str, str],
    templates: Path,
    header: str,
    scratch: Path,
    imports: Sequence[str],
) -> dict[str, Models]:
    """Generate the models of schemas; `homes` has the module of each."""
    # Importing the library takes longer than the commands that do not need it.
    from datamodel_code_generator import InputFileType, generate
    from datamodel_code_generator.enums import DataModelType, TargetPydanticVersion
    from datamodel_code_generator.format import DatetimeClassType, PythonVersion
    from datamodel_code_generator.parser import LiteralType

    if not schemas:
        return {}
    docs: dict[str, str] = {}
    secrets: set[str] = set()
    output, metadata = Path(tempfile.mkdtemp(dir=scratch)), scratch / "models.json"
    keys = {name: f"{homes[name]}.{name.replace('.', '_')}" for name in schemas}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "models", "version": "1"},
        "paths": {},
        "components": {
            "schemas": {
                keys[name]: _moved(_with_labels(schema, docs, secrets), keys) for name, schema in schemas.items()
            }
        },
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        try:
            generate(
                document,
                output=output,
                emit_model_metadata=metadata,
                input_file_type=InputFileType.OpenAPI,
                output_model_type=DataModelType.PydanticV2BaseModel,
                target_python_version=PythonVersion.PY_310,
                target_pydantic_version=TargetPydanticVersion.V2,
                use_union_operator=False,
                use_standard_collections=False,
                base_class=_BASE_CLASS,
                aliases=_RENAMED,
                use_annotated=True,
                field_constraints=True,
                strict_nullable=True,
                output_datetime_class=DatetimeClassType.Datetime,
                enum_field_as_literal=LiteralType.All,
                use_schema_description=True,
                use_field_description=True,
                keep_model_order=False,  # a model follows those that it refers to, so that a class can extend it
                treat_dot_as_module=True,
                strict_refs=True,
                allow_remote_refs=False,
                disable_timestamp=True,
                use_double_quotes=True,
                custom_file_header=header,
                additional_imports=[*imports, *(_SECRET_IMPORTS if secrets else ())],
                custom_template_dir=templates,
                extra_template_data=defaultdict(dict, {"#all#": {"docs": docs, "secrets": secrets}}),
                formatters=[],
            )
        except Exception as error:
            # The library raises arbitrary errors for things that it does not support.
            raise CodegenError(pointer("components", "schemas"), f"datamodel-code-generator: {error}") from error
    classes = _classes(json.loads(metadata.read_text(encoding="utf-8")), keys)
    return {
        module: Models(
            (output / f"{module}.py").read_text(encoding="utf-8"),
            {name: class_name for name, class_name in classes.items() if homes[name] == module},
        )
        for module in sorted({*homes.values()})
    }


def _moved(node: Any, keys: Mapping[str, str]) -> Any:
    """Let references lead to the keys that components have for the library, with the module in them."""
    if isinstance(node, list):
        return [_moved(item, keys) for item in node]
    if not isinstance(node, dict):
        return node
    moved = {key: value if key == "default" else _moved(value, keys) for key, value in node.items()}
    return {**moved, "$ref": pointer("components", "schemas", keys[referred(node)])} if "$ref" in node else moved


def _with_labels(model: Schema, docs: dict[str, str], secrets: set[str]) -> Schema:
    """Replace descriptions with labels, and store the docstrings in `docs`, where the template looks them up.

    So no text of the document passes through code of the library. The labels of secrets are added to `secrets`.
    """
    properties = {name: _labelled(schema, docs, secrets) for name, schema in model["properties"].items()}
    return _labelled({**model, "properties": properties}, docs, secrets)


def _labelled(schema: Schema, docs: dict[str, str], secrets: set[str]) -> Schema:
    lines = paragraphs(schema.get("description", ""), LINE_LENGTH - _INDENT - 6)
    secret = text_choices(schema, "#").secret
    result = {key: value for key, value in schema.items() if key not in ("description", "x-statebase")}
    if lines or secret:
        label = result["description"] = f"doc{len(docs)}"
        docs[label] = literal(lines, _INDENT) if lines else ""
        secrets.update([label] if secret else [])
    return result


def _classes(metadata: Mapping[str, Any], keys: Mapping[str, str]) -> dict[str, str]:
    names = {key: name for name, key in keys.items()}
    classes: dict[str, str] = {}
    for model in metadata["models"]:
        path = model["source_path"]
        if len(path) != 3 or path[2] not in names:
            place = pointer(*path)
            raise CodegenError(place, f"datamodel-code-generator made a class {model['class_name']} of this.")
        classes[names[path[2]]] = model["class_name"]
    for name in keys:
        if name not in classes:
            place = below(pointer("components", "schemas"), name)
            raise CodegenError(place, "datamodel-code-generator made no class of this schema.")
    return classes
