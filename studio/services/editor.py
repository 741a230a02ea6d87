"""Who may be inside ComfyUI's own editor, and which engine that is.

The editor lives on a port of its own, where a person's session cookie does not count. Studio hands
out a code for one visit there, and the visit ends when the session that asked for it does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from studio.clients.comfy_events import read_frame
from studio.clients.comfy_passage import (
    ComfyPassage,
    PassageClosed,
    PassedAnswer,
    PassedClose,
    PassedSocket,
)
from studio.clock import Clock
from studio.errors import Forbidden, StudioError, Unavailable
from studio.models import Identity, Record, Role, unrecorded
from studio.services.editor_queue import EditorQueue
from studio.services.engine import Engine, EngineListener
from studio.services.tokens import digest, new_token
from studio.store.editor import EditorStore, VisitRow

__all__ = [
    "EditorService",
    "EditorVisit",
    "NoEngine",
    "PassageClosed",
    "PassedAnswer",
    "PassedClose",
    "PassedSocket",
]

CODE_LIFE_S: Final = 30.0
MAX_CODES: Final = 64
MAX_VISITS: Final = 256


class NoEngine(StudioError):
    """No engine is configured whose editor could be shown."""

    code, status = "no_engine", Unavailable.status


@dataclass(frozen=True, slots=True, eq=False)
class EditorVisit:
    """One browser inside the editor; a child of the session, or key, that it came with."""

    identity: Identity
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class EditorService:
    """Codes, visits and the way into the engine; secrets are kept as hashes.

    A code lives in memory. A visit is a row too, so it outlives a restart, but not its session.

    Args:
        store: the visits' rows.
        engines: every engine by name.
        listener: knows the prompts that live jobs stand behind.
        is_live: whether the session or key that a caller came with still opens anything.
        identity_of: who comes with a session, or key, of that id.
    """

    def __init__(
        self,
        *,
        store: EditorStore,
        engines: Mapping[str, Engine],
        listener: EngineListener,
        is_live: Callable[[Identity], bool],
        identity_of: Callable[[str | None, str | None], Identity | None],
        clock: Clock,
        record: Record = unrecorded,
    ) -> None:
        self._store = store
        self._identity_of = identity_of
        self._listener = listener
        self._engines = engines
        self._record = record
        self.queue = EditorQueue(listener)
        self._is_live = is_live
        self._clock = clock
        self._codes: dict[str, tuple[Identity, float]] = {}
        self._visits: dict[str, EditorVisit] = {}
        self._passages: dict[str, ComfyPassage] = {}

    async def load(self) -> None:
        """Read the visits whose session or key is there still; the others are removed."""
        ended = []
        for row in await self._store.visits():
            identity = self._identity_of(row.session_id, row.key_id)
            if identity is None or identity.role is not Role.OWNER:
                ended.append(row.token_hash)
            else:
                self._visits[row.token_hash] = EditorVisit(identity)
        if ended:
            await self._store.remove_visits(ended)

    async def close(self) -> None:
        """Disconnect everybody; the visits go on in the next Studio."""
        for visit in self._visits.values():
            visit.ended.set()
        self._visits.clear()
        for passage in self._passages.values():
            await passage.close()
        self._passages.clear()

    # -- coming in -------------------------------------------------------------------------------

    def open(self, identity: Identity) -> str:
        """A code that lets this caller's browser into the editor, once and soon.

        Raises:
            Forbidden: not the owner, or nothing is there whose end would end the visit.
        """
        if identity.role is not Role.OWNER:
            raise Forbidden("Only the owner may open the editor.")
        if identity.session_id is None and identity.key_id is None:
            raise Forbidden("The editor is opened by somebody who is logged in.")
        engine = self.engine()
        now_s = self._clock.monotonic_s()
        self._codes = {key: value for key, value in self._codes.items() if value[1] > now_s}
        while len(self._codes) >= MAX_CODES:
            del self._codes[next(iter(self._codes))]
        code = new_token()
        self._codes[digest(code)] = (identity, now_s + CODE_LIFE_S)
        self._record(identity.user_id, "editor.opened", engine.name)
        return code

    async def enter(self, code: str) -> str | None:
        """Use a code up: the token of a new visit, or ``None`` when it opens nothing (any more)."""
        identity, until_s = self._codes.pop(digest(code), (None, 0.0))
        if identity is None or self._clock.monotonic_s() >= until_s:
            return None
        if not self._is_live(identity):
            return None
        leaving = [one for one, visit in self._visits.items() if not self._is_live(visit.identity)]
        staying = [one for one in self._visits if one not in leaving]
        leaving += staying[: max(0, len(staying) - MAX_VISITS + 1)]
        token = new_token()
        row = VisitRow(
            digest(token), identity.session_id, identity.key_id, created_at=self._clock.now_ms()
        )
        if not await self._store.add_visit(row, instead_of=leaving):
            return None
        for one in leaving:
            self._end(one)
        self._visits[row.token_hash] = EditorVisit(identity)
        return token

    def visit(self, token: str) -> EditorVisit | None:
        """The visit behind a token, unless it has ended."""
        visit = self._visits.get(digest(token))
        if visit is not None and not self._is_live(visit.identity):
            self._end(digest(token))
            return None
        return visit

    def still_open(self, visit: EditorVisit) -> bool:
        """Whether a visit goes on: asked now and then by what stays connected for long."""
        return not visit.ended.is_set() and self._is_live(visit.identity)

    def end_session(self, session_id: str) -> None:
        """A session ended: so do its visits, at once."""
        for token_hash, visit in list(self._visits.items()):
            if visit.identity.session_id == session_id:
                self._end(token_hash)

    def _end(self, token_hash: str) -> None:
        visit = self._visits.pop(token_hash, None)
        if visit is not None:
            visit.ended.set()

    # -- the engine ------------------------------------------------------------------------------

    def engine(self) -> Engine:
        """The engine whose editor is shown: the first ComfyUI of this machine, else the first
        elsewhere; the embedded engine has none, and comes last.

        Raises:
            NoEngine.
        """
        engines = self._engines.values()
        if not engines:
            raise NoEngine("No engine is configured, so there is no editor to show.")
        return min(engines, key=lambda one: (one.setting.kind == "embedded", not one.managed))

    def passage(self, engine: Engine) -> ComfyPassage:
        """The way into that engine."""
        passage = self._passages.get(engine.name)
        if passage is None:
            passage = self._passages[engine.name] = ComfyPassage(engine.setting.url)
        return passage

    def overhear(self, engine: Engine, frame: str | bytes) -> None:
        """A frame on its way to the editor: the engine tells nobody else of the editor's runs."""
        if self._listener.follows_editor(engine):
            event = read_frame(frame)
            if event is not None:
                self._listener.on_overheard(engine, event)
