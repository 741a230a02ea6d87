"""``/api/graphs``: what a graph still needs before it can run."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.graphs.graph import parse
from studio.models import Scope
from studio.services.engines import EngineService
from studio.web.caller import caller, json_body
from studio.web.openapi import OBJECT, STRING, answers, array, json_answer, record
from studio.web.openapi import json_body as described_body
from studio.web.respond import json_response

_INPUT: Final = record(
    {
        "node_id": STRING,
        "title": STRING,
        "class_type": STRING,
        "name": STRING,
        "value": STRING,
        "installed": array(STRING),
    }
)
_MODELS: Final[dict[str, Any]] = {
    "responses": answers(
        {200: json_answer("Empty when every model is there.", record({"inputs": array(_INPUT)}))},
        {
            400: "invalid_request",
            422: "invalid_workflow, workflow_format_ui: not a graph in API format",
            503: "unavailable: no engine has answered yet",
        },
    ),
    "openapi_extra": {"requestBody": described_body(record({"workflow": OBJECT}))},
}


def graph_routes(engines: EngineService) -> APIRouter:
    """``POST /api/graphs/models``, which needs the scope ``graphs:run``."""
    router = APIRouter(prefix="/api/graphs", tags=["Graphs"])

    @router.post("/models", summary="Inputs of a graph whose model is not there", **_MODELS)
    async def post_models(request: Request) -> Response:
        caller(request, Scope.GRAPHS_RUN)
        graph = parse((await json_body(request)).get("workflow"))
        missing = await engines.missing_models(graph)
        return json_response({"inputs": [asdict(each) for each in missing]})

    return router
