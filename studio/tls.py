"""TLS towards others: whose certificates count. Reading them takes a tenth of a second."""

from __future__ import annotations

import functools
import ssl


@functools.cache
def trusted() -> ssl.SSLContext:
    """Whom this machine trusts, read from its files once."""
    return ssl.create_default_context()


@functools.cache
def trusts_nobody() -> ssl.SSLContext:
    """For connections without TLS, where a client asks for a context all the same."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
