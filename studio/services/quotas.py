"""What one person may use up: jobs at once, GPU seconds a day, bytes on the disk.

Limits belong to roles; the owner can give a person others. They are kept in memory, so whoever has
none costs nothing. What was used is asked of the database, and of the queue for jobs that run: a
job counts on the day on which it ends, and until then as long as it has run that day.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from studio.clock import Clock, iso
from studio.errors import Conflict, StudioError, Unprocessable
from studio.models import OWNER_ID, Identity, Record, Role, unrecorded
from studio.quota_errors import DiskQuotaExceeded, QuotaExceeded
from studio.services.durations import Durations
from studio.services.queue import JobQueue
from studio.settings import DAY_MS
from studio.store.quotas import QuotaStore

MAX_VALUE: Final = 1 << 50
_GB: Final = 1_000_000_000
_KEPT_DAYS: Final = 400
_FORGET_EVERY_S: Final = 24 * 3600.0
_ASK_AGAIN_S: Final = 60


class Quota(StrEnum):
    JOBS = "jobs"
    GPU_SECONDS = "gpu_seconds"
    DISK_BYTES = "disk_bytes"


Limits = Mapping[Quota, int | None]
"""``None`` is no limit."""

NO_LIMITS: Final[Limits] = dict.fromkeys(Quota)
DEFAULTS: Final[Mapping[Role, Limits]] = {
    Role.OWNER: NO_LIMITS,
    Role.MEMBER: {Quota.JOBS: 1000, Quota.GPU_SECONDS: None, Quota.DISK_BYTES: None},
    Role.GUEST: {Quota.JOBS: 100, Quota.GPU_SECONDS: 1800, Quota.DISK_BYTES: 10 * _GB},
}
"""Until the owner says otherwise."""


@dataclass(frozen=True, slots=True)
class Used:
    """How one person stands with one quota.

    ``is_own`` when the owner gave this person a limit of their own.
    """

    quota: Quota
    used: float
    limit: int | None
    is_own: bool


Fit = Callable[[int], Awaitable[None]]
"""Says how many bytes it really is; raises if there is no room for them."""


class QuotaService:
    """Refuses what would be too much, before it begins; what was accepted stays so."""

    def __init__(
        self,
        *,
        store: QuotaStore,
        queue: JobQueue,
        clock: Clock,
        durations: Durations | None = None,
        record: Record = unrecorded,
    ) -> None:
        self._store = store
        self._queue = queue
        self._durations = durations or Durations()
        self._clock = clock
        self._record = record
        self._set: dict[tuple[str, str], int | None] = {}
        self._promised: Counter[str] = Counter()

    async def load(self) -> None:
        """Read every limit."""
        self._set = await self._store.all()

    def limit(self, user_id: str, role: Role, quota: Quota) -> int | None:
        """What counts for a person; ``None`` is no limit. The owner has none."""
        if role is Role.OWNER:
            return None
        own = (user_id, quota)
        return self._set[own] if own in self._set else self.limits_of(role)[quota]

    def limits_of(self, role: Role) -> Limits:
        """What counts for everybody of a role who was given nothing else."""
        return {
            quota: self._set.get((role, quota), DEFAULTS[role][quota])
            if role is not Role.OWNER
            else None
            for quota in Quota
        }

    # -- asked before anything begins -------------------------------------------------------------

    def require_jobs(self, identity: Identity, have: int, more: int) -> None:
        """Refuse jobs for which a person has no place.

        Args:
            have: their unfinished jobs, with those that are being accepted.

        Raises:
            QuotaExceeded: ``details.room`` says how many there is room for.
        """
        limit = self.limit(identity.user_id, identity.role, Quota.JOBS)
        if limit is None or have + more <= limit:
            return
        room = max(0, limit - have)
        raise QuotaExceeded(
            f"You have room for {room} more unfinished jobs, not for {more}."
            if room
            else f"You have {have} unfinished jobs, and may have {limit}. Wait for one to end.",
            details={"quota": Quota.JOBS, "used": have, "limit": limit, "room": room},
            retry_after_s=5,
        )

    async def require(self, identity: Identity, more: Sequence[str] = ()) -> None:
        """Refuse work on a GPU to somebody who used up their day's, or their disk.

        Unfinished jobs count as long as their like took lately, so a day's time is not given out
        many times over; of what never ran before nobody knows.

        Args:
            more: the graph keys of jobs that are to be accepted together.

        Raises:
            QuotaExceeded: the day's GPU seconds are used up, or will be before the last of these
                jobs begins; a new day begins at midnight, UTC.
            DiskQuotaExceeded: there is no room for what would be made.
        """
        user_id = identity.user_id
        if (limit := self.limit(user_id, identity.role, Quota.GPU_SECONDS)) is not None:
            used = await self._gpu_seconds(user_id)
            if used >= limit:
                raise QuotaExceeded(
                    f"You have used your {_minutes(limit)} of GPU time for today. "
                    "There is more from midnight on, UTC.",
                    details={
                        "quota": Quota.GPU_SECONDS,
                        "used": round(used, 1),
                        "limit": limit,
                        "until": iso(self.day_ends_at()),
                    },
                    retry_after_s=math.ceil((self.day_ends_at() - self._clock.now_ms()) / 1000),
                )
            expected = self._expected_s(user_id, more[:-1])
            if used + expected >= limit:
                raise QuotaExceeded(
                    f"Jobs that have not ended will take what is left of your {_minutes(limit)} "
                    "of GPU time for today. Wait for them, or run fewer.",
                    details={
                        "quota": Quota.GPU_SECONDS,
                        "used": round(used, 1),
                        "expected": round(expected, 1),
                        "limit": limit,
                    },
                    retry_after_s=_ASK_AGAIN_S,
                )
        if self.limit(user_id, identity.role, Quota.DISK_BYTES) is not None:
            async with self.room(identity) as fit:
                await fit(1)

    @contextlib.asynccontextmanager
    async def room(self, identity: Identity) -> AsyncIterator[Fit]:
        """Room on the disk for one file, promised to nobody else until the block ends.

        Raises:
            DiskQuotaExceeded: from what is yielded, if the file does not fit.
        """
        user_id, promised = identity.user_id, 0
        limit = self.limit(user_id, identity.role, Quota.DISK_BYTES)

        async def fit(size_bytes: int) -> None:
            nonlocal promised
            if limit is None:
                return
            self._promised[user_id] += size_bytes - promised
            promised = size_bytes
            used = (await self._store.disk_bytes(user_id)).get(user_id, 0)
            if used + self._promised[user_id] > limit:
                raise DiskQuotaExceeded(
                    f"Your files have {_gigabytes(used)}, and may have {_gigabytes(limit)}. "
                    "Delete some, or ask the owner for more room.",
                    details={"quota": Quota.DISK_BYTES, "used": used, "limit": limit},
                )

        try:
            yield fit
        finally:
            self._promised[user_id] -= promised
            if not self._promised[user_id]:
                del self._promised[user_id]

    async def charge(self, user_id: str, gpu_seconds: float, kind: str) -> None:
        """Count GPU seconds that something other than a job used.

        Args:
            kind: what for, one word: ``language``.
        """
        if gpu_seconds > 0:
            await self._store.charge(user_id, gpu_seconds, kind, self._clock.now_ms())

    async def run(self) -> None:
        """Forget days long past; runs until cancelled."""
        while True:
            with contextlib.suppress(StudioError):
                await self._store.forget_days(self._clock.now_ms() - _KEPT_DAYS * DAY_MS)
            await asyncio.sleep(_FORGET_EVERY_S)

    # -- looked at --------------------------------------------------------------------------------

    def day_ends_at(self) -> int:
        """The next midnight, UTC, in ms."""
        return (self._clock.now_ms() // DAY_MS + 1) * DAY_MS

    async def used(self, user_id: str, role: Role) -> list[Used]:
        """How one person stands."""
        return (await self.all_used({user_id: role}))[user_id]

    async def all_used(self, roles: Mapping[str, Role]) -> dict[str, list[Used]]:
        """How each of them stands, by id."""
        only = next(iter(roles)) if len(roles) == 1 else None
        gpu = await self._store.gpu_seconds(self._clock.now_ms(), only)
        disk = await self._store.disk_bytes(only)
        return {
            user_id: [
                Used(
                    quota,
                    used,
                    self.limit(user_id, role, quota),
                    (user_id, quota.value) in self._set,
                )
                for quota, used in (
                    (Quota.JOBS, self._queue.depth_of(user_id)),
                    (Quota.GPU_SECONDS, gpu.get(user_id, 0.0) + self._running_s(user_id)),
                    (Quota.DISK_BYTES, disk.get(user_id, 0)),
                )
            ]
            for user_id, role in roles.items()
        }

    async def _gpu_seconds(self, user_id: str) -> float:
        ended = await self._store.gpu_seconds(self._clock.now_ms(), user_id)
        return ended.get(user_id, 0.0) + self._running_s(user_id)

    def _running_s(self, user_id: str) -> float:
        """Seconds that a person's running jobs have run today."""
        now_ms = self._clock.now_ms()
        midnight_ms = now_ms // DAY_MS * DAY_MS
        return sum(
            max(0, now_ms - max(midnight_ms, live.job.started_at)) / 1000
            for live in self._queue.live.values()
            if live.job.user_id == user_id and live.job.started_at is not None
        )

    def _expected_s(self, user_id: str, more: Sequence[str]) -> float:
        """How long a person's unfinished jobs, and more of these graph keys, will still run."""
        now_ms = self._clock.now_ms()
        left_ms = sum(self._durations.median(key) or 0.0 for key in more)
        for live in self._queue.live.values():
            if live.job.user_id == user_id:
                ran_ms = now_ms - (live.job.started_at or now_ms)
                left_ms += max(0.0, (self._durations.median(live.job.graph_key) or 0.0) - ran_ms)
        return left_ms / 1000

    # -- set by the owner -------------------------------------------------------------------------

    async def change_user(self, user_id: str, name: str, changes: Mapping[Quota, Any]) -> None:
        """Give a person limits of their own.

        Args:
            name: what the person is called, for the activity.
            changes: by quota a whole number, ``"none"`` for no limit, or ``None`` for the role's.

        Raises:
            NotFound: there is no such user.
            Conflict: the owner has no limits.
            Unprocessable: a value is something else.
        """
        if user_id == OWNER_ID:
            raise Conflict("The owner has no limits.")
        await self._change(user_id, changes, is_user=True)
        self._record(OWNER_ID, "quota.changed", name, **_told(changes))

    async def change_role(self, role: Role, changes: Mapping[Quota, Any]) -> None:
        """Set what everybody of a role may use up; ``None`` is Studio's own default.

        Raises:
            Conflict, Unprocessable: see ``change_user``.
        """
        if role is Role.OWNER:
            raise Conflict("The owner has no limits.")
        await self._change(role, changes, is_user=False)
        self._record(OWNER_ID, "quota.default_changed", role, **_told(changes))

    async def _change(self, whose: str, changes: Mapping[Quota, Any], *, is_user: bool) -> None:
        values: dict[str, int | None] = {}
        back = set[str]()
        for quota, value in changes.items():
            if value is None:
                back.add(quota.value)
            elif value == "none":
                values[quota.value] = None
            elif type(value) is int and 0 <= value <= MAX_VALUE:
                values[quota.value] = value
            else:
                raise Unprocessable(
                    f'{quota} must be a whole number from 0, "none" or null.',
                    details={"field": quota.value},
                )
        await self._store.change(whose, values, back, is_user=is_user)
        await self.load()


def _told(changes: Mapping[Quota, Any]) -> dict[str, Any]:
    return {quota.value: "default" if value is None else value for quota, value in changes.items()}


def _minutes(seconds: int) -> str:
    return f"{seconds / 60:g} minutes"


def _gigabytes(size_bytes: int) -> str:
    return f"{size_bytes / _GB:.2f} GB"
