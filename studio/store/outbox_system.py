"""What the system's webhooks are to be told: downloads with their own rows, and how things stand.

An engine or a disk has no row of its own. What each webhook was told of it last is one, and changes
in the commit that tells: so what happened while no Studio ran is told by the next.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, Final

from studio.clock import Clock, new_id
from studio.models import NewDelivery
from studio.store.db import Database
from studio.store.downloads import Download, DownloadState, download_facts
from studio.store.outbox import Listener, Outbox, insert, message
from studio.webhook_events import body_of

_DOWNLOADS: Final = {
    DownloadState.QUEUED: "download.queued",
    DownloadState.DOWNLOADING: "download.started",
    DownloadState.DONE: "download.done",
    DownloadState.FAILED: "download.failed",
    DownloadState.CANCELED: "download.canceled",
}
_PUT = (
    "INSERT INTO webhook_states (webhook_id, subject, state) SELECT id, ?, ? FROM webhooks "
    "WHERE id = ? ON CONFLICT (webhook_id, subject) DO UPDATE SET state = excluded.state"
)


class SystemOutbox:
    """Writes what happens beside jobs."""

    def __init__(self, db: Database, outbox: Outbox, clock: Clock) -> None:
        self._db = db
        self._outbox = outbox
        self._clock = clock
        self._known: dict[tuple[str, str], str] = {}
        """What each webhook was told last, by webhook and subject."""

    async def open(self) -> None:
        """Find out what was told last."""

        def work(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
            rows = connection.execute("SELECT webhook_id, subject, state FROM webhook_states")
            return {(row[0], row[1]): row[2] for row in rows}

        self._known = await self._db.read(work)

    def hears(self, group: str) -> bool:
        """Whether anybody wants to hear of some of a group: ``engine`` or ``disk``."""
        return bool(self._of_group(group))

    # -- downloads -------------------------------------------------------------------------------

    def note_download(
        self, connection: sqlite3.Connection, before: DownloadState | None, download: Download
    ) -> None:
        """Tell what became of a download, inside the commit that stores it."""
        kind = _DOWNLOADS.get(download.state)
        if kind is None or before is download.state:
            return
        if download.state is DownloadState.QUEUED and before is DownloadState.RESOLVING:
            # It was looked at, and waits for another try: nothing began, and nothing ended.
            return
        hearing = [one for one in self._outbox.of_the_system if kind in one.events]
        if hearing:
            insert(connection, self._told(hearing, kind, download.id, download_facts(download)))

    # -- how things stand ------------------------------------------------------------------------

    async def tell_state(
        self,
        group: str,
        subject: str,
        state: str,
        *,
        kind: str | None,
        data: Mapping[str, Any],
        is_news: bool,
    ) -> None:
        """Tell those who were told another state last.

        Args:
            kind: the type of event; ``None`` for a state that is not told, only remembered.
            is_news: whether it is told to a webhook that was told nothing of it yet.

        Raises:
            DiskFull, StorageUnavailable: nobody is told.
        """
        name = f"{group} {subject}"
        behind = [
            one for one in self._of_group(group) if self._known.get((one.webhook_id, name)) != state
        ]
        if not behind:
            return
        hearing = [
            one
            for one in behind
            if kind in one.events and (is_news or (one.webhook_id, name) in self._known)
        ]
        told = [] if kind is None else self._told(hearing, kind, subject, data)

        def work(connection: sqlite3.Connection) -> None:
            insert(connection, told)
            connection.executemany(_PUT, [(name, state, one.webhook_id) for one in behind])

        await self._db.write(work, short=True)
        self._known.update({(one.webhook_id, name): state for one in behind})
        self._outbox.wake()

    def _of_group(self, group: str) -> list[Listener]:
        return [
            one
            for one in self._outbox.of_the_system
            if any(each.startswith(f"{group}.") for each in one.events)
        ]

    def _told(
        self, hearing: list[Listener], kind: str, lane: str, data: Mapping[str, Any]
    ) -> list[NewDelivery]:
        if not hearing:
            return []
        at_ms = self._clock.now_ms()
        body = body_of(kind, at_ms, data)
        key = f"{kind} {lane} {new_id()}"
        return [message(one, key, kind, lane, body, at_ms) for one in hearing]
