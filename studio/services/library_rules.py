"""The library's own housekeeping: by age, by count, by free space; to the trash first."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import orjson

from studio.clock import Clock
from studio.errors import StudioError, Unprocessable
from studio.models import Identity
from studio.settings import DAY_MS
from studio.store.picture_rules import Old, PictureRuleStore, Spare
from studio.store.pictures import PictureStore
from studio.store.prefs import PrefStore
from studio.store.trash import TrashStore

log = logging.getLogger(__name__)

EVERY_S: Final = 600.0
UNDO_MS: Final = 3_600_000
"""However little space is left: for so long whatever came into the trash can be taken out again."""
GIB: Final = 1024**3
_STORED: Final = "library_rules"
_AT_ONCE: Final = 250
_MOST: Final = 5_000
_LIMITS: Final = {
    "trash_days": (0, 3_650),
    "max_age_days": (1, 36_500),
    "max_count": (1, 10_000_000),
    "min_free_gb": (1, 100_000),
}


@dataclass(frozen=True, slots=True)
class Rules:
    """What is thrown away by itself: nothing but the trash, unless the owner says so.

    Only outputs go to the trash by rules, never uploads. ``None`` is no such rule. What is spared
    here outlives the retention of jobs too.
    """

    trash_days: int = 30
    max_age_days: int | None = None
    max_count: int | None = None
    min_free_gb: int | None = None
    spare_favourites: bool = True
    spare_boards: bool = True

    @property
    def spare(self) -> Spare:
        return Spare(self.spare_favourites, self.spare_boards)


@dataclass(frozen=True, slots=True)
class Plan:
    """What the rules would do now; of each at most 5,000 files, then again ten minutes later."""

    trash: Sequence[Old]
    purge: Sequence[Old]


def parse_rules(fields: dict[str, Any], base: Rules) -> Rules:
    """``base`` with the given fields.

    Raises:
        Unprocessable: a field is unknown, of the wrong type or out of bounds.
    """
    for name, value in fields.items():
        if name in ("spare_favourites", "spare_boards"):
            if not isinstance(value, bool):
                raise Unprocessable(f"{name} must be true or false.", details={"field": name})
        elif name not in _LIMITS:
            raise Unprocessable(f"Unknown field {name[:40]}.", details={"field": name[:40]})
        elif value is not None or name == "trash_days":
            low, high = _LIMITS[name]
            if type(value) is not int or not low <= value <= high:
                raise Unprocessable(
                    f"{name} must be a whole number from {low} to {high}.", details={"field": name}
                )
    return replace(base, **fields)


class LibraryRules:
    """Keeps the rules, and keeps to them.

    Args:
        trash: workflows and presets, which rules do not throw away, but whose trash is emptied too.
        folder: a folder on the disk whose free space counts.
        forget_jobs: called with the jobs whose outputs look different now.
        record: notes for the list of activities what was done.
    """

    def __init__(
        self,
        *,
        prefs: PrefStore,
        pictures: PictureStore,
        candidates: PictureRuleStore,
        trash: TrashStore,
        folder: Path,
        forget_jobs: Callable[[Iterable[str]], None],
        record: Callable[..., None],
        clock: Clock,
    ) -> None:
        self._prefs = prefs
        self._pictures = pictures
        self._candidates = candidates
        self._trash = trash
        self._folder = folder
        self._forget_jobs = forget_jobs
        self._record = record
        self._clock = clock

    async def get(self) -> Rules:
        """The rules as they are."""
        stored = await self._prefs.get(_STORED)
        return Rules() if stored is None else Rules(**orjson.loads(stored))

    async def put(self, identity: Identity, rules: Rules) -> Rules:
        """Replace them; they are kept to from the next round on."""
        await self._prefs.put(_STORED, orjson.dumps(asdict(rules)).decode())
        self._record(identity.user_id, "library.rules", "rules", **asdict(rules))
        return rules

    async def run(self) -> None:
        """Keep to them every ten minutes; the body of a task."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.apply()
            except (StudioError, OSError) as error:
                log.warning("the library's rules could not be kept to: %s", error)

    async def plan(self, rules: Rules) -> Plan:
        """What ``rules`` would do now."""
        now_ms = self._clock.now_ms()
        needed = await asyncio.to_thread(self._needed_bytes, rules)
        purge = await self._old_trash(rules, now_ms, needed)
        trash: dict[str, Old] = {}
        for before_ms, skip_newest in (
            (None if rules.max_age_days is None else now_ms - rules.max_age_days * DAY_MS, 0),
            (None, rules.max_count or 0),
        ):
            if before_ms is not None or skip_newest:
                found = await self._shown(rules, before_ms=before_ms, skip_newest=skip_newest)
                trash.update((one.id, one) for one in found)
        # What lies in the trash already gives its space back later: no more is moved for it.
        lying = await self._candidates.trashed(before_ms=now_ms + 1, limit=_MOST)
        needed -= sum(one.size_bytes for one in lying)
        needed -= sum(one.size_bytes for one in trash.values())
        if needed > 0:
            for one in await self._shown(rules, before_ms=None, skip_newest=0):
                if needed <= 0:
                    break
                if one.id not in trash:
                    trash[one.id] = one
                    needed -= one.size_bytes
        return Plan(list(trash.values())[:_MOST], purge)

    async def apply(self) -> None:
        """Do what the stored rules say."""
        plan = await self.plan(await self.get())
        now_ms = self._clock.now_ms()
        if emptied := await self._trash.empty(now_ms):
            log.info("the trash of workflows and presets: %d deleted", emptied)
        counts = []
        for found, is_purge in ((plan.trash, False), (plan.purge, True)):
            count = 0
            for start in range(0, len(found), _AT_ONCE):
                ids = [one.id for one in found[start : start + _AT_ONCE]]
                changed = await (
                    self._pictures.purge(ids, None)
                    if is_purge
                    else self._pictures.trash(ids, None, now_ms)
                )
                self._forget_jobs(changed.job_ids)
                count += changed.count
            counts.append(count)
        if any(counts):
            self._record(None, "library.tidied", "rules", trashed=counts[0], purged=counts[1])
            log.info("the library's rules: %d to the trash, %d deleted", *counts)

    async def _old_trash(self, rules: Rules, now_ms: int, needed: int) -> list[Old]:
        """What has been in the trash for long enough, or for an hour when space is short."""
        age_ms = max(rules.trash_days * DAY_MS, UNDO_MS)
        due = await self._candidates.trashed(before_ms=now_ms - age_ms, limit=_MOST)
        needed -= sum(one.size_bytes for one in due)
        known = {one.id for one in due}
        if needed > 0:
            for one in await self._candidates.trashed(before_ms=now_ms - UNDO_MS, limit=_MOST):
                if needed <= 0:
                    break
                if one.id not in known:
                    due.append(one)
                    needed -= one.size_bytes
        return due

    async def _shown(self, rules: Rules, *, before_ms: int | None, skip_newest: int) -> list[Old]:
        return await self._candidates.shown(
            before_ms=before_ms,
            skip_newest=skip_newest,
            spare=rules.spare,
            limit=_MOST,
        )

    def _needed_bytes(self, rules: Rules) -> int:
        """How many bytes the disk has too few."""
        if rules.min_free_gb is None:
            return 0
        return max(0, rules.min_free_gb * GIB - shutil.disk_usage(self._folder).free)
