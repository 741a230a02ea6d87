"""The folder of all state, the disk under it, the database in it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from boot.volume import probe
from studio.cli.checks.finding import Finding, fail, ok, warn
from studio.errors import DiskFull
from studio.paths import reserve_space

_NETWORK: Final = re.compile(r"nfs|cifs|smb|9p|fuse|ceph|lustre|gluster|afs|virtiofs")
_LOW_BYTES: Final = 5_000_000_000
_PROBE_BYTES: Final = 64 * 1024 * 1024
_SLOW_S: Final = 0.1
_SYNCS: Final = 5
_LOCAL: Final = "Put STUDIO_DIR on a local disk, or on a network volume that has locks."


def check_storage(studio_dir: Path, database: Path, *, running: bool) -> Iterator[Finding]:
    """Whether the state can be read and written.

    Args:
        running: a Studio has the database open, which is then left to it.
    """
    if studio_dir.exists() and not studio_dir.is_dir():
        yield fail("state", f"{studio_dir} is not a folder.", "Set STUDIO_DIR to a folder.")
        return
    folder = next(path for path in (studio_dir, *studio_dir.parents) if path.exists())
    if not os.access(folder, os.W_OK | os.X_OK):
        yield fail(
            "state",
            f"{folder} cannot be written by this user.",
            f"Change its owner (chown) or set STUDIO_DIR to a folder of your own; now {studio_dir}",
        )
        return
    made = "" if folder == studio_dir else " (it will be made at the first start)"
    yield ok("state", f"{studio_dir}{made}")
    yield from _check_disk(folder)
    yield from _check_locks(folder)
    if running:
        yield ok("database", "in use by the Studio that runs")
    elif not database.exists():
        yield ok("database", "none yet; it will be made at the first start")
    else:
        yield _check_database(database)


def _check_locks(folder: Path) -> Iterator[Finding]:
    """Whether two processes can keep each other out; bootstrap asks the same at every start."""
    for seen in probe(folder):
        if seen.aspect == "locks":
            found = ok("locks", seen.text) if seen.good else warn("locks", seen.text, _LOCAL)
            yield found


def _check_disk(folder: Path) -> Iterator[Finding]:
    free_bytes = shutil.disk_usage(folder).free
    free = f"{free_bytes / 1e9:.1f} GB free"
    kind = _file_system(folder)
    place = f" on {kind}" if kind else ""
    if kind and _NETWORK.search(kind):
        place += ", a network volume"
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".studio-doctor-") as file:
            sync_s = _sync_time_s(file.fileno())
            reserve_space(file.fileno(), _PROBE_BYTES)
    except DiskFull:
        yield fail(
            "disk",
            f"Less than {_PROBE_BYTES // 1_000_000} MB can be written{place}, by size or by quota.",
            "Delete files or enlarge the volume.",
        )
        return
    except OSError as error:
        yield fail("disk", f"{folder} cannot be written: {error.strerror}.", "See the volume.")
        return
    sync = f"{sync_s * 1000:.1f} ms per durable write"
    if free_bytes < _LOW_BYTES:
        yield warn("disk", f"{free}{place}, {sync}", "Pictures and models need more space soon.")
    elif sync_s > _SLOW_S:
        yield warn(
            "disk",
            f"{free}{place}, {sync}",
            "Jobs wait for the disk; put STUDIO_DIR on a faster one.",
        )
    else:
        yield ok("disk", f"{free}{place}, {sync}")


def _sync_time_s(handle: int) -> float:
    """The median time of a small durable write."""
    times = []
    for _ in range(_SYNCS):
        started_s = time.perf_counter()
        os.pwrite(handle, b"studio" * 600, 0)
        os.fsync(handle)
        times.append(time.perf_counter() - started_s)
    return sorted(times)[_SYNCS // 2]


def _file_system(folder: Path) -> str | None:
    """The type of the file system that ``folder`` is on; ``None`` where that cannot be read."""
    real = folder.resolve()
    best, kind = -1, None
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
            fields = line.split(" ")
            # Spaces in names are written in octal.
            point = Path(fields[1].replace("\\040", " "))
            if real.is_relative_to(point) and len(point.parts) >= best:
                best, kind = len(point.parts), fields[2]
    return kind


def _check_database(path: Path) -> Finding:
    size = f"{path.stat().st_size / 1e6:.1f} MB"
    # Without a log everything is in the file itself; a plain reader would leave a log behind.
    has_log = path.with_name(f"{path.name}-wal").exists()
    uri = f"{path.absolute().as_uri()}?mode=ro{'' if has_log else '&immutable=1'}"
    try:
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=1.0)) as connection:
            answer = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.OperationalError as error:
        return warn(
            "database",
            f"It cannot be opened now: {error}.",
            "If another machine's Studio has this volume, ask there.",
        )
    except sqlite3.DatabaseError as error:
        answer = str(error)
    if answer != "ok":
        return fail(
            "database",
            f"It is damaged: {answer}.",
            "Start Studio: it puts the newest good snapshot in place and keeps the damaged file.",
        )
    return ok("database", f"intact, {size}")
