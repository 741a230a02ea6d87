"""Refusals of what one person may use up, below ``StudioError``.

TooManyRequests
├── QuotaExceeded           429  quota_exceeded
└── Hurried                 429  rate_limited
StudioError
└── DiskQuotaExceeded       507  quota_exceeded

``details`` of a quota has ``quota``, ``used``, ``limit``; ``until`` if the next day makes room. Too
many unfinished jobs are ``queue_full``, as Comfy API v2 has it.
"""

from __future__ import annotations

from studio.errors import StudioError, TooManyRequests


class QuotaExceeded(TooManyRequests):
    """The GPU time of the day is given out: time makes room again, at the latest the next day."""

    code = "quota_exceeded"


class DiskQuotaExceeded(StudioError):
    """Only deleting something makes room again, so no time is said."""

    code, status = "quota_exceeded", 507


class Hurried(TooManyRequests):
    """More requests than one key, user or address may make; ``details.limited`` says whose."""
