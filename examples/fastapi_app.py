"""A chat service on FastAPI: one client for the whole application, opened and closed by its lifespan.

    pip install fastapi "statebase[local,server]"
    cd examples && python -m hypercorn fastapi_app:app

    curl localhost:8000/conversations -H 'Content-Type: application/json' -d '{"user_id": "ada"}'
    curl localhost:8000/conversations/ID/messages -H 'Content-Type: application/json' -d '{"text": "I prefer tea"}'

STATEBASE_FILE=agents.db keeps the sessions. Default: in memory, lost when the application ends. Any ASGI server works.
"""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import Annotated, Any, AsyncGenerator, Dict, List

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from statebase import AsyncStateBase, InvalidRequestError, NotFoundError, StateBaseError


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[Dict[str, Any], None]:
    """Open the client when the application starts; AsyncStateBase() in place of .local(...) uses the service."""
    async with AsyncStateBase.local(os.environ.get("STATEBASE_FILE", ":memory:")) as client:
        yield {"client": client}


def shared_client(request: Request) -> AsyncStateBase:
    """Return the client, which all requests share with its connections."""
    client: AsyncStateBase = request.state.client
    return client


Client = Annotated[AsyncStateBase, Depends(shared_client)]
app = FastAPI(title="Chat", lifespan=lifespan)


class NewConversation(BaseModel):
    """The user who starts a conversation."""

    user_id: str


class Conversation(BaseModel):
    """A conversation by its id, with its state."""

    id: str
    state: Dict[str, Any]


class Message(BaseModel):
    """The message of the user."""

    text: str = Field(min_length=1)


class Answer(BaseModel):
    """The reply of the agent."""

    text: str
    turn_number: int


def model(messages: List[Dict[str, str]]) -> str:
    """Answer the last message. Put the call of your model here."""
    earlier = sum(message["role"] == "user" for message in messages[:-1])
    return f"You said {messages[-1]['content']!r}; before that you said {earlier} things."


@app.post("/conversations", status_code=201)
async def start(new: NewConversation, client: Client) -> Conversation:
    """Start a conversation."""
    session = await client.sessions.create("chat", user_id=new.user_id, initial_state={"messages": 0})
    return Conversation(id=session.id, state=session.state)


@app.get("/conversations/{conversation_id}")
async def get(conversation_id: str, client: Client) -> Conversation:
    """Get the state of a conversation."""
    session = await client.sessions.get(conversation_id)
    return Conversation(id=session.id, state=session.state)


@app.post("/conversations/{conversation_id}/messages")
async def say(conversation_id: str, message: Message, client: Client) -> Answer:
    """Say something in a conversation."""
    context = await client.state.get_context(conversation_id, query=message.text)
    text = model([*context.to_messages(), {"role": "user", "content": message.text}])
    turn = await client.sessions.add_turn(conversation_id, message.text, text)
    await client.state.update_state(conversation_id, {"messages": turn.turn_number})
    return Answer(text=text, turn_number=turn.turn_number)


@app.exception_handler(NotFoundError)
@app.exception_handler(InvalidRequestError)
async def not_found(request: Request, error: StateBaseError) -> JSONResponse:
    """Answer 404 where there is no such conversation, it has expired, or its id can be none."""
    return JSONResponse({"detail": "There is no such conversation."}, status_code=404)


@app.exception_handler(StateBaseError)
async def unavailable(request: Request, error: StateBaseError) -> JSONResponse:
    """Answer 503 where the store failed; the client has tried again by then."""
    return JSONResponse({"detail": "Please try again later."}, status_code=503)
