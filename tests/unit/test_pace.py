"""How fast one client may go on."""

from __future__ import annotations

from studio.web.pace import Pace


def test_whoever_is_too_quick_waits_until_an_earlier_turn_is_old_enough() -> None:
    pace = Pace(2, every_s=10.0)
    assert [pace.turn(100.0) for _ in range(5)] == [0.0, 0.0, 10.0, 10.0, 20.0]
    assert pace.turn(125.0) == 0.0
    assert pace.turn(126.0) == 4.0


def test_whoever_keeps_to_the_pace_never_waits() -> None:
    pace = Pace(2, every_s=10.0)
    assert [pace.turn(5.0 * number) for number in range(10)] == [0.0] * 10
