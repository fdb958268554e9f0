"""Items of the store as the state of a session contains them, and the filters of searches."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Dict, Mapping, Optional, Tuple

from langgraph.store.base import MatchCondition, PutOp

from statebase import InvalidRequestError

from .records import name

Namespace = Tuple[str, ...]


@dataclass
class Entry:
    """An item as it is stored."""

    key: str
    value: Dict[str, Any]
    created_at: datetime
    updated_at: datetime
    ttl: Optional[float] = None
    """Minutes."""
    expires_at: Optional[datetime] = None
    memory_id: Optional[str] = None
    """The memory with the text of the item. Other memories of it are left over, and are ignored."""
    text: Optional[str] = None
    """The digest of the text."""

    @classmethod
    def of(cls, op: PutOp, old: Optional[Entry], now: datetime) -> Entry:
        """Return the item that an operation stores in place of an old one."""
        entry = cls(op.key, dict(op.value or {}), now if old is None else old.created_at, now, op.ttl)
        return entry.extended(now)

    def extended(self, now: datetime) -> Entry:
        """Return the item with a new lifetime."""
        return replace(self, expires_at=None if self.ttl is None else now + timedelta(minutes=self.ttl))


def entries_of(state: Mapping[str, Any], now: datetime) -> Dict[str, Entry]:
    """Return the items in a state that have not expired, by their keys."""
    entries: Dict[str, Entry] = {}
    for text in state.values():
        if text is not None:
            fields = json.loads(text)
            for field in ("created_at", "updated_at", "expires_at"):
                fields[field] = fields[field] and datetime.fromisoformat(fields[field])
            entry = Entry(**fields)
            if entry.expires_at is None or entry.expires_at > now:
                entries[entry.key] = entry
    return entries


def changed(entries: Mapping[str, Optional[Entry]]) -> Dict[str, Optional[str]]:
    """Return the change of a state that stores items, and removes those that are None.

    Raises:
        InvalidRequestError: A value cannot be represented in JSON.
    """
    state: Dict[str, Optional[str]] = {}
    for key, entry in entries.items():
        try:
            text = None if entry is None else json.dumps(asdict(entry), allow_nan=False, default=_as_text)
        except (TypeError, ValueError) as error:
            raise InvalidRequestError(
                "value must be a mapping that JSON can represent: with strings, numbers, true, false, None, lists and "
                "mappings of these",
                param="value",
            ) from error
        state[name(key, 64)] = text
    return state


def digest(*parts: Any) -> str:
    """Return a digest of JSON values."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:40]


def prefix_tag(agent_id: str, user_id: Optional[str], prefix: Namespace) -> str:
    """Return a word that sessions and memories of all namespaces with a prefix have in common."""
    return f"langgraph-{digest(agent_id, user_id, prefix)}"


def is_match(condition: MatchCondition, namespace: Namespace) -> bool:
    """Return whether a namespace begins or ends with a path, in which "*" is any label."""
    path = tuple(condition.path)
    if len(namespace) < len(path):
        return False
    if condition.match_type == "prefix":
        part = namespace[: len(path)]
    elif condition.match_type == "suffix":
        part = namespace[len(namespace) - len(path) :]
    else:
        raise InvalidRequestError("match_type must be 'prefix' or 'suffix'", param="match_type")
    return all(wanted in ("*", label) for wanted, label in zip(path, part))


def suits(value: Any, wanted: Any) -> bool:
    """Return whether a value is as a filter wants it: equal, or as its operators say, such as {"$gte": 3}."""
    if isinstance(wanted, Mapping):
        if any(str(key).startswith("$") for key in wanted):
            return all(_compare(value, operator, operand) for operator, operand in wanted.items())
        return isinstance(value, Mapping) and all(suits(value.get(key), part) for key, part in wanted.items())
    if isinstance(wanted, (list, tuple)):
        return isinstance(value, (list, tuple)) and len(value) == len(wanted) and all(map(suits, value, wanted))
    return bool(value == wanted)


def _compare(value: Any, operator: str, operand: Any) -> bool:
    if operator == "$eq":
        return bool(value == operand)
    if operator == "$ne":
        return bool(value != operand)
    if operator not in ("$gt", "$gte", "$lt", "$lte"):
        raise InvalidRequestError("An operator of a filter must be $eq, $ne, $gt, $gte, $lt or $lte", param="filter")
    try:
        number, other = float(value), float(operand)
    except (TypeError, ValueError):
        return False
    return {"$gt": number > other, "$gte": number >= other, "$lt": number < other, "$lte": number <= other}[operator]


def _as_text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError
