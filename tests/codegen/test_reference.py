"""`generate` writes api.md, and `check` compares it: each method in one line, with its signature as it is in the code."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Callable

import pytest

from codegen.errors import CodegenError
from codegen.package import Project, check, generate

STEPS = '''\
from typing import Any, List

from ._generated.models import Thing
from .words import Text


def create_two(things: Any, name: Text, size: Union[int, NotGiven, None] = NOT_GIVEN, *, kind: str = "big", **options: Unpack[WriteOptions]) -> Steps[List[Thing]]:
    """Create <two> things of *one's* own.

    And more.

    Example:
        >>> client.things.create_two("a")[0].id
        'a'
    """
    first = yield things.create_thing(name, size=size)
    return [first, (yield things.create_thing(name, size=size))]
'''


@pytest.fixture
def project(make_project: Callable[..., Project], small_document: dict[str, Any], root: Path) -> Project:
    """A project whose things have a method over several calls, and take more than the document says."""
    small_document["x-statebase-namespaces"] = {
        "things": {"description": "Things & more.", "steps": ["statebase.things.create_two"], "also": "stuff"}
    }
    small_document["paths"]["/v1/things"]["post"]["x-statebase"] = {
        "methods": ["things.create_thing"],
        "positional": ["name", "length"],
        "arguments": {
            "name": {"type": "statebase.words.Text", "convert": "statebase.words.written", "description": "Any name"},
            "size": {"also": "length", "default": "big"},
        },
        "check": {"function": "statebase.words.follows", "argument": "size"},
        "refuses": "The name is empty",
    }
    project = make_project(small_document)
    sources = project.output.parent / "sources"
    shutil.copytree(root / "src" / "statebase", sources)
    (sources / "things.py").write_text(STEPS, encoding="utf-8")
    (sources / "words.py").write_text("Text = Union[str, Sequence[str]]\n", encoding="utf-8")
    return Project(**{**vars(project), "sources": sources})


def test_each_method_is_a_line(project: Project) -> None:
    """Those over several calls too; own types are written out; text stays text in Markdown."""
    generate(project)

    transport, models = "src/statebase/_generated/transport/things.py", "src/statebase/_generated/models/things.py"
    _, _, section = project.reference.read_text(encoding="utf-8").partition(
        "## `client.things`\n\nThings &amp; more. Also as `client.stuff`.\n\n"
    )
    assert section.splitlines() == [
        f"- [`client.things.list_things`]({transport})`(*, limit: int = ..., starting_after: str | None = ..., "
        f"**options: RequestOptions)` → [`ThingList`]({models})<br>`GET /v1/things` · List Things.",
        f"- [`client.things.create_thing`]({transport})`(name: str | Sequence[str], length: int | None = ..., *, "
        f"size: int | None = 'big', **options: WriteOptions)` → [`Thing`]({models})<br>`POST /v1/things` · Create Thing.",
        f"- [`client.things.delete_thing`]({transport})`(thing_id: str, **options: RequestOptions)` → `None`<br>"
        "`DELETE /v1/things/{thing_id}` · Delete Thing.",
        f"- [`client.things.create_two`]({transport})`(name: str | Sequence[str], size: int | None = ..., *, "
        f"kind: str = 'big', **options: WriteOptions)` → [`list[Thing]`]({models})<br>`POST /v1/things` · "
        "Create &lt;two&gt; things of \\*one's\\* own.",
    ]


def test_both_flavours_have_the_methods(project: Project) -> None:
    """The code of the generated methods calls what is written by hand, with the name and the value of the argument."""
    generate(project)

    code = (project.output / "transport" / "things.py").read_text(encoding="utf-8")
    assert 'body={"name": written("name", name), "size": either("size", size, "length", length)}' in code
    assert code.count("check=follows(size)") == 2
    assert "length: Another name for `size`." in code
    assert "name: Any name.\n" in code
    assert "InvalidRequestError: The name is empty.\n" in code
    for awaited, run in (("", "run"), ("await ", "await run_async")):
        assert f"result: List[Thing] = {run}(create_two(self, name, size, kind=kind, **options))" in code
        example = '(await client.things.create_two("a"))[0].id' if awaited else 'client.things.create_two("a")[0].id'
        assert f">>> {example}" in code
    for attributes in ("namespaces.py", "async_namespaces.py"):
        assert "def stuff(self)" in (project.output / attributes).read_text(encoding="utf-8")


def test_a_hand_edit_is_shown(project: Project) -> None:
    """An edit of the page is in the diff of `check`."""
    generate(project)
    project.reference.write_text(project.reference.read_text(encoding="utf-8") + "by hand\n", encoding="utf-8")

    assert "-by hand" in check(project)


@pytest.mark.parametrize("text", ["def other(): ...\n", "def f(:\n", None], ids=["no function", "no Python", "no file"])
def test_steps_that_are_not_there_are_an_error(project: Project, text: str | None) -> None:
    """The error names the namespace whose steps the overlay gives."""
    module = project.sources / "things.py"
    module.unlink() if text is None else module.write_text(text, encoding="utf-8")

    with pytest.raises(CodegenError, match="#/x-statebase-namespaces/things/steps: The steps that are written by hand"):
        generate(project)
    assert not project.reference.exists()


def test_argument_has_the_name_that_the_overlay_gives_it(
    make_project: Callable[..., Project], small_document: dict[str, Any]
) -> None:
    """The name on the wire stays."""
    small_document["paths"]["/v1/things"]["get"]["x-statebase"] = {"arguments": {"limit": {"name": "most"}}}
    project = make_project(small_document)

    generate(project)

    code = (project.output / "transport" / "things.py").read_text(encoding="utf-8")
    assert '"limit": most' in code
    assert "most: Union[int, NotGiven] = NOT_GIVEN" in code
