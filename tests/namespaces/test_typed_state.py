"""A state is read and written as an instance of a type of the caller, and what does not fit is told by its path."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any, Callable, Dict, List, Optional

import httpx
import pydantic
import pytest
from typing_extensions import TypedDict

from statebase import APIResponseValidationError, InvalidRequestError, StateBase, TypedState

NOON = datetime.datetime(2026, 1, 2, 12, tzinfo=datetime.timezone.utc)


class Inner(pydantic.BaseModel):
    price: float


class Cart(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True)

    items: List[Inner] = []
    paid_at: Optional[datetime.datetime] = None
    named: str = pydantic.Field(default="x", alias="name")


@dataclasses.dataclass
class Steps:
    step: int = 0
    inner: Dict[str, int] = dataclasses.field(default_factory=dict)


class Typed(TypedDict):
    step: int


@pytest.fixture
def session_id(local_client: Any) -> str:
    return str(local_client.sessions.create("agent", initial_state={"step": 1, "other": {"kept": True}}).id)


@pytest.mark.parametrize(
    ("as_", "expected"), [(Cart, Cart()), (Steps, Steps(1)), (Typed, {"step": 1}), (Dict[str, Any], ...)]
)
def test_state_is_read_as_an_instance(local_client: Any, session_id: str, as_: Any, expected: Any) -> None:
    """With its version and times; both methods that read a state, and their raw twins, take a type."""
    whole = local_client.state.get_state(session_id)
    found = [
        local_client.state.get_state(session_id, as_=as_),
        local_client.sessions.get_state(session_id, as_=as_),
        local_client.with_raw_response.state.get_state(session_id, as_=as_).parse(),
    ]

    state = whole.state if expected is ... else expected
    assert found == [TypedState(session_id, 0, state, whole.updated_at)] * 3
    assert type(found[0].state) is type(state)


def test_model_is_written(local_client: Any, session_id: str) -> None:
    """As JSON, by its aliases. An update has the fields that were set, a replacement all of them."""
    cart = Cart(items=[Inner(price=1.5)], paid_at=NOON)

    updated = local_client.state.update_state(session_id, cart).state
    replaced = local_client.state.replace_state(session_id, cart).state

    as_json = {"items": [{"price": 1.5}], "paid_at": "2026-01-02T12:00:00Z"}
    assert updated == {"step": 1, "other": {"kept": True}, **as_json}
    assert replaced == {**as_json, "name": "x"}
    assert local_client.state.get_state(session_id, as_=Cart).state == cart


def test_dataclass_and_mapping_are_written(local_client: Any, session_id: str) -> None:
    """A dataclass does not know which fields were set: all of them are."""
    updated = local_client.sessions.update_state(session_id, Steps(2)).state
    named = local_client.sessions.update_state(session_id, updates={"step": 3}).state

    assert updated == {"step": 2, "other": {"kept": True}, "inner": {}}
    assert named["step"] == 3


@pytest.mark.parametrize("returned", [True, False])
def test_modify_with_a_type(local_client: Any, statebase_client: StateBase, session_id: str, returned: bool) -> None:
    """Keys that the type does not have stay, also those of another writer that was faster."""
    calls: List[int] = []

    def add(state: Steps) -> Optional[Steps]:
        calls.append(state.step)
        if len(calls) == 1:
            statebase_client.state.update_state(session_id, {"step": 5, "inner": {"a": 1, "b": 2}})
        state.step += 1
        state.inner.pop("a", None)
        return dataclasses.replace(state) if returned else None

    changed = local_client.state.modify(session_id, add, as_=Steps)

    assert (calls, changed.state, changed.version) == ([1, 5], Steps(6, {"b": 2}), 2)
    expected = {"step": 6, "other": {"kept": True}, "inner": {"b": 2}}
    assert local_client.state.get_state(session_id).state == expected


def test_unknown_keys_within_a_type_stay(local_client: Any) -> None:
    """At any depth of objects."""

    class Outer(pydantic.BaseModel):
        inner: Inner

    session = local_client.sessions.create("agent", initial_state={"inner": {"price": 1.0, "note": "n"}})

    def change(outer: Outer) -> None:
        outer.inner.price = 2

    local_client.state.modify(session.id, change, as_=Outer)

    assert local_client.state.get_state(session.id).state == {"inner": {"price": 2, "note": "n"}}


def test_state_that_does_not_fit_is_told_by_its_path(local_client: Any, session_id: str) -> None:
    """Without its content."""
    local_client.state.replace_state(session_id, {"items": [{"price": 1.0}, {"price": "private"}], "name": 7})

    for read in (
        lambda: local_client.state.get_state(session_id, as_=Cart),
        lambda: local_client.state.modify(session_id, lambda cart: cart, as_=Cart),
    ):
        with pytest.raises(APIResponseValidationError) as caught:
            read()

        assert caught.value.path == "$.items[1].price"
        assert caught.value.message == (
            "The state does not fit Cart at $.items[1].price: Input should be a valid number, unable to parse string as a "
            "number, got string; "
            "$.name: Input should be a valid string, got integer"
        )
    assert local_client.state.get_state(session_id).version == 1


class Bare(pydantic.RootModel[List[int]]):
    pass


WRONG: Dict[str, tuple[Callable[[Any, str], Any], str]] = {
    "not a type": (
        lambda state, id_: state.get_state(id_, as_=3),
        "as_ must be a Pydantic model, a dataclass, a TypedDict or another type that Pydantic can validate, got int: "
        "PydanticSchemaGenerationError",
    ),
    "missing": (
        lambda state, id_: state.update_state(id_),
        "state is missing: pass the keys to set, such as {'step': 2}",
    ),
    "two names": (
        lambda state, id_: state.update_state(id_, {"a": 1}, updates={"a": 2}),
        "state and updates are the same option: pass only one of them",
    ),
    "not an object": (
        lambda state, id_: state.replace_state(id_, Bare([1])),
        "state must be an object in JSON: Bare is of type list",
    ),
    "not JSON": (
        lambda state, id_: state.replace_state(id_, Steps(object())),  # type: ignore[arg-type]
        "state is of type Steps with a value that JSON cannot represent: use strings, numbers, bools, lists, objects and "
        "None",
    ),
    "NaN": (
        lambda state, id_: state.replace_state(id_, Inner(price=float("nan"))),
        "state['price'] is NaN, which JSON cannot represent: use None or a string",
    ),
    "surrogate": (
        lambda state, id_: state.replace_state(id_, Cart(name="private\ud800")),
        "state['name'] contains a lone surrogate, which cannot be encoded as UTF-8: remove it",
    ),
    "of the function": (
        lambda state, id_: state.modify(id_, lambda steps: dataclasses.replace(steps, step="private"), as_=Steps),
        "function returned a state that does not fit Steps at $.step: Input should be a valid integer, unable to parse "
        "string as an integer, got string",
    ),
    "NaN of the function": (
        lambda state, id_: state.modify(id_, lambda steps: Inner(price=float("nan")), as_=Inner),
        "The state does not fit Inner at $.price: Field required",
    ),
    "nothing of the type": (
        lambda state, id_: state.modify(id_, lambda steps: 3, as_=Steps),
        "function must be an object in JSON: int is of type int",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input(local_client: Any, session_id: str, case: str) -> None:
    """Nothing is written, and the message has no content."""
    call, message = WRONG[case]

    with pytest.raises((InvalidRequestError, APIResponseValidationError)) as caught:
        call(local_client.state, session_id)

    assert caught.value.message == message
    assert local_client.state.get_state(session_id).version == 0


def test_service_answers_a_typed_read(respond: Any) -> None:
    """It is the same request as without a type."""
    time = "2026-01-02T12:00:00Z"
    answer = {"session_id": "sess_1", "version": 3, "state": {"step": 4}, "data": {}, "created_at": time}
    client, [*_] = respond(httpx.Response(200, json={**answer, "updated_at": time}))

    assert client.state.get_state("sess_1", as_=Steps) == TypedState("sess_1", 3, Steps(4), NOON)
