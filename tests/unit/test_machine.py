"""What is read of the machine: memory of a container, sizes of folders, GPUs that are not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.clients.gpu import GpuReader
from studio.clients.machine import folder_bytes, read_disk, read_memory


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
