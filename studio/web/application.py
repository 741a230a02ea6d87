"""The FastAPI application that every route is added to."""

from __future__ import annotations

from fastapi import FastAPI

from studio.version import VERSION
from studio.web.respond import install_error_handlers


def new_application() -> FastAPI:
    """An application without routes that answers every refusal in the one envelope."""
    app = FastAPI(
        title="Studio",
        version=VERSION,
        docs_url=None,
        openapi_url="/api/openapi.json",
        redoc_url=None,
    )
    install_error_handlers(app)
    return app
