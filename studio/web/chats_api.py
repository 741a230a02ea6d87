"""Conversations under ``/api/chats``."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.errors import InvalidRequest
from studio.models import Identity, Scope
from studio.services.chat_exports import as_json, as_markdown
from studio.services.chat_replies import ChatReplies
from studio.services.chats import ChatService
from studio.services.language import Language
from studio.web import chat_schemas as schemas
from studio.web.caller import caller, json_body, whole_number
from studio.web.chat_bodies import chat_body, conversation_body, message_body, model_body
from studio.web.chat_events import ReplyStream
from studio.web.job_events import EventResponse, StreamLimit
from studio.web.respond import json_response

_FORMATS = ("json", "markdown")
_MAX_START = 1 << 31


def chat_routes(
    *,
    chats: ChatService,
    replies: ChatReplies,
    language: Language,
    is_live: Callable[[Identity], bool],
) -> APIRouter:
    """The routes; all need the scope ``jobs``."""
    router = APIRouter(prefix="/api/chats", tags=["Chat"])
    limit = StreamLimit()

    @router.get("", summary="Your conversations, found by their words", **schemas.LIST_CHATS)
    async def list_chats(request: Request) -> Response:
        identity = caller(request, Scope.JOBS)
        given = request.query_params
        found, total = await chats.page(
            identity,
            given.get("q", "")[:200],
            start=whole_number(given.get("start"), "start", 0, _MAX_START, default=0),
            limit=whole_number(given.get("limit"), "limit", 1, 200, default=50),
        )
        items = [{**conversation_body(one.conversation), "snippet": one.snippet} for one in found]
        return json_response({"items": items, "total": total})

    @router.post("", summary="Begin a conversation", **schemas.CREATE_CHAT)
    async def create_chat(request: Request) -> Response:
        identity = caller(request, Scope.JOBS)
        return json_response(chat_body(await chats.create(identity, await json_body(request))), 201)

    @router.get("/models", summary="Language models that may be asked", **schemas.LIST_MODELS)
    async def list_models(request: Request) -> Response:
        caller(request, Scope.JOBS)
        found = [model for model in await language.models() if model.chats]
        return json_response({"items": [model_body(model) for model in found]})

    @router.get("/{chat_id}", summary="A conversation with all branches", **schemas.GET_CHAT)
    async def get_chat(request: Request, chat_id: str) -> Response:
        return json_response(chat_body(await chats.get(caller(request, Scope.JOBS), chat_id)))

    @router.patch("/{chat_id}", summary="Change what is given of it", **schemas.UPDATE_CHAT)
    async def update_chat(request: Request, chat_id: str) -> Response:
        identity = caller(request, Scope.JOBS)
        body = await json_body(request)
        return json_response(chat_body(await chats.update(identity, chat_id, body)))

    @router.delete("/{chat_id}", summary="Delete a conversation", **schemas.DELETE)
    async def delete_chat(request: Request, chat_id: str) -> Response:
        await chats.delete(caller(request, Scope.JOBS), chat_id)
        return Response(status_code=204)

    @router.get("/{chat_id}/export", summary="It as JSON or Markdown", **schemas.EXPORT_CHAT)
    async def export_chat(request: Request, chat_id: str) -> Response:
        view = await chats.get(caller(request, Scope.JOBS), chat_id)
        kind = request.query_params.get("format", "json")
        if kind not in _FORMATS:
            raise InvalidRequest(f"format is one of {', '.join(_FORMATS)}.")
        if kind == "json":
            return json_response(as_json(view), headers=_attached(f"{chat_id}.json"))
        return Response(
            as_markdown(view),
            headers=_attached(f"{chat_id}.md"),
            media_type="text/markdown; charset=utf-8",
        )

    @router.post("/{chat_id}/messages", summary="Say something", **schemas.SEND_MESSAGE)
    async def send_message(request: Request, chat_id: str) -> Response:
        identity = caller(request, Scope.JOBS)
        said, reply = await chats.send(identity, chat_id, await json_body(request))
        return json_response({"message": message_body(said), "reply": message_body(reply)}, 201)

    @router.post(
        "/{chat_id}/messages/{message_id}/regenerate",
        summary="Another reply beside one, or to a message",
        **schemas.REGENERATE,
    )
    async def regenerate(request: Request, chat_id: str, message_id: str) -> Response:
        identity = caller(request, Scope.JOBS)
        body = await json_body(request)
        reply = await chats.regenerate(identity, chat_id, message_id, body)
        return json_response(message_body(reply), 201)

    @router.post(
        "/{chat_id}/messages/{message_id}/continue",
        summary="Finish a reply that broke off",
        **schemas.CONTINUE,
    )
    async def go_on(request: Request, chat_id: str, message_id: str) -> Response:
        reply = await chats.go_on(caller(request, Scope.JOBS), chat_id, message_id)
        return json_response(message_body(reply), 201)

    @router.post(
        "/{chat_id}/messages/{message_id}/calls/{number}",
        summary="Say whether a tool may run",
        **schemas.DECIDE,
    )
    async def decide(request: Request, chat_id: str, message_id: str, number: str) -> Response:
        identity = caller(request, Scope.JOBS)
        at = whole_number(number, "number", 0, 1000)
        body = await json_body(request)
        message = await chats.decide(identity, chat_id, message_id, at, body)
        return json_response(message_body(message))

    @router.post("/{chat_id}/stop", summary="End the reply that is written", **schemas.STOP)
    async def stop(request: Request, chat_id: str) -> Response:
        identity = caller(request, Scope.JOBS)
        await chats.stop(identity, chat_id)
        return json_response(chat_body(await chats.get(identity, chat_id)))

    @router.get("/{chat_id}/events", summary="The reply, as it is written", **schemas.EVENTS)
    async def events(request: Request, chat_id: str) -> Response:
        identity = caller(request, Scope.JOBS)
        await chats.get(identity, chat_id)
        resume = request.headers.get("last-event-id") or request.query_params.get("after", "")
        limit.enter(identity.user_id)
        stream = ReplyStream(replies.turn(chat_id), resume)
        return EventResponse(stream.frames(), limit=limit, identity=identity, is_live=is_live)

    return router


def _attached(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}
