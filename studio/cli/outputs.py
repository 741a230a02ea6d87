"""Output files of a job, written beside what is there already and never over it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

from blake3 import blake3

from studio.cli.client import Client
from studio.cli.failures import CommandFailed
from studio.errors import InvalidRequest
from studio.paths import safe_relative

_CHUNK_BYTES: Final = 1024 * 1024


async def save_outputs(client: Client, job: dict[str, Any], folder: Path) -> list[Path]:
    """Write every output into ``folder``, which is made when it is missing.

    Raises:
        CommandFailed: the folder cannot be written, or a file did not arrive whole.
    """
    written = []
    try:
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        for output in job["outputs"]:
            with _partial(folder) as file:
                await client.download(output["id"], file)
                file.flush()
                _verify(file, output)
                written.append(_publish(Path(file.name), folder, safe_name(output)))
    except OSError as error:
        raise CommandFailed(
            f"The outputs cannot be written to {folder}: {error.strerror}. They are kept in "
            f"Studio, as job {job['id']}.",
            reason="out_failed",
        ) from error
    return written


def safe_name(output: dict[str, Any]) -> str:
    """The output's own file name when it is harmless, or one made from its place."""
    name = PurePosixPath(str(output.get("name", ""))).name
    try:
        safe = str(safe_relative(name))
    except InvalidRequest:
        safe = "output"
    return safe if not safe.startswith(".") else "output" + safe


@contextlib.contextmanager
def _partial(folder: Path) -> Iterator[IO[bytes]]:
    with tempfile.NamedTemporaryFile(
        dir=folder, prefix=".studio-", suffix=".partial", delete=False
    ) as file:
        try:
            yield file
        finally:
            Path(file.name).unlink(missing_ok=True)


def _verify(file: IO[bytes], output: dict[str, Any]) -> None:
    file.seek(0)
    digest = blake3()
    while data := file.read(_CHUNK_BYTES):
        digest.update(data)
    if f"blake3:{digest.hexdigest()}" != output["hash"]:
        raise CommandFailed(
            f"{safe_name(output)} did not arrive as Studio has it; try again.",
            reason="hash_mismatch",
        )


def _publish(partial: Path, folder: Path, name: str) -> Path:
    """Give a finished file its name, or the next free one like it."""
    # The mode of a temporary file is 0600, which would surprise whoever shares the folder.
    partial.chmod(0o666 & ~_umask())
    stem, suffix = Path(name).stem, Path(name).suffix
    for number in count(1):
        path = folder / (name if number == 1 else f"{stem}-{number}{suffix}")
        with contextlib.suppress(FileExistsError):
            _claim(partial, path)
            return path
    raise AssertionError("unreachable")


def _claim(partial: Path, path: Path) -> None:
    try:
        path.hardlink_to(partial)
    except FileExistsError:
        raise
    except OSError:
        # No second names on this file system: reserve the name, then fill it.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC))
        partial.replace(path)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
