"""``/api/loras``: LoRAs for whoever fills in a form."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.models import Scope
from studio.services.lora_choices import LoraChoice, LoraChoices
from studio.web import model_schemas as schemas
from studio.web.caller import caller
from studio.web.respond import json_response

_MAX_NAME: Final = 500


def lora_routes(choices: LoraChoices) -> APIRouter:
    """The scope ``jobs`` is enough: forms are filled in by people who may not send graphs."""
    router = APIRouter(prefix="/api", tags=["Create"])

    @router.get("/loras", summary="LoRAs, and which fit a checkpoint", **schemas.LORAS)
    async def list_loras(request: Request) -> Response:
        caller(request, Scope.JOBS)
        query = request.query_params
        family, found = await choices.list(
            checkpoint=query.get("checkpoint", "")[:_MAX_NAME],
            base_model=query.get("base_model", "")[:_MAX_NAME],
        )
        name = None if family is None else family.name
        return json_response({"family_name": name, "items": [_body(each) for each in found]})

    return router


def _body(choice: LoraChoice) -> dict[str, Any]:
    file = choice.file
    return {
        "file": file.name,
        "title": file.facts.get("title"),
        "family": choice.family.id if choice.family else None,
        "family_name": choice.family.name if choice.family else None,
        "fits": choice.fits,
        "trigger_words": list(choice.trigger_words),
        "favourite": file.favourite,
    }
