"""Merging the state of a session into that of another one: three-way, by keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Iterator, Literal, Mapping, Optional, Tuple, Union, cast

from typing_extensions import Unpack

from .._base.errors import InvalidRequestError, MergeConflictError
from .._call.options import NOT_GIVEN, NotGiven, RequestOptions
from .._call.request import type_name
from .._call.steps import Steps
from .._generated import models, operations
from .._results.state_diff import StateDiff, changes, path_text
from .state import modify
from .state_versions import StateSource, state_of, version_of


@dataclass(frozen=True)
class MergeConflict:
    """A value that both sessions changed, differently. A value that is not there is `NOT_GIVEN`."""

    keys: Tuple[str, ...]
    """The keys that lead to it: `("plan", "name")`."""
    base: Any
    """The value before both changes."""
    ours: Any
    """The value in the session that the state is merged into."""
    theirs: Any
    """The value in the other session."""

    @property
    def path(self) -> str:
        """Its path for people: `plan.name`."""
        return path_text(self.keys)


@dataclass(frozen=True)
class MergedState:
    """The result of a merge."""

    session_id: str
    """Id of the session that the state was merged into."""
    version: int
    """The version of the state that the merge created."""
    state: Mapping[str, Any]
    """The merged state."""
    changes: StateDiff
    """The differences from the state before the merge."""
    resolved: Tuple[MergeConflict, ...]
    """The conflicts that `resolve` decided."""


Resolve = Union[Literal["ours", "theirs"], Callable[[MergeConflict], Any]]
"""The decision of a conflict: a side, or a function that returns the value, or `NOT_GIVEN` for none."""


def merge(
    state: Any,
    into: str,
    from_: str,
    *,
    base: Union[int, StateSource, None] = None,
    resolve: Optional[Resolve] = None,
    reasoning: Union[str, NotGiven, None] = NOT_GIVEN,
    max_attempts: int = 5,
    **options: Unpack[RequestOptions],
) -> Steps[MergedState]:
    """Merge the state of a session into that of another one, such as a fork into the session that it was made of.

    What only one of them changed since the base is taken, by keys, at any depth of objects; arrays are compared as a
    whole. If both changed the same value, differently, nothing is written. If another writer changes the state
    meanwhile, it is read again, and the merge starts over.

    Args:
        into: Id of the session whose state is written.
        from_: Id of the other session, which is only read.
        base: The state before the changes of both: a version of `into`, a tuple of a session's id and a version, or a
            state. Default: if one of the sessions is a fork of the other, the state that it began with. After an
            earlier merge, pass the state that `from_` had then.
        resolve: Decides conflicts: "ours" takes the values of `into`, "theirs" those of `from_`; a function takes a
            `MergeConflict` and returns the value, or `NOT_GIVEN` to leave it out. It may be called several times.
        reasoning: The reason for the change. Default: a sentence with `from_` and its version.
        max_attempts: The maximum number of attempts, at least 1. Default: 5.
        **options: Options of each request, such as timeout.

    Returns:
        The merged state, with its version, what changed, and the conflicts that `resolve` decided.

    Raises:
        MergeConflictError: Both changed the same values; `conflicts` has them. Nothing was written.
        InvalidRequestError: The base is not known: no session is a fork of the other. Pass `base`.
        NotFoundError: No session has this id, or it has expired.
        StateConflictError: Another writer changed the state at each attempt. If `was_applied` is true, the service does
            not support `expected_version`: the state was written, and may have overwritten another change.

    Example:
        >>> fork = client.sessions.fork(session.id)
        >>> _ = client.state.update_state(fork.id, {"plan": "gold"})
        >>> _ = client.state.update_state(session.id, {"step": 2})
        >>> merged = client.state.merge(session.id, fork.id)
        >>> merged.state, merged.version
        ({'step': 2, 'plan': 'gold'}, 2)
    """
    if resolve is not None and resolve not in ("ours", "theirs") and not callable(resolve):
        got = type_name(resolve)
        raise InvalidRequestError(f"resolve must be 'ours', 'theirs' or a function, got {got}", param="resolve")
    origin: Any = yield from _base(state, into, from_, base, options)
    other = yield state.get_state(from_, **options)
    ours: Any = None
    conflicts: list[MergeConflict] = []

    def change(current: dict[str, Any]) -> dict[str, Any]:
        nonlocal ours
        ours = current
        conflicts.clear()
        merged = dict(_merged((), dict(origin), current, other.state, _decided(resolve, conflicts)))
        if conflicts and resolve is None:
            paths = ", ".join(conflict.path for conflict in conflicts[:5])
            more = f" and {len(conflicts) - 5} more" if len(conflicts) > 5 else ""
            raise MergeConflictError(
                f"Both sessions changed the same values: {paths}{more}. Nothing was written",
                hint="Pass resolve='ours', resolve='theirs', or a function that decides.",
                conflicts=tuple(conflicts),
            )
        return merged

    if reasoning is NOT_GIVEN:
        reasoning = f"Merged {from_}, version {other.version}."
    written: models.StateReplaceResponse = yield from modify(
        state, into, change, max_attempts=max_attempts, reasoning=reasoning, **options
    )
    return MergedState(into, written.version, written.state, StateDiff(ours, written.state), tuple(conflicts))


def _base(state: Any, into: str, from_: str, base: Any, options: RequestOptions) -> Steps[Any]:
    if type(base) is int:
        return (yield from version_of(state, "base", into, base, options))
    if base is not None:
        return (yield from state_of(state, "base", base, options))
    for fork, parent in ((from_, into), (into, from_)):
        session = yield state._client.request(operations.GET_SESSION, options, path={"session_id": fork})
        metadata: dict[str, Any] = session.metadata or {}
        if metadata.get("forked_from") == parent:
            return (yield from version_of(state, "base", fork, 0, options))
    raise InvalidRequestError(
        "base is missing: neither session is a fork of the other. Pass the state before the changes of both, such as a "
        "version of into",
        param="base",
    )


def _decided(resolve: Optional[Resolve], conflicts: list[MergeConflict]) -> Callable[[MergeConflict], Any]:
    """Return a function that notes a conflict, and returns the value that resolves it."""

    def decide(conflict: MergeConflict) -> Any:
        conflicts.append(conflict)
        if callable(resolve):
            return resolve(conflict)
        return conflict.theirs if resolve == "theirs" else conflict.ours

    return decide


def _merged(
    keys: Tuple[str, ...],
    base: dict[str, Any],
    ours: dict[str, Any],
    theirs: dict[str, Any],
    decide: Callable[[MergeConflict], Any],
) -> Iterator[Tuple[str, Any]]:
    """Yield the keys and values of three objects, merged: those of `ours` first, in its order."""
    for key in {**ours, **theirs}:
        before, our, their = (each.get(key, NOT_GIVEN) for each in (base, ours, theirs))
        value: Any
        if _same(our, their) or _same(before, their):
            value = our
        elif _same(before, our):
            value = their
        elif isinstance(our, dict) and isinstance(their, dict):
            inner = cast("dict[str, Any]", before if isinstance(before, dict) else {})
            value = dict(_merged((*keys, key), inner, cast(Any, our), cast(Any, their), decide))
        else:
            value = decide(MergeConflict((*keys, key), before, our, their))
        if value is not NOT_GIVEN:
            yield key, value


def _same(one: Any, other: Any) -> bool:
    """Return whether two values are the same JSON. In Python True is 1 and 1 is 1.0, in JSON they differ."""
    if one is NOT_GIVEN or other is NOT_GIVEN:
        return one is other
    return next(changes(one, other), None) is None
