"""What passes the editor's port: which paths, which headers, from which pages. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import unquote, unquote_plus, urlsplit

from studio.errors import Forbidden, InvalidRequest, MethodNotAllowed

Header = tuple[str, str]
RawHeaders = Sequence[tuple[bytes, bytes]]

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_PREFIXES: Final = frozenset({"api", "v1", "v2"})
_BLOCKED: Final = frozenset(
    {"comfyui_manager", "customnode", "externalmodel", "git", "manager", "pip", "snapshot"}
)
"""Where ComfyUI-Manager, and others like it, install and change code."""
_MAX_DECODINGS: Final = 4
_BAD_CHARACTERS: Final = re.compile(r"[\x00-\x20\x7f\\]")

_HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_NOT_UPSTREAM: Final = _HOP_BY_HOP | {
    "authorization",
    "cookie",
    "forwarded",
    "host",
    "origin",
    "referer",
    "true-client-ip",
    "via",
    "x-api-key",
    "x-real-ip",
}
_NOT_UPSTREAM_PREFIXES: Final = ("cf-", "sec-fetch-", "sec-websocket-", "x-forwarded-")
_NOT_DOWNSTREAM: Final = _HOP_BY_HOP | {
    "clear-site-data",
    "date",
    "set-cookie",
    "strict-transport-security",
    "x-content-type-options",
    "x-frame-options",
}
_ACTIVE: Final = re.compile(r"\bsvg\b|/xml|\+xml", re.IGNORECASE)
_ADDED: Final = (
    (b"content-security-policy", b"frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)


def check_target(method: str, raw_path: bytes, query: bytes) -> str:
    """The path and query to send on, which are those that came.

    Raises:
        MethodNotAllowed, InvalidRequest: it is not a plain request for a path of the engine's.
        Forbidden: the path leads out of its folder, or to a route that changes code.
    """
    if method not in METHODS:
        raise MethodNotAllowed("This address does not take that method.")
    try:
        path, text = raw_path.decode("ascii"), query.decode("ascii")
    except UnicodeDecodeError:
        raise InvalidRequest("An address is plain ASCII.") from None
    if not path.startswith("/") or path.startswith("//"):
        raise InvalidRequest("Only paths of this server are served.")
    if _BAD_CHARACTERS.search(path) or _BAD_CHARACTERS.search(text) or "#" in path + text:
        raise InvalidRequest("The address has characters that do not belong there.")
    segments = _decoded(path).replace("\\", "/").split("/")
    if any(one in (".", "..") or "\x00" in one for one in segments):
        raise Forbidden("The address leads out of its folder.")
    if any(".." in value.split("/") for value in _query_values(text)):
        raise Forbidden("The address leads out of its folder.")
    if is_blocked(segments):
        raise Forbidden("This route installs or changes code, which the editor may not do here.")
    return f"{path}?{text}" if text else path


def route_of(raw_path: bytes) -> str:
    """The engine's route behind a checked path: decoded, ``/api`` or not."""
    path = "/" + "/".join(part for part in _decoded(raw_path.decode("ascii")).split("/") if part)
    return path[4:] if path.startswith("/api/") else path


def is_blocked(segments: Iterable[str]) -> bool:
    """Whether a path leads to a route that installs or changes code."""
    for segment in segments:
        name = segment.strip().lower()
        if name in _BLOCKED:
            return True
        if name and name not in _PREFIXES:
            return False
    return False


def _decoded(text: str) -> str:
    """Without percent-encoding, however often it was applied."""
    for _ in range(_MAX_DECODINGS):
        plain = unquote(text)
        if plain == text:
            return text
        text = plain
    raise Forbidden("The address is encoded too often.")


def _query_values(query: str) -> list[str]:
    values = (pair.partition("=")[2] for pair in query.split("&"))
    return [_decoded(unquote_plus(value)).replace("\\", "/") for value in values]


def check_origin(method: str, headers: RawHeaders, public_origin: str) -> None:
    """Refuse what a page elsewhere sent; WebSockets are judged like ``POST``.

    What changes nothing may come from anywhere that does not say so, and from a link.

    Args:
        public_origin: scheme, host and port under which browsers see this port.

    Raises:
        Forbidden.
    """
    sites = values_of(headers, b"sec-fetch-site")
    if method in SAFE_METHODS:
        is_link = values_of(headers, b"sec-fetch-mode") == ["navigate"]
        if is_link or not {"same-site", "cross-site"} & set(sites):
            return
    elif sites:
        if sites == ["same-origin"]:
            return
    elif [origin_of(value) for value in values_of(headers, b"origin")] == [public_origin]:
        return
    raise Forbidden("This request comes from another site's page.")


def origin_of(url: str) -> str | None:
    """Scheme, host and port of an address, without default ports; ``None`` when there is none."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if port is None or port == (443 if parts.scheme == "https" else 80):
        return f"{parts.scheme}://{host}"
    return f"{parts.scheme}://{host}:{port}"


def upstream_headers(headers: RawHeaders) -> list[Header]:
    """What the engine is told of a request: nothing that identifies or authorises anybody."""
    dropped = _NOT_UPSTREAM | _named_by_connection(headers)
    kept = []
    for raw_name, raw_value in headers:
        name = raw_name.decode("latin-1").lower()
        if name not in dropped and not name.startswith(_NOT_UPSTREAM_PREFIXES):
            kept.append((name, raw_value.decode("latin-1")))
    return kept


def downstream_headers(headers: Iterable[Header], base_url: str) -> list[tuple[bytes, bytes]]:
    """What the browser is told of an answer: no cookies, no rights for other sites' pages."""
    pairs = [(name.lower(), value) for name, value in headers]
    raw = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in pairs]
    dropped = _NOT_DOWNSTREAM | _named_by_connection(raw)
    kept = []
    for name, value in pairs:
        if name == "content-length" and not any(other == "transfer-encoding" for other, _ in pairs):
            kept.append((b"content-length", value.encode("latin-1")))
        elif name == "location" and value.startswith(base_url):
            kept.append((b"location", (value[len(base_url) :] or "/").encode("latin-1", "replace")))
        elif name not in dropped and not name.startswith("access-control-"):
            kept.append((name.encode("latin-1"), value.encode("latin-1", "replace")))
    if any(name == "content-type" and _ACTIVE.search(value) for name, value in pairs):
        # A member's upload must not run as a script of the editor's origin.
        kept.append((b"content-security-policy", b"sandbox"))
    return [*kept, *_ADDED]


def values_of(headers: RawHeaders, name: bytes) -> list[str]:
    """Every value that came under a name."""
    return [value.decode("latin-1").strip() for key, value in headers if key.lower() == name]


def cookies_of(headers: RawHeaders, name: str) -> list[str]:
    """Every value of a cookie: a page above this host may have planted one beside ours."""
    found = []
    for value in values_of(headers, b"cookie"):
        for pair in value.split(";"):
            key, separator, content = pair.strip().partition("=")
            if separator and key == name:
                found.append(content)
    return found


def _named_by_connection(headers: RawHeaders) -> set[str]:
    return {
        name.strip().lower()
        for value in values_of(headers, b"connection")
        for name in value.split(",")
    }
