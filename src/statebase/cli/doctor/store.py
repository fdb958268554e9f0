"""The checks of a store in a file, and those that a database shares with it."""

from __future__ import annotations

from typing import Iterator, Optional

from ...local.errors import EngineError
from ...local.search.embedding import default_embedder
from ...local.storage.sqlite.inspection import Inspection, inspect
from ..command import CommandError
from ..files import check_store, naming_store
from ..store import Store
from .report import Check, ok, skipped

_INTEGRITY_SECONDS = 30.0
_PARTS = ("schema", "integrity", "journal", "embedder")


def examine_file(store: Store) -> Iterator[Check]:
    """Check a file without changing it."""
    path = store.location
    try:
        check_store(store)
        with naming_store(store):
            inspection = inspect(path, _INTEGRITY_SECONDS)
    except (CommandError, EngineError) as error:
        yield Check("store", "failed", str(error))
        for part in _PARTS:
            yield skipped(part, "the store cannot be read")
        return
    yield ok("store", f"{path}, {inspection.bytes:,} bytes")
    empty = "an empty file, which becomes a store when it is opened"
    yield examine_schema(inspection.schema_version, inspection.newest_schema_version, empty)
    yield _integrity(inspection)
    yield _journal(inspection)
    if inspection.problems:
        yield skipped("embedder", "the file is damaged")
    else:
        yield examine_embedder(inspection.embedder_id, inspection.without_vector)


def examine_schema(version: int, newest: int, empty: str) -> Check:
    """Check the version of a schema.

    Args:
        version: The version; 0 for a store without tables.
        newest: The newest version that this package knows.
        empty: What a store without tables is, as text.
    """
    if version == 0:
        return ok("schema", empty)
    if version < newest:
        return ok("schema", f"version {version}: opening the store upgrades it to {newest}")
    return ok("schema", f"version {version}, the newest")


def _integrity(inspection: Inspection) -> Check:
    if inspection.problems is None:
        text = f"no damage found in the part of the file that could be read in {_INTEGRITY_SECONDS:g} seconds"
        return skipped("integrity", text)
    if inspection.problems:
        advice = "Restore a backup, or save what can still be read with `statebase export`."
        return Check("integrity", "failed", f"The file is damaged: {'; '.join(inspection.problems)}.", advice)
    return ok("integrity", "no damage")


def _journal(inspection: Inspection) -> Check:
    if inspection.has_wal or inspection.schema_version == 0:
        return ok("journal", "a write-ahead log" if inspection.has_wal else "none yet")
    advice = "Opening the store enables it; other programs should not disable it."
    return Check("journal", "warning", "The write-ahead log is disabled.", advice)


def examine_embedder(stored: Optional[str], without_vector: int) -> Check:
    """Check whether the vectors of a store are those of the default embedder.

    Args:
        stored: The embedder of the vectors; None if there are none.
        without_vector: The number of memories that do not have a vector yet.
    """
    embedder = default_embedder()
    here = None if embedder is None else embedder.id
    if here is None:
        text = "no embedder is installed: searches match words"
        if stored is None:
            return ok("embedder", text)
        return Check("embedder", "warning", f"The store has vectors by {stored}, but {text}.", _INSTALL)
    if stored is None:
        return ok("embedder", f"{here}; the store has no vectors yet")
    if stored != here:
        advice = "Opening the store with another embedder computes all vectors again."
        return Check(
            "embedder",
            "warning",
            f"The store has vectors by {stored}, but the default embedder here is {here}.",
            advice,
        )
    left = f"; {without_vector:,} memories do not have a vector yet" if without_vector else ""
    return ok("embedder", f"{here}, as in the store{left}")


_INSTALL = 'For semantic search: pip install "statebase[local]".'
