"""Which token a request may carry: that of exactly the host that it is sent to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from studio.remote import RemoteFile
from studio.settings import Secret

_SETTINGS: Final[Mapping[str, str]] = {"huggingface": "HF_TOKEN", "civitai": "CIVITAI_API_KEY"}
"""The setting of each token that a remote file may name."""


class SourceTokens:
    """The house's tokens, each bound to the scheme, host and port of its service.

    Args:
        hubs: where each token's service is, by the setting's name.
        secret: a setting as it counts now.
    """

    def __init__(self, hubs: Mapping[str, str], secret: Callable[[str], Secret | None]) -> None:
        self._hubs = hubs
        self._secret = secret

    def headers(self, remote: RemoteFile, url: str) -> Mapping[str, str]:
        """What a request of ``remote`` to exactly ``url`` may carry; empty for any other host."""
        setting = _SETTINGS.get(remote.token or "")
        if setting is None or _origin(self._hubs[setting]) != _origin(url):
            return {}
        secret = self._secret(setting)
        return {} if secret is None else {"Authorization": f"Bearer {secret.reveal()}"}

    def address(self, remote: RemoteFile, url: str) -> str:  # noqa: ARG002
        """``url`` as it is: these tokens go into headers."""
        return url


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".").lower()
    return parts.scheme, host, parts.port or (443 if parts.scheme == "https" else 80)
