"""What a request brings along so that models can be fetched that are not for everybody.

A value lives in memory, or is a stored secret that is named; nothing here is ever shown.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Literal
from urllib.parse import urlencode, urlsplit

from studio.errors import Conflict
from studio.remote import RemoteFile, Tokens
from studio.store.model_cache import Place

KEY: Final = "download_credentials"
"""Where a job's ``extra`` has them, without any value."""

Kind = Literal["bearer", "basic", "header", "query"]


@dataclass(frozen=True, slots=True)
class Credential:
    """How to ask for the addresses that match ``url_pattern``.

    ``name`` is the user's, the header's or the parameter's. One of ``value`` and ``secret``, the
    name of a stored secret, is set; neither is when the value was lost.
    """

    url_pattern: str
    kind: Kind
    name: str = ""
    value: str | None = field(default=None, repr=False)
    secret: str | None = None

    def fits(self, url: str) -> bool:
        """Whether it is for an address: ``*`` stands for anything but ``/``, ``**`` for anything,
        ``?`` for one character.
        """
        return _matches(self.url_pattern, url)

    def headers(self) -> Mapping[str, str]:
        match self.kind:
            case "bearer":
                return {"Authorization": f"Bearer {self.value}"}
            case "basic":
                pair = b64encode(f"{self.name}:{self.value}".encode()).decode("ascii")
                return {"Authorization": f"Basic {pair}"}
            case "header":
                return {self.name: self.value or ""}
            case "query":
                return {}

    def address(self, url: str) -> str:
        if self.kind != "query":
            return url
        given = urlencode({self.name: self.value or ""})
        return f"{url}{'&' if urlsplit(url).query else '?'}{given}"

    def mark(self, key: bytes, reference: str) -> bytes:
        """What only somebody with the same credentials comes to; it does not tell them."""
        parts = (reference, self.kind, self.name, self.value or "")
        text = "".join(f"{len(part)}:{part}" for part in parts)
        return hmac.digest(key, text.encode(), hashlib.sha224)


def _matches(pattern: str, text: str) -> bool:
    """Whether a text is as a pattern says, in one pass: nobody's pattern can make it take long.

    One bit for each number of parts of the pattern that the text so far may have used up.
    """
    parts = re.findall(r"\*+|.", pattern, re.DOTALL)
    literals: dict[str, int] = {}
    one = few = many = 0
    for at, part in enumerate(parts):
        if part == "?":
            one |= 1 << at
        elif part == "*":
            few |= 1 << at
        elif part.startswith("*"):
            many |= 1 << at
        else:
            literals[part] = literals.get(part, 0) | 1 << at
    stars, reached = few | many, 1
    for character in text:
        # A star may stand for nothing, too.
        reached |= (reached & stars) << 1
        steps, stays = literals.get(character, 0), many
        if character != "/":
            steps, stays = steps | one, stars
        reached = (reached & steps) << 1 | reached & stays
        if not reached:
            return False
    reached |= (reached & stars) << 1
    return bool(reached >> len(parts) & 1)


def credential_records(credentials: Sequence[Credential]) -> list[dict[str, Any]]:
    """How a job's row remembers them: without values."""
    return [asdict(replace(each, value=None)) for each in credentials]


def credentials_of(extra: Mapping[str, Any]) -> list[Credential]:
    """Those that a job came with."""
    return [Credential(**each) for each in extra.get(KEY, ())]


def given_again(extra: Mapping[str, Any], given: Sequence[Credential]) -> Sequence[Credential]:
    """What a job has that is run again: what is given now, else stored secrets.

    Raises:
        Conflict: it came with values, which were not kept.
    """
    known = credentials_of(extra)
    if not given and any(each.secret is None for each in known):
        raise Conflict(
            "This job came with credentials for its models, which were not kept. Send them again.",
            details={"field": "credentials"},
        )
    return given or known


class LentCredentials:
    """Credentials of downloads that somebody waits for; a ``Tokens`` for the transfers.

    Args:
        inner: the house's own tokens.
    """

    def __init__(self, inner: Tokens) -> None:
        self._inner = inner
        self._lent: dict[str, Credential] = {}

    def lend(self, place: Place, credential: Credential) -> None:
        """From now on the file of the cache is fetched with them."""
        self._lent["/".join(place)] = credential

    def withdraw(self, place: Place) -> None:
        """They are not needed any more."""
        self._lent.pop("/".join(place), None)

    def remote(self, place: tuple[str, str | None], reference: str) -> RemoteFile | None:
        """The file to ask for with them, ``None`` when there are none.

        No hub is asked about it: the house's token would decide there.
        """
        folder, name = place
        token = f"{folder}/{name}"
        return RemoteFile(reference, str(name), token=token) if token in self._lent else None

    def headers(self, remote: RemoteFile, url: str) -> Mapping[str, str]:
        """What a request of ``remote`` to exactly ``url`` may carry; empty for any other host."""
        credential = self._lent.get(remote.token or "")
        if credential is None:
            return self._inner.headers(remote, url)
        return credential.headers() if _origin(url) == _origin(remote.url) else {}

    def address(self, remote: RemoteFile, url: str) -> str:
        """``url`` with what it needs to be asked for: it is shown to nobody else."""
        credential = self._lent.get(remote.token or "")
        if credential is None or url != remote.url:
            return self._inner.address(remote, url)
        return credential.address(url)


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".").lower()
    return parts.scheme, host, parts.port or (443 if parts.scheme == "https" else 80)
