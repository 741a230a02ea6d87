"""Which NVIDIA GPUs there are, asked of the driver's own library: one engine works on each."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from typing import Final

from boot.plan import BootError

LIBRARY: Final = "libnvidia-ml.so.1"
VISIBLE: Final = "CUDA_VISIBLE_DEVICES"
_UUID_BYTES: Final = 96
_MOST: Final = 64


def choose_gpus(
    wanted: str, environ: Mapping[str, str], *, find: Callable[[], list[str]]
) -> list[str]:
    """What each engine is to see of the GPUs; empty for one engine that sees what there is.

    Args:
        wanted: ``COMFYUI_GPUS``: ``one``, ``all``, or names and numbers as CUDA has them.
        find: every GPU of this machine.

    Raises:
        BootError: the list cannot be read, or names a GPU twice.
    """
    if wanted == "one":
        return []
    if wanted != "all":
        chosen = [word.strip() for word in wanted.split(",")]
        if not all(chosen) or len(set(chosen)) < len(chosen) or len(chosen) > _MOST:
            raise BootError("COMFYUI_GPUS must be one, all, or different GPUs like 0,1.")
        return chosen
    # What somebody hid from CUDA is hidden from all engines.
    visible = environ.get(VISIBLE)
    found = find() if visible is None else [word.strip() for word in visible.split(",")]
    return found if len(found) > 1 and all(found) else []


def find_gpus(library: str = LIBRARY) -> list[str]:
    """The UUID of every GPU, in NVML's order; none without a driver.

    By UUID, because numbers of NVML and of CUDA may differ.
    """
    try:
        nvml = ctypes.CDLL(library)
        if nvml.nvmlInit_v2() != 0:
            return []
    except (OSError, AttributeError):
        return []
    try:
        return _uuids(nvml)
    finally:
        nvml.nvmlShutdown()


def _uuids(nvml: ctypes.CDLL) -> list[str]:
    count = ctypes.c_uint()
    if nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)) != 0:
        return []
    found = []
    for index in range(min(count.value, _MOST)):
        device, text = ctypes.c_void_p(), ctypes.create_string_buffer(_UUID_BYTES)
        if (
            nvml.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(device)) == 0
            and nvml.nvmlDeviceGetUUID(device, text, _UUID_BYTES) == 0
        ):
            found.append(text.value.decode("ascii", "replace"))
    return found
