"""Films that are planned, under ``/api/films``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.clock import iso
from studio.models import Scope
from studio.services.assists import MAX_SCENES
from studio.services.chat_fields import MAX_EXAMPLE
from studio.services.films import SECONDS, FilmService
from studio.store.films import Film
from studio.web.caller import caller, json_body
from studio.web.openapi import (
    INTEGER,
    OBJECT,
    STRING,
    TIME,
    Schema,
    array,
    optional,
    record,
    route,
)
from studio.web.respond import json_response

_SCENE: Final = {
    **record(
        {
            "text": {**STRING, "maxLength": MAX_EXAMPLE},
            "seconds": {"type": "number", "minimum": SECONDS[0], "maximum": SECONDS[1]},
        }
    ),
    "additionalProperties": False,
}
_FIELDS: Final[dict[str, Schema]] = {
    "picture": optional(STRING),
    "description": {**STRING, "maxLength": MAX_EXAMPLE},
    "count": {**INTEGER, "minimum": 1, "maximum": MAX_SCENES},
    "scenes": array(_SCENE, maxItems=MAX_SCENES),
    "preset_id": optional(STRING),
    "workflow_id": optional(STRING),
}
_FILM: Final = record({"id": STRING, **_FIELDS, "created_at": TIME, "updated_at": TIME})
_BODY: Final = {**record(_FIELDS, ()), "additionalProperties": False}
_MAKER: Final = record(
    {
        "kind": {**STRING, "enum": ["preset", "workflow"]},
        "id": STRING,
        "name": STRING,
        "workflow_id": STRING,
        "version": optional(INTEGER),
        "values": OBJECT,
    }
)
_UNKNOWN: Final = {404: "not_found"}
_EXAMPLE: Final = {"description": "A fox crosses a frozen lake at dawn.", "count": 3}


def film_routes(films: FilmService) -> APIRouter:
    """The routes; all need the scope ``jobs``."""
    router = APIRouter(prefix="/api/films", tags=["Chat"])

    @router.get("", summary="Films that you plan", **route(record({"items": array(_FILM)})))
    async def list_films(request: Request) -> Response:
        found = await films.all(caller(request, Scope.JOBS))
        return json_response({"items": [_body(film) for film in found]})

    @router.post(
        "",
        summary="Plan a film",
        **route(
            _FILM,
            {404: "not_found", 409: "conflict: too many", 422: "invalid_chat"},
            status=201,
            body=_BODY,
            example=_EXAMPLE,
        ),
    )
    async def create_film(request: Request) -> Response:
        identity = caller(request, Scope.JOBS)
        return json_response(_body(await films.create(identity, await json_body(request))), 201)

    @router.get(
        "/makers",
        summary="Presets and workflows that make videos",
        **route(record({"items": array(_MAKER)})),
    )
    async def list_makers(request: Request) -> Response:
        found = await films.makers(caller(request, Scope.JOBS))
        return json_response({"items": [asdict(maker) for maker in found]})

    @router.get("/{film_id}", summary="One film", **route(_FILM, _UNKNOWN))
    async def get_film(request: Request, film_id: str) -> Response:
        return json_response(_body(await films.get(caller(request, Scope.JOBS), film_id)))

    @router.patch(
        "/{film_id}",
        summary="Change what is given of it",
        **route(_FILM, {404: "not_found", 422: "invalid_chat"}, body=_BODY, example=_EXAMPLE),
    )
    async def update_film(request: Request, film_id: str) -> Response:
        identity = caller(request, Scope.JOBS)
        return json_response(_body(await films.update(identity, film_id, await json_body(request))))

    @router.delete("/{film_id}", summary="Delete a film", **route(None, _UNKNOWN, status=204))
    async def delete_film(request: Request, film_id: str) -> Response:
        await films.delete(caller(request, Scope.JOBS), film_id)
        return Response(status_code=204)

    return router


def _body(film: Film) -> dict[str, Any]:
    return {
        "id": film.id,
        "picture": film.picture,
        "description": film.description,
        "count": film.count,
        "scenes": [asdict(scene) for scene in film.scenes],
        "preset_id": film.preset_id,
        "workflow_id": film.workflow_id,
        "created_at": iso(film.created_at),
        "updated_at": iso(film.updated_at),
    }
