"""A model of many gigabytes over loopback, beside ``curl`` and the client of Hugging Face."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import orjson

from benchmarks.options import Options
from benchmarks.processes import cpu_s, peak_mib, reset_peak
from benchmarks.report import Budget, Figure, Part, median
from benchmarks.servers import KEY, RunningStudio, run_studio
from studio.store.part_files import CHUNK_BYTES

_NAME: Final = "large.safetensors"
_SMALL: Final = "small.safetensors"
_MIB: Final = 1 << 20
_HEADERS: Final = {"Authorization": f"Bearer {KEY}"}


def measure(options: Options) -> Part:
    """The same sparse file by each of them in turn; every byte is on disk at the end of each."""
    size = (1 if options.quick else 10) << 30
    repeats = 1 if options.quick else 3
    folder = options.folder("downloads")
    _sparse(folder / "served" / _NAME, size)
    _sparse(folder / "served" / _SMALL, 64 * _MIB)
    models = folder / "models"
    with (
        _serving(folder / "served") as base,
        run_studio(
            folder / "studio", MODEL_DIR=str(models), STUDIO_OUTBOUND_ALLOW="127.0.0.0/8"
        ) as studio,
    ):
        _download(studio, f"{base}/{_SMALL}", models)
        reset_peak(studio.pid)
        _download(studio, f"{base}/{_SMALL}", models)
        small_mib = peak_mib(studio.pid)
        reset_peak(studio.pid)
        took: dict[str, list[float]] = {"studio": [], "curl": [], "hashed": [], "hf": []}
        cpu = []
        for _ in range(repeats):
            plain, hashed = _curl(f"{base}/{_NAME}", folder / "curl.bin")
            took["curl"].append(plain)
            took["hashed"].append(hashed)
            before = cpu_s(studio.pid)
            took["studio"].append(_download(studio, f"{base}/{_NAME}", models))
            cpu.append(cpu_s(studio.pid) - before)
            if (seconds := _hugging_face(base, folder / "hf")) is not None:
                took["hf"].append(seconds)
        grown = peak_mib(studio.pid) - small_mib
        lost = _paused(studio, base, size, models)
    speeds = {name: size / median(all_s) / 1e6 for name, all_s in took.items() if all_s}
    gb = size >> 30
    figures = [
        Figure(
            f"{gb} GiB over loopback, checked, hashed and synced, MB/s",
            speeds["studio"],
            speeds["curl"],
            "curl, then fsync",
        ),
        Figure(
            "its speed as a share of curl's",
            speeds["studio"] / speeds["curl"],
            budget=Budget("at_least", 0.9),
        ),
        Figure(f"memory of {gb} GiB over 64 MiB, MiB", grown, budget=Budget("at_most", 16)),
        Figure(
            "fetched twice because of a pause, MiB",
            lost / _MIB,
            budget=Budget("at_most", CHUNK_BYTES / _MIB),
        ),
    ]
    remarks = [
        f"curl, fsync and then sha256sum, which is what the file costs otherwise:"
        f" {speeds['hashed']:,.0f} MB/s",
        f"processor time of Studio: {median(cpu) / gb:.2f} s for each GiB",
    ]
    if "hf" in speeds:
        remarks.append(f"hf download of the same file: {speeds['hf']:,.0f} MB/s")
    else:
        remarks.append("huggingface_hub is not installed, so hf download was not measured")
    return Part("downloads", figures, remarks, raw={**took, "cpu_s": cpu, "lost_bytes": lost})


def _sparse(path: Path, size: int) -> None:
    """A model without a byte on the disk: a header, and zeros."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = b""
    count = size
    while 8 + len(head) + count != size:
        count = size - 8 - len(head)
        tensor = {"a": {"dtype": "U8", "shape": [count], "data_offsets": [0, count]}}
        head = orjson.dumps(tensor)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(head)) + head)
        file.truncate(size)


@contextlib.contextmanager
def _serving(folder: Path) -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.file_server", str(folder)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def _curl(url: str, target: Path) -> tuple[float, float]:
    """Seconds until the bytes are on disk, and until they are hashed as well."""
    curl = shutil.which("curl")
    if curl is None:
        raise RuntimeError("curl is not there to compare with")
    started = time.perf_counter()
    subprocess.run([curl, "-sf", "-o", str(target), url], check=True)
    with target.open("rb") as file:
        os.fsync(file.fileno())
    plain_s = time.perf_counter() - started
    subprocess.run(["sha256sum", str(target)], check=True, stdout=subprocess.DEVNULL)  # noqa: S607
    hashed_s = time.perf_counter() - started
    target.unlink()
    return plain_s, hashed_s


def _hugging_face(base: str, folder: Path) -> float | None:
    """Seconds of the same file by the client of Hugging Face, synced; ``None`` without it."""
    if importlib.util.find_spec("huggingface_hub") is None:
        return None
    started = time.perf_counter()
    program = (
        "from huggingface_hub import hf_hub_download as get;"
        f"get('bench/large', '{_NAME}', local_dir={str(folder)!r})"
    )
    environ = {**os.environ, "HF_ENDPOINT": base, "HF_HOME": str(folder / "home")}
    environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    subprocess.run([sys.executable, "-c", program], check=True, env=environ)
    with (folder / _NAME).open("rb") as file:
        os.fsync(file.fileno())
    seconds = time.perf_counter() - started
    shutil.rmtree(folder)
    return seconds


def _ask(studio: RunningStudio, method: str, path: str, body: object = None) -> dict[str, Any]:
    answer = httpx.request(
        method, f"{studio.url}/api/downloads{path}", json=body, headers=_HEADERS, timeout=60
    )
    if answer.is_error:
        raise RuntimeError(f"{method} {path} was refused: {answer.text[:300]}")
    found: dict[str, Any] = answer.json() if answer.content else {}
    return found


def _add(studio: RunningStudio, url: str) -> str:
    wish = {"reference": url, "folder": "checkpoints"}
    return str(_ask(studio, "POST", "", wish)["id"])


def _ended(studio: RunningStudio, download_id: str, models: Path) -> None:
    while (found := _ask(studio, "GET", f"/{download_id}"))["ended_at"] is None:
        time.sleep(0.05)
    if found["state"] != "done":
        raise RuntimeError(f"The download failed: {found['error']}")
    (models / "checkpoints" / found["name"]).unlink()
    _ask(studio, "DELETE", f"/{download_id}")


def _download(studio: RunningStudio, url: str, models: Path) -> float:
    """Seconds from the wish to the published file."""
    started = time.perf_counter()
    download_id = _add(studio, url)
    while _ask(studio, "GET", f"/{download_id}")["ended_at"] is None:
        time.sleep(0.02)
    seconds = time.perf_counter() - started
    _ended(studio, download_id, models)
    return seconds


def _paused(studio: RunningStudio, base: str, size: int, models: Path) -> int:
    """How many bytes were there, and asked for once more, because somebody paused half-way."""
    download_id = _add(studio, f"{base}/{_NAME}")
    while _ask(studio, "GET", f"/{download_id}")["received_bytes"] < size // 2:
        time.sleep(0.02)
    received = int(_ask(studio, "POST", f"/{download_id}/pause")["received_bytes"])
    before = int(httpx.get(f"{base}/.asked").text)
    _ask(studio, "POST", f"/{download_id}/resume")
    _ended(studio, download_id, models)
    return int(httpx.get(f"{base}/.asked").text) - before - (size - received)
