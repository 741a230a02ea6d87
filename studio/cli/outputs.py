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

from studio.cli.client import Client, Unreachable
from studio.cli.failures import CommandFailed
from studio.errors import InvalidRequest
from studio.paths import safe_relative

_CHUNK_BYTES: Final = 1024 * 1024
_MAX_STEM_BYTES: Final = 60


def check_folder(folder: Path) -> None:
    """Find out early whether files can be written there.

    Raises:
        CommandFailed: it is a file, or it cannot be made or written.
    """
    path = folder.absolute()
    present = next(each for each in (path, *path.parents) if os.path.lexists(each))
    if not present.is_dir():
        raise CommandFailed(f"--out: {present} is not a folder.", reason="out_failed")
    if not os.access(present, os.W_OK | os.X_OK):
        raise CommandFailed(f"--out: {present} cannot be written.", reason="out_failed")


async def save_outputs(
    client: Client, job: dict[str, Any], folder: Path, *, advice: str, words: str = ""
) -> list[Path]:
    """Write every output into ``folder``, which is made when it is missing.

    Args:
        advice: how to get the files later, as a sentence.
        words: files are named after these; otherwise by their own names.

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
                names = _names_after(words, output) if words else _names_like(safe_name(output))
                written.append(_publish(Path(file.name), folder, names))
    except OSError as error:
        raise CommandFailed(
            f"The outputs cannot be written to {folder}: {error.strerror}. {advice}",
            reason="out_failed",
        ) from error
    except Unreachable as error:
        raise Unreachable(f"Studio stopped answering. {advice}", reason=error.reason) from error
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


def _names_like(name: str) -> Iterator[str]:
    stem, suffix = Path(name).stem, Path(name).suffix
    yield name
    yield from (f"{stem}-{number}{suffix}" for number in count(2))


def _names_after(words: str, output: dict[str, Any]) -> Iterator[str]:
    """``a-red-fox-1.png``, ``a-red-fox-2.png`` and so on."""
    letters = "".join(each if each.isalnum() else " " for each in words.lower())
    stem = "-".join(letters.split()).encode()[:_MAX_STEM_BYTES].decode(errors="ignore").strip("-")
    suffix = Path(safe_name(output)).suffix
    return (f"{stem or 'picture'}-{number}{suffix}" for number in count(1))


def _publish(partial: Path, folder: Path, names: Iterator[str]) -> Path:
    """Give a finished file the first of ``names`` that is free."""
    # The mode of a temporary file is 0600, which would surprise whoever shares the folder.
    partial.chmod(0o666 & ~_umask())
    for name in names:
        path = folder / name
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
