"""Who is calling: API keys, checked from memory, stored as hashes."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
from dataclasses import replace
from typing import Final

from studio.clock import Clock, new_id
from studio.errors import Forbidden, InvalidRequest, StudioError, Unauthorized
from studio.models import ALL_SCOPES, OWNER_ID, Identity, Role, Scope
from studio.settings import DAY_MS, Secret
from studio.store.keys import ApiKey, KeyStore

ENVIRONMENT_KEY: Final = "API_KEY of the environment"
KEY_PREFIX: Final = "studio_"
_TOUCH_EVERY_S: Final = 60.0


class AuthService:
    """API keys and the identities behind them."""

    def __init__(self, *, keys: KeyStore, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock
        self._by_hash: dict[str, ApiKey] = {}
        self._used: dict[str, int] = {}

    async def load(self, environment_key: Secret | None) -> None:
        """Read every key; register the one of the environment, and retire an earlier one."""
        if environment_key is not None:
            digest = _digest(environment_key.reveal())
            now_ms = self._clock.now_ms()
            await self._keys.add(_owner_key(ENVIRONMENT_KEY, digest, now_ms))
            await self._keys.retire(ENVIRONMENT_KEY, digest, now_ms)
        else:
            await self._keys.retire(ENVIRONMENT_KEY, "", self._clock.now_ms())
        await self._reload()

    async def _reload(self) -> None:
        self._by_hash = {key.hash: key for key in await self._keys.all() if key.revoked_at is None}

    def authenticate(self, token: str) -> Identity:
        """The caller behind a key.

        Raises:
            Unauthorized: unknown, revoked or expired; which of them is not said.
        """
        key = self._by_hash.get(_digest(token))
        now_ms = self._clock.now_ms()
        if key is None or (key.expires_at is not None and key.expires_at <= now_ms):
            raise Unauthorized("This API key is not valid.")
        self._used[key.id] = now_ms
        return Identity(user_id=key.user_id, role=key.role, scopes=key.scopes, key_id=key.id)

    def is_live(self, identity: Identity) -> bool:
        """Whether the key that a caller came with still opens anything."""
        now_ms = self._clock.now_ms()
        return any(
            key.id == identity.key_id and (key.expires_at is None or key.expires_at > now_ms)
            for key in self._by_hash.values()
        )

    def console(self) -> Identity:
        """The owner at the machine itself, behind the 0600 control socket."""
        return Identity(user_id=OWNER_ID, role=Role.OWNER, scopes=ALL_SCOPES)

    async def create(
        self, *, name: str, scopes: frozenset[Scope], expires_in_days: int | None
    ) -> tuple[ApiKey, str]:
        """Make a key of the owner's.

        Returns:
            The key's row and the key itself, which is shown this once.
        """
        if not name.strip() or len(name) > 100:
            raise InvalidRequest("A key needs a name of 1 to 100 characters.")
        if name == ENVIRONMENT_KEY:
            raise InvalidRequest("That name is reserved.")
        token = KEY_PREFIX + secrets.token_urlsafe(32)
        now_ms = self._clock.now_ms()
        key = replace(
            _owner_key(name.strip(), _digest(token), now_ms),
            scopes=scopes,
            expires_at=None if expires_in_days is None else now_ms + expires_in_days * DAY_MS,
        )
        await self._keys.add(key)
        await self._reload()
        return key, token

    async def list(self) -> list[ApiKey]:
        """Every key that still opens something, oldest first; hashes included, keys never."""
        return [
            replace(key, last_used_at=self._used.get(key.id, key.last_used_at))
            for key in await self._keys.all()
            if key.revoked_at is None
        ]

    async def revoke(self, key_id: str) -> None:
        """End a key at once."""
        await self._keys.revoke(key_id, self._clock.now_ms())
        await self._reload()

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


def _owner_key(name: str, digest: str, now_ms: int) -> ApiKey:
    return ApiKey(
        id=new_id(),
        user_id=OWNER_ID,
        role=Role.OWNER,
        name=name,
        hash=digest,
        scopes=ALL_SCOPES,
        created_at=now_ms,
        expires_at=None,
        last_used_at=None,
        revoked_at=None,
    )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
