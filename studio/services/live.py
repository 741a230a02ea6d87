"""Everything that is told live: the feed and what makes its news."""

from __future__ import annotations

from collections.abc import Callable

from studio.models import Identity, Job
from studio.services.feed import Feed
from studio.services.health import HealthService
from studio.services.job_news import JobNews
from studio.services.queue import JobQueue
from studio.services.system_news import SystemNews


class Live:
    """The feed, and the sources that it wakes while somebody reads.

    Args:
        expiry: when a job will be purged, in milliseconds since the epoch.
        is_live: whether an identity still may read: its session or key has not ended.
    """

    def __init__(
        self,
        *,
        queue: JobQueue,
        health: HealthService,
        expiry: Callable[[Job], int],
        is_live: Callable[[Identity], bool],
    ) -> None:
        self.feed = Feed(is_live=is_live)
        self.jobs = JobNews(feed=self.feed, queue=queue, expiry=expiry)
        self.system = SystemNews(feed=self.feed, health=health)
        self.feed.connect(self.jobs)
        self.feed.connect(self.system)
