"""The repr of a model or a page says what it is in a screen of text, however much it holds."""

from __future__ import annotations

from typing import Any, Dict

import pytest

from statebase import Page, models
from statebase._base.operation import Cursor

TIMESTAMP = "2026-01-02T03:04:05.000006Z"


def session(**fields: Any) -> models.SessionResponse:
    return models.SessionResponse.model_validate(
        {
            "id": "sess_1",
            "agent_id": "agent",
            "created_at": TIMESTAMP,
            "updated_at": TIMESTAMP,
            "state": {},
            "memory_count": 0,
            "turn_count": 0,
            **fields,
        }
    )


def big_context() -> models.ContextResponse:
    """Return a context of more than 40 KB."""
    turn = {"input": {"type": "text", "content": "why " * 200}, "output": {"type": "text", "content": "because " * 200}}
    return models.ContextResponse.model_validate(
        {
            "state": {"log": [{"step": step, "note": "x" * 300} for step in range(60)]},
            "memories": [{"id": f"mem_{number}", "content": "tea " * 200} for number in range(10)],
            "recent_turns": [turn] * 10,
            "drift_warning": True,
        }
    )


def test_small_model_is_shown_whole() -> None:
    """As the call that would make it: fields that hold their default are left out, unknown fields are not."""
    turn = models.ContextTurn.model_validate(
        {"turn_number": 1, "input": {"type": "text", "content": "hi"}, "mood": "good", "reasoning": None}
    )

    assert repr(turn) == "ContextTurn(turn_number=1, input=TurnInput(type='text', content='hi'), mood='good')"
    assert eval(repr(turn), vars(models)) == turn


def test_str_is_cut_as_well() -> None:
    """print() of a model shows its fields without the name of the class."""
    assert str(models.TurnInput(type="text", content="hi")) == "type='text' content='hi'"
    assert len(str(big_context())) < 2000


def test_big_context_fits_a_screen() -> None:
    """Each part is shown, none at the cost of the others, and what is left out is counted."""
    context = big_context()

    shown = repr(context)

    assert len(context.model_dump_json()) > 40_000
    assert len(shown) < 2000
    assert shown.startswith("ContextResponse(state={'log': [{'step': 0, 'note': 'xxx")
    assert "memories=[ContextMemory(id='mem_0', content='tea tea" in shown
    assert "recent_turns=[ContextTurn(input=TurnInput(type='text'" in shown
    assert shown.endswith("more], drift_warning=True)")


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ({"text": "x" * 10_000}, "'xxx"),
        ({"numbers": list(range(10_000))}, "more]"),
        ({f"key_{number}": number for number in range(10_000)}, "more}"),
        ({"k" * 10_000: 1}, "'kkk"),
    ],
    ids=["text", "list", "keys", "long key"],
)
def test_huge_state_is_cut(state: Dict[str, Any], shown: str) -> None:
    """Whichever way it is huge; what follows the state is still shown."""
    model = session(state=state)

    assert len(repr(model)) < 2500
    assert "..." in repr(model)
    assert shown in repr(model)
    assert "turn_count=0" in repr(model)


def test_deep_and_endless_states_are_cut() -> None:
    """Neither depth nor a state that holds itself is followed to its end."""
    deep: Dict[str, Any] = {}
    for _ in range(5000):
        deep = {"in": deep}
    endless: Dict[str, Any] = {}
    endless["self"] = endless

    assert len(repr(session().model_copy(update={"state": deep}))) < 2000
    assert len(repr(session().model_copy(update={"state": endless}))) < 2000


def test_hostile_text_stays_quoted() -> None:
    """Neither a value nor the name of an unknown field reaches a terminal as it came."""
    shown = repr(session(state={"a": "\x1b[2J\u202e"}, **{"x=1)\n\x1b[31m": "red", "é" * 100: 1}))

    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "\n" not in shown
    assert r"'x=1)\n\x1b[31m'='red'" in shown


def test_page_shows_its_first_items_and_counts_the_others() -> None:
    """A page of a hundred sessions fits a screen too."""
    answer = models.SessionListResponse.model_validate(
        {"data": [dict(session(id=f"sess_{number}")) for number in range(100)], "has_more": True}
    )

    shown = repr(Page(answer, Cursor("starting_after", "id")))

    assert shown.startswith("Page([SessionListItem(id='sess_0', agent_id='agent'")
    assert shown.endswith("more], has_more=True)")
    assert len(shown) < 2000


def test_time_is_shown_as_on_the_wire() -> None:
    """Short, in UTC, and in a form that makes the model again."""
    shown = repr(session())

    assert f"created_at={TIMESTAMP!r}" in shown
