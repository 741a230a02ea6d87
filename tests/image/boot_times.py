"""How long the image takes to start: ``STUDIO_TEST_IMAGE=... python -m tests.image.boot_times``.

From the command of Docker to the first answer. *First* is a start on an empty volume, *second* one
on the volume that the first left, from the release there. Beside them a container that does
nothing, and ComfyUI alone in one, which no start of the whole can beat.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx

from tests.image.container import PATIENCE_S, Container, docker, eventually, free_ports, running

Times = dict[str, list[float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    image = os.environ["STUDIO_TEST_IMAGE"]
    times: Times = defaultdict(list)
    for each in range(options.rounds):
        print(f"round {each + 1} of {options.rounds}, load {os.getloadavg()[0]:.1f}", flush=True)
        measure(image, times)
    for name, found in times.items():
        listed = " ".join(f"{each:.2f}" for each in found)
        print(f"{name:<28} median {statistics.median(found):6.2f} s   of {listed}")


def measure(image: str, times: Times) -> None:
    """One round of everything."""
    began_s = time.monotonic()
    docker("run", "--rm", "--network", "none", "--entrypoint", "/bin/true", image)
    times["nothing"].append(time.monotonic() - began_s)

    began_s = time.monotonic()
    with comfyui_alone(image) as (url, process):
        answered_s = first_answer(url, lambda: process.poll() is None)
        times["ComfyUI alone"].append(answered_s - began_s)

    with tempfile.TemporaryDirectory() as folder:
        volume = Path(folder) / "volume"
        volume.mkdir(mode=0o755)
        began_s = time.monotonic()
        with running(image, volume) as container:
            note("first", container, began_s, times)
            release = volume / "studio/current"
            eventually(lambda: True if release.is_symlink() else None, "the first release")
            assert container.stop() == 0
            began_s = time.monotonic()
            container.start()
            note("second", container, began_s, times)


def note(name: str, container: Container, began_s: float, times: Times) -> None:
    url = container.client.base_url
    for path, what in (("/", "page"), ("/ready", "ready")):
        answered_s = first_answer(str(url.join(path)), container.is_running)
        times[f"{name} start, {what}"].append(answered_s - began_s)


def first_answer(url: str, is_running: Callable[[], bool]) -> float:
    """When ``url`` first answered 200, by the monotonic clock."""
    end_s = time.monotonic() + PATIENCE_S
    with httpx.Client(timeout=10) as client:
        while time.monotonic() < end_s:
            try:
                if client.get(url).status_code == 200:
                    return time.monotonic()
            except httpx.TransportError:
                assert is_running()
            time.sleep(0.02)
    raise AssertionError(f"{url} did not answer within {PATIENCE_S} s")


@contextmanager
def comfyui_alone(image: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    [port] = free_ports(1)
    name = f"studio-time-{uuid4().hex[:12]}"
    words = f"/opt/comfyui/main.py --cpu --listen 127.0.0.1 --port {port}"
    command = ("docker", "run", "--rm", "--name", name, "--network", "host")
    with subprocess.Popen(
        (*command, "--entrypoint", "/opt/venv/comfyui/bin/python", image, *words.split()),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield f"http://127.0.0.1:{port}/system_stats", process
        finally:
            docker("rm", "--force", name, check=False)
            process.wait()


if __name__ == "__main__":
    main()
