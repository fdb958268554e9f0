"""`generate` writes api.md, and `check` compares it: each method in one line, with its signature as it is in the code."""

from __future__ import annotations

from typing import Any, Callable

import pytest

from codegen.errors import CodegenError
from codegen.package import Project, check, generate

WRITTEN_BY_HAND = '''\
from ._words import Text
from ._generated import models
from ._generated.transport.things import ThingsTransport


class Things(ThingsTransport):
    def create_thing(self, name: Text, size: Union[int, NotGiven, None] = NOT_GIVEN, *, kind: str = "big") -> models.Thing:
        """Create a <thing> of *one's* own.

        And more.
        """
        return super().create_thing(name, size=size)

    def create_two(self, *names: str, **options: Unpack[WriteOptions]) -> List[models.Thing]:
        """Create two things."""
        return [self.create_thing(name) for name in names]

    def _hidden(self) -> None: ...
'''


@pytest.fixture
def project(make_project: Callable[..., Project], small_document: dict[str, Any]) -> Project:
    """A project whose things are a class that is written by hand."""
    small_document["x-statebase-namespaces"] = {
        "things": {"description": "Things & more.", "class": "statebase._things.Things"}
    }
    project = make_project(small_document)
    sources = project.output.parent / "sources"
    sources.mkdir()
    (sources / "_things.py").write_text(WRITTEN_BY_HAND, encoding="utf-8")
    (sources / "_words.py").write_text("Text = Union[str, Sequence[str]]\n", encoding="utf-8")
    return Project(**{**vars(project), "sources": sources})


def test_each_method_is_a_line(project: Project) -> None:
    """Methods that are written by hand take the place of generated ones; text stays text in Markdown."""
    generate(project)

    transport, models = "src/statebase/_generated/transport/things.py", "src/statebase/_generated/models.py"
    _, _, section = project.reference.read_text(encoding="utf-8").partition(
        "## `client.things`\n\nThings &amp; more.\n\n"
    )
    assert section.splitlines() == [
        f"- [`client.things.list_things`]({transport})`(*, limit: int = ..., starting_after: str | None = ..., "
        f"**options: RequestOptions)` → [`ThingList`]({models})<br>`GET /v1/things` · List Things.",
        "- [`client.things.create_thing`](src/statebase/_things.py)`(name: str | Sequence[str], size: int | None = ..., *, "
        f"kind: str = 'big')` → [`Thing`]({models})<br>`POST /v1/things` · Create a &lt;thing&gt; of \\*one's\\* own.",
        f"- [`client.things.delete_thing`]({transport})`(thing_id: str, **options: RequestOptions)` → `None`<br>"
        "`DELETE /v1/things/{thing_id}` · Delete Thing.",
        "- [`client.things.create_two`](src/statebase/_things.py)`(*names: str, **options: WriteOptions)` → "
        f"[`list[Thing]`]({models})<br>`POST /v1/things` · Create two things.",
    ]


def test_a_hand_edit_is_shown(project: Project) -> None:
    """An edit of the page is in the diff of `check`."""
    generate(project)
    project.reference.write_text(project.reference.read_text(encoding="utf-8") + "by hand\n", encoding="utf-8")

    assert "-by hand" in check(project)


@pytest.mark.parametrize("text", ["class Other: ...\n", "def f(:\n", None], ids=["no class", "no Python", "no file"])
def test_a_class_that_is_not_there_is_an_error(project: Project, text: str | None) -> None:
    """The error names the namespace whose class the overlay gives."""
    module = project.sources / "_things.py"
    module.unlink() if text is None else module.write_text(text, encoding="utf-8")

    with pytest.raises(CodegenError, match="#/x-statebase-namespaces/things: The class that is written by hand"):
        generate(project)
    assert not project.reference.exists()
