"""Whether there is room for more jobs."""

from __future__ import annotations

import pytest

from studio.errors import QueueFull
from studio.models import OWNER_ID, Identity, Role
from studio.services.entrance import Entrance
from studio.services.queue import JobQueue
from studio.services.quotas import QuotaService

CALLER = Identity(OWNER_ID, Role.OWNER, frozenset())


class NoLimits(QuotaService):
    def __init__(self) -> None: ...

    def require_jobs(self, identity: Identity, have: int, more: int) -> None: ...


def test_jobs_on_their_way_in_keep_their_places_until_they_are_given_back() -> None:
    entrance = Entrance(JobQueue(), NoLimits(), max_depth=3)
    first, second = entrance.open(CALLER, 2), entrance.open(CALLER)
    with pytest.raises(QueueFull):
        entrance.open(CALLER)
    first()
    entrance.open(CALLER, 2)
    with pytest.raises(QueueFull, match="room for"):
        second()
        entrance.open(CALLER, 2)


def test_a_place_that_is_given_back_twice_is_one_place() -> None:
    entrance = Entrance(JobQueue(), NoLimits(), max_depth=2)
    close = entrance.open(CALLER)
    close()
    close()
    entrance.open(CALLER, 2)
    with pytest.raises(QueueFull, match="is full"):
        entrance.open(CALLER)
