"""What NVIDIA's library tells of the GPUs, and which engine is said to work on which."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from studio.clients.gpu import Gpu, GpuReader
from studio.services.gpus import gpus_here, gpus_of_engines
from studio.settings import EngineSetting, Settings

GIB = 2**30
ON_CPU = {"devices": [{"type": "cpu", "index": 0}]}
ON_GPU = {"devices": [{"type": "cuda", "index": 0, "vram_total": 4 * GIB, "vram_free": GIB}]}


class Nvml:
    """The library with two GPUs, the second of which tells little."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lost = False
        answers: dict[str, Any] = {
            "nvmlInit": lambda: None,
            "nvmlShutdown": lambda: None,
            "nvmlSystemGetDriverVersion": lambda: "580.82",
            "nvmlDeviceGetCount": self.count,
            "nvmlDeviceGetHandleByIndex": lambda index: index,
            "nvmlDeviceGetName": lambda handle: f"Model {handle}",
            "nvmlDeviceGetUUID": lambda handle: f"GPU-{handle}{handle}",
            "nvmlDeviceGetMemoryInfo": lambda _: SimpleNamespace(total=8 * GIB, used=3 * GIB),
            "nvmlDeviceGetUtilizationRates": self.known(SimpleNamespace(gpu=97)),
            "nvmlDeviceGetTemperature": self.known(61),
            "nvmlDeviceGetPowerUsage": self.known(170_250),
            "nvmlDeviceGetEnforcedPowerLimit": self.known(300_000),
        }
        for name, answer in answers.items():
            monkeypatch.setattr(pynvml, name, answer)

    def count(self) -> int:
        if self.lost:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        return 2

    @staticmethod
    def known(value: object) -> Any:
        def answer(handle: int, *_: object) -> object:
            if handle == 1:
                raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
            return value

        return answer


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Nvml:
    return Nvml(monkeypatch)


def test_every_gpu_is_told_of_and_what_one_does_not_say_is_left_open(nvml: Nvml) -> None:
    reader = GpuReader()
    assert reader.driver() == "580.82"
    first, second = reader.read()
    assert first == Gpu(0, "Model 0", "GPU-00", 8 * GIB, 3 * GIB, 97, 61, 170.2, 300.0)
    assert second == Gpu(1, "Model 1", "GPU-11", 8 * GIB, 3 * GIB)


def test_a_driver_that_goes_away_leaves_none_until_it_is_back(nvml: Nvml) -> None:
    reader = GpuReader()
    nvml.lost = True
    assert reader.read() == []
    nvml.lost = False
    assert len(reader.read()) == 2


def pair(*, alike: bool = True) -> list[Gpu]:
    return [Gpu(0, "A", "GPU-aaaa"), Gpu(1, "A" if alike else "B", "GPU-bbbb")]


def comfy(name: str, gpu: str = "") -> EngineSetting:
    return EngineSetting(name, "comfyui", "http://127.0.0.1:1", gpu=gpu)


@pytest.mark.parametrize(
    ("gpus", "engines", "stats", "said"),
    [
        pytest.param(
            *(pair(), [comfy("one", "GPU-bbbb"), comfy("two", "GPU-aaaa")], {}),
            ["two", "one"],
            id="each by its UUID, also before it answers",
        ),
        pytest.param(
            pair(), [comfy("one", "GPU-b")], {}, [None, "one"], id="by the beginning of a UUID"
        ),
        pytest.param(
            pair(), [comfy("one", "1"), comfy("two", "0")], {}, ["two", "one"], id="by numbers"
        ),
        pytest.param(pair(), [comfy("one", "0, 1")], {}, ["one", "one"], id="one with both"),
        pytest.param(
            pair(alike=False), [comfy("one", "0")], {}, [None, None], id="CUDA counts otherwise"
        ),
        pytest.param(pair(), [comfy("one")], {}, [None, None], id="one that sees both"),
        pytest.param(pair()[:1], [comfy("one")], {}, ["one"], id="the only one"),
        pytest.param(pair()[:1], [comfy("one")], {"one": ON_GPU}, ["one"], id="it says so itself"),
        pytest.param(pair()[:1], [comfy("one")], {"one": ON_CPU}, [None], id="on the processor"),
        pytest.param(
            pair()[:1], [EngineSetting("far", "remote", "http://h")], {}, [None], id="elsewhere"
        ),
        pytest.param(
            *(pair()[:1], [EngineSetting("embedded", "embedded", "http://h")], {}, [None]),
            id="one that needs none",
        ),
    ],
)
def test_an_engine_is_named_where_it_is_certain(
    gpus: list[Gpu], engines: list[EngineSetting], stats: Any, said: list[str | None]
) -> None:
    assert [gpu["engine"] for gpu in gpus_here(gpus, engines, stats)] == said


def test_without_the_library_engines_tell_of_their_gpus_themselves() -> None:
    (gpu,) = gpus_of_engines({"one": ON_GPU, "two": ON_CPU, "odd": {"devices": "none"}})
    assert (gpu["engine"], gpu["source"]) == ("one", "engine")
    assert gpu["memory_used_bytes"] == 3 * GIB


def test_bootstrap_tells_which_gpus_an_engine_was_given() -> None:
    listed = (
        '[{"name": "a", "kind": "comfyui", "url": "http://127.0.0.1:1", "gpu": "GPU-aaaa"},'
        ' {"name": "b", "kind": "remote", "url": "http://127.0.0.1:2"}]'
    )
    settings = Settings.from_env({"STUDIO_ENGINES": listed})
    assert [engine.gpu for engine in settings.engines] == ["GPU-aaaa", ""]
