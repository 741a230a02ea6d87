"""The live feed: numbered news by topic for everybody who has a page open.

What happened to jobs is kept for a while, so a reader that was cut off goes on where it stopped.
Of everything that is a state (progress, the queue, engines) only the latest is worth sending. With
no reader nothing is watched and nothing is made; a short while after the last one has gone the feed
falls asleep and forgets what it kept.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from enum import StrEnum
from typing import Final, Protocol

from studio.clock import new_id
from studio.errors import TooManyStreams
from studio.models import Identity
from studio.services.news import PRIVATE, Frame, JobPreview, News, NewsData, Topic

MAX_WAITING: Final = 256
MAX_WAITING_BYTES: Final = 4 << 20
MAX_KEPT: Final = 4096
MAX_READERS: Final = 1000
RECHECK_S: Final = 60.0
LINGER_S: Final = 120.0
MAX_BATCH: Final = 64 << 10


class Ending(StrEnum):
    """Why Studio lets a reader go."""

    SESSION = "session"
    SLOW = "slow"
    STOPPING = "stopping"


class Reader:
    """One client, and what waits to be sent to it: bounded, whatever the client does.

    Args:
        kind: readers of one kind are sent the very same bytes, rendered once.
        render: makes what is sent out of news.
    """

    def __init__(
        self, identity: Identity, *, kind: Hashable, render: Callable[[News], Frame]
    ) -> None:
        self.identity = identity
        self.kind = kind
        self.render = render
        self.topics: set[Topic] = set()
        self.ended = asyncio.Event()
        self.ending: Ending | None = None
        self.has_resumed = False
        self._missed: deque[News] = deque()
        self._frames: deque[Frame] = deque()
        self._frames_bytes = 0
        self._previews: dict[str, Frame] = {}
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._emptied.set()

    def may_see(self, news: News) -> bool:
        """Whether it asked for that topic and the news are its user's to see."""
        if news.topic not in self.topics:
            return False
        sees_all = self.identity.sees_all and news.topic not in PRIVATE
        return news.user_id is None or sees_all or news.user_id == self.identity.user_id

    def push(self, frame: Frame) -> None:
        """Queue a frame; the reader that is too far behind is let go, to begin anew."""
        if self._has_no_room(len(frame)):
            self.end(Ending.SLOW)
        elif self.ending is None:
            self._frames.append(frame)
            self._frames_bytes += len(frame)
            self._filled.set()
            self._emptied.clear()

    def _has_no_room(self, size_bytes: int) -> bool:
        """A frame that waits alone may have any size: there is no smaller way to send it."""
        return len(self._frames) >= MAX_WAITING or (
            bool(self._frames) and self._frames_bytes + size_bytes > MAX_WAITING_BYTES
        )

    def show(self, job_id: str, frame: Frame) -> None:
        """Let a preview wait in place of an earlier one of the same job."""
        if self.ending is None:
            self._previews[job_id] = frame
            self._filled.set()

    def catch_up(self, missed: Iterable[News]) -> None:
        """Queue what it missed, once; rendered only when its turn comes, so it takes no room."""
        self.has_resumed = True
        if self.ending is None:
            self._missed = deque(missed)
            self._filled.set()
            self._emptied.clear()

    def end(self, why: Ending) -> None:
        """Send it nothing more; only the first reason counts."""
        if self.ending is None:
            self.ending = why
            self._missed.clear()
            self._frames.clear()
            self._frames_bytes = 0
            self._previews.clear()
            self.ended.set()

    async def next(self) -> list[Frame]:
        """What is to be sent next: all that waits, but not much more than 64 KiB at once."""
        if self._missed:
            # Rendering thousands in one go would keep everybody else from their turn.
            await asyncio.sleep(0)
        while not (batch := self._batch()):
            self._filled.clear()
            await self._filled.wait()
        if not self._missed and not self._frames:
            self._emptied.set()
        return batch

    async def drained(self) -> None:
        """Wait until all but previews, of which one may always wait, was taken to be sent."""
        await self._emptied.wait()

    def _batch(self) -> list[Frame]:
        batch: list[Frame] = []
        size = 0
        while size < MAX_BATCH and (frame := self._first()) is not None:
            batch.append(frame)
            size += len(frame)
        return batch

    def _first(self) -> Frame | None:
        """What it missed, then news in order, then previews."""
        if self._missed:
            return self.render(self._missed.popleft())
        if self._frames:
            frame = self._frames.popleft()
            self._frames_bytes -= len(frame)
            return frame
        if self._previews:
            return self._previews.pop(next(iter(self._previews)))
        return None


class Source(Protocol):
    """What makes news, but only while somebody reads."""

    def wake(self) -> None: ...

    def sleep(self) -> None: ...


class Feed:
    """Every reader, the numbers, and the news that are kept.

    Args:
        is_live: whether an identity still may read: its session or key has not ended.
        linger_s: how long the feed goes on for a reader that may come back.
    """

    def __init__(
        self,
        *,
        is_live: Callable[[Identity], bool],
        recheck_s: float = RECHECK_S,
        linger_s: float = LINGER_S,
    ) -> None:
        self.run = new_id()
        self.last = 0
        self._is_live = is_live
        self._recheck_s = recheck_s
        self._linger_s = linger_s
        self._readers: set[Reader] = set()
        self._sources: list[Source] = []
        self._kept: deque[News] = deque()
        self._states: dict[str, News] = {}
        self._lost = 0
        """Number of the newest news that are neither kept nor outdated by later ones."""
        self._awake = False
        self._falling_asleep: asyncio.TimerHandle | None = None

    def connect(self, source: Source) -> None:
        """Wake ``source`` whenever somebody reads."""
        self._sources.append(source)

    @property
    def readers(self) -> int:
        """How many listen."""
        return len(self._readers)

    def wants(self, topic: Topic) -> bool:
        """Whether anybody who reads asked for it."""
        return any(topic in reader.topics for reader in self._readers)

    # -- readers ---------------------------------------------------------------------------------

    def enter(self, reader: Reader, *, per_user: int = MAX_READERS) -> None:
        """Take a reader in; ``leave`` must follow.

        Raises:
            TooManyStreams: there are 1,000 already, or ``per_user`` of that user's.
        """
        if len(self._readers) >= MAX_READERS:
            raise TooManyStreams(f"{MAX_READERS} clients listen already.", retry_after_s=30)
        user_id = reader.identity.user_id
        if sum(one.identity.user_id == user_id for one in self._readers) >= per_user:
            raise TooManyStreams(f"{per_user} clients of yours listen already.", retry_after_s=30)
        self._readers.add(reader)
        if self._falling_asleep is not None:
            self._falling_asleep.cancel()
            self._falling_asleep = None
        if not self._awake:
            self._awake = True
            for source in self._sources:
                source.wake()

    def leave(self, reader: Reader) -> None:
        self._readers.discard(reader)
        if self._awake and not self._readers and self._falling_asleep is None:
            loop = asyncio.get_running_loop()
            self._falling_asleep = loop.call_later(self._linger_s, self._sleep)

    def _sleep(self) -> None:
        self._falling_asleep = None
        self._awake = False
        for source in self._sources:
            source.sleep()
        self._kept.clear()
        self._states.clear()
        # Whoever comes back may have missed something that was never counted.
        self.last += 1
        self._lost = self.last

    def resume(self, reader: Reader, topics: set[Topic], after: int) -> bool:
        """Subscribe and send what came after that number.

        Returns:
            ``False``, and nothing is subscribed, if that is not known any more or the reader did
            this before: looking through all that is kept, again and again, would keep others out.
        """
        if reader.has_resumed or not self._lost <= after <= self.last:
            return False
        asked, reader.topics = reader.topics, topics
        missed = [
            news
            for news in (*self._kept, *self._states.values())
            if news.number > after and reader.may_see(news)
        ]
        reader.topics = asked | topics
        reader.catch_up(sorted(missed, key=lambda news: news.number))
        return True

    async def watch(self) -> None:
        """Let go of whoever may no longer read, once a minute; runs until cancelled."""
        while True:
            await asyncio.sleep(self._recheck_s)
            self.recheck()

    def recheck(self) -> None:
        """Let go of whoever may no longer read."""
        for reader in self._readers:
            if not self._is_live(reader.identity):
                reader.end(Ending.SESSION)

    def stop(self) -> None:
        """Let everybody go."""
        for reader in self._readers:
            reader.end(Ending.STOPPING)
        if self._falling_asleep is not None:
            self._falling_asleep.cancel()
        if self._awake:
            self._sleep()

    # -- news ------------------------------------------------------------------------------------

    def tell(self, topic: Topic, event: str, data: NewsData, *, user_id: str | None = None) -> None:
        """Something happened that no reader may miss."""
        news = self._number(topic, event, data, user_id)
        if len(self._kept) >= MAX_KEPT:
            self._lost = self._kept.popleft().number
        self._kept.append(news)
        self._send(news)

    def tell_state(
        self, about: str, topic: Topic, event: str, data: NewsData, *, user_id: str | None = None
    ) -> None:
        """Something is as follows now: it makes what was told ``about`` the same thing obsolete."""
        news = self._number(topic, event, data, user_id)
        self._states[about] = news
        self._send(news)

    def forget(self, about: str) -> None:
        """That thing has no state any more."""
        self._states.pop(about, None)

    def show(self, preview: JobPreview, *, user_id: str) -> None:
        """A picture of a job that runs: neither numbered nor kept, and queued for nobody."""
        news = News(self.last, Topic.PREVIEWS, "preview", preview, user_id)
        for reader, frame in self._rendered(news):
            reader.show(preview.job_id, frame)

    def _number(self, topic: Topic, event: str, data: NewsData, user_id: str | None) -> News:
        self.last += 1
        return News(self.last, topic, event, data, user_id)

    def _send(self, news: News) -> None:
        for reader, frame in self._rendered(news):
            reader.push(frame)

    def _rendered(self, news: News) -> Iterable[tuple[Reader, Frame]]:
        """Whoever may see the news, with its frame: made once for all readers of a kind."""
        frames: dict[Hashable, Frame] = {}
        for reader in self._readers:
            if reader.may_see(news):
                frame = frames.get(reader.kind)
                if frame is None:
                    frame = frames[reader.kind] = reader.render(news)
                yield reader, frame
