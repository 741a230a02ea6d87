"""Two Studios on one volume whose file locks lie: only one writes, and nothing is lost."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.storage_process import acknowledged, line_of, started, stored, wait_for

ROUNDS = [pytest.param(1, id="once"), pytest.param(25, id="often", marks=pytest.mark.soak)]


@pytest.fixture
def volumes(tmp_path: Path, rounds: int) -> Iterator[Iterator[Path]]:
    def make() -> Iterator[Path]:
        for number in range(rounds):
            folder = tmp_path / f"{number}"
            folder.mkdir()
            yield folder

    yield make()


@pytest.mark.parametrize("rounds", ROUNDS)
def test_a_second_studio_waits_and_names_the_holder_who_keeps_writing(
    volumes: Iterator[Path],
) -> None:
    for volume in volumes:
        with (
            started("hold", volume, "pod-a", "wait") as first,
            started("hold", volume, "pod-b", "wait") as second,
        ):
            winner = "pod-a" if line_of(first) == "holds" else "pod-b"
            holder, waiter = (first, second) if winner == "pod-a" else (second, first)
            for _ in range(120):
                assert wait_for(waiter, "waits")[-1] == f"waits {winner}"
            for _ in range(10):
                wait_for(holder, "id")


@pytest.mark.parametrize("rounds", ROUNDS)
def test_a_stopped_studio_is_replaced_and_writes_nothing_when_it_wakes(
    volumes: Iterator[Path],
) -> None:
    for volume in volumes:
        with started("hold", volume, "pod-a", "wait") as first:
            lines = wait_for(first, "holds")
            for _ in range(5):
                lines += wait_for(first, "id")
            time.sleep(random.uniform(0, 0.02))
            first.send_signal(signal.SIGSTOP)
            with started("hold", volume, "pod-b", "wait") as second:
                others = wait_for(second, "holds")
                assert set(others[:-2]) == {"waits pod-a"}
                assert others[-2] == "fenced True"
                for _ in range(5):
                    others += wait_for(second, "id")
                first.send_signal(signal.SIGCONT)
                out, trouble = first.communicate(timeout=20)
                assert first.returncode == 0, trouble
                assert out.splitlines()[-2:] == ["halted", "closed"]
                for _ in range(5):
                    others += wait_for(second, "id")
                second.kill()
                rest, _ = second.communicate(timeout=20)
        known = acknowledged("\n".join([*lines, *others, ""]) + out + rest)
        assert known <= stored(volume / "studio.db")


@pytest.mark.parametrize("rounds", ROUNDS)
def test_a_take_over_of_a_dead_holders_volume_needs_no_wait(volumes: Iterator[Path]) -> None:
    for volume in volumes:
        with started("hold", volume, "pod-a", "wait") as first:
            lines = wait_for(first, "id")
            first.kill()
            out, _ = first.communicate(timeout=20)
        with started("hold", volume, "pod-b", "take-over") as second:
            assert wait_for(second, "holds") == ["fenced True", "holds"]
            lines += wait_for(second, "id")
            second.kill()
            rest, _ = second.communicate(timeout=20)
        known = acknowledged("\n".join([*lines, ""]) + out + rest)
        assert known <= stored(volume / "studio.db")


@pytest.mark.parametrize("rounds", ROUNDS)
def test_a_killed_studio_of_this_host_is_replaced_at_once(volumes: Iterator[Path]) -> None:
    for volume in volumes:
        with started("hold", volume, "pod-a", "wait") as first:
            wait_for(first, "id")
            first.kill()
            first.communicate(timeout=20)
        with started("hold", volume, "pod-a", "wait") as second:
            assert line_of(second) == "holds"


@pytest.mark.parametrize("rounds", ROUNDS)
def test_a_live_holder_stops_writing_when_its_volume_is_taken_over(
    volumes: Iterator[Path],
) -> None:
    for volume in volumes:
        with started("hold", volume, "pod-a", "wait") as first:
            lines = wait_for(first, "id")
            with started("hold", volume, "pod-b", "take-over") as second:
                assert wait_for(second, "holds") == ["fenced True", "holds"]
                out, trouble = first.communicate(timeout=20)
                assert first.returncode == 0, trouble
                assert out.splitlines()[-2:] == ["halted", "closed"]
                for _ in range(5):
                    lines += wait_for(second, "id")
                second.kill()
                rest, _ = second.communicate(timeout=20)
        known = acknowledged("\n".join([*lines, ""]) + out + rest)
        assert known <= stored(volume / "studio.db")
