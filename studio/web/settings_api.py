"""Settings of the house, for the owner, and what each person prefers."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.models import Scope
from studio.services.preferences import PreferenceService
from studio.services.settings import Setting, SettingsService
from studio.web import house_schemas as schemas
from studio.web.caller import caller, json_body, person
from studio.web.respond import json_response


def settings_routes(*, settings: SettingsService, preferences: PreferenceService) -> APIRouter:
    """``/api/settings`` and ``/api/preferences``."""
    router = APIRouter(prefix="/api", tags=["Settings"])

    @router.get("/preferences", summary="What you prefer", **schemas.GET_PREFERENCES)
    async def get_preferences(request: Request) -> Response:
        return json_response(await preferences.get(person(request)))

    @router.put(
        "/preferences",
        summary="Say what you prefer; what is not said is the default",
        **schemas.PUT_PREFERENCES,
    )
    async def put_preferences(request: Request) -> Response:
        identity = person(request)
        return json_response(await preferences.put(identity, await json_body(request)))

    @router.get(
        "/settings",
        summary="Every setting and where it comes from; no secret",
        **schemas.LIST_SETTINGS,
    )
    async def list_settings(request: Request) -> Response:
        caller(request, Scope.ADMIN)
        groups = [
            {"id": group.id, "items": [_body(item) for item in group.items]}
            for group in settings.groups()
        ]
        return json_response({"groups": groups})

    @router.put(
        "/settings/{key}",
        summary="Store a setting that the environment does not set",
        **schemas.PUT_SETTING,
    )
    async def put_setting(request: Request, key: str) -> Response:
        identity = caller(request, Scope.ADMIN)
        value = (await json_body(request)).get("value")
        return json_response(_body(await settings.put(identity, key, value)))

    @router.delete(
        "/settings/{key}",
        summary="Forget a stored setting: the default counts again",
        **schemas.DELETE_SETTING,
    )
    async def delete_setting(request: Request, key: str) -> Response:
        identity = caller(request, Scope.ADMIN)
        return json_response(_body(await settings.delete(identity, key)))

    @router.post(
        "/settings/{key}/test",
        summary="Ask the service of a token whether it works",
        **schemas.TEST_SETTING,
    )
    async def test_setting(request: Request, key: str) -> Response:
        caller(request, Scope.ADMIN)
        found = await settings.test(key)
        return json_response(
            {
                "ok": found.ok,
                "account": found.account,
                "reason": found.reason,
                "message": found.message,
            }
        )

    return router


def _body(setting: Setting) -> dict[str, Any]:
    return {
        "key": setting.key,
        "kind": setting.kind,
        "value": setting.value,
        "default": setting.default,
        "source": setting.source,
        "set": setting.is_set,
        "write_only": setting.write_only,
        "editable": setting.editable,
        "restart": setting.restart,
        "pending": setting.pending,
        "min": setting.least,
        "max": setting.most,
    }
