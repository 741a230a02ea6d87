"""Node packs as the owner sees them: what is there, what could be, one change at a time.

Everything that runs code of a pack is done by the worker, a child of bootstrap's and of the
engines' user. A pack is made ready beside the others while the engines work; then they get nothing
new, what is inside them ends, they stop, names are changed, and they start again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from boot.packs import PackPlan, PackRefused, PackReport, check_ref, check_url, name_of
from studio.clients.supervisor import Supervisor
from studio.clock import Clock, new_id
from studio.errors import Conflict, NotFound, Unprocessable
from studio.models import Identity, Record
from studio.net import Outbound
from studio.services.engines import Engine, EngineService, EngineState
from studio.services.health import HealthService
from studio.services.node_registry import NodeRegistry
from studio.services.pack_rescue import FAILED_STARTS, PackRescue
from studio.services.pack_work import DONE, Operation, PackView, PackWork, WorkFailed, explain
from studio.store.node_packs import FoundPack, NodePackFiles

log = logging.getLogger(__name__)

_LOOK_S: Final = 0.25
_START_S: Final = 900.0
"""For how long a change waits to see ComfyUI start again."""
_NEVER: Final = (EngineState.STOPPED, EngineState.INCOMPATIBLE)
_WAITING: Final = "stopped while a node pack is changed"


@dataclass(slots=True)
class NodePacks:
    """Lists packs and changes them.

    Args:
        supervisor: bootstrap's socket; without it nothing can be changed.
        outbound: judges where a pack comes from.
    """

    files: NodePackFiles
    rescue: PackRescue
    registry: NodeRegistry
    engines: EngineService
    health: HealthService
    supervisor: Supervisor | None
    outbound: Outbound
    clock: Clock
    record: Record
    operation: Operation | None = None
    _task: asyncio.Task[None] | None = None
    _closing: bool = False
    _given_up: bool = False
    _crashed: asyncio.Event = field(default_factory=asyncio.Event)

    # -- looking ----------------------------------------------------------------------------------

    async def all(self) -> list[PackView]:
        """Every pack of the volume, and those that came with ComfyUI itself, by name."""
        found = {pack.name: pack for pack in await asyncio.to_thread(self.files.all)}
        classes, on_volume = self._classes(), frozenset(found)
        for name in classes:
            # In the image, or a single file: it is there, and nothing can be done to it here.
            found.setdefault(name, FoundPack(name, True, True, None, None, previous=False))
        return [
            PackView(pack, name in on_volume, classes.get(name, ()), self.registry.packs.get(name))
            for name, pack in sorted(found.items(), key=lambda item: item[0].lower())
        ]

    def obstacle(self) -> str:
        """Why nothing can be changed here; empty when it can."""
        if not self._comfys():
            return "Node packs are changed where Studio starts ComfyUI itself."
        return "" if self.supervisor is not None else "Bootstrap does not run."

    def _comfys(self) -> list[Engine]:
        engines = self.engines.engines.values()
        return [engine for engine in engines if engine.setting.kind == "comfyui"]

    def _classes(self) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for engine in self._comfys():
            found.update(engine.pack_classes)
        return found

    # -- changing ---------------------------------------------------------------------------------

    async def install(self, identity: Identity, url: str, ref: str) -> Operation:
        """Install a pack from a repository, or replace the one of the same name.

        Raises:
            Unprocessable, BlockedAddress: nothing can come from there.
            Conflict: something is being changed, or nothing can be.
        """
        try:
            name = name_of(check_url(url))
            check_ref(ref)
        except PackRefused as refused:
            raise Unprocessable(str(refused), details={"field": "url"}) from None
        self._require_free()
        await asyncio.to_thread(self.outbound.place, url)
        plan = PackPlan(new_id(), "stage", name, url, ref)
        return self._begin(identity, "install", plan)

    async def install_known(self, identity: Identity, name: str) -> Operation:
        """Install a pack of the registry at its commit.

        Raises:
            NotFound: there is none of that name.
            BlockedAddress, Conflict: as ``install``.
        """
        known = self.registry.packs.get(name)
        if known is None:
            raise NotFound("There is no such node pack in the registry.")
        self._require_free()
        await asyncio.to_thread(self.outbound.place, known.url)
        plan = PackPlan(new_id(), "stage", name, known.url, known.commit)
        return self._begin(identity, "install", plan)

    async def update(self, identity: Identity, name: str) -> Operation:
        """Bring a pack to the registry's commit, or to the end of what it follows.

        Raises:
            NotFound: there is no such pack.
            Conflict: Studio did not install it; or as ``install``.
        """
        pack = await self._existing(name)
        if pack.record is None or not pack.present:
            raise Conflict("Studio did not install this pack, so it does not know its origin.")
        known = self.registry.packs.get(name)
        follows = known is not None and known.url == pack.record.url
        ref = known.commit if known is not None and follows else pack.record.ref
        self._require_free()
        await asyncio.to_thread(self.outbound.place, pack.record.url)
        plan = PackPlan(new_id(), "stage", name, pack.record.url, ref)
        return self._begin(identity, "update", plan)

    async def change(self, identity: Identity, action: str, name: str) -> Operation:
        """``remove``, ``restore``, ``disable`` or ``enable`` a pack.

        Raises:
            NotFound: there is no such pack.
            Conflict: there is nothing to go back to; or as ``install``.
        """
        pack = await self._existing(name)
        if action == "restore" and not pack.previous:
            raise Conflict("There is nothing to go back to.")
        if action != "restore" and not pack.present:
            raise NotFound("There is no such node pack.")
        return self._begin(identity, action, PackPlan(new_id(), action, name))

    async def cancel(self) -> None:
        """Give up what is being changed; too late once the engines are stopped.

        Raises:
            Conflict: there is nothing to give up, or no more.
        """
        operation, task = self.operation, self._task
        if operation is None or operation.done or task is None:
            raise Conflict("Nothing is being changed.")
        if operation.phase in ("changing", "starting"):
            raise Conflict("It is too late to give this up.")
        if not self._given_up:
            # Once: what a second one would end is the giving up.
            self._given_up = True
            task.cancel()
        await asyncio.wait([task])

    async def _existing(self, name: str) -> FoundPack:
        pack = await asyncio.to_thread(self.files.find, name)
        if pack is None:
            raise NotFound("There is no such node pack on the volume.")
        return pack

    def _require_free(self) -> None:
        if obstacle := self.obstacle():
            raise Conflict(obstacle)
        if self._is_busy():
            raise Conflict("Another node pack is being changed; one at a time.")

    def _is_busy(self) -> bool:
        return self.operation is not None and not self.operation.done

    def _begin(self, identity: Identity, action: str, plan: PackPlan) -> Operation:
        # Again: names were resolved since.
        self._require_free()
        return self._start(action, plan, identity.user_id)

    def _start(self, action: str, plan: PackPlan, user_id: str | None) -> Operation:
        operation = Operation(plan.id, action, plan.name, self.clock.now_ms())
        self.operation, self._given_up = operation, False
        self._task = asyncio.create_task(self._run(plan, user_id), name=f"node pack {plan.name}")
        self._task.add_done_callback(self._ended)
        return operation

    async def _run(self, plan: PackPlan, user_id: str | None) -> None:
        try:
            try:
                await self._change(plan)
            except asyncio.CancelledError:
                if self._closing:
                    raise
                await self._worker().give_up()
                raise WorkFailed("canceled", "It was given up.") from None
            self._say("done", done=True)
            assert self.operation is not None
            if (kind := DONE.get(self.operation.action)) is not None:
                self.record(user_id, f"nodes.{kind}", plan.name, commit=self.operation.commit)
        except Exception as error:  # noqa: BLE001 - whoever asked for the change is told
            code, message = explain(error)
            self._say(done=True, code=code, message=message)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """However it ended, also before its first step: nothing may wait for it any more."""
        if self._task is task:
            self._task = None
            if self._is_busy():
                self._say(done=True, code="canceled", message="It was given up.")

    async def _change(self, plan: PackPlan) -> None:
        if plan.action == "stage":
            await self._work(plan)
            plan = PackPlan(new_id(), "activate", plan.name)
        elif plan.action == "discard" and not await asyncio.to_thread(self.files.half_changed):
            await self._work(plan)
            return
        self._say("waiting")
        async with self.engines.all_stopped([e.name for e in self._comfys()], _WAITING):
            self._say("changing")
            await self._work(plan)
        self._say("starting")
        await self._started(plan)

    def _worker(self) -> PackWork:
        assert self.supervisor is not None
        return PackWork(files=self.files, supervisor=self.supervisor)

    async def _work(self, plan: PackPlan) -> None:
        def tell(report: PackReport) -> None:
            # Only the long part has phases that somebody may want to see.
            phase = report.phase if plan.action == "stage" and not report.done else None
            self._say(phase, commit=report.commit, notes=report.notes)

        await self._worker().do(plan, tell)

    async def _started(self, plan: PackPlan) -> None:
        """Wait until ComfyUI answers again; when it does not start, do without the newest pack."""
        deadline_s = self.clock.monotonic_s() + _START_S
        while not all(engine.ready for engine in self._running()):
            if (words := await self._rescue()) is not None:
                raise WorkFailed("start_failed", words)
            given_up = any(engine.state in _NEVER for engine in self._running())
            if given_up or self.clock.monotonic_s() > deadline_s:
                raise WorkFailed("start_failed", "ComfyUI did not start again; its log says why.")
            await asyncio.sleep(_LOOK_S)
        if plan.action in ("activate", "enable", "restore") and not self._classes().get(plan.name):
            found = await asyncio.to_thread(self.files.find, plan.name)
            if found is not None and found.enabled:
                self._say(notes=("ComfyUI loaded no class of it; the engine's log says why.",))

    def _running(self) -> Sequence[Engine]:
        return [engine for engine in self._comfys() if not self.engines.is_held(engine.name)]

    def _say(
        self,
        phase: str | None = None,
        *,
        done: bool = False,
        code: str = "",
        message: str = "",
        commit: str = "",
        notes: Sequence[str] = (),
    ) -> None:
        assert self.operation is not None
        old = self.operation
        self.operation = replace(
            old,
            phase=phase or old.phase,
            done=done,
            code=code,
            message=message,
            commit=commit or old.commit,
            notes=tuple(dict.fromkeys((*old.notes, *notes))),
        )

    # -- when ComfyUI does not start --------------------------------------------------------------

    async def run(self) -> None:
        """Finish what a killed run left, then watch for starts that fail; the body of a task."""
        self.engines.crashed.connect(self._crashed.set)
        self.engines.changed.connect(self._note_ready)
        if not self.obstacle() and await asyncio.to_thread(self.files.unfinished):
            self._start("discard", PackPlan(new_id(), "discard"), None)
        while True:
            await self._crashed.wait()
            self._crashed.clear()
            if self._task is None and self.supervisor is not None:
                await self._try_rescue()

    async def _try_rescue(self) -> None:
        try:
            await self._rescue()
        except Exception as error:  # noqa: BLE001 - the next crash is another chance
            _code, message = explain(error)
            log.warning("ComfyUI could not be started without a node pack: %s", message)
            if self.operation is not None:
                self._say(done=True, code="start_failed", message=message)

    async def close(self) -> None:
        """Let go of what is being changed; the worker goes on, the next start looks after it."""
        self._closing = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _note_ready(self) -> None:
        if any(engine.ready for engine in self._comfys()):
            self.rescue.forget()

    async def _rescue(self) -> str | None:
        """Do without the newest pack if ComfyUI fails to start again and again, once.

        Returns:
            What was done, in words.
        """
        failing = [e for e in self._comfys() if e.failed_starts >= FAILED_STARTS]
        chosen = await asyncio.to_thread(self.rescue.next) if failing else None
        if chosen is None:
            return None
        plan = chosen.plan(failing[0])
        if alone := self._task is None:
            self.operation = Operation(plan.id, plan.action, plan.name, self.clock.now_ms())
        # Somebody may have removed it meanwhile.
        found = await asyncio.to_thread(self.files.find, plan.name)
        if found is not None and found.present:
            async with self.engines.all_stopped([engine.name for engine in failing], _WAITING):
                await self._work(plan)
            self.record(None, f"nodes.{DONE[plan.action]}", plan.name)
        if alone:
            self._say("done", done=True, code="start_failed", message=chosen.words)
        log.warning("%s", chosen.words)
        self.health.note(chosen.words)
        return chosen.words
