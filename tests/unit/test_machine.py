"""What is read of the machine: memory of a container, sizes of folders, GPUs that are not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from studio.clients.gpu import GpuReader
from studio.clients.machine import (
    CoreTime,
    Traffic,
    folder_bytes,
    read_cores,
    read_disk,
    read_memory,
    read_traffic,
)


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    folder = tmp_path / "proc"
    (folder / "self").mkdir(parents=True)
    (folder / "meminfo").write_text("MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable:  400 kB\n")
    (folder / "self/statm").write_text("500 10 3 4 5 6 7")
    return folder


def test_memory_is_the_machines_unless_the_container_has_less(tmp_path: Path, proc: Path) -> None:
    cgroup = tmp_path / "cgroup"
    cgroup.mkdir()
    for limit in ("max\n", f"{2 << 40}\n"):
        (cgroup / "memory.max").write_text(limit)
        memory = read_memory(cgroup, proc)
        assert memory is not None
        assert (memory.total, memory.used) == (1000 * 1024, 600 * 1024)
    (cgroup / "memory.max").write_text("500000\n")
    (cgroup / "memory.current").write_text("300000\n")
    (cgroup / "memory.stat").write_text("anon 5\ninactive_file 100000\n")
    memory = read_memory(cgroup, proc)
    assert memory is not None
    assert (memory.total, memory.used) == (500_000, 200_000)


def test_memory_of_a_container_with_the_first_version_of_control_groups(
    tmp_path: Path, proc: Path
) -> None:
    cgroup = tmp_path / "cgroup" / "memory"
    cgroup.mkdir(parents=True)
    (cgroup / "memory.limit_in_bytes").write_text("500000\n")
    (cgroup / "memory.usage_in_bytes").write_text("300000\n")
    (cgroup / "memory.stat").write_text("inactive_file 1\ntotal_inactive_file 100000\n")
    memory = read_memory(cgroup.parent, proc)
    assert memory is not None
    assert (memory.total, memory.used) == (500_000, 200_000)
    # What is no limit is a very large number there.
    (cgroup / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    unlimited = read_memory(cgroup.parent, proc)
    assert unlimited is not None
    assert unlimited.total > 500_000


def test_cores_and_traffic_are_read_as_the_kernel_counts_them(tmp_path: Path) -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    (tmp_path / "stat").write_text(
        f"cpu  9 9 9 9 9 9 9 9 9 9\n"
        f"cpu0 {ticks} 0 {ticks} {5 * ticks} {ticks} 0 0 0 {ticks} 0\n"
        f"cpu1 0 0 0 {8 * ticks} 0 0 0 0 0 0\nintr 1 2\n"
    )
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "dev").write_text(
        "Inter-| Receive | Transmit\n face |bytes packets|bytes\n"
        "    lo: 999 1 0 0 0 0 0 0 999 1 0 0 0 0 0 0\n"
        "  eth0: 100 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\n"
        "  eth1:50 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0\n"
    )
    assert read_cores(tmp_path) == [CoreTime(2.0, 6.0), CoreTime(0.0, 8.0)]
    assert read_traffic(tmp_path) == Traffic(150, 27)
    assert read_cores(tmp_path / "nowhere") == []
    assert read_traffic(tmp_path / "nowhere") is None


def test_a_system_without_those_files_has_no_figures(tmp_path: Path) -> None:
    assert read_memory(tmp_path, tmp_path) is None
    assert read_disk(tmp_path / "nowhere") is None


def test_a_folder_is_measured_without_following_links(tmp_path: Path) -> None:
    measured = tmp_path / "measured"
    (measured / "inner").mkdir(parents=True)
    (measured / "a").write_bytes(b"x" * 100)
    (measured / "inner" / "b").write_bytes(b"x" * 20)
    (tmp_path / "large").write_bytes(b"x" * 5000)
    (measured / "link").symlink_to(tmp_path / "large")
    (measured / "round").symlink_to(measured)
    assert folder_bytes(measured) == 120
    assert folder_bytes(tmp_path / "nowhere") == 0


def test_gpus_are_told_as_far_as_there_is_a_driver() -> None:
    reader = GpuReader()
    found = reader.read()
    assert (reader.driver() is None) <= (found == [])
    for gpu in found:
        assert gpu.memory_total_bytes is None or gpu.memory_total_bytes > 0
    reader.close()
    assert reader.read() == found or found
