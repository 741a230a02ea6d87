"""Programs without a browser log in by a code that a person confirms, as RFC 8628 describes it.

The program shows a short code and asks again and again with a long one. The person, who is logged
in, types the short code, sees who asks for what, and decides. The key is made when the program
fetches it: nothing that opens anything is ever stored.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from studio.clock import Clock, new_id
from studio.device_errors import AccessDenied, AuthorizationPending, ExpiredToken, SlowDown
from studio.errors import Conflict, Forbidden, InvalidRequest, NotFound, StudioError
from studio.models import ROLE_SCOPES, Identity, Record, Role, Scope, unrecorded
from studio.services.auth import KEY_PREFIX, AuthService
from studio.services.rates import Rate, RequestLimits
from studio.services.throttle import network_of
from studio.services.tokens import digest, new_token
from studio.settings import DAY_MS
from studio.store.keys import ApiKey
from studio.store.program_logins import ProgramLogin, ProgramLoginStore

LIFETIME_S: Final = 900
INTERVAL_S: Final = 5
MAX_WAITING: Final = 500
ASKS: Final = Rate(20, 600.0)
"""How many programs of one address may ask."""
TRIES: Final = Rate(20, 600.0)
"""How many codes one person may look at or decide about: there are 20^8, and 500 are good."""
USUAL_SCOPES: Final = frozenset({Scope.JOBS, Scope.GRAPHS_RUN, Scope.ASSETS})
_LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so no words; nothing that looks like a digit."""
_LENGTH: Final = 8
_MAX_NAME: Final = 100


@dataclass(frozen=True, slots=True)
class Begun:
    """What a program is told, this once."""

    device_code: str
    user_code: str
    expires_at: int


class ProgramLogins:
    """Codes given out, decided about, and traded for keys."""

    def __init__(
        self,
        *,
        store: ProgramLoginStore,
        auth: AuthService,
        limits: RequestLimits,
        clock: Clock,
        record: Record = unrecorded,
        draw: Callable[[str], str] = secrets.choice,
    ) -> None:
        self._store = store
        self._auth = auth
        self._limits = limits
        self._clock = clock
        self._record = record
        self._draw = draw
        # When each program asked last, on the monotonic clock, and how long it has to wait.
        self._asked: dict[str, tuple[float, int]] = {}

    async def begin(self, name: str, scopes: frozenset[Scope] | None, address: str) -> Begun:
        """Give a program its codes.

        Args:
            name: what the program calls itself; the key is called so too.
            scopes: what it wants to do; ``None`` is what most programs need.
            address: where it asks from.

        Raises:
            InvalidRequest: the name is empty or too long.
            Hurried, TooManyRequests: too many ask.
        """
        clean = "".join(filter(str.isprintable, name)).strip()
        if not clean or len(clean) > _MAX_NAME:
            raise InvalidRequest(f"A program needs a name of 1 to {_MAX_NAME} characters.")
        self._limits.take("device_code", network_of(address), ASKS)
        now_ms = self._clock.now_ms()
        begun = Begun(
            device_code=new_token(),
            user_code="".join(self._draw(_LETTERS) for _ in range(_LENGTH)),
            expires_at=now_ms + LIFETIME_S * 1000,
        )
        asking = ProgramLogin(
            name=clean,
            scopes=USUAL_SCOPES if scopes is None else scopes,
            address=address,
            created_at=now_ms,
            expires_at=begun.expires_at,
        )
        user_hash = digest(begun.user_code)
        device_hash = digest(begun.device_code)
        await self._store.add(asking, device_hash, user_hash, MAX_WAITING, network_of)
        return begun

    async def run(self) -> None:
        """Forget codes that are over; runs until cancelled."""
        while True:
            with contextlib.suppress(StudioError):
                await self._store.sweep(self._clock.now_ms())
            await asyncio.sleep(LIFETIME_S)

    async def look(self, identity: Identity, user_code: str) -> ProgramLogin:
        """Who asks under a code, for somebody who may let them in.

        Raises:
            NotFound: nobody does.
            Hurried: this person tried too many codes.
        """
        found = await self._store.waiting(self._tried(identity, user_code), self._clock.now_ms())
        if found is None:
            raise NotFound("No program waits under this code. Look at it again.")
        return found

    async def decide(
        self,
        identity: Identity,
        user_code: str,
        *,
        allow: bool,
        scopes: frozenset[Scope] | None = None,
        expires_in_days: int | None = None,
    ) -> None:
        """Let a program in as oneself, or not.

        Args:
            scopes: less than it asked for; ``None`` is all of it that one's role may.
            expires_in_days: when its key ends; ``None`` is never.

        Raises:
            NotFound: nobody asks under that code, or it was decided.
            Forbidden: nothing of what it asked for may be given.
            Hurried: this person tried too many codes.
        """
        user_hash, now_ms = self._tried(identity, user_code), self._clock.now_ms()
        asking = await self._store.waiting(user_hash, now_ms)
        if asking is None:
            raise NotFound("No program waits under this code. Look at it again.")
        given = asking.scopes & ROLE_SCOPES[identity.role]
        if scopes is not None:
            given &= scopes
        if allow and not given:
            raise Forbidden("You may do nothing of what this program asks for.")
        await self._store.decide(
            user_hash,
            now_ms,
            user_id=identity.user_id if allow else None,
            scopes=given,
            key_expires_at=None if expires_in_days is None else now_ms + expires_in_days * DAY_MS,
        )
        self._record(
            identity.user_id,
            "program.let_in" if allow else "program.refused",
            asking.name,
            address=asking.address,
            **({"scopes": " ".join(sorted(given))} if allow else {}),
        )

    def _tried(self, identity: Identity, user_code: str) -> str:
        self._limits.take("device_guess", identity.user_id, TRIES)
        return digest("".join(filter(str.isalpha, user_code)).upper()[: _LENGTH + 1])

    async def redeem(self, device_code: str) -> tuple[ApiKey, str]:
        """The key of a program that was let in, once.

        Raises:
            AuthorizationPending, SlowDown, ExpiredToken, AccessDenied: see there.
        """
        device_hash, now_ms = digest(device_code), self._clock.now_ms()
        found = await self._store.look(device_hash, now_ms)
        if found is None:
            self._asked.pop(device_hash, None)
            raise ExpiredToken("This code is used up or has ended. Begin again.")
        self._require_patience(device_hash)
        if found.refused:
            await self._store.end(device_hash)
            raise AccessDenied("Somebody refused to let this program in.")
        if found.user_id is None:
            raise AuthorizationPending("Nobody has decided yet.")
        token = KEY_PREFIX + new_token()

        def make(asking: ProgramLogin, role: Role) -> ApiKey:
            assert asking.user_id is not None
            return ApiKey(
                id=new_id(),
                user_id=asking.user_id,
                role=role,
                name=asking.name,
                hash=digest(token),
                scopes=asking.scopes & ROLE_SCOPES[role],
                created_at=now_ms,
                expires_at=asking.key_expires_at,
                last_used_at=None,
                revoked_at=None,
            )

        try:
            key = await self._store.redeem(device_hash, now_ms, make)
        except Conflict:
            await self._store.end(device_hash)
            raise AccessDenied("Whoever let this program in may not log in any more.") from None
        self._asked.pop(device_hash, None)
        if key is None:
            raise ExpiredToken("This code is used up or has ended. Begin again.")
        await self._auth.reload()
        self._record(key.user_id, "key.created", key.name, scopes=" ".join(sorted(key.scopes)))
        return key, token

    def _require_patience(self, device_hash: str) -> None:
        now_s = self._clock.monotonic_s()
        self._asked = {
            name: entry for name, entry in self._asked.items() if now_s - entry[0] < LIFETIME_S
        }
        at_s, interval_s = self._asked.get(device_hash, (now_s - INTERVAL_S, INTERVAL_S))
        # A second of tolerance: networks deliver early and late.
        if now_s - at_s < interval_s - 1:
            interval_s += INTERVAL_S
            self._asked[device_hash] = now_s, interval_s
            raise SlowDown(
                f"Asked too soon. Wait {interval_s} seconds between two questions.",
                details={"interval": interval_s},
                retry_after_s=interval_s,
            )
        self._asked[device_hash] = now_s, interval_s
