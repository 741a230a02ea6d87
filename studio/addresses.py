"""Addresses in the environment: where Studio is reached, and where others are."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from ipaddress import ip_network
from typing import Final
from urllib.parse import urlsplit

from studio.errors import InvalidRequest
from studio.net import parse_allowed

_PUBLIC_URL: Final = re.compile(
    r"https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])"
    r"(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?"
)
_RUNPOD_PROXIES: Final = ("100.64.0.0/10", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
"""Where the last hop of RunPod's proxy to a pod comes from."""


def base_url(environ: Mapping[str, str], name: str, default: str) -> str:
    """Where a service elsewhere is: its usual address, a mirror of it or one's own server."""
    given = environ.get(name, "").strip().rstrip("/") or default
    try:
        parts = urlsplit(given)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_usable = False
    if not is_usable or "@" in given or "?" in given:
        raise InvalidRequest(f"{name} must be http:// or https:// with a host, and no user name.")
    return given


def outbound(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The list of the environment, and the hubs that it names: a mirror is named to be used."""
    listed = environ.get("STUDIO_OUTBOUND_ALLOW", "").split(",")
    found = [entry.strip() for entry in listed if entry.strip()]
    for entry in found:
        parse_allowed(entry)
    for name in ("HF_ENDPOINT", "CIVITAI_URL", "LANGUAGE_URL"):
        if environ.get(name, "").strip():
            parts = urlsplit(base_url(environ, name, ""))
            host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
            found.append(f"{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}")
    return tuple(found)


def public_url(environ: Mapping[str, str], name: str, port: int) -> str | None:
    """Where browsers find a port of Studio's, ``None`` when nobody says so."""
    given = environ.get(name, "").strip().rstrip("/")
    if given:
        if not _PUBLIC_URL.fullmatch(given):
            raise InvalidRequest(
                f"{name} must be http:// or https:// with a host, a port if need be, and no path."
            )
        return given
    pod = environ.get("RUNPOD_POD_ID")
    return f"https://{pod}-{port}.proxy.runpod.net" if pod else None


def proxies(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Networks whose word about the client and the scheme counts.

    Nobody's does unless it is named, this machine's neither: what a tunnel or a TCP forwarder
    brings comes from loopback too, with whatever header a stranger wrote.
    """
    listed = environ.get("STUDIO_TRUSTED_PROXIES", "").split(",")
    found = []
    for one in (part.strip() for part in listed if part.strip()):
        try:
            found.append(str(ip_network(one, strict=False)))
        except ValueError:
            raise InvalidRequest(
                f"STUDIO_TRUSTED_PROXIES needs addresses or networks, not {one!r}."
            ) from None
    if not found and environ.get("RUNPOD_POD_ID"):
        return _RUNPOD_PROXIES
    return tuple(found)


def remote_name(url: str) -> str:
    """The name of an engine given by ``url``: the same wherever it stands in the list.

    Bootstrap names engines by the same rule; jobs remember the name over restarts.

    Raises:
        InvalidRequest: it is no address.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise InvalidRequest("STUDIO_ENGINE holds an address that cannot be read.") from None
    host, path = parts.hostname or "", parts.path.rstrip("/")
    name = f"{re.sub('[^a-z0-9.-]', '-', host)}-{port}"
    if name == f"{host}-{port}" and not path and (parts.scheme == "https") == (port == 443):
        return name
    whole = f"{parts.scheme}://{host}:{port}{path}"
    return f"{name}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"
