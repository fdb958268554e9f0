"""The namespace `memory`: its methods that take more than the document can say, such as lists of words.

What is not here is the generated method, inherited.
"""

from __future__ import annotations

from typing import Any, Sequence, Union, cast

from typing_extensions import Unpack

from .._base.errors import InvalidRequestError
from .._call.options import NOT_GIVEN, JSONObject, NotGiven, RequestOptions, WriteOptions
from .._call.request import not_an_id
from .._generated import models
from .._generated.transport.memory import AsyncMemoryTransport, MemoryTransport
from .._results.search_results import SearchResults

Words = Union[str, Sequence[str], None, NotGiven]


# pyright holds every new keyword of add and search against the base's **options, and finds them to differ.
class Memory(MemoryTransport):
    """Texts that are found again by meaning."""

    def add(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        content: str,
        type: Union[str, NotGiven] = "fact",
        session_id: Union[str, NotGiven, None] = NOT_GIVEN,
        tags: Union[Sequence[str], NotGiven, None] = NOT_GIVEN,
        metadata: Union[JSONObject, NotGiven, None] = NOT_GIVEN,
        *,
        embed: Union[bool, NotGiven] = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> models.MemoryResponse:
        """Store a text.

        Args:
            content: The text, 1 to 10,000 characters.
            type: What kind of memory it is: general, fact, preference, event, policy, observation, or a word of your
                own. The service's default is general; this method's is fact, as it was in statebase 0.4.
            session_id: The session that the memory belongs to; required.
            tags: Words to find it by.
            metadata: Anything to keep with it.
            embed: False to store it without finding it by meaning; true without it.
            **options: Options of this one call, such as `timeout` and `idempotency_key`.

        Returns:
            The memory, with its id.

        Raises:
            InvalidRequestError: There is no session_id; nothing was sent.
            NotFoundError: There is no such session, or it has expired.
            PayloadTooLargeError: The text is longer than 10,000 characters.
            UnprocessableEntityError: The text is empty, or another part breaks its schema.

        Example:
            >>> memory = client.memory.add("Prefers e-mail over phone calls", "preference", session.id)
            >>> memory.type
            'preference'
        """
        return super().add(
            content,
            type=type,
            session_id=_required_session(session_id),
            tags=tags,
            metadata=metadata,
            embed=embed,
            **options,
        )

    def search(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        query: str,
        session_id: Union[str, NotGiven, None] = NOT_GIVEN,
        types: Words = NOT_GIVEN,
        tags: Words = NOT_GIVEN,
        limit: Union[int, NotGiven] = NOT_GIVEN,
        threshold: Union[float, NotGiven] = NOT_GIVEN,
        *,
        top_k: Union[int, NotGiven] = NOT_GIVEN,
        type: Words = NOT_GIVEN,
        **options: Unpack[RequestOptions],
    ) -> SearchResults:
        """Find memories by meaning.

        Args:
            query: What to look for, in your own words.
            session_id: Only memories of this session; of all sessions without it.
            types: Only memories of these types: a word, words joined by commas, or a sequence of words.
            tags: Only memories with one of these tags, given like `types`.
            limit: Another name for `top_k`.
            threshold: Only memories that score at least this, from 0 to 1; 0.7 without it.
            top_k: How many at most, 1 to 50; 10 without it.
            type: Another name for `types`.
            **options: Options of this one call, such as `timeout`.

        Returns:
            A sequence of results, best first, each with its `score` from 0 to 1; `.query` is the query.

        Raises:
            InvalidRequestError: An argument came under both of its names, or a type or tag holds a comma.
            BadRequestError: There are more than 500 types or tags.
            UnprocessableEntityError: A number is out of its range.

        Example:
            >>> memory = client.memory.add("Prefers e-mail over phone calls", "preference", session.id)
            >>> results = client.memory.search("e-mail or phone calls", types="preference", threshold=0.2)
            >>> [found.content for found in results]
            ['Prefers e-mail over phone calls']
        """
        return super().search(
            query,
            session_id,
            _joined("types", _either("types", types, "type", type)),
            _joined("tags", tags),
            top_k=_either("top_k", top_k, "limit", limit),
            threshold=threshold,
            **options,
        )


class AsyncMemory(AsyncMemoryTransport):
    """Texts that are found again by meaning."""

    async def add(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        content: str,
        type: Union[str, NotGiven] = "fact",
        session_id: Union[str, NotGiven, None] = NOT_GIVEN,
        tags: Union[Sequence[str], NotGiven, None] = NOT_GIVEN,
        metadata: Union[JSONObject, NotGiven, None] = NOT_GIVEN,
        *,
        embed: Union[bool, NotGiven] = NOT_GIVEN,
        **options: Unpack[WriteOptions],
    ) -> models.MemoryResponse:
        """Store a text; arguments, result and errors are those of `Memory.add`.

        Example:
            >>> memory = await client.memory.add("Prefers e-mail over phone calls", "preference", session.id)
            >>> memory.type
            'preference'
        """
        return await super().add(
            content,
            type=type,
            session_id=_required_session(session_id),
            tags=tags,
            metadata=metadata,
            embed=embed,
            **options,
        )

    async def search(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        query: str,
        session_id: Union[str, NotGiven, None] = NOT_GIVEN,
        types: Words = NOT_GIVEN,
        tags: Words = NOT_GIVEN,
        limit: Union[int, NotGiven] = NOT_GIVEN,
        threshold: Union[float, NotGiven] = NOT_GIVEN,
        *,
        top_k: Union[int, NotGiven] = NOT_GIVEN,
        type: Words = NOT_GIVEN,
        **options: Unpack[RequestOptions],
    ) -> SearchResults:
        """Find memories by meaning; arguments, result and errors are those of `Memory.search`.

        Example:
            >>> memory = await client.memory.add("Prefers e-mail over phone calls", "preference", session.id)
            >>> results = await client.memory.search("e-mail or phone calls", types="preference", threshold=0.2)
            >>> [found.content for found in results]
            ['Prefers e-mail over phone calls']
        """
        return await super().search(
            query,
            session_id,
            _joined("types", _either("types", types, "type", type)),
            _joined("tags", tags),
            top_k=_either("top_k", top_k, "limit", limit),
            threshold=threshold,
            **options,
        )


def _required_session(session_id: Union[str, NotGiven, None]) -> str:
    if session_id is None or isinstance(session_id, NotGiven):
        raise InvalidRequestError(
            "session_id is missing: pass the id of the session that the memory belongs to", param="session_id"
        )
    if not isinstance(session_id, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise not_an_id("session_id", session_id)
    return session_id


def _joined(name: str, words: Words) -> Union[str, NotGiven, None]:
    """Join words by commas, as the service reads them."""
    if words is None or isinstance(words, (str, NotGiven)):
        return words
    for place, word in enumerate(cast("Sequence[object]", words)):
        if not isinstance(word, str):
            raise InvalidRequestError(f"{name}[{place}] must be a string, got {type(word).__name__}", param=name)
        if "," in word:
            raise InvalidRequestError(f"{name}[{place}] must not contain a comma", param=name)
    return ",".join(words) or NOT_GIVEN


def _either(name: str, value: Any, other_name: str, other: Any) -> Any:
    """Take an argument that goes by two names."""
    if other is NOT_GIVEN or other is None:
        return value
    if value is not NOT_GIVEN and value is not None and value != other:
        raise InvalidRequestError(f"{name} and {other_name} are the same option: pass only one of them", param=name)
    return other
