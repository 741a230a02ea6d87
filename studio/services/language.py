"""Language models, whoever runs them: what conversations, prompts and programs are answered by."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from studio.models import Identity


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """One model that can be asked by its id.

    ``context`` is in tokens, 0 when nobody says. ``state`` is ``running``, ``starting``,
    ``stopped`` (it is started when somebody asks) or ``failed``, with ``reason`` for people.
    ``chats`` is false for one that can only turn texts into vectors. ``is_here`` when it takes this
    machine's GPU time.
    """

    id: str
    name: str
    context: int = 0
    vision: bool = False
    embeddings: bool = False
    chats: bool = True
    is_here: bool = True
    state: str = "running"
    reason: str = ""


class Language(Protocol):
    """Who answers. Requests and answers are OpenAI's own JSON objects."""

    async def models(self) -> Sequence[LanguageModel]:
        """Everything that may be asked; the first that chats is the default."""
        ...

    def stream(
        self, endpoint: str, request: Mapping[str, Any], *, user_id: str
    ) -> AsyncGenerator[dict[str, Any], None]:
        """The chunks of an answer; close the iterator to stop whoever writes it.

        Args:
            endpoint: ``chat/completions`` or ``completions``.
            request: OpenAI's body; ``model`` names one of ``models``, ``stream`` is set here.
            user_id: whose GPU time it is.

        Raises:
            LanguageModelNotFound, ModelNotRunning, ModelDoesNotFit: before the first chunk.
            LanguageServerDied: it broke off.
            InvalidRequest: the server refuses the request; its own words are the message.
        """
        ...

    async def ask(
        self, endpoint: str, request: Mapping[str, Any], *, user_id: str
    ) -> dict[str, Any]:
        """One whole answer, of ``embeddings`` too; refused as ``stream`` is."""
        ...


RequireTime = Callable[[Identity, str], Awaitable[None]]
"""Refuses somebody who has used up their GPU time, where the model with this id takes any."""


def time_for(language: Language, require: Callable[[Identity], Awaitable[None]]) -> RequireTime:
    """Asks ``require`` only about models of this machine, and about those that nobody knows."""

    async def require_time(identity: Identity, model_id: str) -> None:
        if takes_time(await language.models(), model_id):
            await require(identity)

    return require_time


def takes_time(models: Sequence[LanguageModel], model_id: str) -> bool:
    """Whether the model with this id takes GPU time; one that nobody knows does."""
    return all(model.is_here for model in models if model.id == model_id)
