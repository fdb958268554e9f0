"""Entities: create, get, list, update, delete."""

from __future__ import annotations

from typing import Optional

from ..._generated.models import (
    EntityCreateRequest,
    EntityListItem,
    EntityListResponse,
    EntityResponse,
    EntityUpdateRequest,
    EntityUpdateResponse,
)
from ..._generated.queries import ListEntitiesQuery
from .. import jsontext
from ..caller import LOCAL, Caller
from ..clock import to_datetime
from ..errors import EngineError, not_found, unknown_cursor
from ..identifiers import new_id
from ..storage.tables.entities import EntityRow
from .core import Change, OperationGroup
from .response import Outcome, Response, operation


class EntityOperations(OperationGroup):
    """The operations on entities."""

    @operation
    def create_entity(self, body: EntityCreateRequest, context: Caller = LOCAL) -> Outcome[EntityResponse]:
        """Create an entity; its type and entity_id must be new in the session."""
        attributes = jsontext.encode(body.attributes, "attributes")

        def write(change: Change) -> Response[EntityResponse]:
            session = self._core.session(body.session_id, change.now_us)
            if self._store.entities.exists(session.seq, body.entity_type, body.entity_id):
                message = (
                    f"The session has the {body.entity_type} {body.entity_id!r} already: "
                    "update it, or create one with another entity_id."
                )
                raise EngineError(409, "conflict", message, "entity_id")
            new = new_id("ent_")
            self._store.entities.insert(new, session.seq, body.entity_type, body.entity_id, attributes, change.now_us)
            details = {"entity_type": body.entity_type, "entity_id": body.entity_id, "version": 1}
            change.trace("entity.created", session.id, "entity", new, details)
            return Response(
                EntityResponse(
                    id=new,
                    session_id=session.id,
                    entity_type=body.entity_type,
                    entity_id=body.entity_id,
                    created_at=to_datetime(change.now_us),
                    updated_at=to_datetime(change.now_us),
                    attributes=body.attributes,
                    version=1,
                    object="entity",
                )
            )

        return self._core.write(context, write)

    @operation
    def get_entity(self, entity_id: str, context: Caller = LOCAL) -> Outcome[EntityResponse]:
        """Return an entity with its attributes."""
        with self._core.read(snapshot=False):
            entity = self._entity(entity_id, self._core.now_us())
        return Response(
            EntityResponse(
                id=entity.id,
                session_id=entity.session_id,
                entity_type=entity.entity_type,
                entity_id=entity.entity_id,
                created_at=to_datetime(entity.created_us),
                updated_at=to_datetime(entity.updated_us),
                attributes=jsontext.decode(entity.attributes),
                version=entity.version,
                object="entity",
            )
        )

    @operation
    def list_entities(self, query: ListEntitiesQuery, context: Caller = LOCAL) -> Outcome[EntityListResponse]:
        """Return a page of the entities that match the filters, newest first."""
        with self._core.read():
            now_us = self._core.now_us()
            before_seq: Optional[int] = None
            if query.starting_after is not None:
                before_seq = self._store.entities.seq_of(query.starting_after)
                if before_seq is None:
                    raise unknown_cursor(query.starting_after)
            entities = self._store.entities.page(
                now_us, query.limit + 1, before_seq, session_id=query.session_id, entity_type=query.entity_type
            )
        return Response(
            EntityListResponse(
                data=[
                    EntityListItem(
                        id=entity.id,
                        entity_type=entity.entity_type,
                        entity_id=entity.entity_id,
                        created_at=to_datetime(entity.created_us),
                        object="entity",
                    )
                    for entity in entities[: query.limit]
                ],
                has_more=len(entities) > query.limit,
            )
        )

    @operation
    def update_entity(
        self, entity_id: str, body: EntityUpdateRequest, context: Caller = LOCAL
    ) -> Outcome[EntityUpdateResponse]:
        """Merge attributes at the top level."""

        def write(change: Change) -> Response[EntityUpdateResponse]:
            entity = self._entity(entity_id, change.now_us)
            attributes = {**jsontext.decode(entity.attributes), **body.attributes}
            text = jsontext.encode(attributes, "attributes")
            version = entity.version + 1
            self._store.entities.update(entity.seq, text, version, change.now_us)
            details = {
                "entity_type": entity.entity_type,
                "entity_id": entity.entity_id,
                "version": version,
                "keys": list(body.attributes),
            }
            change.trace("entity.updated", entity.session_id, "entity", entity.id, details)
            return Response(
                EntityUpdateResponse(
                    id=entity.id,
                    updated_at=to_datetime(change.now_us),
                    attributes=attributes,
                    version=version,
                    object="entity",
                )
            )

        return self._core.write(context, write)

    @operation
    def delete_entity(self, entity_id: str, context: Caller = LOCAL) -> Outcome[None]:
        """Delete an entity."""
        with self._core.change(context) as change:
            entity = self._entity(entity_id, change.now_us)
            self._store.entities.delete(entity.seq)
            self._store.answers.forget_resource(entity.id)
            details = {"entity_type": entity.entity_type, "entity_id": entity.entity_id}
            change.trace("entity.deleted", entity.session_id, "entity", entity.id, details)
        return Response(None)

    def _entity(self, entity_id: str, now_us: int) -> EntityRow:
        entity = self._store.entities.find(entity_id, now_us)
        if entity is None:
            raise not_found("entity", entity_id)
        return entity
