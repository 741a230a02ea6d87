"""OpenAI's routes for text: ``/v1/chat/completions`` and its siblings, behind Studio's own door."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from studio.errors import InvalidRequest
from studio.language_errors import LanguageModelNotFound, NoLanguageModel
from studio.models import Identity, Scope
from studio.services.language import Language, LanguageModel, RequireTime
from studio.web import openai_schemas as schemas
from studio.web.caller import caller, json_body
from studio.web.openai_vectors import encoded
from studio.web.patience import PatientAnswer, PatientStream
from studio.web.respond import json_response

_CHAT, _COMPLETIONS, _EMBEDDINGS = "chat/completions", "completions", "embeddings"
_ASKED = {_CHAT: "messages", _COMPLETIONS: "prompt", _EMBEDDINGS: "input"}


def openai_text_routes(
    language: Language,
    is_live: Callable[[Identity], bool],
    *,
    require: RequireTime,
    also: Callable[[Identity], Awaitable[Sequence[str]]],
) -> APIRouter:
    """``/v1`` for text.

    Args:
        is_live: whether a caller would still be let in; asked while an answer is written.
        require: refuses a caller who has used up their GPU time, where the model takes any.
        also: other names that a caller finds among the models: those that draw.
    """
    router = APIRouter(prefix="/v1", tags=["OpenAI"])

    async def listed(identity: Identity) -> list[str]:
        own = [model.id for model in await language.models()]
        return [*own, *(name for name in await also(identity) if name not in own)]

    asks = partial(_ask, language, is_live, require, also)

    @router.post("/chat/completions", summary="Have a model answer a chat", **schemas.CHAT)
    async def chat(request: Request) -> Response:
        return await asks(request, _CHAT)

    @router.post("/completions", summary="Have a model go on with a text", **schemas.COMPLETION)
    async def completions(request: Request) -> Response:
        return await asks(request, _COMPLETIONS)

    @router.post(
        "/embeddings", summary="Have a model turn texts into vectors", **schemas.EMBEDDINGS
    )
    async def embeddings(request: Request) -> Response:
        return await asks(request, _EMBEDDINGS)

    @router.get("/models", summary="What can be asked", **schemas.MODELS)
    async def models(request: Request) -> Response:
        names = await listed(caller(request, Scope.JOBS))
        return json_response({"object": "list", "data": [_model_body(name) for name in names]})

    @router.get("/models/{model:path}", summary="One of them", **schemas.MODEL)
    async def one_model(request: Request, model: str) -> Response:
        if model not in await listed(caller(request, Scope.JOBS)):
            raise LanguageModelNotFound("There is no such model.", details={"field": "model"})
        return json_response(_model_body(model))

    return router


async def _ask(
    language: Language,
    is_live: Callable[[Identity], bool],
    require: RequireTime,
    also: Callable[[Identity], Awaitable[Sequence[str]]],
    request: Request,
    endpoint: str,
) -> Response:
    identity = caller(request, Scope.JOBS)
    body = await json_body(request)
    field = _ASKED[endpoint]
    if not body.get(field):
        raise InvalidRequest(f"{field} is missing.", details={"field": field})
    if endpoint == _CHAT and not _is_chat(body[field]):
        raise InvalidRequest(
            "messages must be a list of objects with a role.", details={"field": field}
        )
    stream = body.get("stream")
    if stream not in (None, True, False):
        raise InvalidRequest("stream must be true or false.", details={"field": "stream"})
    body["model"] = await _chosen(language, body.get("model"), endpoint)
    await require(identity, body["model"])
    goes_on = partial(is_live, identity)
    asked = _Asked(language, endpoint, body, identity, also)
    if stream and endpoint != _EMBEDDINGS:
        return PatientStream(asked.chunks(), is_live=goes_on)
    return PatientAnswer(asked.answer(), is_live=goes_on)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What somebody asks of a model."""

    language: Language
    endpoint: str
    body: Mapping[str, Any]
    identity: Identity
    also: Callable[[Identity], Awaitable[Sequence[str]]]

    async def answer(self) -> Mapping[str, Any]:
        """The whole answer."""
        try:
            answer = await self.language.ask(
                self.endpoint, self.body, user_id=self.identity.user_id
            )
        except LanguageModelNotFound as error:
            raise await self._explained(error) from error
        if self.endpoint == _EMBEDDINGS:
            return encoded(answer, self.body.get("encoding_format"))
        return answer

    async def chunks(self) -> AsyncGenerator[dict[str, Any], None]:
        """Its pieces."""
        chunks = self.language.stream(self.endpoint, self.body, user_id=self.identity.user_id)
        try:
            async with contextlib.aclosing(chunks):
                async for chunk in chunks:
                    yield chunk
        except LanguageModelNotFound as error:
            raise await self._explained(error) from error

    async def _explained(self, error: LanguageModelNotFound) -> LanguageModelNotFound:
        """Programs offer for a chat whatever is listed, models that draw as well."""
        name = self.body.get("model")
        if name not in await self.also(self.identity):
            return error
        return LanguageModelNotFound(
            f"“{name}” draws pictures, by /v1/images/generations, and answers no chats.",
            details=error.details,
        )


async def _chosen(language: Language, wanted: Any, endpoint: str) -> str:
    """The model that is asked for, or the first that can do it."""
    if wanted is not None and not isinstance(wanted, str):
        raise InvalidRequest("model must be a string.", details={"field": "model"})
    if wanted:
        return wanted
    models: Sequence[LanguageModel] = await language.models()
    if endpoint == _EMBEDDINGS:
        # One that is made for it comes before those of which nobody knows.
        able = sorted((model for model in models if model.embeddings), key=_is_second_choice)
    else:
        able = [model for model in models if model.chats]
    if not able:
        raise NoLanguageModel("There is no language model that can be asked for this.")
    return able[0].id


def _is_second_choice(model: LanguageModel) -> tuple[bool, bool]:
    return model.state == "failed", model.chats


def _is_chat(messages: Any) -> bool:
    return isinstance(messages, list) and all(
        isinstance(message, dict) and isinstance(message.get("role"), str) for message in messages
    )


def _model_body(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "studio"}
