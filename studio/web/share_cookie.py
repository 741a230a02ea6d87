"""The cookie of one visit to one link: sent to that link's addresses and to nothing else."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from studio.web.origins import PublicAddress

NAME: Final = "studio-share"
_MOST: Final = 8


class ShareCookie:
    """Reads and sets it.

    Args:
        address: where people reach Studio.
    """

    def __init__(self, address: PublicAddress) -> None:
        self._address = address

    def values(self, request: Request) -> list[str]:
        """Every value that a request brings, or none of too many; an honest one brings one."""
        wanted, found = self._name(request), []
        for header in request.headers.getlist("cookie"):
            for part in header.split(";"):
                name, _, value = part.strip().partition("=")
                if name == wanted and value:
                    found.append(value)
        # Of too many some would be passed over, and which ones, a stranger could choose.
        found = list(dict.fromkeys(found))
        return found if len(found) <= _MOST else []

    def set(self, request: Request, response: Response, token: str, value: str, age_s: int) -> None:
        """Have the browser keep it for this link alone."""
        secure = "; Secure" if self._address.is_secure(request.scope) else ""
        response.headers.append(
            "set-cookie",
            f"{self._name(request)}={value}; Path=/api/shares/{token}; Max-Age={age_s}; "
            f"HttpOnly; SameSite=Strict{secure}",
        )

    def _name(self, request: Request) -> str:
        # The stronger prefix, __Host-, would send it everywhere.
        return f"__Secure-{NAME}" if self._address.is_secure(request.scope) else NAME
