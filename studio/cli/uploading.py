"""A local file on its way to Studio: large ones in parts, so that a line that breaks costs one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from blake3 import blake3

from studio.cli.client import Client, upload_name
from studio.cli.failures import CommandFailed
from studio.cli.screen import Screen

T = TypeVar("T")

IN_PARTS_FROM_BYTES: Final = 16 * 1024 * 1024
_READ_BYTES: Final = 1024 * 1024
_ATTEMPTS: Final = 20
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 10.0
_HASHING_S: Final = 600.0
"""For so long Studio may read a whole file to hash it."""
_PASSING: Final = frozenset({"unreachable", "unavailable", "storage_unavailable"})
"""Reasons that are over after a while, as when Studio starts again."""


async def upload_file(client: Client, path: Path, screen: Screen) -> dict[str, Any]:
    """The asset over the bytes of a local file.

    Raises:
        CommandFailed: it was refused, cannot be read, or Studio stayed away for too long.
    """
    screen.say(f"Uploading {path.name}")
    try:
        size_bytes = (await asyncio.to_thread(path.stat)).st_size
        if size_bytes <= IN_PARTS_FROM_BYTES:
            return await client.upload(path)
        return await _InParts(client, path, size_bytes, screen).send()
    except OSError as error:
        raise CommandFailed(
            f"{path} cannot be read: {error.strerror}.", reason="not_found"
        ) from error
    finally:
        screen.clear()


class _InParts:
    """One large file."""

    def __init__(self, client: Client, path: Path, size_bytes: int, screen: Screen) -> None:
        self._client = client
        self._path = path
        self._size_bytes = size_bytes
        self._screen = screen

    async def send(self) -> dict[str, Any]:
        """The asset."""
        announced = {
            "name": upload_name(self._path),
            "size_bytes": self._size_bytes,
            "hash": await asyncio.to_thread(_hash_of, self._path),
        }
        answer = await _patiently(partial(self._begin, announced))
        if "asset" not in answer:
            answer = await self._send_parts(answer)
        asset: dict[str, Any] = answer["asset"]
        return asset

    async def _begin(self, announced: dict[str, Any]) -> dict[str, Any]:
        """An upload of these bytes that was given up earlier, or a new one, or their asset."""
        for upload in (await self._client.get("/api/uploads"))["uploads"]:
            if all(upload[name] == announced[name] for name in ("name", "hash")):
                unfinished: dict[str, Any] = upload
                return unfinished
        return await self._client.post("/api/uploads", announced)

    async def _send_parts(self, upload: dict[str, Any]) -> dict[str, Any]:
        address, part_bytes = f"/api/uploads/{upload['id']}", upload["part_bytes"]
        self._screen.start_clock()
        for number in sorted(set(range(upload["parts"])) - set(upload["received"])):
            data = await asyncio.to_thread(_part, self._path, number * part_bytes, part_bytes)
            await _patiently(partial(self._client.put, f"{address}/parts/{number}", data))
            sent_bytes = number * part_bytes + len(data)
            self._screen.show_progress(
                {"value": sent_bytes / self._size_bytes, "message": self._path.name}
            )
        return await _patiently(
            partial(self._client.post, f"{address}/complete", {}, timeout_s=_HASHING_S)
        )


async def _patiently(request: Callable[[], Awaitable[T]]) -> T:
    """Ask again while Studio is away: what is asked for here may be asked for twice."""
    pause_s = _FIRST_PAUSE_S
    for _ in range(_ATTEMPTS - 1):
        try:
            return await request()
        except CommandFailed as error:
            if error.reason not in _PASSING:
                raise
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
    return await request()


def _hash_of(path: Path) -> str:
    found = blake3()
    with path.open("rb") as file:
        while data := file.read(_READ_BYTES):
            found.update(data)
    return f"blake3:{found.hexdigest()}"


def _part(path: Path, offset: int, size_bytes: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(size_bytes)
