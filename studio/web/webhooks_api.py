"""``/api/webhooks``: who is told what happens, and what became of each message."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.clock import iso, iso_or_none
from studio.errors import InvalidRequest, Unprocessable
from studio.models import Scope
from studio.services.webhooks import MAX_NAME, MAX_URL, WebhookService
from studio.store.webhook_deliveries import DeliveryState
from studio.store.webhook_history import Delivery
from studio.store.webhooks import Webhook
from studio.web import webhook_schemas as schemas
from studio.web.caller import (
    caller,
    json_body,
    known_fields,
    optional_text,
    text_field,
    whole_number,
)
from studio.web.jobs_api import time_ms
from studio.web.respond import json_response
from studio.webhook_events import EVENTS, OF_JOBS

MAX_PAGE: Final = 200
_FIELDS: Final = frozenset({"url", "events", "name", "system"})
_CHANGES: Final = frozenset({"url", "events", "name", "paused", "enabled"})


def webhook_routes(webhooks: WebhookService) -> APIRouter:
    """The routes under ``/api/webhooks``; each needs the scope ``jobs``."""
    router = APIRouter(prefix="/api/webhooks", tags=["Webhooks"])

    @router.get("", summary="Your webhooks, and the events there are", **schemas.LIST)
    async def list_webhooks(request: Request) -> Response:
        found = await webhooks.list(caller(request, Scope.JOBS))
        return json_response(
            {
                "webhooks": [_body(one) for one in found],
                "events": {"own": list(OF_JOBS), "system": list(EVENTS)},
            }
        )

    @router.post("", summary="A new webhook; its secret is shown this once", **schemas.CREATE)
    async def create(request: Request) -> Response:
        identity = caller(request, Scope.JOBS)
        body = known_fields(await json_body(request), _FIELDS)
        webhook, secret = await webhooks.add(
            identity,
            url=text_field(body, "url", MAX_URL),
            events=event_names(body.get("events"), "events"),
            name=optional_text(body, "name", MAX_NAME) or "",
            system=_flag(body, "system"),
        )
        return json_response({**_body(webhook), "secret": secret}, 201)

    @router.post(
        "/job-secret",
        summary="Another secret for the webhooks that your jobs name; shown this once",
        **schemas.JOB_SECRET,
    )
    async def job_secret(request: Request) -> Response:
        webhook, secret = await webhooks.job_secret(caller(request, Scope.JOBS))
        return json_response({**_body(webhook), "secret": secret})

    @router.get("/{webhook_id}", summary="One webhook", **schemas.GET)
    async def get(request: Request, webhook_id: str) -> Response:
        return json_response(_body(await webhooks.get(caller(request, Scope.JOBS), webhook_id)))

    @router.patch("/{webhook_id}", summary="Change, pause or enable a webhook", **schemas.UPDATE)
    async def update(request: Request, webhook_id: str) -> Response:
        identity = caller(request, Scope.JOBS)
        body = known_fields(await json_body(request), _CHANGES)
        changes: dict[str, Any] = {}
        if "url" in body:
            changes["url"] = text_field(body, "url", MAX_URL)
        if "name" in body:
            changes["name"] = text_field(body, "name", MAX_NAME)
        if "events" in body:
            changes["events"] = event_names(body["events"], "events")
        for name in ("paused", "enabled"):
            if name in body:
                changes[name] = _flag(body, name)
        if changes.get("enabled") is False:
            raise Unprocessable("enabled can only be true; pause a webhook, or remove it.")
        return json_response(_body(await webhooks.change(identity, webhook_id, changes)))

    @router.delete("/{webhook_id}", summary="Remove a webhook", **schemas.DELETE)
    async def remove(request: Request, webhook_id: str) -> Response:
        await webhooks.remove(caller(request, Scope.JOBS), webhook_id)
        return Response(status_code=204)

    @router.post(
        "/{webhook_id}/secret",
        summary="Another secret, shown this once; the one before signs too for a day",
        **schemas.SECRET,
    )
    async def change_secret(request: Request, webhook_id: str) -> Response:
        identity = caller(request, Scope.JOBS)
        webhook, secret = await webhooks.change_secret(identity, webhook_id)
        return json_response({**_body(webhook), "secret": secret})

    @router.post("/{webhook_id}/test", summary="Send a ping", **schemas.TEST)
    async def test(request: Request, webhook_id: str) -> Response:
        identity = caller(request, Scope.JOBS)
        delivery_id = await webhooks.ping(identity, webhook_id)
        found = await webhooks.delivery(identity, webhook_id, delivery_id)
        return json_response(_delivery_body(found), 202)

    @router.get(
        "/{webhook_id}/deliveries", summary="What was sent, newest first", **schemas.DELIVERIES
    )
    async def deliveries(request: Request, webhook_id: str) -> Response:
        identity = caller(request, Scope.JOBS)
        wanted = request.query_params
        limit = whole_number(wanted.get("limit"), "limit", 1, MAX_PAGE, default=50)
        cursor = wanted.get("cursor")
        found = await webhooks.page(
            identity,
            webhook_id,
            state=_state(wanted.get("state")),
            before=None if cursor is None else whole_number(cursor, "cursor", 1, 1 << 62),
            limit=limit,
        )
        more = str(found[-1].seq) if len(found) == limit else None
        return json_response(
            {"deliveries": [_delivery_body(one) for one in found], "next_cursor": more}
        )

    @router.get(
        "/{webhook_id}/deliveries/{delivery_id}",
        summary="One message, with every attempt",
        **schemas.DELIVERY,
    )
    async def delivery(request: Request, webhook_id: str, delivery_id: str) -> Response:
        identity = caller(request, Scope.JOBS)
        found = await webhooks.delivery(identity, webhook_id, delivery_id)
        log = [
            {
                "at": iso(each.at),
                "duration_ms": each.duration_ms,
                "status": each.status,
                "error": each.error,
                "answer": each.answer,
            }
            for each in found.log
        ]
        return json_response({**_delivery_body(found), "body": found.body, "log": log})

    @router.post(
        "/{webhook_id}/deliveries/{delivery_id}/resend",
        summary="Send a message once more, under the same id",
        **schemas.RESEND,
    )
    async def resend(request: Request, webhook_id: str, delivery_id: str) -> Response:
        identity = caller(request, Scope.JOBS)
        found = await webhooks.send_again(identity, webhook_id, delivery_id)
        return json_response(_delivery_body(found), 202)

    @router.post(
        "/{webhook_id}/resend", summary="Send all that failed once more", **schemas.RESEND_FAILED
    )
    async def resend_failed(request: Request, webhook_id: str) -> Response:
        identity = caller(request, Scope.JOBS)
        body = known_fields(await json_body(request), frozenset({"since"}))
        since_ms = time_ms(optional_text(body, "since"), "since") or 0
        count = await webhooks.send_failed_again(identity, webhook_id, since_ms)
        return json_response({"count": count}, 202)

    return router


def event_names(value: object, name: str) -> tuple[str, ...]:
    """A list of types of events.

    Raises:
        Unprocessable: it is none; whether they exist is judged later.
    """
    if not isinstance(value, list) or not all(
        isinstance(each, str) and each.isascii() for each in value
    ):
        raise Unprocessable(f"{name} must be a list of types of events.", details={"field": name})
    return tuple(value)


def _flag(body: dict[str, Any], name: str) -> bool:
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise Unprocessable(f"{name} must be true or false.", details={"field": name})
    return value


def _state(value: str | None) -> str | None:
    if value is not None and value not in {state.value for state in DeliveryState}:
        raise InvalidRequest("state is waiting, delivered or failed.")
    return value


def _body(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "user_id": webhook.user_id,
        "user_name": webhook.user_name,
        "kind": webhook.kind,
        "name": webhook.name,
        "url": webhook.url,
        "events": webhook.events,
        "created_at": iso(webhook.created_at),
        "updated_at": iso(webhook.updated_at),
        "paused_at": iso_or_none(webhook.paused_at),
        "disabled_at": iso_or_none(webhook.disabled_at),
        "disabled_reason": webhook.disabled_reason,
        "failing_since": iso_or_none(webhook.failing_since),
        "succeeded_at": iso_or_none(webhook.succeeded_at),
        "waiting": webhook.waiting,
        "failed": webhook.failed,
    }


def _delivery_body(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "webhook_id": delivery.webhook_id,
        "type": delivery.type,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "created_at": iso(delivery.created_at),
        "next_at": iso_or_none(delivery.next_at),
        "ended_at": iso_or_none(delivery.ended_at),
        "status": delivery.status,
        "error": delivery.error,
        "url": delivery.url,
    }
