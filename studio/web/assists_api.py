"""Help with prompts under ``/api/language/assist``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.models import Identity, Scope
from studio.services.assists import MAX_LANGUAGE, MAX_SCENES, TASKS, AssistService
from studio.services.chat_fields import MAX_EXAMPLE
from studio.web.caller import caller, json_body
from studio.web.openapi import INTEGER, STRING, array, optional, record, route
from studio.web.patience import PAUSE_S, PatientAnswer

_ASSIST: Final = route(
    record({"text": STRING, "scenes": array(STRING), "model": STRING}, ("model",)),
    {
        404: "model_not_found",
        422: "invalid_chat, model_sees_no_pictures",
        503: "no_language_model, model_not_running, language_server_died",
    },
    body={
        **record(
            {
                "task": {**STRING, "enum": list(TASKS)},
                "text": {**STRING, "maxLength": MAX_EXAMPLE},
                "language": {**STRING, "maxLength": MAX_LANGUAGE},
                "files": array(STRING, maxItems=1),
                "count": {**INTEGER, "minimum": 1, "maximum": MAX_SCENES},
                "model": optional(STRING),
            },
            ("task",),
        ),
        "additionalProperties": False,
    },
    example={"task": "improve", "text": "a fox"},
)


def assist_routes(
    assists: AssistService, is_live: Callable[[Identity], bool], *, pause_s: float = PAUSE_S
) -> APIRouter:
    """The one route; it needs the scope ``jobs``.

    Args:
        is_live: whether a caller would still be let in; asked while an answer is awaited.
        pause_s: how long nothing may be sent.
    """
    router = APIRouter(tags=["Chat"])

    @router.post("/api/language/assist", summary="Help with a prompt", **_ASSIST)
    async def assist(request: Request) -> Response:
        identity = caller(request, Scope.JOBS)
        # Refused here it has its status: later the head may be out already.
        order = await assists.order(identity, await json_body(request))
        answering = assists.help(identity, order)
        return PatientAnswer(answering, is_live=partial(is_live, identity), pause_s=pause_s)

    return router
