"""Kills between any two steps of a download, and many transfers with everything at once."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from studio.store.downloads import DownloadState
from tests.fakes.download_rig import files_of, open_rig, safetensors
from tests.fakes.origin import Origin
from tests.fakes.origin import origin as origin
from tests.faults.download_child import STEPS
from tests.faults.storage_process import ROOT

PROGRAM = Path(__file__).with_name("download_child.py")
SIZE = 900_001
ALLOWED_FAILURES = {"hash_mismatch", "source_error"}
"""What may become of a file that changes while it is fetched; never of one that stays."""


async def start(
    folder: Path, wishes: list[dict[str, Any]], *step: str
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(PROGRAM),
        str(folder),
        json.dumps(wishes),
        *step,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
    )


async def line_of(child: asyncio.subprocess.Process) -> str:
    assert child.stdout is not None
    return (await child.stdout.readline()).decode().strip()


async def ended(folder: Path, wishes: list[dict[str, Any]]) -> None:
    """Let a new process bring all of them to an end."""
    child = await start(folder, wishes)
    async with asyncio.timeout(60):
        assert await line_of(child) == "ready"
        assert await line_of(child) == "ended"
        assert await child.wait() == 0


@pytest.mark.parametrize(
    ("step", "replaces"),
    [(step, False) for step in STEPS] + [(step, True) for step in STEPS if "name" in step],
)
async def test_a_kill_between_any_two_steps_loses_no_file_and_lists_no_half_of_one(
    origin: Origin, tmp_path: Path, step: str, replaces: bool
) -> None:
    content, old = safetensors(SIZE, 1), safetensors(5000, 2)
    origin.serve("a.safetensors", content)
    models = tmp_path / "models"
    if replaces:
        (models / "loras").mkdir(parents=True)
        (models / "loras" / "a.safetensors").write_bytes(old)
    url = origin.url("a.safetensors")
    wish = {"reference": url, "folder": "loras", "name": "a.safetensors", "replace": replaces}
    child = await start(tmp_path, [wish], step, "3" if step.endswith("a write") else "1")
    async with asyncio.timeout(60):
        assert await child.wait() == -signal.SIGKILL
    before = files_of(models)
    assert set(before) <= {"loras/a.safetensors"}
    assert set(before.values()) <= ({content, old} if replaces else {content})
    # The server is gone for good: what has its name needs nobody any more.
    has_its_name = content in before.values()
    if has_its_name:
        del origin.files["a.safetensors"]
    await ended(tmp_path, [wish])
    assert files_of(models) == {"loras/a.safetensors": content}
    async with open_rig(tmp_path) as rig:
        (found,) = await rig.downloads.list()
        assert found.row.state is DownloadState.DONE
        assert found.row.sha256 == hashlib.sha256(content).hexdigest()
        assert rig.leftovers() == []


class Round:
    """Some files by one seed: what each of them is, how it is served, what it may become."""

    def __init__(self, origin: Origin, seed: int, count: int) -> None:
        self.chance = random.Random(seed)
        self.allowed: dict[str, set[bytes]] = {}
        self.swapped: set[str] = set()
        self.wishes: list[dict[str, Any]] = []
        for number in range(count):
            self._file(origin, f"{seed}-{number}.safetensors")

    def _file(self, origin: Origin, name: str) -> None:
        chance = self.chance
        size = chance.choice((chance.randrange(100, 5000), chance.randrange(60_000, 600_000)))
        content = safetensors(size, chance.getrandbits(30))
        cuts = random.Random(chance.getrandbits(30))
        often = chance.choice((0.0, 0.3, 0.6))
        behaviour: dict[str, Any] = {
            "ranges": chance.random() < 0.8,
            "has_etag": chance.random() < 0.8,
            "weak_etag": chance.random() < 0.1,
            "honours_if_range": chance.random() < 0.9,
            "chunked": chance.random() < 0.15,
            "cut_plan": lambda: cuts.randrange(300_000) if cuts.random() < often else None,
            "refusals": [chance.choice(((500, {}), (503, {}), (429, {"Retry-After": "0"})))]
            * chance.choice((0, 0, 1, 2)),
        }
        versions = [content]
        if chance.random() < 0.3:
            behaviour["honours_if_range"] = True
            other = safetensors(chance.choice((size, size + 7)), chance.getrandbits(30))
            behaviour["swaps"] = {chance.randrange(2, 12): other}
            versions.append(other)
            self.swapped.add(name)
        origin.serve(name, content, **behaviour)
        wish: dict[str, Any] = {"reference": origin.url(name), "folder": "loras", "name": name}
        if chance.random() < 0.4:
            wanted = chance.choice(versions)
            wish["sha256"] = hashlib.sha256(wanted).hexdigest()
            versions = [wanted]
        self.allowed[f"loras/{name}"] = set(versions)
        self.wishes.append(wish)

    async def run(self, folder: Path) -> int:
        """Fetch all of it through kills and restarts; returns how many kills there were."""
        seen: dict[str, bytes] = {}
        kills = self.chance.randrange(2, 6)
        for _ in range(kills):
            child = await start(folder, self.wishes)
            assert await line_of(child) == "ready"
            await asyncio.sleep(self.chance.uniform(0.0, 1.2))
            if child.returncode is None:
                child.kill()
            await child.wait()
            seen = self.checked(folder, seen)
        await ended(folder, self.wishes)
        self.checked(folder, seen)
        await self.finished(folder)
        return kills

    def checked(self, folder: Path, seen: dict[str, bytes]) -> dict[str, bytes]:
        """What is published: every byte of it right, and nothing missing that was there before."""
        found = files_of(folder / "models")
        for name, content in found.items():
            assert content in self.allowed[name], f"wrong bytes were published: {name}"
        for name, content in seen.items():
            assert found.get(name) == content, f"a good file was lost: {name}"
        return found

    async def finished(self, folder: Path) -> None:
        """Every one has ended, and only a file that changed may have failed."""
        found = files_of(folder / "models")
        async with open_rig(folder) as rig:
            rows = [one.row for one in await rig.downloads.list(ended=500)]
            assert len(rows) == len(self.wishes)
            for row in rows:
                if row.state is DownloadState.DONE:
                    content = found[f"loras/{row.name}"]
                    assert row.sha256 == hashlib.sha256(content).hexdigest()
                else:
                    assert row.error is not None
                    assert row.name in self.swapped, row.error
                    assert row.error.code in ALLOWED_FAILURES, row.error


async def rounds(origin: Origin, folder: Path, seed: int, count: int, each: int) -> int:
    """Many transfers, ``each`` in a queue of its own; returns how many files were published."""
    kills = published = 0
    for number in range(0, count, each):
        one = Round(origin, seed + number, each)
        place = folder / str(number)
        place.mkdir()
        kills += await one.run(place)
        published += len(files_of(place / "models"))
        origin.files.clear()
        origin.asked.clear()
    print(f"downloads: {count} transfers, {published} published, {kills} kills, seed {seed}")
    return published


async def test_transfers_with_cuts_swaps_and_kills_publish_no_wrong_byte(
    origin: Origin, tmp_path: Path
) -> None:
    assert await rounds(origin, tmp_path, 1, 12, 12) > 0


@pytest.mark.soak
async def test_five_hundred_transfers_with_cuts_swaps_and_kills_publish_no_wrong_byte(
    origin: Origin, tmp_path: Path
) -> None:
    seed = int(os.environ.get("SOAK_SEED") or random.randrange(10**6))
    assert await rounds(origin, tmp_path, seed * 1000, 500, 20) > 250
