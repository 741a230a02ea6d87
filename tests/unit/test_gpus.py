"""One ComfyUI for each GPU: which GPUs there are, and what each engine gets."""

from __future__ import annotations

import ctypes
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import boot.engines
import bootstrap
from boot.gpus import choose_gpus, find_gpus
from boot.plan import BootError, ChildPlan

UUIDS = ["GPU-aaaa", "GPU-bbbb", "GPU-cccc"]


class Nvml:
    """NVIDIA's library as far as it is asked; ``broken`` GPUs answer nothing."""

    def __init__(self, uuids: list[str], *, starts: bool = True, broken: int = -1) -> None:
        self.uuids, self.starts, self.broken = uuids, starts, broken
        self.closed = False

    def nvmlInit_v2(self) -> int:  # noqa: N802
        return 0 if self.starts else 9

    def nvmlShutdown(self) -> int:  # noqa: N802
        self.closed = True
        return 0

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:  # noqa: N802
        count._obj.value = len(self.uuids)
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index: int, device: Any) -> int:  # noqa: N802
        device._obj.value = index + 1
        return 15 if index == self.broken else 0

    def nvmlDeviceGetUUID(self, device: Any, text: Any, size: int) -> int:  # noqa: N802
        text.value = self.uuids[device.value - 1].encode()[:size]
        return 0


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Nvml:
    nvml = Nvml(list(UUIDS))
    monkeypatch.setattr(ctypes, "CDLL", lambda _: nvml)
    return nvml


def test_gpus_are_named_by_their_uuids_and_one_that_fell_off_the_bus_is_left_out(
    gpus: Nvml,
) -> None:
    assert find_gpus() == UUIDS and gpus.closed
    gpus.broken = 1
    assert find_gpus() == ["GPU-aaaa", "GPU-cccc"]


def test_without_a_driver_there_are_none(gpus: Nvml) -> None:
    gpus.starts = False
    assert find_gpus() == []


def test_without_the_library_there_are_none() -> None:
    assert find_gpus("libnothing-of-that-name.so") == []


@pytest.mark.parametrize(
    ("wanted", "visible", "chosen"),
    [
        ("all", None, UUIDS),
        ("one", None, []),
        ("0,2", None, ["0", "2"]),
        ("GPU-bbbb", None, ["GPU-bbbb"]),
        ("all", "1, 2", ["1", "2"]),
        ("all", "1", []),
        ("all", "", []),
    ],
)
def test_what_somebody_hid_from_cuda_stays_hidden(
    wanted: str, visible: str | None, chosen: list[str]
) -> None:
    environ = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    assert choose_gpus(wanted, environ, find=lambda: list(UUIDS)) == chosen


@pytest.mark.parametrize("wanted", ["0,,1", "0,0", ",", ","])
def test_a_list_that_cannot_be_read_is_refused(wanted: str) -> None:
    with pytest.raises(BootError, match="COMFYUI_GPUS"):
        choose_gpus(wanted, {}, find=list)


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(boot.engines._Planner, "_has_packages", lambda *_: True)
    with tempfile.TemporaryDirectory(prefix="gp-") as made:
        (Path(made) / "ComfyUI").mkdir()
        (Path(made) / "ComfyUI" / "main.py").touch()
        yield Path(made)


def planned(folder: Path, **environ: str) -> tuple[dict[str, ChildPlan], list[dict[str, str]]]:
    """The children by name, and what Studio is told of the engines."""
    variables = {
        "STUDIO_DIR": str(folder / "data"),
        "STUDIO_RUN_DIR": str(folder / "run"),
        "COMFYUI_DIR": str(folder / "ComfyUI"),
        "COMFYUI_PYTHON": sys.executable,
        "COMFYUI_PORT": "0",
        **environ,
    }
    plan = bootstrap.make_plan(variables, app_dir=folder)
    children = {child.name: child for child in plan.children}
    return children, json.loads(children["studio"].env["STUDIO_ENGINES"])


def test_each_gpu_gets_an_engine_with_a_port_and_folders_of_its_own(
    gpus: Nvml, folder: Path
) -> None:
    children, told = planned(folder)
    names = ["comfyui", "comfyui-2", "comfyui-3"]
    assert [each["name"] for each in told] == names
    assert [children[name].env["CUDA_VISIBLE_DEVICES"] for name in names] == UUIDS
    assert [each["gpu"] for each in told] == UUIDS
    assert {each["kind"] for each in told} == {"comfyui"}
    assert len({children[name].port for name in names}) == 3
    assert len({each["temp_dir"] for each in told}) == 3
    for option, count in (
        ("--temp-directory", 3),
        ("--database-url", 3),
        ("--output-directory", 1),
    ):
        argvs = [children[name].argv for name in names]
        assert len({argv[argv.index(option) + 1] for argv in argvs}) == count, option
    assert [name for name in children if name == "packs"] == ["packs"]


@pytest.mark.parametrize(
    "environ",
    [{"COMFYUI_GPUS": "one"}, {"COMFYUI_FLAGS": "--cpu"}],
    ids=lambda each: next(iter(each)),
)
def test_a_single_engine_sees_what_there_is(
    gpus: Nvml, folder: Path, environ: dict[str, str]
) -> None:
    children, told = planned(folder, **environ)
    assert [each["name"] for each in told] == ["comfyui"]
    assert not {"temp_dir", "gpu"} & set(told[0])
    assert "CUDA_VISIBLE_DEVICES" not in children["comfyui"].env


def test_without_a_comfyui_the_embedded_engine_asks_for_no_gpu(gpus: Nvml, folder: Path) -> None:
    _, told = planned(folder, STUDIO_ENGINE="embedded")
    assert [each["name"] for each in told] == ["embedded"] and "temp_dir" not in told[0]
    assert not gpus.closed
