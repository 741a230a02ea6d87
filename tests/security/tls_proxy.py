"""A proxy that ends TLS in front of Studio, as RunPod's does: nginx with a certificate of its own.

nginx is as Debian configures it but for what a proxy needs, so what works here works behind the
usual one.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.contract.harness import find_free_port

PUBLIC_NAME = "studio.example.net"
EDITOR_NAME = "comfy.example.net"
_CONFIG = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_max_body_size 100m;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
  {servers}
}}
"""
_SERVER = """
  server {{
    listen 127.0.0.1:{port} ssl;
    server_name {name};
    ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
    location / {{
      proxy_pass http://127.0.0.1:{upstream};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_read_timeout 100s;
    }}
  }}
"""


@dataclass(frozen=True)
class TlsProxy:
    """``url`` as people see it; ``certificate`` is the file that vouches for it."""

    url: str
    port: int
    certificate: Path


def find_proxy_port() -> int:
    """A port for the proxy, to be named in ``STUDIO_PUBLIC_URL`` before Studio starts."""
    if shutil.which("nginx") is None or shutil.which("openssl") is None:
        pytest.skip("nginx or openssl is not installed")
    return find_free_port()


@contextlib.contextmanager
def run_tls_proxy(
    folder: Path, port: int, upstream: int, *, editor: tuple[int, int] | None = None
) -> Iterator[TlsProxy]:
    """Run nginx in ``folder`` until the block ends.

    Args:
        port: where it serves, as ``PUBLIC_NAME``, what Studio has at ``upstream``.
        editor: the same two for the editor's port, which is ``EDITOR_NAME`` outside.
    """
    folder.mkdir(parents=True, exist_ok=True)
    certificate = folder / "cert.pem"
    options = {
        "-newkey": "rsa:2048",
        "-days": "2",
        "-subj": f"/CN={PUBLIC_NAME}",
        "-addext": f"subjectAltName=DNS:{PUBLIC_NAME},DNS:{EDITOR_NAME}",
        "-keyout": str(folder / "key.pem"),
        "-out": str(certificate),
    }
    words = [word for option in options.items() for word in option]
    subprocess.run(["openssl", "req", "-x509", "-nodes", *words], check=True, capture_output=True)
    doors = [(PUBLIC_NAME, port, upstream), *([(EDITOR_NAME, *editor)] if editor else [])]
    servers = "".join(
        _SERVER.format(folder=folder, name=name, port=outside, upstream=inside)
        for name, outside, inside in doors
    )
    config = folder / "nginx.conf"
    config.write_text(_CONFIG.format(folder=folder, servers=servers))
    with (folder / "nginx.log").open("wb") as log:
        nginx = subprocess.Popen(["nginx", "-c", str(config)], stdout=log, stderr=log)
    try:
        for _, outside, _ in doors:
            _await_port(outside, nginx, folder)
        yield TlsProxy(f"https://{PUBLIC_NAME}:{port}", port, certificate)
    finally:
        nginx.terminate()
        nginx.wait(10)


def _await_port(port: int, nginx: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and nginx.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise RuntimeError((folder / "nginx.log").read_text())


def resolve_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the public name mean this machine, for every client in this process."""
    real = socket.getaddrinfo

    def lookup(host: Any, *rest: Any, **options: Any) -> Any:
        ours = host in (PUBLIC_NAME, PUBLIC_NAME.encode())
        return real("127.0.0.1" if ours else host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
