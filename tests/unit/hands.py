"""A clock of the day, for the tests of what is kept by days."""

from __future__ import annotations

import pytest

DAY = 86_400.0
NOON = 1_800_014_400.0


class Hands:
    """A clock to be moved."""

    def __init__(self) -> None:
        self.now_s = NOON

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def hands() -> Hands:
    return Hands()
