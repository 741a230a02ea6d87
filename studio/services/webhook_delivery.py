"""Sends what the outbox holds: signed, in order where that matters, again until it is taken.

A message is sent from its row and the row changed after the answer. So whatever ends Studio
meanwhile, the next one sends it again under the same id.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

from studio.clock import Clock
from studio.errors import StudioError
from studio.logs import hidden_forms, redaction
from studio.services.pace import Pace
from studio.settings import DAY_MS
from studio.store.webhook_deliveries import Attempt, DeliveryState, DeliveryStore, Due, Outcome
from studio.store.webhook_history import DeliveryHistory
from studio.version import VERSION
from studio.webhook_events import PING
from studio.webhook_signing import signatures

log = logging.getLogger(__name__)

MAX_AT_ONCE: Final = 16
MAX_PER_ENDPOINT: Final = 4
MAX_PER_USER: Final = 8
"""So that receivers that hang hold up nobody but those who named them."""
MAX_SILENT: Final = 8
"""Receivers that did not answer last time get one message each, and together no more."""
KEPT_MS: Final = 7 * DAY_MS
MAX_WAITING: Final = 50_000
MAX_ENDED: Final = 20_000
"""How many of a webhook's deliveries are remembered that arrived, and how many that failed."""
DISABLED_AFTER_MS: Final = 5 * DAY_MS
GONE: Final = "gone"
FAILING: Final = "failing"
_LONGEST_REST_S: Final = 86_400.0
_LOOK_S: Final = 30.0
_RETRY_S: Final = 2.0
_SWEEP_S: Final = 600.0
_JITTER: Final = 0.1
_TOO_MANY: Final = 429
_FAULTS: Final = range(500, 600)
_GONE_STATUS: Final = 410


class Said(Protocol):
    """What a receiver answered."""

    @property
    def status(self) -> int | None: ...

    @property
    def error(self) -> str | None: ...

    @property
    def text(self) -> str: ...

    @property
    def duration_ms(self) -> int: ...

    @property
    def retry_after_s(self) -> float | None: ...


@dataclass(frozen=True, slots=True)
class _Nothing:
    """What is taken for an answer when an attempt broke off by a fault of Studio's own."""

    status: int | None = None
    error: str | None = "internal_error"
    text: str = ""
    duration_ms: int = 0
    retry_after_s: float | None = None


Post = Callable[[str, bytes, dict[str, str]], Awaitable[Said]]


class WebhookDelivery:
    """The one who sends.

    Args:
        post: sends one message; it never raises.
        disabled: told of a webhook that was disabled, by its id and the reason's code.
        chance: a number from 0 to 1, so that what failed together does not come back together.
    """

    def __init__(
        self,
        *,
        store: DeliveryStore,
        history: DeliveryHistory,
        post: Post,
        clock: Clock,
        pace: Pace,
        disabled: Callable[[str, str], Awaitable[None]],
        chance: Callable[[], float],
    ) -> None:
        self._store = store
        self._history = history
        self._post = post
        self._clock = clock
        self._pace = pace
        self._disabled = disabled
        self._chance = chance
        self._woken = asyncio.Event()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._lanes: set[str] = set()
        self._at: Counter[str] = Counter()
        self._of: Counter[str] = Counter()
        """How many attempts are under way, by endpoint and by user."""
        self._silent: set[str] = set()
        """Endpoints that did not answer last time."""
        self._is_closed = False
        self._rests: dict[str, int] = {}
        """Until when endpoints asked to be left alone, in milliseconds since the epoch."""

    def wake(self) -> None:
        """Something may be due."""
        self._woken.set()

    async def run(self) -> None:
        """Send what is due; the body of a task."""
        while not self._is_closed:
            self._woken.clear()
            try:
                wait_s = await self._begin()
            except StudioError as error:
                log.warning("webhooks cannot be sent yet: %s", error.message)
                wait_s = _RETRY_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._woken.wait()

    async def tidy(self) -> None:
        """Forget what is a week old, now and then; the body of a task."""
        while True:
            try:
                await self.sweep()
            except StudioError as error:
                log.warning("old webhook deliveries cannot be forgotten: %s", error.message)
            await asyncio.sleep(_SWEEP_S)

    async def sweep(self, most_waiting: int = MAX_WAITING, most_ended: int = MAX_ENDED) -> int:
        """Forget what is old; returns how many deliveries that concerned."""
        now_ms = self._clock.now_ms()
        # Of those that are gone nobody would ever hear.
        self._silent.clear()
        return await self._history.sweep(
            before_ms=now_ms - KEPT_MS,
            now_ms=now_ms,
            most_waiting=most_waiting,
            most_ended=most_ended,
        )

    async def close(self) -> None:
        """Break off what is under way: the next Studio sends it again."""
        self._is_closed = True
        self.wake()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- whose turn it is ------------------------------------------------------------------------

    async def _begin(self) -> float:
        """Start what may be; returns after how many seconds to look again."""
        now_ms = self._clock.now_ms()
        self._rests = {place: until for place, until in self._rests.items() if until > now_ms}
        while (room := MAX_AT_ONCE - len(self._tasks)) > 0:
            full = [place for place, count in self._at.items() if count >= self._most_at(place)]
            if self._silent_now() >= MAX_SILENT:
                full += self._silent
            busy = [user for user, count in self._of.items() if count >= MAX_PER_USER]
            found = await self._store.due(
                now_ms,
                but_lanes=self._lanes,
                but_endpoints={*self._rests, *full},
                but_users=busy,
                most=room,
            )
            started = [self._start(due) for due in found]
            if not any(started):
                break
        later = await self._store.next_due(now_ms)
        waits = [until for until in (later, *self._rests.values()) if until is not None]
        return min([_LOOK_S, *(max(0.0, (until - now_ms) / 1000) for until in waits)])

    def _start(self, due: Due) -> bool:
        """Begin an attempt, unless others of its lane, receiver or user are under way."""
        if self._is_closed or not self._has_room(due):
            return False
        self._enter(due)
        task = asyncio.create_task(self._try(due), name=f"webhook {due.id}")
        self._tasks[due.seq] = task
        task.add_done_callback(lambda _: self._leave(due, due.seq))
        return True

    def _has_room(self, due: Due) -> bool:
        return (
            due.lane not in self._lanes
            and self._at[due.endpoint] < self._most_at(due.endpoint)
            and self._of[due.user_id] < MAX_PER_USER
            and (due.endpoint not in self._silent or self._silent_now() < MAX_SILENT)
        )

    def _most_at(self, endpoint: str) -> int:
        return 1 if endpoint in self._silent else MAX_PER_ENDPOINT

    def _silent_now(self) -> int:
        return sum(self._at[endpoint] for endpoint in self._silent if endpoint in self._at)

    def _enter(self, due: Due) -> None:
        self._lanes.add(due.lane)
        self._at[due.endpoint] += 1
        self._of[due.user_id] += 1

    def _leave(self, due: Due, seq: int | None = None) -> None:
        self._lanes.discard(due.lane)
        for counter, name in ((self._at, due.endpoint), (self._of, due.user_id)):
            counter[name] -= 1
            if counter[name] <= 0:
                del counter[name]
        if seq is not None:
            del self._tasks[seq]
        self.wake()

    # -- one attempt -----------------------------------------------------------------------------

    async def _try(self, due: Due) -> None:
        """An attempt whose end is noted, however long the disk takes to recover."""
        at_ms = self._clock.now_ms()
        try:
            attempt, said = await self._send(due, at_ms)
        except Exception:
            # It counts as any other attempt: otherwise it would be made again at once, for ever.
            log.exception("an attempt at a webhook broke off")
            said = _Nothing()
            attempt = Attempt(at_ms, 0, None, said.error, "")
        if said.status is None:
            self._silent.add(due.endpoint)
        else:
            self._silent.discard(due.endpoint)
        outcome = self._judge(due, said)
        while True:
            try:
                await self._note(due, attempt, outcome)
            except StudioError as error:
                log.warning("an attempt at a webhook cannot be noted yet: %s", error.message)
                await asyncio.sleep(_RETRY_S)
            else:
                return

    async def _send(self, due: Due, at_ms: int) -> tuple[Attempt, Said]:
        body = due.body.encode()
        said = await self._post(due.url, body, headers_of(due.id, at_ms, body, due.secrets))
        error = None if said.status is not None and said.error is None else said.error
        hidden = hidden_forms(due.secrets)
        answer = redaction.clean_all(said.text, hidden)
        return Attempt(at_ms, said.duration_ms, said.status, error, answer), said

    def _judge(self, due: Due, said: Said) -> Outcome:
        if said.error is None:
            return Outcome(DeliveryState.DELIVERED)
        if said.status == _GONE_STATUS:
            return Outcome(DeliveryState.FAILED, disable=GONE)
        waits = self._pace.webhook_waits_s
        if due.type == PING or due.attempts >= len(waits):
            return Outcome(DeliveryState.FAILED)
        wait_s = waits[due.attempts] * (1 + _JITTER * self._chance())
        now_ms = self._clock.now_ms()
        asks = said.status == _TOO_MANY or said.status in _FAULTS
        if said.retry_after_s is not None and asks:
            rest_s = min(said.retry_after_s, _LONGEST_REST_S)
            self._rests[due.endpoint] = now_ms + round(rest_s * 1000)
            wait_s = max(wait_s, rest_s)
        return Outcome(DeliveryState.WAITING, next_at=now_ms + round(wait_s * 1000))

    async def _note(self, due: Due, attempt: Attempt, outcome: Outcome) -> None:
        failing_since = await self._store.note(due, attempt, outcome)
        reason = outcome.disable
        if (
            outcome.state is DeliveryState.FAILED
            and failing_since is not None
            and attempt.at - failing_since >= DISABLED_AFTER_MS
            and not due.is_of_job
        ):
            reason = reason or FAILING
        if reason is not None and await self._store.give_up(due, reason, attempt.at):
            log.info("webhook %s is disabled: %s", due.webhook_id, reason)
            await self._disabled(due.webhook_id, reason)

    # -- what is not kept ------------------------------------------------------------------------

    async def send_progress(self, due: Due) -> bool:
        """Send a message that nobody keeps, once, unless something of its lane comes before it.

        Returns:
            Whether it was sent.
        """
        if self._is_closed or not self._has_room(due) or due.endpoint in self._rests:
            return False
        self._enter(due)
        try:
            if await self._store.has_untried(due.lane):
                return False
            body = due.body.encode()
            headers = headers_of(due.id, self._clock.now_ms(), body, due.secrets)
            await self._post(due.url, body, headers)
        finally:
            self._leave(due)
        return True


def headers_of(
    message_id: str, at_ms: int, body: bytes, secrets: tuple[str, ...]
) -> dict[str, str]:
    """What is sent beside the body; the time, and so the signature, is the attempt's own."""
    at_s = at_ms // 1000
    return {
        "content-type": "application/json",
        "user-agent": f"Studio/{VERSION}",
        "webhook-id": message_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": signatures(secrets, message_id, at_s, body),
        "accept-encoding": "identity",
    }
