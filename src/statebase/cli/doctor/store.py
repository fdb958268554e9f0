"""What a doctor says about a store."""

from __future__ import annotations

from typing import Iterator

from ...local.errors import EngineError
from ...local.search.embedding import default_embedder
from ...local.storage.sqlite.inspection import Inspection, inspect
from ..files import FileError, check_store, naming
from .report import Check, ok, skipped

_INTEGRITY_SECONDS = 30.0
_PARTS = ("schema", "integrity", "journal", "embedder")


def examine_store(path: str) -> Iterator[Check]:
    """Look at a store, and change nothing."""
    try:
        check_store(path)
        with naming(path, "--path"):
            inspection = inspect(path, _INTEGRITY_SECONDS)
    except (FileError, EngineError) as error:
        yield Check("store", "failed", str(error))
        for part in _PARTS:
            yield skipped(part, "the store cannot be read")
        return
    yield ok("store", f"{path}, {inspection.bytes:,} bytes")
    yield _schema(inspection)
    yield _integrity(inspection)
    yield _journal(inspection)
    yield skipped("embedder", "the file is damaged") if inspection.problems else _embedder(inspection)


def _schema(inspection: Inspection) -> Check:
    version, newest = inspection.schema_version, inspection.newest_schema_version
    if version == 0:
        return ok("schema", "an empty file: opening it makes it a store")
    if version < newest:
        return ok("schema", f"version {version}: opening the store brings it to {newest}")
    return ok("schema", f"version {version}, the newest")


def _integrity(inspection: Inspection) -> Check:
    if inspection.problems is None:
        text = f"no damage found in {_INTEGRITY_SECONDS:g} seconds, before all of the file was read"
        return skipped("integrity", text)
    if inspection.problems:
        advice = "Restore a backup; what can be read still comes out by `statebase export`."
        return Check("integrity", "failed", f"The file is damaged: {'; '.join(inspection.problems)}.", advice)
    return ok("integrity", "no damage")


def _journal(inspection: Inspection) -> Check:
    if inspection.has_wal or inspection.schema_version == 0:
        return ok("journal", "a write-ahead log" if inspection.has_wal else "none yet")
    advice = "Opening the store turns it on; other programs should not turn it off."
    return Check("journal", "warning", "The write-ahead log is off.", advice)


def _embedder(inspection: Inspection) -> Check:
    embedder = default_embedder()
    here = None if embedder is None else embedder.id
    stored = inspection.embedder_id
    if here is None:
        text = "none is installed: search goes by words"
        if stored is None:
            return ok("embedder", text)
        return Check("embedder", "warning", f"The store has vectors by {stored}, and here {text}.", _INSTALL)
    if stored is None:
        return ok("embedder", f"{here}; the store has no vectors yet")
    if stored != here:
        advice = "A program that opens the store with another embedder makes all vectors anew."
        return Check(
            "embedder", "warning", f"The store has vectors by {stored}, and the default here is {here}.", advice
        )
    left = f"; {inspection.without_vector:,} memories wait for theirs" if inspection.without_vector else ""
    return ok("embedder", f"{here}, as in the store{left}")


_INSTALL = 'To search by meaning: pip install "statebase[local]".'
