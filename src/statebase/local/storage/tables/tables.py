"""All tables of a store."""

from __future__ import annotations

from typing import NamedTuple

from .answers import Answers
from .entities import Entities
from .keys import Keys
from .memories import Memories
from .meta import Meta
from .removals import Removals
from .sessions import Sessions
from .states import States
from .traces import Traces
from .turns import Turns
from .vectors import Vectors
from .words import Words


class Tables(NamedTuple):
    """The tables of a store; a database has its own where statements differ."""

    meta: Meta
    sessions: Sessions
    states: States
    turns: Turns
    memories: Memories
    vectors: Vectors
    words: Words
    entities: Entities
    traces: Traces
    answers: Answers
    keys: Keys
    removals: Removals
