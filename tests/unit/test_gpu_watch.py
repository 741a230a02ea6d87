"""A driver that is stuck: nobody waits for it for long, and nobody else's thread is taken."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pynvml
import pytest

from studio.clients.gpu import Gpu, GpuReader
from studio.clients.gpu_watch import GpuReading, GpuWatch

PATIENCE_S = 0.2


class Driver(GpuReader):
    """Answers while ``answers`` is set, and else never."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = threading.Event()
        self.answers.set()
        self.asked = 0

    def driver(self) -> str | None:
        return "600.1"

    def read(self) -> list[Gpu]:
        self.asked += 1
        self.answers.wait()
        return [Gpu(0, f"GPU of look {self.asked}")]


@dataclass
class Process:
    pid: int
    usedGpuMemory: int | None  # noqa: N815 - NVML's name


def test_the_memory_of_a_process_is_that_of_all_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    told = [[Process(7, 100), Process(8, None)], [Process(7, 50), Process(9, 1)]]
    monkeypatch.setattr(pynvml, "nvmlInit", lambda: None)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetCount", lambda: 3)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByIndex", lambda index: index)

    def processes(handle: int) -> list[Process]:
        if handle >= len(told):
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return told[handle]

    monkeypatch.setattr(pynvml, "nvmlDeviceGetComputeRunningProcesses", processes)
    assert GpuReader().held() == {7: 150, 9: 1}


@pytest.fixture
def driver() -> Iterator[Driver]:
    made = Driver()
    yield made
    made.answers.set()


async def test_what_the_driver_says_is_passed_on(driver: Driver) -> None:
    watch = GpuWatch(driver)
    assert await watch.read() == GpuReading("600.1", [Gpu(0, "GPU of look 1")])
    assert (await watch.read()).gpus == [Gpu(0, "GPU of look 2")]


async def test_while_it_is_stuck_its_last_answer_is_given_as_old_and_it_is_not_asked_again(
    driver: Driver,
) -> None:
    watch = GpuWatch(driver, patience_s=PATIENCE_S)
    await watch.read()
    driver.answers.clear()
    for _ in range(20):
        assert await watch.read() == GpuReading("600.1", [Gpu(0, "GPU of look 1")], is_old=True)
    assert driver.asked == 2


async def test_once_it_answers_again_so_does_the_watch(driver: Driver) -> None:
    driver.answers.clear()
    watch = GpuWatch(driver, patience_s=PATIENCE_S)
    assert await watch.read() == GpuReading(is_old=True)
    driver.answers.set()
    while (found := await watch.read()).is_old:
        pass
    assert found.gpus
