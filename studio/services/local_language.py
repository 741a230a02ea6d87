"""Language models on this machine: started when somebody asks, stopped when nobody does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from boot.language import SLOTS
from studio.clients.language_server import LanguageServer
from studio.clients.supervisor import SupervisorRefused, SupervisorUnavailable
from studio.errors import NotFound, StudioError
from studio.language_errors import LanguageServerDied, ModelNotRunning
from studio.models import Identity, Record
from studio.services.language import LanguageModel
from studio.services.language_answers import Joiner
from studio.services.language_files import UNKNOWN, InstalledModel, LanguageFiles
from studio.services.language_needs import Need
from studio.services.language_process import FAILED, STOPPED, ModelServer, Places
from studio.services.language_talk import EMBEDDINGS, reading_of, request_of, wants_usage

_IDLE_LOOK_S: Final = 5.0
Charge = Callable[[str, float], None]
"""Told whose the GPU was, and for how many seconds."""


class Room(Protocol):
    """Who makes room on the GPU."""

    async def has_gpu(self) -> bool: ...

    def lent(
        self, need: Need, evict: Callable[[], Awaitable[bool]]
    ) -> contextlib.AbstractAsyncContextManager[str]: ...


@dataclass(frozen=True, slots=True)
class ModelState:
    """One model and, while it has a place, its server."""

    model: InstalledModel
    need: Need
    server: ModelServer | None


class LocalLanguage:
    """``Language`` by servers of our own.

    Args:
        places: ``None`` where no bootstrap runs, so nothing can be started.
        room: makes room on the GPU before a model is loaded.
        charge: told of the seconds that each request took.
    """

    def __init__(
        self,
        *,
        files: LanguageFiles,
        places: Places | None,
        room: Room,
        charge: Charge,
        record: Record,
    ) -> None:
        self._files = files
        self._places = places
        self._room = room
        self._charge = charge
        self._record = record
        self._servers: dict[str, ModelServer] = {}
        self._leaving: dict[str, asyncio.Task[None]] = {}
        """The places of servers that end; nobody else gets one of them before it has."""
        self._ordering = asyncio.Lock()

    @property
    def can_run(self) -> bool:
        """Whether there is anybody who could start one."""
        return self._places is not None

    @property
    def running(self) -> int:
        """How many have a place."""
        return len(self._servers)

    async def open(self) -> None:
        """End what an earlier Studio left running: nobody has its key any more."""
        if self._places is None:
            return
        supervisor = self._places.supervisor
        with contextlib.suppress(SupervisorUnavailable, SupervisorRefused):
            for name, child in (await supervisor.status()).items():
                if name in SLOTS and child.state == "running":
                    await supervisor.stop(name)

    async def close(self) -> None:
        """End every server."""
        await asyncio.gather(*(self._stop(model_id) for model_id in list(self._servers)))
        await asyncio.gather(*self._leaving.values())

    async def run(self) -> None:
        """Stop what nobody has asked for longer than it is to stay, and what is installed no more;
        runs until cancelled."""
        if self._places is None:
            return
        while True:
            await asyncio.sleep(_IDLE_LOOK_S)
            if not self._servers:
                continue
            now_s = self._places.clock.monotonic_s()
            installed = {model.id for model in await self._files.all()}
            for model_id, server in list(self._servers.items()):
                said = server.model.file.settings
                stays_s = said.keep_minutes * 60
                is_over = stays_s and now_s - server.used_at_s >= stays_s
                is_over = is_over and server.state != FAILED and not said.pinned
                if server.idle and (is_over or model_id not in installed):
                    await self._stop(model_id)

    # -- Language ---------------------------------------------------------------------------------

    async def models(self) -> Sequence[LanguageModel]:
        """What can be asked; what runs comes first, then what somebody vouches for."""
        if self._places is None:
            return ()
        found = [self._listed(model) for model in await self._files.all()]
        order = {"running": 0, "starting": 1, STOPPED: 2}
        return sorted(found, key=lambda model: order.get(model.state, 3))

    async def stream(
        self, endpoint: str, request: Mapping[str, Any], *, user_id: str
    ) -> AsyncGenerator[dict[str, Any], None]:
        """The chunks of an answer; the model is started if need be."""
        model = await self._files.asked(request.get("model"))
        asked = request_of(model, endpoint, request)
        server = await self._server(model)
        with server.used():
            has_begun = has_died = False
            for is_last in (False, True):
                read = reading_of(asked, request)
                try:
                    async with self._turn(server, user_id) as client:
                        if has_died:
                            # In the middle of a stream it cannot say why it refuses; here it can.
                            await client.ask(endpoint, {**asked, "max_tokens": 1})
                        async with contextlib.aclosing(client.stream(endpoint, asked)) as chunks:
                            async for chunk in chunks:
                                if not (chunk.get("choices") or wants_usage(request)):
                                    continue
                                for each in read.add({**chunk, "model": model.id}):
                                    has_begun = True
                                    yield each
                    for each in read.end():
                        yield each
                except (ModelNotRunning, LanguageServerDied) as error:
                    if not _is_gone(server, error) or has_begun or is_last:
                        raise
                    has_died = isinstance(error, LanguageServerDied)
                else:
                    return

    async def ask(
        self, endpoint: str, request: Mapping[str, Any], *, user_id: str
    ) -> dict[str, Any]:
        """One whole answer. It is read as a stream where that can be, for only such ends early."""
        if endpoint != EMBEDDINGS:
            joiner = Joiner()
            counted = {**request, "stream_options": {"include_usage": True}}
            chunks = self.stream(endpoint, counted, user_id=user_id)
            async with contextlib.aclosing(chunks):
                async for chunk in chunks:
                    joiner.add(chunk)
            return joiner.whole()
        model = await self._files.asked(request.get("model"))
        asked = request_of(model, endpoint, request)
        server = await self._server(model)
        with server.used():
            try:
                async with self._turn(server, user_id) as client:
                    return {**await client.ask(endpoint, asked), "model": model.id}
            except (ModelNotRunning, LanguageServerDied) as error:
                if not _is_gone(server, error):
                    raise
            async with self._turn(server, user_id) as client:
                return {**await client.ask(endpoint, asked), "model": model.id}

    # -- what the owner does ----------------------------------------------------------------------

    async def state(self, model_id: str) -> ModelState:
        """One of them. Raises NotFound."""
        for found in await self.states():
            if found.model.id == model_id:
                return found
        raise NotFound("There is no such language model.")

    async def states(self) -> list[ModelState]:
        """Every model that is installed, and how it is; also those that run without their file."""
        on_gpu = await self._room.has_gpu()
        models = {model.id: model for model in await self._files.all()}
        left = {name: server.model for name, server in self._servers.items() if name not in models}
        return [
            ModelState(model, model.need(on_gpu=on_gpu), self._servers.get(model.id))
            for model in (*models.values(), *left.values())
        ]

    async def start(self, identity: Identity, model_id: str) -> None:
        """Have it loaded now; also one that crashed too often.

        Raises:
            NotFound, ModelNotConfirmed, ModelDoesNotFit, ModelNotRunning.
        """
        model = await self._files.get(model_id)
        failed = self._servers.get(model_id)
        if failed is not None and failed.state == FAILED:
            await self._stop(model_id)
        await self._server(model)
        self._record(identity.user_id, "language.started", model_id)

    async def stop(self, identity: Identity, model_id: str) -> ModelState:
        """End it, with whatever it writes; also one whose file is gone. Raises NotFound."""
        found = await self.state(model_id)
        await self._stop(model_id)
        self._record(identity.user_id, "language.stopped", model_id)
        return replace(found, server=None)

    async def evict(self) -> bool:
        """Stop the model that was used longest ago and that nobody uses; whether there was one."""
        idle = [
            (server.used_at_s, model_id)
            for model_id, server in self._servers.items()
            if server.idle and not server.model.file.settings.pinned
        ]
        if not idle:
            return False
        await self._stop(min(idle)[1])
        return True

    async def _stop(self, model_id: str) -> None:
        server = self._servers.pop(model_id, None)
        if server is not None:
            slot = server.slot
            ending = asyncio.create_task(server.stop(), name=f"{slot}: end of {model_id}")
            self._leaving[slot] = ending
            ending.add_done_callback(lambda _: self._leaving.pop(slot))
            # Who waits for it may go away; it ends nevertheless.
            await asyncio.shield(ending)

    @contextlib.asynccontextmanager
    async def _turn(
        self, server: ModelServer, user_id: str
    ) -> AsyncGenerator[LanguageServer, None]:
        """One exchange with it. What is charged is its work, not the waiting in line for it.

        Raises:
            ModelNotRunning: it takes no requests, and why.
        """
        assert self._places is not None
        clock = self._places.clock
        async with server.turn:
            client = await server.ready()
            began_s = clock.monotonic_s()
            try:
                yield client
            finally:
                self._charge(user_id, clock.monotonic_s() - began_s)

    async def _server(self, model: InstalledModel) -> ModelServer:
        """The model's server, started if need be; it may still be loading.

        Raises:
            ModelNotConfirmed, ModelDoesNotFit, ModelNotRunning: it is not started, and why.
        """
        model.check()
        # Whoever asks one that has its place does not wait until another one is loaded.
        server = self._placed(model)
        if server is not None:
            return server
        async with self._ordering:
            server = self._placed(model)
            if server is None:
                await self._stop(model.id)
                server = await self._started(model)
        return server

    def _placed(self, model: InstalledModel) -> ModelServer | None:
        """The model's server, unless it has to be started anew."""
        server = self._servers.get(model.id)
        if server is None or server.state == STOPPED:
            return None
        return None if server.state == FAILED and server.may_try_again else server

    async def _started(self, model: InstalledModel) -> ModelServer:
        if self._places is None:
            raise ModelNotRunning("Studio was started without bootstrap, which runs the models.")
        await asyncio.to_thread(model.look_again)
        on_gpu = await self._room.has_gpu()
        async with self._room.lent(model.need(on_gpu=on_gpu), self.evict) as gpu:
            slot = await self._free_slot()
            server = ModelServer(model, slot, self._places, on_gpu=on_gpu, gpu=gpu)
            self._servers[model.id] = server
            if on_gpu:
                # Until it has what it needs nobody else may take that.
                with contextlib.suppress(ModelNotRunning):
                    await server.ready()
        return server

    async def _free_slot(self) -> str:
        while True:
            taken = {server.slot for server in self._servers.values()} | self._leaving.keys()
            for slot in SLOTS:
                if slot not in taken:
                    return slot
            if self._leaving:
                await asyncio.wait(self._leaving.values(), return_when=asyncio.FIRST_COMPLETED)
            elif not await self.evict():
                raise ModelNotRunning(
                    f"{len(SLOTS)} language models run, and all are busy or pinned."
                )

    def _listed(self, model: InstalledModel) -> LanguageModel:
        server = self._servers.get(model.id)
        state, reason = STOPPED, ""
        if server is not None:
            state, reason = server.state, server.reason
        elif UNKNOWN in {file.trust for file in (model.file, model.projector) if file is not None}:
            state, reason = FAILED, "The owner has to confirm this file first."
        return LanguageModel(
            id=model.id,
            name=model.id,
            context=model.context,
            vision=model.projector is not None,
            embeddings=model.embeddings,
            chats=not model.embeddings,
            state=state,
            reason=reason,
        )


def _is_gone(server: ModelServer, error: StudioError) -> bool:
    """Whether it may be there again soon, rather than have refused the request."""
    if error.details is not None:
        return False
    server.doubt()
    return True
