"""What goes over the live WebSocket: news and snapshots as JSON text, previews as binary."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, assert_never

import orjson
from starlette.requests import HTTPConnection

from studio.models import Identity
from studio.services.jobs import JobView
from studio.services.news import (
    Frame,
    JobPicture,
    JobPreview,
    JobProgress,
    News,
    NewsData,
    QueuePicture,
    Topic,
)
from studio.web.job_bodies import studio_body
from studio.web.job_extras import own_progress_body
from studio.web.links import Links
from studio.web.sockets import binary_frame, text_frame


class LiveBodies:
    """Renders for one reader: their links, and of the queue what they may see."""

    def __init__(self, *, identity: Identity, connection: HTTPConnection, links: Links) -> None:
        self._identity = identity
        self._connection = connection
        self._links = links

    @property
    def kind(self) -> tuple[str, bool, str]:
        """Readers with the same are sent the same bytes."""
        base = self._links.base(self._connection)
        return self._identity.user_id, self._identity.sees_all, base

    def frame(self, news: News) -> Frame:
        """One piece of news."""
        if isinstance(news.data, JobPreview):
            return preview_frame(news.data)
        return text(
            {
                "type": "event",
                "n": news.number,
                "topic": news.topic,
                "event": news.event,
                "data": self._data(news.data),
            }
        )

    def snapshot(self, topic: Topic, number: int, data: NewsData | list[JobPicture]) -> Frame:
        """How everything of one topic stands."""
        body = (
            {"jobs": [self._job(picture) for picture in data]}
            if isinstance(data, list)
            else (self._data(data))
        )
        return text({"type": "snapshot", "topic": topic, "n": number, "data": body})

    def _data(self, data: NewsData) -> Mapping[str, Any]:
        match data:
            case JobPicture():
                return self._job(data)
            case JobProgress():
                return {"id": data.job_id, "progress": own_progress_body(data.progress)}
            case QueuePicture():
                return {"paused": data.paused, **asdict(data.line(self._identity))}
            case JobPreview():
                raise TypeError("previews are binary")
            case Mapping():
                return data
            case _:
                assert_never(data)

    def _job(self, picture: JobPicture) -> dict[str, Any]:
        view = JobView(picture.job, picture.outputs, picture.expires_at, picture.queue_position)
        body = studio_body(view, self._connection, self._links)
        if picture.progress is not None:
            body["progress"] = own_progress_body(picture.progress)
        return body


def pictures(views: Iterable[JobView]) -> list[JobPicture]:
    """Jobs of a list, as the live feed pictures them."""
    return [
        JobPicture(view.job, view.outputs, view.expires_at, view.queue_position, None)
        for view in views
    ]


def preview_frame(shown: JobPreview) -> Frame:
    """The length of a JSON head in four bytes, the head, the picture's own bytes."""
    preview = shown.preview
    head = orjson.dumps(
        {
            "job_id": shown.job_id,
            "node_id": preview.node_id,
            "content_type": preview.content_type,
        }
    )
    return binary_frame(struct.pack(">I", len(head)) + head + preview.data)


def text(message: Mapping[str, Any]) -> Frame:
    """A message as JSON."""
    return text_frame(orjson.dumps(message))
