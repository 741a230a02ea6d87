"""References that are addresses: what they stand for is what they say."""

from __future__ import annotations

from studio.errors import InvalidRequest
from studio.models import Identity
from studio.net import Outbound
from studio.remote import RemoteFile
from studio.services.download_runs import url_name


class HttpsSource:
    """Understands addresses and nothing else."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    def check(self, reference: str) -> None:
        """Refuse an address that nothing is fetched from, before anybody waits for it.

        Raises:
            BlockedAddress, InvalidRequest: it is one.
        """
        if not reference.startswith(("https://", "http://")):
            raise InvalidRequest("A reference is an address that begins with https://.")
        self._outbound.check(reference)

    async def resolve(self, reference: str, by: Identity | None) -> RemoteFile:  # noqa: ARG002
        """The file at an address.

        Raises:
            BlockedAddress, InvalidRequest: nothing is fetched from there.
        """
        self.check(reference)
        return RemoteFile(url=reference, name=url_name(reference))
