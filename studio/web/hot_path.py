"""The two questions programs ask hundreds of times a second, answered without the framework.

Submitting a job and polling it are ordinary routes of the application too, documented there. Here
a caller who is known and whose request is small passes by the door's and the framework's layers,
which are most of the cost of so small an answer. Whatever is out of the ordinary, a stranger or a
large body, goes the long way, where it is refused as everywhere.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from studio.clock import new_id
from studio.errors import StudioError, Unauthorized
from studio.logs import request_id
from studio.quota_errors import Hurried
from studio.services.auth import AuthService
from studio.services.rates import RequestLimits
from studio.services.request_times import request_times
from studio.web.caller import read_body
from studio.web.guard import address_of, key_in
from studio.web.headers import ALWAYS
from studio.web.respond import error_response, unexpected_response
from studio.web.whole_answers import send_answer

JOBS: Final = "/api/v2/jobs"
SMALL_BYTES: Final = 1 << 20
_PREFIX: Final = JOBS + "/"
_ID_LENGTH: Final = 36
_ROUTES: Final = {"POST": JOBS, "GET": f"{JOBS}/{{job_id}}"}
"""What the application's own routes are called."""

Submit = Callable[[Request], Awaitable[Response]]
GetJob = Callable[[Request, str], Awaitable[Response]]


class HotPath:
    """Answers ``POST /api/v2/jobs`` and ``GET /api/v2/jobs/{id}``; the rest goes on to ``app``.

    Args:
        app: the application behind its door.
        max_body_bytes: the door's own limit.
        limits: the door's own, too; whoever calls too often is refused here, and counted once.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        auth: AuthService,
        submit: Submit,
        get_job: GetJob,
        max_body_bytes: int,
        limits: RequestLimits | None = None,
    ) -> None:
        self._app = app
        self._auth = auth
        self._limits = limits
        self._submit = submit
        self._get_job = get_job
        self._small_bytes = min(SMALL_BYTES, max_body_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = self._answer(scope, receive) if scope["type"] == "http" else None
        except Hurried as error:
            answer = _refuse(Request(scope, receive), error)
        if answer is None:
            await self._app(scope, receive, send)
            return
        begun_s = time.perf_counter()
        name = new_id()
        token = request_id.set(name)
        try:
            response = await answer
        except StudioError as error:
            response = error_response(error)
        except Exception as error:  # noqa: BLE001 - the framework's last resort is not in front
            response = unexpected_response(error)
        finally:
            request_id.reset(token)
        method: str = scope["method"]
        seconds = time.perf_counter() - begun_s
        request_times.note(method, _ROUTES[method], response.status_code, seconds)
        headers = [*response.raw_headers, *ALWAYS, (b"x-request-id", name.encode())]
        await send_answer(scope, send, response.status_code, headers, bytes(response.body))

    def _answer(self, scope: Scope, receive: Receive) -> Awaitable[Response] | None:
        """The answer under way, ``None`` for whatever must go the long way.

        Raises:
            Hurried: the caller asks too often.
        """
        path: str = scope["path"]
        if not path.startswith(JOBS):
            return None
        method: str = scope["method"]
        if method == "GET" and path.startswith(_PREFIX):
            job_id = path[len(_PREFIX) :]
            if len(job_id) == _ID_LENGTH and "/" not in job_id and self._admits(scope, 0):
                return self._get_job(Request(scope, receive), job_id)
        elif method == "POST" and path == JOBS and self._admits(scope, self._small_bytes):
            return self._take(Request(scope, receive))
        return None

    def _admits(self, scope: Scope, limit_bytes: int) -> bool:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        key = key_in(headers)
        if key is None or not _is_small(headers, limit_bytes):
            return False
        try:
            scope["studio.identity"] = identity = self._auth.authenticate(key)
            if self._limits is not None:
                self._limits.meet(identity, address_of(scope))
        except Unauthorized:
            return False
        return True

    async def _take(self, request: Request) -> Response:
        # All of it first: a refusal over an unread body would cost the connection.
        await read_body(request)
        return await self._submit(request)


async def _refuse(request: Request, error: Hurried) -> Response:
    # All of it first: see above.
    await read_body(request)
    raise error


def _is_small(headers: Mapping[bytes, bytes], limit_bytes: int) -> bool:
    if b"transfer-encoding" in headers or b"expect" in headers:
        return False
    length = headers.get(b"content-length", b"0")
    return length.isdigit() and int(length) <= limit_bytes
