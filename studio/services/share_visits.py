"""Visits of links: begun with a password where there is one, and what they may look at."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import Final

from studio.clock import Clock
from studio.errors import NotFound, TooManyLogins, TooManyRequests
from studio.services.assets import AssetService
from studio.services.library import Detail, LibraryService
from studio.services.passwords import Passwords
from studio.services.share_files import Handed, hand
from studio.services.shares import maker_of
from studio.services.throttle import LoginThrottle
from studio.services.tokens import digest, new_token
from studio.share_errors import ShareLocked, WrongSharePassword
from studio.store.shares import Share, SharedPicture, ShareStore

VISIT_MS: Final = 12 * 3_600_000


class ShareVisits:
    """Visits of links that ``ShareService.open`` found.

    Args:
        key: the installation's signing key.
    """

    def __init__(
        self,
        *,
        shares: ShareStore,
        assets: AssetService,
        library: LibraryService,
        passwords: Passwords,
        key: bytes,
        clock: Clock,
    ) -> None:
        self._shares = shares
        self._assets = assets
        self._library = library
        self._passwords = passwords
        self._throttle = LoginThrottle(clock)
        self._key = key
        self._clock = clock

    # -- visits -----------------------------------------------------------------------------------

    async def begin(self, share: Share, password: str | None, address: str) -> str:
        """A new visit's cookie.

        Raises:
            ShareLocked: a password is needed.
            WrongSharePassword: it is another one.
            TooManyRequests: too many were tried.
        """
        if share.password is not None:
            if password is None:
                raise ShareLocked("This link has a password.")
            await self._check(share, password, address)
        visit, ends_at = new_token(), self._clock.now_ms() + VISIT_MS
        return f"{visit}.{ends_at}.{self._signature(share, visit, ends_at)}"

    async def _check(self, share: Share, password: str, address: str) -> None:
        try:
            with self._throttle.attempt(address):
                if not await self._passwords.verify(password, share.password, known=False):
                    raise WrongSharePassword("This is not the password of this link.")
        except TooManyLogins as error:
            seconds = error.retry_after_s or 1
            raise TooManyRequests(
                f"Too many passwords were tried. Try again in {seconds} seconds.",
                retry_after_s=seconds,
            ) from None

    def visit_of(self, share: Share, cookies: Sequence[str]) -> str | None:
        """Which visit of this link a cookie belongs to; ``None`` without one that counts.

        Somebody may have planted a visit of their own beside the visitor's, to see what is made in
        it: of two that count none is believed.
        """
        visits = set[str]()
        for cookie in cookies:
            visit, _, rest = cookie.partition(".")
            ends, _, signature = rest.partition(".")
            if not (ends.isascii() and ends.isdigit() and len(ends) < 16):
                continue
            wanted = self._signature(share, visit, int(ends))
            if not hmac.compare_digest(wanted.encode(), signature.encode("utf-8", "replace")):
                continue
            if int(ends) > self._clock.now_ms():
                visits.add(digest(visit))
        return visits.pop() if len(visits) == 1 else None

    def _signature(self, share: Share, visit: str, ends_at: int) -> str:
        # With the password in it, a new password ends the visits that the old one began.
        said = f"share visit {share.id} {visit} {ends_at} {digest(share.password or '')}"
        return hmac.digest(self._key, said.encode("utf-8", "surrogatepass"), "sha256").hex()

    # -- pictures ---------------------------------------------------------------------------------

    async def pictures(
        self, share: Share, start: int, limit: int
    ) -> tuple[Sequence[SharedPicture], int]:
        """A page of what the link shows, and how many there are."""
        now_ms = self._clock.now_ms()
        return await self._shares.pictures(share, now_ms, start=start, limit=limit)

    async def look(self, share: Share, asset_id: str) -> tuple[SharedPicture, Detail | None]:
        """One of them, and how it was made if the link tells that.

        Raises:
            NotFound: the link does not show it.
        """
        found, _ = await self._shares.pictures(share, self._clock.now_ms(), only=asset_id)
        if not found:
            raise NotFound("This link shows no such file.")
        detail = None
        if share.with_recipe:
            detail = await self._library.get(maker_of(share), asset_id)
        return found[0], detail

    async def picture(self, share: Share, asset_id: str, *, small: bool = False) -> Handed:
        """One of them, to be handed out.

        Raises:
            NotFound: the link does not show it.
        """
        found, _ = await self._shares.pictures(share, self._clock.now_ms(), only=asset_id)
        if not found:
            raise NotFound("This link shows no such file.")
        return await hand(self._assets, share, asset_id, small=small)
