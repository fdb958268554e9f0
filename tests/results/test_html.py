"""Models and pages show themselves in a notebook: all of what matters, nothing of what a hostile state wants."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from typing import Any, Dict, List, Optional, Tuple

import pytest

from statebase import StateBase, models

TIMESTAMP = "2026-01-02T03:04:05.000006Z"
TAGS = {"div", "strong", "span", "bdi", "table", "tr", "th", "td"}


class Reader(HTMLParser):
    """The page as a browser reads it: tags, attributes, text; refuses tags that do not match."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.attributes: List[Tuple[str, Optional[str]]] = []
        self._open: List[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: List[Tuple[str, Optional[str]]]) -> None:
        assert tag in TAGS
        self._open.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


def state(content: Dict[str, Any], **extra: Any) -> models.StateVersionModel:
    return models.StateVersionModel.model_validate({"version": 3, "state": content, "created_at": TIMESTAMP, **extra})


def read(shown: Any) -> Reader:
    return Reader(shown._repr_html_())


HOSTILE = [
    "<script>alert(1)</script>",
    "</td></table><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)" x=\'',
    "<!-- ",
    "]]><![CDATA[",
    "&lt;b&gt; &#60;",
    "{0} {} {text.__class__} %s",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_as_text(text: str) -> None:
    """As value, as key, nested, as the name of an unknown field, in a memory, a turn and a page: never as markup."""
    turn = {"input": {"type": text, "content": text}, "output": {"type": "text", "content": text}, text: text}
    shown = [
        read(state({text: text, "in": {text: [text]}}, **{text: text, "long": text * 9})),
        read(
            models.ContextResponse.model_validate(
                {"state": {}, "memories": [{"content": text, "tags": [text]}], "recent_turns": [turn]}
            )
        ),
        read(models.SearchResults.model_validate({"query": text, "data": []})),
    ]

    harmless = read(state({"a": {"b": ["c"]}}, d="e", long="f" * 99)).attributes
    for reader in shown:
        assert text in reader.text
        assert set(reader.attributes) <= {*harmless, *read(models.ContextResponse(**CONTEXT)).attributes}


CONTEXT: Dict[str, Any] = {
    "state": {"plan": "gold", "order": {"id": "A-1", "items": ["cup"]}},
    "memories": [
        models.ContextMemory(content="Prefers e-mail over phone calls at any time", score=0.83, tags=["contact"])
    ],
    "recent_turns": [
        models.ContextTurn(
            turn_number=2,
            input=models.TurnInput(type="tool_call", content="Call tool track"),
            output=models.TurnOutput(type="tool_response", content="tomorrow"),
        ),
        models.ContextTurn(
            turn_number=1,
            input=models.TurnInput(type="text", content="Where is\nmy parcel?"),
            output=models.TurnOutput(type="text", content="On its way."),
        ),
    ],
}


def test_nothing_is_fetched_or_run() -> None:
    """Attributes are constants: two classes that switch MathJax off, and styles without an address."""
    for name, value in read(models.ContextResponse(**CONTEXT)).attributes:
        assert (name, value) == ("class", "tex2jax_ignore mathjax_ignore") or name == "style"
        assert value is not None
        assert "url" not in value


def test_colours_are_those_of_the_notebook() -> None:
    """Text inherits its colour and no background is set, so that light and dark both work."""
    for name, value in read(models.ContextResponse(**CONTEXT)).attributes:
        for declaration in value.split(";") if name == "style" and value else []:
            property_name, _, setting = declaration.partition(":")
            assert property_name != "color" or setting == "inherit"
            assert property_name != "background" or setting == "none"


@pytest.mark.parametrize(
    "character",
    [
        "\x00",
        "\x1b",
        "\x07",
        "\r",
        "\x7f",
        "\x85",
        "\u200b",
        "\u202e",
        "\u2066",
        "\u2028",
        "\ufeff",
        "\U000e0041",
        "\ud800",
    ],
    ids=ascii,
)
def test_characters_that_hide_are_shown_as_escapes(character: str) -> None:
    """Control characters, overrides of direction, invisible text and broken characters do nothing to the page."""
    key = f"a{character}b"
    html = state({}).model_copy(update={"state": {key: {"in": [key]}, "text": key}})._repr_html_()

    assert character not in html
    assert html.count(character.encode("unicode_escape").decode()) == 3
    html.encode()


def test_text_of_people_stays_as_it_is() -> None:
    """Other scripts, joined emoji, line ends and tabs are no attack."""
    text = "שלום, 日本, 👩\u200d💻\n\tünder"

    assert text in read(state({"text": text})).text


@pytest.mark.parametrize(
    ("content", "note"),
    [
        ({"text": "x" * 100_000}, "99,700 more characters"),
        ({f"key {number}": number for number in range(5_000)}, "4,980 more keys"),
        ({"numbers": list(range(100_000))}, "more]"),
        ({"in": {f"key {number}": "x" * 1000 for number in range(5_000)}}, "4,980 more keys"),
    ],
    ids=["text", "keys", "list", "nested keys"],
)
def test_huge_state_is_cut_with_a_note(content: Dict[str, Any], note: str) -> None:
    """The note says how much is not shown, and a cell stays small."""
    html = state(content)._repr_html_()

    assert note in html
    assert len(html) < 25_000


def test_deep_state_is_cut() -> None:
    """Tables are nested two levels deep; deeper values are shown as a short text."""
    deep: Dict[str, Any] = {}
    for _ in range(5_000):
        deep = {"a": deep, "b": deep}

    assert len(state({}).model_copy(update={"state": deep})._repr_html_()) < 10_000


def test_many_unknown_fields_are_cut_with_a_note() -> None:
    """A service that sends a thousand fields makes no page of a thousand rows."""
    shown = read(state({}, **{f"field_{number}": number for number in range(1000)}))
    page = read(
        models.SearchResults.model_validate(
            {
                "query": "tea",
                "data": [
                    {
                        "id": "mem_1",
                        "session_id": "sess_1",
                        "content": "tea",
                        "type": "fact",
                        "score": 1.0,
                        **{f"field_{number}": number for number in range(1000)},
                    }
                ]
                * 50,
            }
        )
    )

    assert "more fields" in shown.text
    assert "30 more rows" in page.text
    assert "995 more columns" in page.text


def test_context_shows_what_an_agent_would_know() -> None:
    """State, memories with their scores, and both sides of each turn, without the fields that are empty."""
    text = read(models.ContextResponse(**CONTEXT)).text

    assert "ContextResponse" in text
    for part in ("plan", "gold", "A-1", "Prefers e-mail", "0.83", "tool_call Call tool track", "Where is\nmy parcel?"):
        assert part in text
    assert "TurnInput" not in text
    assert "None" not in text


def test_all_that_a_session_gives_can_be_shown() -> None:
    """Session, version, history, turn, page, search results: each names itself and what it is about."""
    with StateBase.local() as client:
        session = client.sessions.create("support-bot", user_id="ada", initial_state={"plan": "gold"})
        turn = client.sessions.add_turn(session.id, "hi", "hello")
        client.memory.add("Prefers tea", "preference", session.id)
        shown = {
            "SessionCreateResponse": (session, "support-bot"),
            "StateGetResponse": (client.state.get_state(session.id), "gold"),
            "StateHistoryResponse": (client.state.get_state_history(session.id), "gold"),
            "SessionHistory": (client.sessions.get_history(session.id), "turn.added"),
            "TurnResponse": (turn, "hello"),
            "SearchResults": (client.memory.search("tea", session.id, threshold=0.0), "Prefers tea"),
            "Page 1 item": (client.sessions.list(), session.id),
            "Page 2 items, and more follow": (client.traces.list(limit=2), "memory.created"),
            "Page 0 items": (client.sessions.list("nobody"), ""),
            "DashboardOverviewResponse": (client.dashboard.stats(), "total_sessions"),
        }

    for title, (value, detail) in shown.items():
        text = read(value).text
        assert text.startswith(title)
        assert detail in text


def test_what_the_service_names_cannot_replace_the_hook() -> None:
    """An unknown field called like a notebook's hook is a field, and the model is shown all the same."""
    shown = state({}, _repr_html_="<b>", _repr_javascript_="alert(1)")

    assert "_repr_javascript_ alert(1)" in read(shown).text
    assert shown["_repr_html_"] == "<b>"


def test_html_is_loaded_when_a_notebook_asks() -> None:
    """Using models and printing them loads no HTML."""
    code = (
        "import sys, statebase\n"
        "with statebase.StateBase.local() as client: session = client.sessions.create('agent')\n"
        "repr(session)\n"
        "assert 'statebase._results.html' not in sys.modules\n"
        "session._repr_html_()\n"
        "assert 'statebase._results.html' in sys.modules\n"
    )

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stderr
