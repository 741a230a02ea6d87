"""Everything that is told live: the feed and what makes its news."""

from __future__ import annotations

from collections.abc import Callable

from studio.models import OWNER_ID, Identity, Job
from studio.services.activity import Activity, entry_body
from studio.services.download_news import DownloadNews
from studio.services.downloads import Downloads
from studio.services.feed import Feed
from studio.services.health import HealthService
from studio.services.job_news import JobNews
from studio.services.log_news import LogNews, Logs
from studio.services.machine_news import MachineNews
from studio.services.news import Topic
from studio.services.queue import JobQueue
from studio.services.system import SystemService
from studio.services.system_news import SystemNews
from studio.store.activity import Entry


class Live:
    """The feed, and the sources that it wakes while somebody reads.

    Args:
        activity: what people do, told as it is stored.
        system: looks at the machine.
        logs: what engines write.
        expiry: when a job will be purged, in milliseconds since the epoch.
        is_live: whether an identity still may read: its session or key has not ended.
    """

    def __init__(
        self,
        *,
        queue: JobQueue,
        health: HealthService,
        activity: Activity,
        downloads: Downloads,
        system: SystemService,
        logs: Logs,
        expiry: Callable[[Job], int],
        is_live: Callable[[Identity], bool],
    ) -> None:
        self.feed = Feed(is_live=is_live)
        self.jobs = JobNews(feed=self.feed, queue=queue, expiry=expiry)
        self.system = SystemNews(feed=self.feed, health=health)
        self.machine = MachineNews(feed=self.feed, look=system.look)
        self.downloads = DownloadNews(feed=self.feed, downloads=downloads)
        self.activity = activity
        told = LogNews(feed=self.feed, logs=logs)
        for source in (self.jobs, self.system, self.machine, self.downloads, told):
            self.feed.connect(source)
        activity.on_stored(self._tell)

    def _tell(self, entry: Entry) -> None:
        # News of nobody's would be everybody's: what nobody who is known did is the owner's to see.
        whose = entry.user_id or OWNER_ID
        self.feed.tell(Topic.ACTIVITY, "recorded", entry_body(entry), user_id=whose)
