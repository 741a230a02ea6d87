"""``/api/docs``: vendored Swagger UI over Studio's own OpenAPI, and the examples it shows."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import Response

from studio.version import VERSION
from studio.web.examples import example_of
from studio.web.pages import StaticFiles

PAGE: Final = "api/index.html"
_ABOUT: Final = (
    "Studio's own resources, and Comfy API v2 under `/api/v2/`. Whoever is logged in can try every "
    "route here as themselves; a key that is entered under *Authorize* counts in place of that."
)
_SCHEMES: Final = {
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "bearer": {"type": "http", "scheme": "bearer", "description": "The same key."},
}
_JSON: Final = "application/json"


def page_policy() -> str:
    """The Content-Security-Policy of the API page alone.

    Swagger UI makes markup of its own and shows small pictures from data addresses, so it gets no
    Trusted Types; scripts come from Studio all the same, and nothing can be evaluated.
    """
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def api_page_routes(files: StaticFiles) -> APIRouter:
    """The page; its files are under ``/static/``."""
    router = APIRouter()

    @router.get("/api/docs", include_in_schema=False)
    async def docs(request: Request) -> Response:
        answer = await files.answer(PAGE, request)
        answer.headers["Content-Security-Policy"] = page_policy()
        return answer

    return router


def describe(app: FastAPI) -> None:
    """Have the application describe itself with examples, and with the ways to send a key."""

    def page() -> dict[str, Any]:
        if not app.openapi_schema:
            schema = get_openapi(
                title="Studio", version=VERSION, description=_ABOUT, routes=app.routes
            )
            # The framework's own refusals are in there, which Studio's envelope replaces.
            schema["components"] = {"securitySchemes": _SCHEMES}
            schema["security"] = [{name: []} for name in _SCHEMES]
            for methods in schema["paths"].values():
                for method, operation in methods.items():
                    _correct(method, operation["responses"])
                    _add_examples(operation)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = page  # type: ignore[method-assign]


def _correct(method: str, answers: dict[str, Any]) -> None:
    """Take out what the framework says of answers that it does not know."""
    if "$ref" in str(answers.get("422", {})):
        del answers["422"]
    for answer in answers.values():
        content = answer.get("content", {})
        if content.get(_JSON) == {"schema": {}} and (len(content) > 1 or method == "head"):
            del content[_JSON]


def _add_examples(operation: dict[str, Any]) -> None:
    taken = operation.get("requestBody", {}).get("content", {}).get(_JSON)
    if taken is not None:
        taken.setdefault("example", example_of(taken["schema"], brief=True))
    for status, answer in operation["responses"].items():
        given = answer.get("content", {}).get(_JSON)
        if given is None:
            continue
        example = example_of(given["schema"])
        if status >= "400" and "error" in example:
            # Its description is the list of its codes.
            example["error"]["code"] = answer["description"].split(",")[0]
            example["error"] |= {"message": "What is wrong, in a sentence.", "details": None}
        given.setdefault("example", example)
