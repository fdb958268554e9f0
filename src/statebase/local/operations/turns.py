"""Turns: record, get, list."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional, Sequence

from pydantic import BaseModel

from ..._generated.models import (
    TurnCreateRequest,
    TurnDetailResponse,
    TurnInput,
    TurnListItem,
    TurnListResponse,
    TurnOutput,
    TurnResponse,
)
from ..._generated.queries import ListTurnsQuery
from .. import jsontext
from ..caller import LOCAL, Caller
from ..clock import to_datetime, to_text
from ..errors import invalid_request, not_found, unknown_cursor
from ..identifiers import new_id
from ..storage.history import Frame
from ..storage.tables.sessions import SessionRow
from ..storage.tables.states import LARGE, StateRow
from ..storage.tables.turns import TurnRow
from . import stored_response
from .core import Change, OperationGroup
from .response import Outcome, Response, States, WrittenResponse, fitting, operation

_PREVIEW_CHARACTERS = 100


class TurnTexts(NamedTuple):
    """The body of a request for a turn; all but the reasoning as JSON text."""

    input: str
    output: str
    metadata: Optional[str]
    reasoning: Optional[str]
    state_before: Optional[str]
    state_after: Optional[str]


class TurnOperations(OperationGroup):
    """The operations on the turns of sessions."""

    @operation
    def create_turn(self, session_id: str, body: TurnCreateRequest, context: Caller = LOCAL) -> Outcome[TurnResponse]:
        """Record a turn. If it has a state that differs from the current one, store it as a new version."""
        turn = texts_of(body)
        after = turn.state_after
        encoded = None if after is None or len(after) < LARGE else self._encode_after(session_id, after)

        def write(change: Change) -> Response[TurnResponse]:
            session, current = self._core.session_and_state(session_id, change.now_us)
            response = self._add(change, session, current, session.turn_count + 1, turn, context, encoded)
            self._store.sessions.count_turns(session, 1, change.now_us)
            return response

        return self._core.write(context, write)

    @operation
    def get_turn(self, session_id: str, turn_id: str, context: Caller = LOCAL) -> Outcome[TurnDetailResponse]:
        """Return a turn with its full input and output."""
        with self._core.read():
            session = self._core.session(session_id, self._core.now_us())
            turn = self._store.turns.find(session.seq, turn_id)
            if turn is None:
                raise not_found("turn", turn_id)
            before = turn.state_before
            if before is None:
                before = self._store.states.at(session.seq, turn.version_before)
            after = None if turn.version_after is None else self._store.states.at(session.seq, turn.version_after)
        return Response(
            TurnDetailResponse(
                id=turn.id,
                session_id=session.id,
                created_at=to_datetime(turn.created_us),
                turn_number=turn.number,
                input=TurnInput(**jsontext.decode(turn.input)),
                output=TurnOutput(**jsontext.decode(turn.output)),
                metadata=None if turn.metadata is None else jsontext.decode(turn.metadata),
                reasoning=turn.reasoning,
                object="turn",
                state_before=None if before is None else jsontext.decode(before),
                state_after=None if after is None else jsontext.decode(after),
            )
        )

    @operation
    def list_turns(self, session_id: str, query: ListTurnsQuery, context: Caller = LOCAL) -> Outcome[TurnListResponse]:
        """Return a page of turns with previews."""
        if query.order not in ("asc", "desc"):
            raise invalid_request("order must be 'asc' or 'desc'.", "order")
        with self._core.read():
            session = self._core.session(session_id, self._core.now_us())
            if context.turn_key is not None:
                turns = self._created(session, context.turn_key)
                return Response(TurnListResponse(data=[_item(turn) for turn in turns], has_more=False))
            seen: Optional[int] = None
            if query.starting_after is not None:
                last = self._store.turns.find(session.seq, query.starting_after)
                if last is None:
                    raise unknown_cursor(query.starting_after)
                seen = last.number
            turns = self._store.turns.page(session.seq, query.limit + 1, seen, ascending=query.order == "asc")
        shown: Sequence[TurnRow] = turns[: query.limit]
        is_whole = "whole-turns" in context.extensions
        if is_whole:
            shown = fitting(shown, _size)
        items = [_item(turn, is_whole=is_whole) for turn in shown]
        return Response(TurnListResponse(data=items, has_more=len(turns) > len(shown)))

    def _created(self, session: SessionRow, key: bytes) -> list[TurnRow]:
        """Return the turn that a request created, if there is one. Call it within `read`."""
        turn_id = stored_response.created_id(self._store, key, self._core.now_us())
        turn = None if turn_id is None else self._store.turns.find(session.seq, turn_id)
        return [] if turn is None else [turn]

    def _add(
        self,
        change: Change,
        session: SessionRow,
        current: StateRow,
        number: int,
        turn: TurnTexts,
        context: Caller,
        encoded: Optional[tuple[StateRow, Optional[Frame]]] = None,
    ) -> Response[TurnResponse]:
        """Store a turn with its trace; the turns of the session are counted by the caller.

        Args:
            change: The write.
            session: The session.
            current: Its newest state.
            number: The number of the turn.
            turn: The turn.
            context: The caller.
            encoded: The result of `_encode_after` for a large state.
        """
        after = turn.state_after
        version_after = None
        if after is not None:
            version_after = self._advance(change, session, current, after, turn.reasoning, context, encoded)
        changed = version_after is not None and version_after != current.version
        row = TurnRow(
            id=new_id("turn_"),
            number=number,
            created_us=change.now_us,
            input=turn.input,
            output=turn.output,
            metadata=turn.metadata,
            reasoning=turn.reasoning,
            state_before=turn.state_before,
            version_before=current.version,
            version_after=version_after,
        )
        self._store.turns.insert(session.seq, row)
        details = {
            "turn_number": number,
            "version": version_after if changed else None,
            "reasoning": turn.reasoning,
        }
        change.trace("turn.added", session.id, "turn", row.id, details)
        before = jsontext.checked(current.text) if turn.state_before is None else turn.state_before
        values = {
            "id": row.id,
            "session_id": session.id,
            "created_at": to_text(row.created_us),
            "turn_number": number,
            "reasoning": turn.reasoning,
            "object": "turn",
        }
        texts = {
            "input": turn.input,
            "output": turn.output,
            "metadata": turn.metadata,
            "state_before": before,
            "state_after": after,
        }
        answer = jsontext.write_object(values, texts)
        repeated = [] if turn.state_before is not None else [(current.version, current.text)]
        if changed and version_after is not None:
            repeated.append((version_after, after or ""))
        return WrittenResponse(TurnResponse, answer, States(session.seq, repeated))

    def _advance(
        self,
        change: Change,
        session: SessionRow,
        current: StateRow,
        after: str,
        reasoning: Optional[str],
        context: Caller,
        encoded: Optional[tuple[StateRow, Optional[Frame]]],
    ) -> int:
        """Return the version of the state after the turn: a new one if the state changed."""
        if encoded is not None and encoded[0] == current:
            frame = encoded[1]
            changes = frame is not None
        else:
            frame = None
            changes = _differ(after, current.text)
        if not changes:
            return current.version
        return self._store.states.append(
            session.seq,
            current,
            after,
            change.now_us,
            context.actor,
            reasoning,
            parent=current.version,
            frame=frame,
        )

    def _encode_after(self, session_id: str, after: str) -> tuple[StateRow, Optional[Frame]]:
        """Encode a large state before the transaction, so that no other write waits for it.

        Returns:
            The current state and the encoded new version; None if they are the same.
        """
        states = self._store.states
        with self._core.read():
            session, current = self._core.session_and_state(session_id, self._core.now_us())
            draft = states.draft(session.seq, current, after)
        return current, draft.encode() if _differ(after, current.text) else None


def texts_of(body: TurnCreateRequest) -> TurnTexts:
    """Return the texts of a turn to store.

    Raises:
        EngineError: 422, if JSON cannot represent a value.
    """
    return TurnTexts(
        jsontext.encode(_members(body.input), "input"),
        jsontext.encode(_members(body.output), "output"),
        None if body.metadata is None else jsontext.encode(body.metadata, "metadata"),
        body.reasoning,
        None if body.state_before is None else jsontext.encode(body.state_before, "state_before"),
        None if body.state_after is None else jsontext.encode(body.state_after, "state_after"),
    )


def _differ(after: str, text: str) -> bool:
    return after != text and not jsontext.same(jsontext.decode(after), jsontext.decode(text))


def _members(part: BaseModel) -> dict[str, Any]:
    """Return the fields of a part of a turn, including keys unknown to the model."""
    return {**part.__dict__, **(part.model_extra or {})}


def _item(turn: TurnRow, *, is_whole: bool = False) -> TurnListItem:
    given, gave = jsontext.decode(turn.input), jsontext.decode(turn.output)
    whole = {
        "input": given,
        "output": gave,
        "metadata": None if turn.metadata is None else jsontext.decode(turn.metadata),
        "reasoning": turn.reasoning,
    }
    return TurnListItem(
        id=turn.id,
        created_at=to_datetime(turn.created_us),
        turn_number=turn.number,
        input_preview=_preview(given),
        output_preview=_preview(gave),
        object="turn",
        **(whole if is_whole else {}),
    )


def _size(turn: TurnRow) -> int:
    return sum(len(text) for text in (turn.input, turn.output, turn.metadata, turn.reasoning) if text is not None)


def _preview(part: dict[str, Any]) -> str:
    return str(part["content"])[:_PREVIEW_CHARACTERS]
