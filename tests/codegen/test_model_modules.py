"""Models stand in modules by the tags of their operations, so that a client builds those that it needs."""

from __future__ import annotations

import importlib
import pickle
import subprocess
import sys
import typing
from pathlib import Path
from typing import Any, Callable

import pytest

from codegen.document.canonical import canonical
from codegen.errors import CodegenError
from codegen.model_modules import model_modules
from codegen.package import Project, generate, read_document


def refer(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def answering(document: dict[str, Any], tag: str, name: str) -> None:
    """Add an operation of a tag that answers with a component."""
    operation: dict[str, Any] = {
        "tags": [tag],
        "summary": "Get",
        "operationId": f"get_{len(document['paths'])}",
        "responses": {"200": {"description": "Good", "content": {"application/json": {"schema": refer(name)}}}},
    }
    document["paths"][f"/v1/more{len(document['paths'])}"] = {"get": operation}


@pytest.fixture
def document(small_document: dict[str, Any]) -> dict[str, Any]:
    """A document whose models refer to each other within a tag, across tags, in circles, and from requests."""
    schemas = small_document["components"]["schemas"]
    schemas["Part"] = {
        "type": "object",
        "properties": {"of": refer("Whole"), "shared": {"type": "boolean"}, "label": refer("Label")},
    }
    schemas["Whole"] = {"type": "object", "properties": {"parts": {"type": "array", "items": refer("Part")}}}
    schemas["Label"] = {"type": "object", "properties": {"text": {"type": "string"}, "shared": {"type": "boolean"}}}
    schemas["Failure"] = {"type": "object", "properties": {"about": refer("Whole")}}
    schemas["Event.v1"] = {"type": "object", "properties": {"data": refer("Failure")}}
    schemas["ThingCreate"]["properties"]["label"] = refer("Label")
    answering(small_document, "parts", "Whole")
    answering(small_document, "labels", "Label")
    answering(small_document, "parts", "Part")
    return small_document


def test_each_model_has_its_place(make_project: Callable[..., Project], document: dict[str, Any]) -> None:
    """One tag's models stand together, those of several are shared; requests and the rest are for themselves."""
    homes = model_modules(canonical(read_document(make_project(document))))

    assert homes.pop("Part") == homes.pop("Whole") == "parts"
    assert homes == {
        "Thing": "things",
        "ThingList": "things",
        "ThingCreate": "requests",
        "Label": "shared",
        "Failure": "other",
        "Event.v1": "other",
    }


def test_a_tag_that_names_no_module_shares(make_project: Callable[..., Project], document: dict[str, Any]) -> None:
    """The models of a tag that is a keyword are in the module of those that several tags use."""
    answering(document, "class", "Failure")

    assert model_modules(canonical(read_document(make_project(document))))["Failure"] == "shared"


@pytest.mark.usefixtures("importable")
def test_models_of_other_modules_are_found(make_project: Callable[..., Project], document: dict[str, Any]) -> None:
    """References across modules, forward and in circles, are read; hints can be asked for; pickles load."""
    generate(make_project(document, package="apart"))
    models = importlib.import_module("apart.models")
    text = '{"about": {"parts": [{"of": {}, "label": {"text": "x", "shared": true}, "shared": false}]}}'

    failure = models.Failure.model_validate_json(text)

    assert models.Whole.__module__ == "apart.models.parts"
    assert models.Label.__module__ == "apart.models.shared"
    assert type(failure.about.parts[0].label) is models.Label
    assert failure.about.parts[0].shared is False
    assert typing.get_type_hints(models.Part)["label"] == typing.Optional[models.Label]
    assert pickle.loads(pickle.dumps(failure)) == failure


@pytest.mark.usefixtures("importable")
def test_a_model_that_moved_is_found(make_project: Callable[..., Project], document: dict[str, Any]) -> None:
    """A pickle names the module of a model; with a document that moves the model to another, it still loads."""
    generate(make_project(document, package="moved"))
    models = importlib.import_module("moved.models")
    kept = pickle.dumps(models.Thing, protocol=0)

    assert pickle.loads(kept.replace(b"moved.models.things", b"moved.models.shared")) is models.Thing
    with pytest.raises(AttributeError, match=r"module 'moved.models' has no attribute 'Nothing'"):
        _ = importlib.import_module("moved.models.shared").Nothing


def test_names_of_the_package(make_project: Callable[..., Project], document: dict[str, Any], tmp_path: Path) -> None:
    """Before anything is used, dir() and `__all__` have all models; `import *` brings them."""
    generate(make_project(document, package="listed"))
    code = """
import sys
from listed import models
assert not [name for name in sys.modules if name.startswith("listed.models.")]
assert {"Part", "Whole", "EventV1"} <= set(dir(models)) & set(models.__all__)
from listed.models import *
assert Thing.__module__ == "listed.models.things"
"""

    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


def test_classes_of_one_name_are_an_error(make_project: Callable[..., Project], document: dict[str, Any]) -> None:
    """Two schemas whose classes would have one name, in different modules, are told by their names."""
    document["components"]["schemas"]["event_v1"] = {"type": "object", "properties": {"x": {"type": "string"}}}
    answering(document, "things", "event_v1")

    with pytest.raises(CodegenError, match=r"a class EventV1 already\. Rename one") as caught:
        generate(make_project(document))
    assert caught.value.place.startswith("#/components/schemas/")
