"""What people do about webhooks: make, change, try and remove them, look at what was delivered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from studio.clock import Clock, new_id
from studio.errors import Conflict, Forbidden, NotFound, SourceUnreachable, Unprocessable
from studio.models import Identity, Record, Scope
from studio.net import Outbound
from studio.services.health import HealthService
from studio.settings import DAY_MS
from studio.store.outbox import Outbox
from studio.store.webhook_history import Delivery, DeliveryHistory
from studio.store.webhooks import Kind, Webhook, WebhookStore
from studio.webhook_events import EVENTS, OF_JOBS, unknown_events
from studio.webhook_signing import new_secret

MAX_WEBHOOKS: Final = 20
MAX_URL: Final = 2_000
MAX_NAME: Final = 100
MAX_EVENTS: Final = 50
LOOK_UP_S: Final = 5.0
"""How long somebody waits until a name is found, or taken as it is."""
NOTICE: Final = (
    "A webhook is told nothing more: its receiver did not take it. See Webhooks in Settings."
)
"""Anybody may read it, so it names none."""
OVERLAP_MS: Final = DAY_MS
"""For how long both secrets sign after one was changed."""


class WebhookService:
    """Webhooks of people and of the system.

    Args:
        outbox: learns who listens.
        wake: says that something is to be sent.
        record: told of what people do about them.
    """

    def __init__(
        self,
        *,
        store: WebhookStore,
        deliveries: DeliveryHistory,
        outbox: Outbox,
        outbound: Outbound,
        health: HealthService,
        clock: Clock,
        wake: Callable[[], None],
        record: Record,
    ) -> None:
        self._store = store
        self._deliveries = deliveries
        self._outbox = outbox
        self._outbound = outbound
        self._health = health
        self._clock = clock
        self._wake = wake
        self._record = record

    async def list(self, identity: Identity) -> Sequence[Webhook]:
        """The caller's; the owner sees everybody's, the system's with the scope admin."""
        return await self._store.all(_seen_by(identity), with_system=_may_have_all(identity))

    async def get(self, identity: Identity, webhook_id: str) -> Webhook:
        """One of them.

        Raises:
            NotFound: unknown, or another user's.
            Forbidden: it is the system's, and the caller may not be told of everybody's.
        """
        webhook = await self._store.get(webhook_id, _seen_by(identity))
        if webhook.kind == "system":
            _require_owner(identity)
        return webhook

    async def add(
        self, identity: Identity, *, url: str, events: Sequence[str], name: str, system: bool
    ) -> tuple[Webhook, str]:
        """A new webhook, and its secret, which is told this once.

        Raises:
            BlockedAddress, InvalidRequest: nothing may be sent there.
            Forbidden: only the owner hears of everything.
            Unprocessable: an event that does not exist, or that this webhook may not hear of.
            Conflict: there are too many.
        """
        if system:
            _require_owner(identity)
        kind: Kind = "system" if system else "user"
        _check_events(events, kind)
        await self._check_url(url)
        now_ms, secret = self._clock.now_ms(), new_secret()
        webhook = Webhook(
            id=new_id(),
            user_id=identity.user_id,
            user_name="",
            kind=kind,
            name=name,
            url=url,
            events=tuple(dict.fromkeys(events)),
            created_at=now_ms,
            updated_at=now_ms,
        )
        await self._store.add(webhook, secret, most=MAX_WEBHOOKS)
        await self._outbox.load()
        self._record(identity.user_id, "webhook.created", _label(webhook))
        return await self._store.get(webhook.id, None), secret

    async def change(
        self, identity: Identity, webhook_id: str, changes: Mapping[str, Any]
    ) -> Webhook:
        """Change ``url``, ``events``, ``name``; ``paused`` holds what is to be sent,
        ``enabled`` makes one that was disabled be told again.

        Raises:
            As ``add``; NotFound.
        """
        before = await self.get(identity, webhook_id)
        now_ms = self._clock.now_ms()
        columns = {name: changes[name] for name in ("url", "events", "name") if name in changes}
        if before.kind == "jobs" and columns:
            raise Conflict("This stands for the webhooks of single jobs; they name where they are.")
        if "events" in columns:
            _check_events(columns["events"], before.kind)
            columns["events"] = tuple(dict.fromkeys(columns["events"]))
        if "url" in columns:
            await self._check_url(columns["url"])
        if "paused" in changes:
            columns["paused_at"] = (before.paused_at or now_ms) if changes["paused"] else None
        if changes.get("enabled"):
            columns |= {"disabled_at": None, "disabled_reason": None, "failing_since": None}
            self._withdraw(before)
        after = await self._store.change(webhook_id, _seen_by(identity), columns, now_ms)
        await self._outbox.load()
        self._wake()
        self._record(identity.user_id, "webhook.changed", _label(after))
        return after

    async def remove(self, identity: Identity, webhook_id: str) -> None:
        """Delete one, and all that was to be sent to it.

        Raises:
            NotFound, Forbidden.
        """
        await self.get(identity, webhook_id)
        gone = await self._store.remove(webhook_id, _seen_by(identity))
        await self._outbox.load()
        self._withdraw(gone)
        self._record(identity.user_id, "webhook.removed", _label(gone))

    async def change_secret(self, identity: Identity, webhook_id: str) -> tuple[Webhook, str]:
        """Another secret, told this once; the one before signs beside it for a day.

        Raises:
            NotFound, Forbidden.
        """
        await self.get(identity, webhook_id)
        now_ms, secret = self._clock.now_ms(), new_secret()
        webhook = await self._store.change_secret(
            webhook_id, _seen_by(identity), secret, until_ms=now_ms + OVERLAP_MS, now_ms=now_ms
        )
        self._record(identity.user_id, "webhook.secret_changed", _label(webhook))
        return webhook, secret

    async def job_secret(self, identity: Identity) -> tuple[Webhook, str]:
        """A secret for the webhooks that the caller's jobs name, told this once; see
        ``change_secret``.
        """
        webhook_id = await self._outbox.of_jobs(identity.user_id, self._clock.now_ms())
        return await self.change_secret(identity, webhook_id)

    async def note_disabled(self, webhook_id: str, reason: str) -> None:
        """A webhook was disabled because nobody takes what it is told."""
        await self._outbox.load()
        try:
            webhook = await self._store.get(webhook_id, None)
        except NotFound:
            return
        self._health.note(NOTICE)
        self._record(webhook.user_id, "webhook.disabled", _label(webhook), reason=reason)

    def _withdraw(self, webhook: Webhook) -> None:
        if webhook.disabled_at is not None:
            self._health.withdraw(NOTICE)

    # -- deliveries ------------------------------------------------------------------------------

    async def page(
        self,
        identity: Identity,
        webhook_id: str,
        *,
        state: str | None,
        before: int | None,
        limit: int,
    ) -> Sequence[Delivery]:
        """Deliveries of a webhook, the newest first.

        Raises:
            NotFound, Forbidden.
        """
        await self.get(identity, webhook_id)
        return await self._deliveries.page(webhook_id, state=state, before=before, limit=limit)

    async def delivery(self, identity: Identity, webhook_id: str, delivery_id: str) -> Delivery:
        """One delivery with its body and every attempt.

        Raises:
            NotFound, Forbidden.
        """
        await self.get(identity, webhook_id)
        return await self._deliveries.get(webhook_id, delivery_id)

    async def send_again(self, identity: Identity, webhook_id: str, delivery_id: str) -> Delivery:
        """Send one once more, under its own id.

        Raises:
            NotFound, Forbidden; Conflict: the webhook is disabled.
        """
        await self._require_on(identity, webhook_id)
        await self._deliveries.again(webhook_id, delivery_id, self._clock.now_ms())
        self._wake()
        return await self._deliveries.get(webhook_id, delivery_id)

    async def send_failed_again(self, identity: Identity, webhook_id: str, since_ms: int) -> int:
        """Send all once more that failed and were made since then.

        Raises:
            NotFound, Forbidden; Conflict: the webhook is disabled.
        """
        await self._require_on(identity, webhook_id)
        count = await self._deliveries.failed_again(webhook_id, since_ms, self._clock.now_ms())
        self._wake()
        return count

    async def ping(self, identity: Identity, webhook_id: str) -> str:
        """Send a ``ping``, once; returns the id of its delivery.

        Raises:
            NotFound, Forbidden; Conflict: the webhook is disabled or paused.
        """
        webhook = await self._require_on(identity, webhook_id)
        if webhook.kind == "jobs":
            raise Conflict("This stands for the webhooks of single jobs; it has no address.")
        if webhook.paused_at is not None:
            raise Conflict("This webhook is paused; let it go on first.")
        delivery_id = await self._outbox.ping(webhook.id, self._clock.now_ms())
        self._wake()
        return delivery_id

    async def _require_on(self, identity: Identity, webhook_id: str) -> Webhook:
        webhook = await self.get(identity, webhook_id)
        if webhook.disabled_at is not None:
            raise Conflict("This webhook is disabled; enable it first.")
        return webhook

    async def _check_url(self, url: str) -> None:
        try:
            async with asyncio.timeout(LOOK_UP_S):
                await self._outbound.aplace(url)
        except (SourceUnreachable, TimeoutError):
            # The receiver may be yet to come; every attempt asks anew where it is.
            self._outbound.check(url)


def _seen_by(identity: Identity) -> str | None:
    return None if identity.sees_all else identity.user_id


def _may_have_all(identity: Identity) -> bool:
    return identity.sees_all and Scope.ADMIN in identity.scopes


def _require_owner(identity: Identity) -> None:
    if not _may_have_all(identity):
        raise Forbidden("Only the owner, with the scope admin, may be told of everybody's.")


def _check_events(events: Sequence[str], kind: Kind) -> None:
    known = EVENTS if kind == "system" else OF_JOBS
    if not 0 < len(events) <= MAX_EVENTS:
        raise Unprocessable(f"events names 1 to {MAX_EVENTS} types of events.")
    if unknown := unknown_events(events, known):
        raise Unprocessable(
            f"{unknown[0][:100]} is no event that this webhook can be told of.",
            details={"events": [name[:100] for name in unknown[:20]]},
        )


def _label(webhook: Webhook) -> str:
    """How it is called where others may read; the path of a URL may hold a secret."""
    return webhook.name or urlsplit(webhook.url).hostname or "jobs"
