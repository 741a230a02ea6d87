"""What the editor may do to the engine's queue: everything with its own runs, nothing with ours.

ComfyUI knows one queue and no owners. "Clear" and "interrupt" mean everything to it, so they are
said again here with the ids of those runs that are the editor's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from studio.clients.comfy import EngineError, client_of
from studio.errors import Forbidden, Unavailable
from studio.services.engine import Engine, EngineListener


class EditorQueue:
    """Narrows what the editor asks for.

    Args:
        listener: knows the prompts that live jobs stand behind.
    """

    def __init__(self, listener: EngineListener) -> None:
        self._listener = listener

    async def narrow_queue(self, engine: Engine, asked: dict[str, Any]) -> dict[str, Any]:
        """``POST /queue``: clear what waits, or delete some of it.

        Raises:
            Forbidden: one of those to delete is a job of Studio's.
            Unavailable: the engine does not say what is inside.
        """
        ours, _, pending = await self._inside(engine)
        chosen = _ids(asked.get("delete"))
        self._refuse_ours(chosen, ours)
        if asked.get("clear"):
            chosen += [prompt for prompt in pending if prompt not in ours]
        return {"delete": chosen}

    async def narrow_interrupt(
        self, engine: Engine, asked: dict[str, Any]
    ) -> dict[str, Any] | None:
        """``POST /interrupt``: ``None`` when nothing of the editor's runs.

        Raises:
            Forbidden, Unavailable.
        """
        ours, running, _ = await self._inside(engine)
        named = asked.get("prompt_id")
        if named:
            self._refuse_ours([str(named)], ours)
            return {"prompt_id": str(named)}
        own = [prompt for prompt in running if prompt not in ours]
        return {"prompt_id": own[0]} if own else None

    async def narrow_history(self, engine: Engine, asked: dict[str, Any]) -> dict[str, Any]:
        """``POST /history``: forget runs of the editor's that Studio has taken over.

        Raises:
            Forbidden, Unavailable.
        """
        chosen = _ids(asked.get("delete"))
        if not asked.get("clear"):
            for prompt in chosen:
                if await self._is_ours_in_history(engine, prompt):
                    self._refuse_ours([prompt], {prompt})
            return {"delete": chosen}
        try:
            clients = await engine.client.history_clients()
        except EngineError as error:
            raise _silent() from error
        return {
            "delete": [
                prompt
                for prompt, client in clients.items()
                if client != engine.client_id and not self._listener.holds(engine, prompt)
            ]
        }

    async def check_cancel(self, engine: Engine, prompts: Iterable[str]) -> None:
        """Refuse to cancel a job of Studio's.

        Raises:
            Forbidden, Unavailable.
        """
        ours, _, _ = await self._inside(engine)
        self._refuse_ours(list(prompts), ours)

    async def _inside(self, engine: Engine) -> tuple[set[str], tuple[str, ...], tuple[str, ...]]:
        """Studio's prompts inside the engine, and what runs and waits there."""
        try:
            queue = await engine.client.queue()
        except EngineError as error:
            raise _silent() from error
        ours = {prompt for prompt, client in queue.clients.items() if client == engine.client_id}
        return ours, queue.running, queue.pending

    async def _is_ours_in_history(self, engine: Engine, prompt: str) -> bool:
        try:
            entry = await engine.client.history(prompt)
        except EngineError as error:
            raise _silent() from error
        return entry is not None and client_of(entry.get("prompt")) == engine.client_id

    def _refuse_ours(self, prompts: Iterable[str], ours: set[str]) -> None:
        if any(prompt in ours for prompt in prompts):
            raise Forbidden("That run is a job of Studio's: cancel it there.")


def _ids(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _silent() -> Unavailable:
    return Unavailable("The engine does not answer.", retry_after_s=5)
