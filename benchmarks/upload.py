"""Uploads in one request, beside writing the same bytes to the same disk."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Final

from benchmarks.options import Options
from benchmarks.processes import peak_mib, reset_peak
from benchmarks.report import Budget, Figure, Part, median
from benchmarks.servers import KEY, RunningStudio, run_studio

_MB: Final = 1_000_000
_CHUNK: Final = 1 << 20
_BOUNDARY: Final = "bench-boundary-5f1c"


def measure(options: Options) -> Part:
    """Small and large uploads of fresh bytes, and plain writes of the large ones, in turn."""
    small_mb, large_mb = 10, 50 if options.quick else 200
    repeats = 2 if options.quick else 5
    folder = options.folder("upload")
    source = folder / "source.bin"
    with run_studio(folder) as studio:
        _fill(source, small_mb * _MB)
        _upload(studio, source)
        small_mib = _growth_mib(studio, source, small_mb)
        sent, written, grown = [], [], []
        for _ in range(repeats):
            _fill(source, large_mb * _MB)
            reset_peak(studio.pid)
            before = peak_mib(studio.pid)
            sent.append(_upload(studio, source))
            grown.append(peak_mib(studio.pid) - before)
            written.append(_write(source, folder / "plain.bin"))
    figures = [
        Figure(
            f"upload of {large_mb} MB, s", median(sent), median(written), "plain write and fsync"
        ),
        Figure(
            f"memory of a {large_mb} MB upload over one of {small_mb} MB, MiB",
            max(grown) - small_mib,
            budget=Budget("at_most", 10),
        ),
    ]
    raw = {"upload_s": sent, "write_s": written, "grown_mib": grown, "small_mib": small_mib}
    return Part("upload", figures, raw=raw)


def _growth_mib(studio: RunningStudio, source: Path, size_mb: int) -> float:
    """How much more memory Studio has at most while it takes ``size_mb`` fresh megabytes."""
    _fill(source, size_mb * _MB)
    reset_peak(studio.pid)
    before = peak_mib(studio.pid)
    _upload(studio, source)
    return peak_mib(studio.pid) - before


def _fill(path: Path, size_bytes: int) -> None:
    """Bytes that nobody has stored yet."""
    with path.open("wb") as file:
        for start in range(0, size_bytes, _CHUNK):
            file.write(os.urandom(min(_CHUNK, size_bytes - start)))
        file.flush()
        os.fsync(file.fileno())


def _write(source: Path, target: Path) -> float:
    """Seconds to copy a cached file and make the copy durable."""
    started = time.perf_counter()
    with source.open("rb") as read, target.open("wb") as write:
        while data := read.read(_CHUNK):
            write.write(data)
        write.flush()
        os.fsync(write.fileno())
    elapsed_s = time.perf_counter() - started
    target.unlink()
    return elapsed_s


def _upload(studio: RunningStudio, source: Path) -> float:
    """Seconds of ``POST /api/v2/assets``; the kernel sends the file, so the client costs little.

    Raises:
        RuntimeError: it was not accepted.
    """
    host, port = studio.url.removeprefix("http://").split(":")
    head = (
        f"--{_BOUNDARY}\r\n"
        'Content-Disposition: form-data; name="file_path"\r\n\r\n'
        f"bench/{time.time_ns()}.bin\r\n"
        f"--{_BOUNDARY}\r\n"
        'Content-Disposition: form-data; name="content_type"\r\n\r\n'
        "application/octet-stream\r\n"
        f"--{_BOUNDARY}\r\n"
        'Content-Disposition: form-data; name="file"; filename="source.bin"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    tail = f"\r\n--{_BOUNDARY}--\r\n".encode()
    length = len(head) + source.stat().st_size + len(tail)
    request = (
        "POST /api/v2/assets HTTP/1.1\r\n"
        f"Host: {host}:{port}\r\n"
        f"Authorization: Bearer {KEY}\r\n"
        f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\n"
        f"Content-Length: {length}\r\n"
        "Connection: close\r\n\r\n"
    ).encode()
    started = time.perf_counter()
    with socket.create_connection((host, int(port)), timeout=120) as connection:
        connection.sendall(request + head)
        with source.open("rb") as file:
            connection.sendfile(file)
        connection.sendall(tail)
        answer = b""
        while data := connection.recv(65536):
            answer += data
    elapsed_s = time.perf_counter() - started
    if not answer.startswith(b"HTTP/1.1 201"):
        raise RuntimeError(f"The upload was refused: {answer[-300:]!r}")
    return elapsed_s
