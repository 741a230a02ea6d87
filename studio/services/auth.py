"""Who is calling: API keys, checked from memory, stored as hashes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from studio.clock import Clock, new_id
from studio.errors import Forbidden, InvalidRequest, StudioError, Unauthorized
from studio.models import (
    ALL_SCOPES,
    OWNER_ID,
    ROLE_SCOPES,
    Identity,
    Record,
    Role,
    Scope,
    unrecorded,
)
from studio.services.tokens import digest, new_token
from studio.settings import DAY_MS, Secret
from studio.store.keys import ApiKey, KeyStore

ENVIRONMENT_KEY: Final = "API_KEY of the environment"
KEY_PREFIX: Final = "studio_"
_TOUCH_EVERY_S: Final = 60.0


class AuthService:
    """API keys and the identities behind them."""

    def __init__(self, *, keys: KeyStore, clock: Clock, record: Record = unrecorded) -> None:
        self._keys = keys
        self._record = record
        self._clock = clock
        self._by_hash: dict[str, ApiKey] = {}
        self._used: dict[str, int] = {}
        self._listeners: list[Callable[[], None]] = []

    async def load(self, environment_key: Secret | None) -> None:
        """Read every key; register the one of the environment, and retire an earlier one."""
        if environment_key is not None:
            given = digest(environment_key.reveal())
            now_ms = self._clock.now_ms()
            await self._keys.add(_key(self.console(), ENVIRONMENT_KEY, given, now_ms))
            await self._keys.retire(ENVIRONMENT_KEY, given, now_ms)
        else:
            await self._keys.retire(ENVIRONMENT_KEY, "", self._clock.now_ms())
        await self.reload()

    async def reload(self) -> None:
        """Read every key again: one was made or revoked, or a user has another role."""
        found = await self._keys.all()
        self._by_hash = {key.hash: _effective(key) for key in found if key.revoked_at is None}
        self._tell()

    def forget_user(self, user_id: str) -> None:
        """None of a user's keys opens anything any more."""
        self._by_hash = {
            hash_: key for hash_, key in self._by_hash.items() if key.user_id != user_id
        }
        self._tell()

    def on_change(self, listener: Callable[[], None]) -> None:
        """Be told whenever keys may have come or gone."""
        self._listeners.append(listener)

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()

    def is_live(self, key_id: str) -> bool:
        """Whether a key still opens something: what streams and sockets ask now and then."""
        return self.identity_of(key_id) is not None

    def identity_of(self, key_id: str) -> Identity | None:
        """Whose key that is, while it opens something; this is no use of it."""
        now_ms = self._clock.now_ms()
        for key in self._by_hash.values():
            if key.id == key_id:
                return _identity(key) if _is_open(key, now_ms) else None
        return None

    def authenticate(self, token: str) -> Identity:
        """The caller behind a key.

        Raises:
            Unauthorized: unknown, revoked or expired; which of them is not said.
        """
        key = self._by_hash.get(digest(token))
        now_ms = self._clock.now_ms()
        if key is None or not _is_open(key, now_ms):
            raise Unauthorized("This API key is not valid.")
        self._used[key.id] = now_ms
        return _identity(key)

    def console(self) -> Identity:
        """The owner at the machine itself, behind the 0600 control socket."""
        return Identity(user_id=OWNER_ID, role=Role.OWNER, scopes=ALL_SCOPES)

    async def create(
        self,
        identity: Identity,
        *,
        name: str,
        scopes: frozenset[Scope] | None,
        expires_in_days: int | None,
        requests_per_minute: int | None = None,
    ) -> tuple[ApiKey, str]:
        """Make a key of the caller's own.

        Args:
            scopes: what it may do; ``None`` is everything that the caller's role may.
            requests_per_minute: a rate of its own; ``None`` leaves it to the settings.

        Returns:
            The key's row and the key itself, which is shown this once.

        Raises:
            InvalidRequest: the name is empty, too long or reserved.
            Forbidden: the role may not do all of that.
        """
        if not name.strip() or len(name) > 100:
            raise InvalidRequest("A key needs a name of 1 to 100 characters.")
        if name == ENVIRONMENT_KEY:
            raise InvalidRequest("That name is reserved.")
        allowed = ROLE_SCOPES[identity.role]
        wanted = allowed if scopes is None else scopes
        for scope in sorted(wanted - allowed):
            raise Forbidden(
                f"A {identity.role} cannot give a key the scope {scope}.",
                details={"scope": scope.value},
            )
        token = KEY_PREFIX + new_token()
        now_ms = self._clock.now_ms()
        key = replace(
            _key(identity, name.strip(), digest(token), now_ms),
            scopes=wanted,
            expires_at=None if expires_in_days is None else now_ms + expires_in_days * DAY_MS,
            requests_per_minute=requests_per_minute,
        )
        await self._keys.add(key)
        await self.reload()
        self._record(identity.user_id, "key.created", key.name, scopes=" ".join(sorted(wanted)))
        return key, token

    async def list(self, identity: Identity) -> list[ApiKey]:
        """Keys that still open something, oldest first: the caller's own, or all for the owner.

        Hashes are included, keys never.
        """
        return [
            replace(_effective(key), last_used_at=self._used.get(key.id, key.last_used_at))
            for key in await self._keys.all(None if identity.sees_all else identity.user_id)
            if key.revoked_at is None
        ]

    async def revoke(self, identity: Identity, key_id: str) -> None:
        """End a key at once.

        Raises:
            NotFound: there is no such key, it is revoked already, or it is somebody else's.
        """
        whose = None if identity.sees_all else identity.user_id
        names = {key.id: key.name for key in self._by_hash.values()}
        await self._keys.revoke(key_id, self._clock.now_ms(), whose)
        await self.reload()
        self._record(identity.user_id, "key.revoked", names.get(key_id, key_id))

    async def record_use(self) -> None:
        """Store now and then when keys were used; runs until cancelled."""
        while True:
            await asyncio.sleep(_TOUCH_EVERY_S)
            used, self._used = self._used, {}
            if used:
                with contextlib.suppress(StudioError):
                    await self._keys.touch(used)


def require(identity: Identity, scope: Scope) -> None:
    """Refuse a caller without the scope.

    Raises:
        Forbidden: the scope is missing; its name is said.
    """
    if scope not in identity.scopes:
        raise Forbidden(f"This needs the scope {scope}.", details={"scope": scope.value})


def _key(identity: Identity, name: str, hash_: str, now_ms: int) -> ApiKey:
    return ApiKey(
        id=new_id(),
        user_id=identity.user_id,
        role=identity.role,
        name=name,
        hash=hash_,
        scopes=ROLE_SCOPES[identity.role],
        created_at=now_ms,
        expires_at=None,
        last_used_at=None,
        revoked_at=None,
    )


def _effective(key: ApiKey) -> ApiKey:
    """The key with the scopes that its user's present role leaves it."""
    return replace(key, scopes=key.scopes & ROLE_SCOPES[key.role])


def _identity(key: ApiKey) -> Identity:
    return Identity(
        user_id=key.user_id,
        role=key.role,
        scopes=key.scopes,
        key_id=key.id,
        key_name=key.name,
        requests_per_minute=key.requests_per_minute,
    )


def _is_open(key: ApiKey, now_ms: int) -> bool:
    return key.expires_at is None or key.expires_at > now_ms
