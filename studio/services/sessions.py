"""Who is logged in: every session in memory, so that a request costs no database.

The database is told of each beginning and end at once, and of the last use once a minute.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from studio.clock import Clock, new_id
from studio.errors import NotFound, StudioError
from studio.models import ROLE_SCOPES, Identity, Record, Role, unrecorded
from studio.services.tokens import digest, new_token
from studio.settings import DAY_MS
from studio.store.sessions import Session, SessionStore
from studio.store.users import User, UserStore

IDLE_MS: Final = 7 * DAY_MS
LIFETIME_MS: Final = 30 * DAY_MS
MAX_PER_USER: Final = 100
_STORE_EVERY_S: Final = 60.0
_MAX_TOKEN: Final = 128
_MAX_CLIENT: Final = 250
"""Phones name their browser at the end of what they send, after about 130 characters."""


@dataclass(slots=True)
class _Live:
    """A session as it is in memory; the row knows its last use only to the minute."""

    session: Session
    identity: Identity
    last_used_at: int

    def ends_at(self) -> int:
        return min(self.session.expires_at, self.last_used_at + IDLE_MS)


class SessionService:
    """Sessions: begun at login, found by token, ended one by one or all at once."""

    def __init__(
        self,
        *,
        sessions: SessionStore,
        users: UserStore,
        clock: Clock,
        record: Record = unrecorded,
    ) -> None:
        self._store = sessions
        self._record = record
        self._users = users
        self._clock = clock
        self._by_hash: dict[str, _Live] = {}
        self._by_id: dict[str, _Live] = {}
        self._used: set[str] = set()
        self._listeners: list[Callable[[str], None]] = []

    async def load(self) -> None:
        """Read every session; those that ended meanwhile are removed."""
        for session in await self._store.all():
            self._keep(session)
        await self._remove_ended()

    def _keep(self, session: Session) -> None:
        live = _Live(session, _identity(session), session.last_used_at)
        self._by_hash[session.token_hash] = live
        self._by_id[session.id] = live

    # -- asked by every request -------------------------------------------------------------------

    def identify(self, token: str) -> Identity | None:
        """Whose session a token opens, which counts as a use of it."""
        if len(token) > _MAX_TOKEN:
            return None
        live = self._by_hash.get(digest(token))
        now_ms = self._clock.now_ms()
        if live is None or live.ends_at() <= now_ms:
            return None
        live.last_used_at = now_ms
        self._used.add(live.session.id)
        return live.identity

    def ends_at(self, session_id: str) -> int | None:
        """When a session ends if nobody uses it, in ms; ``None`` when it has ended."""
        live = self._by_id.get(session_id)
        if live is None or live.ends_at() <= self._clock.now_ms():
            return None
        return live.ends_at()

    def is_live(self, session_id: str) -> bool:
        """Whether a session is still open: what streams and sockets ask again now and then."""
        return self.ends_at(session_id) is not None

    def identity_of(self, session_id: str) -> Identity | None:
        """Whose session that is, while it is open; this is no use of it."""
        return self._by_id[session_id].identity if self.is_live(session_id) else None

    def on_end(self, listener: Callable[[str], None]) -> None:
        """Be told the id of each session that ends."""
        self._listeners.append(listener)

    # -- beginning and ending ---------------------------------------------------------------------

    async def begin(self, user: User, client: str) -> str:
        """Open a session for somebody whose password was just checked.

        Returns:
            The token that opens it.

        Raises:
            Conflict: the user was disabled, or the password changed, meanwhile.
        """
        assert user.password is not None
        token, now_ms = new_token(), self._clock.now_ms()
        session = Session(
            id=new_id(),
            token_hash=digest(token),
            user_id=user.id,
            user_name=user.name,
            role=user.role,
            created_at=now_ms,
            last_used_at=now_ms,
            expires_at=now_ms + LIFETIME_MS,
            client="".join(filter(str.isprintable, client))[:_MAX_CLIENT],
        )
        crowded_out = await self._store.add(session, user.password, MAX_PER_USER)
        self._keep(session)
        self._used.add(session.id)
        self._forget(crowded_out)
        return token

    async def renew(self, session_id: str) -> str:
        """Another token for a session; the one before opens nothing from now on."""
        live = self._by_id[session_id]
        token = new_token()
        await self._store.replace_token(session_id, digest(token))
        self._by_hash.pop(live.session.token_hash, None)
        if session_id in self._by_id:
            live.session = replace(live.session, token_hash=digest(token))
            self._by_hash[live.session.token_hash] = live
        return token

    async def list(self, identity: Identity, *, everybody: bool = False) -> Sequence[Session]:
        """Open sessions, the newest first: the caller's own, or the owner's view of all."""
        mine = None if everybody and identity.sees_all else identity.user_id
        return [
            replace(session, last_used_at=live.last_used_at, expires_at=live.ends_at())
            for session in await self._store.all(mine)
            if (live := self._by_id.get(session.id)) is not None and self.is_live(session.id)
        ]

    async def end(self, identity: Identity, session_id: str) -> None:
        """End one session.

        Raises:
            NotFound: there is no such session, or it is somebody else's.
        """
        live = self._by_id.get(session_id)
        if live is None or not (identity.sees_all or live.session.user_id == identity.user_id):
            raise NotFound("There is no such session; it may have ended.")
        await self._end([session_id])
        self._record(identity.user_id, "session.ended", live.session.user_name)

    async def end_others(self, identity: Identity) -> None:
        """End all sessions of the caller but the one they came by."""
        mine = self._of(identity.user_id)
        ending = [found for found in mine if found != identity.session_id]
        await self._end(ending)
        self._record(identity.user_id, "session.others_ended", "", count=len(ending))

    async def end_all(self, user_id: str) -> None:
        """End every session of a user."""
        await self._end(self._of(user_id))

    async def _end(self, session_ids: Iterable[str]) -> None:
        ending = list(session_ids)
        try:
            await self._store.remove(ending)
        finally:
            # Also when the disk refuses: until the next start they are over all the same.
            self._forget(ending)

    # -- what became of users ---------------------------------------------------------------------

    def forget_user(self, user_id: str, *, but: str | None = None) -> None:
        """The rows of a user's sessions went, all but one: so do they here."""
        self._forget([found for found in self._of(user_id) if found != but])

    def change_role(self, user_id: str, role: Role) -> None:
        """A user's open sessions may do what the new role may, from now on."""
        for session_id in self._of(user_id):
            live = self._by_id[session_id]
            live.session = replace(live.session, role=role)
            live.identity = _identity(live.session)

    def last_seen(self, user_id: str) -> int | None:
        """When a user's open sessions were last used, in ms."""
        return max((self._by_id[found].last_used_at for found in self._of(user_id)), default=None)

    def _of(self, user_id: str) -> Sequence[str]:
        return [found for found, live in self._by_id.items() if live.session.user_id == user_id]

    def _forget(self, session_ids: Iterable[str]) -> None:
        for session_id in session_ids:
            live = self._by_id.pop(session_id, None)
            if live is None:
                continue
            self._by_hash.pop(live.session.token_hash, None)
            self._used.discard(session_id)
            for listener in self._listeners:
                listener(session_id)

    # -- now and then -----------------------------------------------------------------------------

    async def record_use(self) -> None:
        """Store now and then when sessions were used, and remove ended ones, until cancelled."""
        while True:
            await asyncio.sleep(_STORE_EVERY_S)
            with contextlib.suppress(StudioError):
                await self.store_use()

    async def store_use(self) -> None:
        """Store when sessions were last used, and remove those that have ended."""
        used, self._used = self._used, set()
        lives = [self._by_id[found] for found in used if found in self._by_id]
        try:
            await self._store.touch({live.session.id: live.last_used_at for live in lives})
            await self._users.touch(
                {
                    live.session.user_id: live.last_used_at
                    for live in sorted(lives, key=lambda live: live.last_used_at)
                }
            )
        except StudioError:
            self._used |= used
            raise
        await self._remove_ended()

    async def _remove_ended(self) -> None:
        now_ms = self._clock.now_ms()
        ended = [found for found, live in self._by_id.items() if live.ends_at() <= now_ms]
        if ended:
            await self._end(ended)


def _identity(session: Session) -> Identity:
    return Identity(
        user_id=session.user_id,
        role=session.role,
        scopes=ROLE_SCOPES[session.role],
        session_id=session.id,
    )
