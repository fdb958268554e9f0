"""A support backend: many users, several workers, refunds that a person approves, erasure, an outbox.

    pip install fastapi "statebase[local,server]"
    statebase serve --path support.db &
    cd examples/support_backend
    STATEBASE_BASE_URL=http://127.0.0.1:8787 STATEBASE_API_KEY=sb_local python -m hypercorn --workers 2 app:app

README.md says what each part shows. The proxy in front of it must authenticate users, and set `X-User`.
"""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import Annotated, Any, AsyncGenerator, Dict, List, Literal, Tuple

from agent import decide
from fastapi import Depends, FastAPI, Header, HTTPException, Path, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from statebase import APIConnectionError, AsyncStateBase, ConflictError, InvalidRequestError, StateBaseError

AGENT = "support"
TOKENS = 4000
"""The largest part of a prompt that comes from the store, in tokens."""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[Dict[str, Any], None]:
    """Open the client of a worker when it starts. STATEBASE_BASE_URL and STATEBASE_API_KEY say where the store is."""
    outbox = os.environ.get("OUTBOX", "support-outbox.db")
    async with AsyncStateBase(outbox=outbox, deadline=10, circuit_breaker=True) as client:
        yield {"client": client, "sessions": {}}


def shared_client(request: Request) -> AsyncStateBase:
    """Return the client of this worker."""
    client: AsyncStateBase = request.state.client
    return client


Client = Annotated[AsyncStateBase, Depends(shared_client)]
User = Annotated[str, Header(alias="X-User", min_length=1, max_length=200)]
Chat = Annotated[str, Path(min_length=1, max_length=200)]
app = FastAPI(title="Support", lifespan=lifespan)


async def session_of(request: Request, client: Client, user: User, chat: Chat) -> str:
    """Return the session of a user's chat; while the store is away, the one that this worker used last.

    The key belongs to the user: another user with the same chat id gets another session.
    """
    known: Dict[Tuple[str, str], str] = request.state.sessions
    try:
        session = await client.sessions.get_or_create(AGENT, key=chat, user_id=user, initial_state={"refunds": {}})
    except APIConnectionError:
        if (user, chat) not in known:
            raise
    else:
        known[user, chat] = session.id
    return known[user, chat]


Session = Annotated[str, Depends(session_of)]


class Message(BaseModel):
    """A message of the user. A message that is delivered twice has the same id."""

    id: str = Field(min_length=1, max_length=100)
    text: str = Field(min_length=1)


class Answer(BaseModel):
    """The answer of the agent."""

    text: str
    degraded: bool = False
    """Whether the store was away, so that the agent may not have known what was said before."""


class Approval(BaseModel):
    """The decision of a person about a refund."""

    decision: Literal["approved", "refused"]


@app.post("/chats/{chat}/messages")
async def say(session: Session, message: Message, client: Client) -> Answer:
    """Answer a message once, however often it is delivered, and to whichever worker."""
    context = await client.sessions.get_context(session, message.text, on_unavailable="last")
    if not context.degraded:
        turn = await client.sessions.find_turn(session, key=message.id)
        if turn is not None:
            return Answer(text=turn.output["content"])
    prompt = context.to_messages(max_tokens=TOKENS)
    decided = decide([*prompt, {"role": "user", "content": message.text}])
    if decided.refund is not None:
        if context.degraded:
            return Answer(text="I cannot ask for refunds at the moment: please write again later.", degraded=True)
        refund = {"amount": decided.refund, "status": "asked"}

        def ask(state: Dict[str, Any]) -> None:
            state["refunds"].setdefault(message.id, refund)

        await client.state.modify(session, ask, reasoning="The user asked for a refund.")
    try:
        await client.sessions.add_turn(session, message.text, decided.text, idempotency_key=message.id)
    except ConflictError:  # another worker answered it meanwhile, in other words
        turn = await client.sessions.find_turn(session, key=message.id)
        if turn is None:
            raise
        return Answer(text=turn.output["content"])
    return Answer(text=decided.text, degraded=context.degraded)


@app.get("/chats/{chat}")
async def show(session: Session, client: Client) -> Dict[str, Any]:
    """Return a chat: its messages, in OpenAI's format, and its state."""
    context = await client.sessions.get_context(session, turn_limit=50)
    return {"state": context.state, "messages": context.to_messages(format="openai", sections=["turns"])}


@app.put("/chats/{chat}/refunds/{refund}")
async def approve(session: Session, refund: str, approval: Approval, client: Client) -> Dict[str, Any]:
    """Decide about a refund, once: of two people who decide at the same time, the second is told."""

    def note(state: Dict[str, Any]) -> None:
        if refund not in state["refunds"]:
            raise HTTPException(404, "There is no such refund.")
        if state["refunds"][refund]["status"] != "asked":
            raise HTTPException(409, f"It was {state['refunds'][refund]['status']} already.")
        state["refunds"][refund]["status"] = approval.decision

    changed = await client.state.modify(session, note, reasoning=f"A person has {approval.decision} it.")
    decided: Dict[str, Any] = changed.state["refunds"][refund]
    await client.sessions.add_tool_call(
        session, "refund", {"amount": decided["amount"]}, decided["status"], idempotency_key=f"refund-{refund}"
    )
    return decided


@app.delete("/users/me")
async def erase(request: Request, user: User, client: Client) -> Dict[str, Any]:
    """Erase everything that is kept of a user, and say what was erased."""
    for each in [each for each in request.state.sessions if each[0] == user]:
        del request.state.sessions[each]
    report = await client.erase_user(user)
    return report.model_dump(exclude={"cursor"})


@app.get("/health")
async def health(client: Client) -> Dict[str, List[str]]:
    """Return the writes that could not be sent, for monitoring."""
    return {"failed": [item.error for item in await client.outbox.failed() if item.error]}


@app.exception_handler(InvalidRequestError)
async def invalid(request: Request, error: StateBaseError) -> JSONResponse:
    """Answer 422 for values that the store cannot hold."""
    return JSONResponse({"detail": error.message}, status_code=422)


@app.exception_handler(StateBaseError)
async def unavailable(request: Request, error: StateBaseError) -> JSONResponse:
    """Answer 503 where the store failed; the client has tried again by then."""
    return JSONResponse({"detail": "Please try again later."}, status_code=503)
