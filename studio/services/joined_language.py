"""Several places that answer, as one."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from studio.language_errors import LanguageModelNotFound, ModelNotRunning
from studio.services.language import Language, LanguageModel


class JoinedLanguage:
    """``Language`` over others; the first that has a model answers for it."""

    def __init__(self, places: Sequence[Language]) -> None:
        self._places = places

    async def models(self) -> Sequence[LanguageModel]:
        """What all of them have, what cannot answer last; one that cannot be asked has nothing."""
        found: dict[str, LanguageModel] = {}
        for place in self._places:
            with contextlib.suppress(ModelNotRunning):
                for model in await place.models():
                    found.setdefault(model.id, model)
        return sorted(found.values(), key=_is_no_default)

    async def stream(
        self, endpoint: str, request: Mapping[str, Any], *, user_id: str
    ) -> AsyncGenerator[dict[str, Any], None]:
        """The chunks of who has the model."""
        place = await self._place(request)
        chunks = place.stream(endpoint, request, user_id=user_id)
        async with contextlib.aclosing(chunks):
            async for chunk in chunks:
                yield chunk

    async def ask(
        self, endpoint: str, request: Mapping[str, Any], *, user_id: str
    ) -> dict[str, Any]:
        """The answer of who has the model."""
        place = await self._place(request)
        return await place.ask(endpoint, request, user_id=user_id)

    async def _place(self, request: Mapping[str, Any]) -> Language:
        wanted = request.get("model")
        silent: ModelNotRunning | None = None
        for place in self._places:
            try:
                if any(model.id == wanted for model in await place.models()):
                    return place
            except ModelNotRunning as error:
                silent = error
        if silent is not None:
            raise silent
        raise LanguageModelNotFound(
            f"There is no language model {wanted!r}.", details={"field": "model"}
        )


def _is_no_default(model: LanguageModel) -> bool:
    return model.state == "failed" or not model.chats
