"""Where Studio is reached from, and which requests come from its own page.

On RunPod a stranger's pod is a sibling under the same parent domain: the same *site*. So
``SameSite`` cookies and ``same-site`` requests prove nothing; only the same *origin* does.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from starlette.types import Scope

from studio.errors import CrossOrigin

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_HOST: Final = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]*:[0-9a-f:.]*")
_MAX_COOKIES: Final = 8


class PublicAddress:
    """One origin that people reach from outside.

    Args:
        public_url: scheme and host as people see them; ``None``: those of each request.
        cookie: the name of this origin's cookie on plain http. Cookies ignore ports, so two
            origins on one host need two names.
    """

    def __init__(self, public_url: str | None, cookie: str) -> None:
        self._origin = None if public_url is None else _normal(public_url)
        self._cookie = cookie

    def beside(self, cookie: str) -> PublicAddress:
        """The same address with another cookie."""
        return PublicAddress(self._origin, cookie)

    def origin(self, scope: Scope) -> str | None:
        """Scheme, host and port as a browser writes them in ``Origin``."""
        if self._origin is not None:
            return self._origin
        host = header(scope, b"host")
        return None if host is None else _normal(f"{_scheme(scope)}://{host}")

    def is_secure(self, scope: Scope) -> bool:
        """Whether people reach this address by https."""
        return (self._origin or _scheme(scope)).startswith("https")

    def is_local(self, scope: Scope) -> bool:
        """Whether this request's address is the machine itself, which no network lies before."""
        host = urlsplit(self.origin(scope) or "").hostname or ""
        return host in ("localhost", "::1") or host.startswith("127.")

    def cookie_name(self, scope: Scope) -> str:
        """The cookie's name: with ``__Host-`` no other host and no plain http can plant it."""
        return f"__Host-{self._cookie}" if self.is_secure(scope) else self._cookie

    def cookies(self, scope: Scope) -> list[str]:
        """Every value that the request brings under that name; an honest one brings one."""
        wanted = self.cookie_name(scope)
        values = []
        for name, value in scope["headers"]:
            if name != b"cookie":
                continue
            for part in value.decode("latin-1").split(";"):
                key, _, given = part.strip().partition("=")
                if key == wanted and given:
                    values.append(given.strip('"'))
        return list(dict.fromkeys(values))[:_MAX_COOKIES]

    def set_cookie(self, scope: Scope, value: str, *, max_age_s: int) -> str:
        """A ``Set-Cookie`` header; an empty value with age 0 takes the cookie away."""
        secure = "; Secure" if self.is_secure(scope) else ""
        return (
            f"{self.cookie_name(scope)}={value}; Path=/; Max-Age={max_age_s}; "
            f"HttpOnly; SameSite=Lax{secure}"
        )

    def require_own_page(self, scope: Scope, *, with_cookie: bool) -> None:
        """Refuse what another page made a browser send.

        ``Sec-Fetch-Site`` decides where the browser sends it, else ``Origin``. A request without
        both comes from no browser of today: it may pass unless it carries a cookie.

        Raises:
            CrossOrigin: it does not come from Studio's own page.
        """
        site = header(scope, b"sec-fetch-site")
        origin = header(scope, b"origin")
        if site is not None:
            allowed = site == "same-origin"
        elif origin is not None:
            own = self.origin(scope)
            allowed = own is not None and _normal(origin) == own
        else:
            allowed = not with_cookie
        if not allowed:
            where = self._origin
            hint = f" Open Studio at {where}." if where is not None else ""
            raise CrossOrigin(f"This request does not come from Studio's own page.{hint}")


def header(scope: Scope, wanted: bytes) -> str | None:
    """The one value of a header; several that differ count as an unusable one."""
    values = {value for name, value in scope["headers"] if name == wanted}
    if not values:
        return None
    return values.pop().decode("latin-1") if len(values) == 1 else ""


def _scheme(scope: Scope) -> str:
    scheme: str = scope["scheme"]
    return {"ws": "http", "wss": "https"}.get(scheme, scheme)


def _normal(address: str) -> str | None:
    """``scheme://host[:port]`` in lower case without a default port; ``None``: unreadable."""
    try:
        parts = urlsplit(address.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or not _HOST.fullmatch(host):
        return None
    if parts.username is not None or parts.password is not None:
        return None
    host = f"[{host}]" if ":" in host else host
    shown = "" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{host}{shown}"
