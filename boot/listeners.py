"""The ports that Studio serves on, opened once and held for as long as bootstrap lives.

Between two starts of Studio anybody on this machine could open one that is free, a custom node for
example, and be sent passwords. So Studio inherits them, and who connects in between waits in the
queue of the socket for the next Studio.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from boot.plan import EXIT_CONFIG, Address, BootError

VARIABLE: Final = "STUDIO_LISTENERS"
"""Tells Studio the numbers of both, as in ``7,8``."""
_BACKLOG: Final = 1024
_LOOK_S: Final = 0.1


class PortRefused(BootError):
    """A port that cannot be opened, which is for the owner to change."""

    def __init__(self, message: str) -> None:
        super().__init__(message, exit_code=EXIT_CONFIG)


@dataclass(frozen=True)
class Listeners:
    """Studio's port and the one of ComfyUI's editor, both open.

    ``notice`` says that the editor's is not the usual one, or is empty.
    """

    studio: socket.socket
    comfy: socket.socket
    notice: str = ""

    @property
    def handles(self) -> tuple[int, int]:
        """What a child has to inherit."""
        return self.studio.fileno(), self.comfy.fileno()

    @property
    def env(self) -> Mapping[str, str]:
        """What tells Studio about it."""
        return {VARIABLE: ",".join(str(handle) for handle in self.handles)}

    def close(self) -> None:
        """Whoever still waits there is refused."""
        self.studio.close()
        self.comfy.close()


@contextlib.contextmanager
def listening(address: Address, *, patience_s: float = 0.0) -> Iterator[Listeners]:
    """Open both ports until the block ends.

    Args:
        patience_s: how long to wait for a port that is taken; one who was just killed may still
            have it.

    Raises:
        PortRefused: one of them cannot be opened.
    """
    began = time.monotonic()
    studio = open_port(address.host, address.port, "STUDIO_PORT", patience_s=patience_s)
    left_s = max(0.0, patience_s - (time.monotonic() - began))
    try:
        comfy, notice = open_beside(studio, address, patience_s=left_s)
    except PortRefused:
        studio.close()
        raise
    listeners = Listeners(studio, comfy, notice)
    with contextlib.ExitStack() as stack:
        stack.callback(listeners.close)
        if address.shuts_ipv6 and address.host == "0.0.0.0":  # noqa: S104
            stack.enter_context(_shut_ipv6(studio))
            stack.enter_context(_shut_ipv6(comfy))
        yield listeners


def open_beside(
    studio: socket.socket, address: Address, *, patience_s: float = 0.0
) -> tuple[socket.socket, str]:
    """The editor's port: the chosen one; else the next one, or any while that is taken.

    Returns:
        The port, and a sentence when it is not the usual one.

    Raises:
        PortRefused: the chosen one cannot be opened.
    """
    host, name = address.host, "STUDIO_COMFY_PORT"
    following = int(studio.getsockname()[1]) + 1
    notice = ""
    if address.comfy_port is not None:
        return open_port(host, address.comfy_port, name, patience_s=patience_s), notice
    if address.port and following < 65_536:
        try:
            return open_port(host, following, name), notice
        except PortRefused as refused:
            notice = f"ComfyUI's editor gets another port than usual. {refused}"
    return open_port(host, 0, name), notice


@contextlib.contextmanager
def _shut_ipv6(listener: socket.socket) -> Iterator[None]:
    """Take the same port of IPv6 and never listen on it: who comes there is refused."""
    with contextlib.ExitStack() as stack:
        # Where there is no IPv6 nobody else can take it either.
        with contextlib.suppress(OSError):
            shut = stack.enter_context(socket.socket(socket.AF_INET6, socket.SOCK_STREAM))
            shut.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            shut.bind(("::", listener.getsockname()[1]))
        yield


def open_port(host: str, port: int, name: str, *, patience_s: float = 0.0) -> socket.socket:
    """One port, of which there is no second owner: it is never shared by ``SO_REUSEPORT``.

    Args:
        name: the variable that chooses it.

    Raises:
        PortRefused: it is taken, or cannot be opened here.
    """
    deadline = time.monotonic() + patience_s
    while True:
        listener = socket.socket(
            socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM
        )
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(_BACKLOG)
        except OSError as error:
            listener.close()
            if error.errno == errno.EADDRINUSE and time.monotonic() < deadline:
                time.sleep(_LOOK_S)
                continue
            raise PortRefused(
                f"Port {port} on {host} cannot be opened: {error.strerror}. "
                f"Choose another with {name}."
            ) from error
        return listener
