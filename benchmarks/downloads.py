"""A model of many gigabytes over loopback, beside ``curl`` and ``hf download``."""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
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


@dataclass(frozen=True, slots=True)
class Fetch:
    """What one download cost: seconds until its bytes are synced, and of the processor."""

    seconds: float
    cpu_s: float
    peak_mib: float


def measure(options: Options) -> Part:
    """The same sparse file by each of them in turn; every byte is on disk at the end of each."""
    size = options.file_mib * _MIB
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
        small = _download(studio, f"{base}/{_SMALL}", models)
        turns: dict[str, Callable[[], Fetch]] = {
            "curl": lambda: _curl(f"{base}/{_NAME}", folder / "curl.bin"),
            "studio": lambda: _download(studio, f"{base}/{_NAME}", models),
            "hf": lambda: _hugging_face(base, folder / "hf"),
        }
        took: dict[str, list[Fetch]] = {name: [] for name in turns}
        names = list(turns)
        for number in range(1 if options.quick else 3):
            # Each of them is the first once: what the one before left to write slows the next.
            first = number % len(names)
            for name in (*names[first:], *names[:first]):
                took[name].append(turns[name]())
        lost = _paused(studio, base, size, models)
    return Part(
        "downloads",
        _figures(options.file_mib, took, small.peak_mib, lost),
        _remarks(options.file_mib, took),
        raw={
            "file_mib": options.file_mib,
            "lost_bytes": lost,
            **{name: [asdict(one) for one in all_of] for name, all_of in took.items()},
        },
    )


def _figures(
    mib: int, took: Mapping[str, Sequence[Fetch]], small_mib: float, lost: int
) -> list[Figure]:
    speed = {
        name: mib * _MIB / median([one.seconds for one in all_of]) / 1e6
        for name, all_of in took.items()
    }
    peak = {name: max(one.peak_mib for one in all_of) for name, all_of in took.items()}
    what = f"{mib} MiB over loopback"
    return [
        Figure(
            f"{what}, checked, hashed and synced, MB/s",
            speed["studio"],
            speed["curl"],
            "curl, then fsync",
        ),
        Figure("the same, beside hf", speed["studio"], speed["hf"], "hf download, then fsync"),
        Figure(
            "its speed as a share of curl's",
            speed["studio"] / speed["curl"],
            budget=Budget("at_least", 0.9),
        ),
        Figure(
            f"memory of {mib} MiB over 64 MiB, MiB",
            peak["studio"] - small_mib,
            budget=Budget("at_most", 16),
        ),
        Figure("peak memory while it fetches, MiB", peak["studio"], peak["hf"], "hf download"),
        Figure(
            "fetched twice because of a pause, MiB",
            lost / _MIB,
            budget=Budget("at_most", CHUNK_BYTES / _MIB),
        ),
    ]


def _remarks(mib: int, took: Mapping[str, Sequence[Fetch]]) -> list[str]:
    names = {"studio": "Studio", "curl": "curl", "hf": "hf download"}
    per_gib = 1024 / mib
    return [
        "processor time for each GiB: "
        + ", ".join(
            f"{names[name]} {median([one.cpu_s for one in all_of]) * per_gib:.2f} s"
            for name, all_of in took.items()
        )
        + "; Studio alone hashes what comes",
        "seconds of each round, in turn: "
        + "; ".join(
            f"{names[name]} {', '.join(f'{one.seconds:.1f}' for one in all_of)}"
            for name, all_of in took.items()
        ),
    ]


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


def _curl(url: str, target: Path) -> Fetch:
    curl = shutil.which("curl")
    if curl is None:
        raise RuntimeError("curl is not there to compare with")
    return _by([curl, "-sf", "-o", str(target), url], target)


def _hugging_face(base: str, folder: Path) -> Fetch:
    """By the program of ``huggingface_hub``, from a hub on loopback, and nobody else is asked."""
    program = Path(sys.executable).with_name("hf")
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "HF_HOME": str(folder / "home"),
        "HF_ENDPOINT": base,
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    }
    command = [str(program), "download", "bench/large", _NAME, "--local-dir", str(folder)]
    fetch = _by(command, folder / _NAME, environ)
    shutil.rmtree(folder)
    return fetch


def _by(command: Sequence[str], target: Path, environ: Mapping[str, str] | None = None) -> Fetch:
    """Let a program fetch ``target``, and make certain that it is on disk."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{Path(command[0]).name} ended with {process.returncode}")
    with target.open("rb") as file:
        os.fsync(file.fileno())
    seconds = time.perf_counter() - started
    target.unlink()
    return Fetch(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


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


def _download(studio: RunningStudio, url: str, models: Path) -> Fetch:
    """From the wish to the published file."""
    reset_peak(studio.pid)
    before, started = cpu_s(studio.pid), time.perf_counter()
    download_id = _add(studio, url)
    while _ask(studio, "GET", f"/{download_id}")["ended_at"] is None:
        time.sleep(0.02)
    seconds = time.perf_counter() - started
    cost = Fetch(seconds, cpu_s(studio.pid) - before, peak_mib(studio.pid))
    _ended(studio, download_id, models)
    return cost


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
