"""The two questions programs ask hundreds of times a second, answered without the framework.

Submitting a job and polling it are ordinary routes of the application too, documented there. Here
they skip its middleware and its search for the route, which such a small answer does not need.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from studio.errors import StudioError
from studio.web.respond import error_response, unexpected_response

JOBS: Final = "/api/v2/jobs"
_PREFIX: Final = JOBS + "/"
_ID_LENGTH: Final = 36

Submit = Callable[[Request], Awaitable[Response]]
GetJob = Callable[[Request, str], Awaitable[Response]]


class HotPath:
    """Answers ``POST /api/v2/jobs`` and ``GET /api/v2/jobs/{id}``; the rest goes on to ``app``."""

    def __init__(self, app: ASGIApp, *, submit: Submit, get_job: GetJob) -> None:
        self._app = app
        self._submit = submit
        self._get_job = get_job

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._answer(scope, receive) if scope["type"] == "http" else None
        if answer is None:
            await self._app(scope, receive, send)
            return
        try:
            response = await answer
        except StudioError as error:
            response = error_response(error)
        except Exception as error:  # noqa: BLE001 - the framework's last resort is not in front
            response = unexpected_response(error)
        await response(scope, receive, send)

    def _answer(self, scope: Scope, receive: Receive) -> Awaitable[Response] | None:
        path: str = scope["path"]
        if scope["method"] == "GET" and path.startswith(_PREFIX):
            job_id = path[len(_PREFIX) :]
            if len(job_id) == _ID_LENGTH and "/" not in job_id:
                return self._get_job(Request(scope, receive), job_id)
        elif scope["method"] == "POST" and path == JOBS:
            return self._submit(Request(scope, receive))
        return None
