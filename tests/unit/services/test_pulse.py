"""What two looks at the machine say together."""

from __future__ import annotations

from studio.clients.gpu import Gpu
from studio.clients.machine import CoreTime, Memory, Traffic
from studio.services.pulse import Reading, between

GIB = 1 << 30


def test_shares_and_rates_come_from_what_changed() -> None:
    before = Reading(10.0, [CoreTime(5.0, 5.0), CoreTime(0.0, 10.0)], None, Traffic(1000, 500), [])
    now = Reading(
        14.0,
        [CoreTime(8.0, 6.0), CoreTime(0.0, 14.0)],
        Memory(total=4 * GIB, used=GIB, studio=1),
        Traffic(5000, 500),
        [
            Gpu(0, "a", memory_total_bytes=8 * GIB, memory_used_bytes=2 * GIB, load_percent=40),
            Gpu(1, "b", memory_total_bytes=8 * GIB, memory_used_bytes=6 * GIB, load_percent=90),
        ],
    )
    beat = between(before, now, 123, 7)
    assert beat.cores == (0.75, 0.0)
    assert (beat.memory, beat.gpu, beat.gpu_memory) == (0.25, 0.9, 0.5)
    assert (beat.received_per_s, beat.sent_per_s) == (1000.0, 0.0)
    assert (beat.at, beat.queue) == (123, 7)


def test_what_the_machine_does_not_tell_is_not_made_up() -> None:
    beat = between(Reading(1.0, [], None, None, []), Reading(1.0, [], None, None, []), 1, 0)
    assert beat.cores == ()
    assert [beat.memory, beat.gpu, beat.gpu_memory, beat.received_per_s, beat.sent_per_s] == (
        [None] * 5
    )


def test_counters_that_begin_anew_are_no_traffic() -> None:
    """An interface that is gone takes its bytes along."""
    before = Reading(1.0, [], None, Traffic(10_000, 10_000), [])
    beat = between(before, Reading(2.0, [], None, Traffic(5, 5), []), 1, 0)
    assert (beat.received_per_s, beat.sent_per_s) == (0.0, 0.0)
