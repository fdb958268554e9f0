"""The package says truthfully what it offers: to readers, to type checkers, and at run time."""

from __future__ import annotations

import ast
import inspect
import pickle
import subprocess
import sys
import traceback
import types
import typing
from pathlib import Path
from typing import Any, Set

import pytest

import statebase

SOURCE = ast.parse(Path(str(statebase.__file__)).read_text(encoding="utf-8"))


def names_for_type_checkers() -> Set[str]:
    """List what is imported under `if TYPE_CHECKING`."""
    block = next(node for node in SOURCE.body if isinstance(node, ast.If))
    return {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}


def test_the_three_lists_agree() -> None:
    """`__all__`, type checkers and the loader agree on the names."""
    assert len(statebase.__all__) == len(set(statebase.__all__))
    assert names_for_type_checkers() == set(statebase.__all__)
    assert {*statebase._MODULE_OF, "models"} == set(statebase.__all__)


@pytest.mark.parametrize("name", statebase.__all__)
def test_every_name_is_there(name: str) -> None:
    """Each public name leads to an object, the same one each time."""
    assert getattr(statebase, name) is getattr(statebase, name)


@pytest.mark.parametrize("name", [name for name in statebase.__all__ if isinstance(getattr(statebase, name), type)])
def test_annotations_of_every_class_can_be_read(name: str) -> None:
    """Programs that make forms, tables or schemas of classes evaluate them."""
    assert isinstance(typing.get_type_hints(getattr(statebase, name)), dict)


@pytest.mark.parametrize("name", statebase.models.__all__)
def test_every_model_can_be_extended(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A class of the caller's is complete in a module that has none of the names in the annotations of the model."""
    monkeypatch.setitem(sys.modules, "module_of_the_caller", types.ModuleType("module_of_the_caller"))
    model = getattr(statebase.models, name)
    extended: Any = type("Extended", (model,), {"__module__": "module_of_the_caller"})

    assert typing.get_type_hints(extended) == typing.get_type_hints(model)
    assert extended.model_json_schema()["properties"] == model.model_json_schema()["properties"]


def test_dir_lists_names_before_they_are_loaded() -> None:
    """Completion in a shell shows everything, before anything was used."""
    code = "import statebase; missing = set(statebase.__all__) - set(dir(statebase)); assert not missing, missing"

    subprocess.run([sys.executable, "-c", code], check=True)


def test_errors_are_named_as_they_are_imported() -> None:
    """The last line of a traceback, and a pickle, have the name that `except` takes."""
    error = pickle.loads(pickle.dumps(statebase.ConfigurationError("no")))

    assert traceback.format_exception_only(type(error), error) == ["statebase.ConfigurationError: no\n"]
    assert pickle.dumps(error, protocol=0).startswith(b"cstatebase\nConfigurationError")


def test_unknown_name_is_an_attribute_error() -> None:
    """A name that is not there fails as it does for any module."""
    with pytest.raises(AttributeError, match="module 'statebase' has no attribute 'Statebase'"):
        _ = statebase.Statebase  # type: ignore[attr-defined]
    with pytest.raises(ImportError, match="cannot import name 'Statebase'"):
        exec("from statebase import Statebase")


def test_star_import_brings_all() -> None:
    """`from statebase import *` brings the public names and nothing else."""
    namespace: dict[str, object] = {}

    exec("from statebase import *", namespace)

    assert set(namespace) - {"__builtins__"} == set(statebase.__all__)


def test_models_offers_every_model() -> None:
    """statebase.models has all generated models, with the richer ones in place of those that they extend."""
    from statebase import models
    from statebase._base.model import Model
    from statebase._generated import models as generated

    named = {
        name for name, value in inspect.getmembers(generated) if isinstance(value, type(Model)) and value is not Model
    }
    namespace: dict[str, object] = {}
    exec("from statebase.models import *", namespace)

    assert named <= set(namespace)
    assert issubclass(models.ContextResponse, generated.ContextResponse)
    assert models.ContextResponse is not generated.ContextResponse


def test_public_classes_and_methods_are_documented() -> None:
    """Every public class, and every method of it, says what it does."""
    undocumented = []
    for name in statebase.__all__:
        value = getattr(statebase, name)
        if not inspect.isclass(value):
            continue
        for attribute, member in [("", value), *vars(value).items()]:
            is_public = not attribute.startswith("_") and (inspect.isfunction(member) or isinstance(member, property))
            if (not attribute or is_public) and not inspect.getdoc(member):
                undocumented.append(f"{name}.{attribute}")

    assert undocumented == []


def test_version_is_that_of_the_distribution() -> None:
    """The version in the code is the one that was installed."""
    from importlib.metadata import version

    assert statebase.__version__ == version("statebase")
