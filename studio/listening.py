"""The open ports: those that bootstrap holds for every Studio, or this one's own."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Iterator

from boot.listeners import VARIABLE, Listeners, PortRefused, listening
from boot.plan import Address
from studio.errors import InvalidRequest
from studio.settings import Settings

log = logging.getLogger(__name__)


@contextlib.contextmanager
def open_ports(settings: Settings) -> Iterator[Listeners]:
    """Both ports, until the block ends.

    Raises:
        InvalidRequest: one cannot be opened, or what was inherited is no open port.
    """
    if settings.boot.listeners:
        listeners = _inherited(settings.boot.listeners)
        try:
            yield listeners
        finally:
            listeners.close()
        return
    address = Address(settings.host, settings.port, settings.comfy_port)
    with contextlib.ExitStack() as stack:
        try:
            listeners = stack.enter_context(listening(address))
        except PortRefused as refused:
            raise InvalidRequest(str(refused)) from refused
        if listeners.notice:
            log.warning("%s", listeners.notice)
        yield listeners


def _inherited(handles: tuple[int, ...]) -> Listeners:
    try:
        studio, comfy = (socket.socket(fileno=handle) for handle in handles)
        for each in (studio, comfy):
            # What Studio starts must not hold them.
            each.set_inheritable(False)
            if not each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                raise ValueError("nothing listens there")
    except (OSError, ValueError) as error:
        raise InvalidRequest(
            f"{VARIABLE} names no two open ports: {error}. Only bootstrap sets it."
        ) from error
    return Listeners(studio, comfy)
