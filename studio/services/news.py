"""What the live feed tells: pictures of jobs, of the queue, of everything, and their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from studio.models import Asset, Identity, Job, Preview, Progress


class Topic(StrEnum):
    JOBS = "jobs"
    QUEUE = "queue"
    PREVIEWS = "previews"
    DOWNLOADS = "downloads"
    ENGINES = "engines"
    SYSTEM = "system"
    MACHINE = "machine"
    LOGS = "logs"
    ACTIVITY = "activity"
    CHATS = "chats"


PRIVATE: Final = frozenset({Topic.CHATS})
"""Topics of which everybody sees their own alone, whoever owns this Studio."""


@dataclass(frozen=True, slots=True)
class JobPicture:
    """A job as it was at one moment."""

    job: Job
    outputs: tuple[Asset, ...]
    expires_at: int
    queue_position: int | None
    progress: Progress | None


@dataclass(frozen=True, slots=True)
class JobProgress:
    job_id: str
    progress: Progress


@dataclass(frozen=True, slots=True)
class JobPreview:
    job_id: str
    preview: Preview


@dataclass(frozen=True, slots=True)
class Line:
    """The queue as one user may see it: the first of their waiting jobs, with true positions."""

    depth: int = 0
    running: int = 0
    order: tuple[str, ...] = ()
    positions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class QueuePicture:
    """The queue at one moment, for everybody and for each user."""

    paused: bool
    everything: Line
    by_user: Mapping[str, Line]

    def line(self, identity: Identity) -> Line:
        """What that caller may see."""
        if identity.sees_all:
            return self.everything
        return self.by_user.get(identity.user_id, Line())


NewsData = JobPicture | JobProgress | JobPreview | QueuePicture | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class News:
    """One thing to tell. ``user_id`` is whose it is, ``None`` for everybody's."""

    number: int
    topic: Topic
    event: str
    data: NewsData
    user_id: str | None = None


Frame = bytes
"""News as they go over the wire."""
