"""How the machine did in the last minutes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.clock import iso
from studio.models import Scope
from studio.services.pulse import EVERY_S, Pulse
from studio.web.caller import caller
from studio.web.openapi import INTEGER, TIME, Schema, array, optional, record, route
from studio.web.respond import json_response

_NUMBER: Final[Schema] = {"type": "number"}
_MAYBE: Final = optional(_NUMBER)
_HISTORY: Final = route(
    record(
        {
            "every_s": _NUMBER,
            "beats": array(
                record(
                    {
                        "at": TIME,
                        "cores": array(_NUMBER),
                        "memory": _MAYBE,
                        "gpu": _MAYBE,
                        "gpu_memory": _MAYBE,
                        "received_per_s": _MAYBE,
                        "sent_per_s": _MAYBE,
                        "queue": INTEGER,
                    }
                )
            ),
        }
    )
)


def pulse_routes(pulse: Pulse) -> APIRouter:
    """``/api/system/history``."""
    router = APIRouter(prefix="/api/system", tags=["System"])

    @router.get("/history", summary="How the machine did in the last minutes", **_HISTORY)
    async def get_history(request: Request) -> Response:
        caller(request, Scope.ADMIN)
        beats = [{**asdict(beat), "at": iso(beat.at)} for beat in pulse.beats]
        return json_response({"every_s": EVERY_S, "beats": beats})

    return router
