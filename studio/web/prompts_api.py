"""Saved prompts and word lists under ``/api/prompts`` and ``/api/wildcards``."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.clock import iso
from studio.errors import InvalidPreset
from studio.models import Scope
from studio.services.prompts import KINDS, MAX_LIST_BYTES, PromptService
from studio.store.prompts import SavedPrompt
from studio.web import preset_schemas as schemas
from studio.web.caller import caller, json_body, text_field
from studio.web.respond import json_response


def prompt_routes(prompts: PromptService) -> APIRouter:
    """The routes; all need the scope ``jobs``."""
    router = APIRouter(prefix="/api", tags=["Presets"])

    @router.get("/prompts", summary="Saved prompts: yours and shared ones", **schemas.LIST_PROMPTS)
    async def list_prompts(request: Request) -> Response:
        identity = caller(request, Scope.JOBS)
        kind = request.query_params.get("kind") or None
        if kind is not None and kind not in KINDS:
            raise InvalidPreset(
                f"kind must be one of {', '.join(KINDS)}.", details={"where": "kind"}
            )
        found = await prompts.page(identity, request.query_params.get("q", ""), kind)
        return json_response(
            {"items": [_prompt_body(prompt) for prompt in found], "total": len(found)}
        )

    @router.post("/prompts", summary="Save a prompt", **schemas.CREATE_PROMPT)
    async def create_prompt(request: Request) -> Response:
        identity = caller(request, Scope.JOBS)
        return json_response(
            _prompt_body(await prompts.create(identity, await json_body(request))), 201
        )

    @router.patch(
        "/prompts/{prompt_id}", summary="Change what is given of a prompt", **schemas.UPDATE_PROMPT
    )
    async def update_prompt(request: Request, prompt_id: str) -> Response:
        identity = caller(request, Scope.JOBS)
        body = await json_body(request)
        return json_response(_prompt_body(await prompts.update(identity, prompt_id, body)))

    @router.delete("/prompts/{prompt_id}", summary="Delete a saved prompt", **schemas.DELETE)
    async def delete_prompt(request: Request, prompt_id: str) -> Response:
        await prompts.delete(caller(request, Scope.JOBS), prompt_id)
        return Response(status_code=204)

    @router.get("/wildcards", summary="Your word lists", **schemas.LIST_LISTS)
    async def list_lists(request: Request) -> Response:
        found = await prompts.list_lists(caller(request, Scope.JOBS))
        items = [{"name": name, "lines": lines, "updated_at": iso(at)} for name, lines, at in found]
        return json_response({"items": items, "total": len(items)})

    @router.get("/wildcards/{name}", summary="The lines of a word list", **schemas.GET_LIST)
    async def get_list(request: Request, name: str) -> Response:
        lines = await prompts.get_list(caller(request, Scope.JOBS), name)
        return json_response({"name": name, "text": "\n".join(lines)})

    @router.put(
        "/wildcards/{name}", summary="Keep a word list, a line for each", **schemas.PUT_LIST
    )
    async def put_list(request: Request, name: str) -> Response:
        identity = caller(request, Scope.JOBS)
        text = text_field(await json_body(request), "text", MAX_LIST_BYTES)
        return json_response({"name": name, "lines": await prompts.put_list(identity, name, text)})

    @router.delete("/wildcards/{name}", summary="Delete a word list", **schemas.DELETE)
    async def delete_list(request: Request, name: str) -> Response:
        await prompts.delete_list(caller(request, Scope.JOBS), name)
        return Response(status_code=204)

    return router


def _prompt_body(prompt: SavedPrompt) -> dict[str, Any]:
    return {
        "id": prompt.id,
        "name": prompt.name,
        "kind": prompt.kind,
        "text": prompt.text,
        "tags": prompt.tags,
        "shared": prompt.shared,
        "user_id": prompt.user_id,
        "created_at": iso(prompt.created_at),
        "updated_at": iso(prompt.updated_at),
    }
