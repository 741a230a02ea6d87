"""One attempt at one download: ask what it is, fetch it, judge it, give it its name.

The order is what a crash at any moment leaves whole: every byte is on disk before its hash counts,
what the file is goes into the row before it gets its name, and the row says ``done`` after that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol, TypeVar
from urllib.parse import unquote, urlsplit

from studio.clients.transfer.records import Stopped
from studio.errors import HashMismatch, InvalidRequest, NameTaken, NotAModel, PickleRefused
from studio.paths import safe_relative
from studio.remote import CACHE, RemoteFile, Resolver
from studio.services.model_checks import check_model, check_name, refused_to_job
from studio.services.shelves import Shelf, Shelves
from studio.store.blob_writer import translate
from studio.store.downloads import Download, DownloadState
from studio.store.part_files import PartFile
from studio.store.part_folders import discard, part_path
from studio.store.publishing import are_one, holds, make_folder, publish

SPOILT: Final = frozenset(
    {"hash_mismatch", "not_a_model", "pickle_refused", "too_large", "disk_full"}
)
"""Failures after which what came is of no use, or in the way."""
_ANOTHER_SIZE: Final = "The file has another size than the one that was asked for."

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A file that has its name: engines may load it."""

    root: str
    folder: str
    name: str
    path: Path
    size_bytes: int
    sha256: str
    reference: str
    trigger_words: tuple[str, ...] = ()


class Fetching(Protocol):
    """A transfer; ``clients.transfer.Transfer`` is one."""

    is_verifying: bool

    def run(self) -> None: ...

    def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Means:
    """What every attempt needs.

    ``owner`` names the folder of this Studio's parts. ``threads`` are for work that blocks long.
    """

    resolver: Resolver
    shelves: Shelves
    fetching: Callable[[RemoteFile, PartFile], Fetching]
    part: Callable[[Path], PartFile]
    owner: str
    threads: Executor
    entrusted: Callable[[tuple[str, str | None], str], RemoteFile | None] = lambda *_: None
    """The file of a place in the cache, when somebody's own credentials fetch it."""


Note = Callable[..., Awaitable[Download]]
"""Changes the row of the download, and stores it."""


class Run:
    """One attempt.

    Args:
        require_free: refuses a name that another download is about to take.
    """

    def __init__(
        self,
        download: Download,
        means: Means,
        note: Note,
        require_free: Callable[[str], None],
    ) -> None:
        self._download = download
        self._means = means
        self._note = note
        self._require_free = require_free
        self._is_stopping = False
        self._resolving: asyncio.Future[RemoteFile] | None = None
        self._fetching: Fetching | None = None
        self._part: PartFile | None = None
        self._trigger_words: tuple[str, ...] = ()

    @property
    def received(self) -> int | None:
        """How many bytes are there, once that is known."""
        return None if self._part is None else self._part.received

    @property
    def size(self) -> int | None:
        return None if self._part is None else self._part.size

    @property
    def digested(self) -> int:
        return 0 if self._part is None else self._part.digested

    @property
    def is_verifying(self) -> bool:
        """Whether all is there and only has to be hashed."""
        return self._fetching is not None and self._fetching.is_verifying

    def stop(self) -> None:
        """Let ``go`` end soon with ``Stopped``; once the file gets its name it is too late."""
        self._is_stopping = True
        if self._resolving is not None:
            self._resolving.cancel()
        if self._fetching is not None:
            self._fetching.stop()

    async def go(self) -> PublishedFile:
        """Bring the file to its place.

        Raises:
            Stopped: somebody asked for it; what came is kept.
            StudioError: it cannot be had, is not what it should be, or cannot be stored.
        """
        if (known := await self._in_thread(self._got_its_name)) is not None:
            return known
        remote = await self._resolve()
        self._trigger_words = remote.trigger_words
        name = str(safe_relative(self._download.name or remote.name))
        check_name(name, allow_pickle=self._download.allow_pickle)
        self._require_free(name)
        expected, wanted = self._download.expected_sha256, self._download.expected_bytes
        if expected is not None and remote.sha256 not in (None, expected):
            raise HashMismatch("The file there has another hash than the one that was asked for.")
        if wanted is not None and remote.size_bytes not in (None, wanted):
            raise HashMismatch(_ANOTHER_SIZE)
        remote = replace(remote, wanted_bytes=wanted)
        shelf = self._means.shelves.shelf(self._download.root, self._download.folder)
        target = shelf.folder / name
        self._download = await self._note(
            state=DownloadState.DOWNLOADING,
            name=name,
            size_bytes=remote.size_bytes or self._download.size_bytes,
            page=remote.page,
            license=remote.license,
        )
        await self._in_thread(lambda: make_folder(target.parent))
        part = await self._in_thread(
            lambda: part_path(shelf.base, shelf.folder, self._means.owner, self._download.id)
        )
        sha256 = remote.sha256 or expected
        found = await self._in_thread(lambda: self._is_there(part, target, remote, sha256))
        if found is not None:
            return self._published(shelf, name, *found)
        return await self._fetch(remote, sha256, part, target, shelf, name)

    def _require_going(self) -> None:
        if self._is_stopping:
            raise Stopped

    async def _resolve(self) -> RemoteFile:
        self._require_going()
        row = self._download
        if row.root == CACHE and (
            known := self._means.entrusted((row.folder, row.name), row.reference)
        ):
            return known
        self._resolving = asyncio.ensure_future(
            self._means.resolver.resolve(self._download.reference, None)
        )
        try:
            return await self._resolving
        except asyncio.CancelledError:
            if self._is_stopping:
                raise Stopped from None
            raise
        finally:
            self._resolving = None

    def _got_its_name(self) -> PublishedFile | None:
        """Whether a crash came between the name and the row: it may have left the file both."""
        row = self._download
        if row.name is None or row.sha256 is None or row.size_bytes is None:
            return None
        shelf = self._means.shelves.shelf(row.root, row.folder)
        target = shelf.folder / row.name
        if not target.is_file():
            return None
        part = part_path(shelf.base, shelf.folder, self._means.owner, row.id)
        if not are_one(part, target) and not holds(
            target, row.size_bytes, row.sha256, going=self._require_going
        ):
            return None
        discard(part)
        return self._published(shelf, row.name, row.size_bytes, row.sha256)

    def _is_there(
        self, part: Path, target: Path, remote: RemoteFile, sha256: str | None
    ) -> tuple[int, str] | None:
        """Whether the wanted file is there from before."""
        row = self._download
        if not target.exists() and not target.is_symlink():
            return None
        size = remote.size_bytes or row.expected_bytes
        if size is None and sha256 is not None and target.is_file():
            size = target.stat().st_size
        if (
            size is not None
            and sha256 is not None
            and holds(target, size, sha256, going=self._require_going)
        ):
            discard(part)
            return size, sha256
        if not row.replaces:
            raise NameTaken(
                "Another file of that name is there already.", details={"name": row.name}
            )
        return None

    async def _fetch(
        self,
        remote: RemoteFile,
        sha256: str | None,
        path: Path,
        target: Path,
        shelf: Shelf,
        name: str,
    ) -> PublishedFile:
        part = self._part = self._means.part(path)
        await self._in_thread(part.open)
        try:
            self._fetching = self._means.fetching(remote, part)
            self._require_going()
            await self._in_thread(self._fetching.run)
            size, digest = part.size, part.sha256
            assert size is not None
            if sha256 not in (None, digest):
                raise HashMismatch(
                    "The bytes that came do not have the expected hash.",
                    details={"sha256": digest, "expected_sha256": sha256},
                )
            if self._download.expected_bytes not in (None, size):
                raise HashMismatch(_ANOTHER_SIZE)
            await self._in_thread(lambda: self._judge(path, name))
        finally:
            await self._in_thread(part.close)
        self._require_going()
        await self._note(state=DownloadState.VERIFYING, size_bytes=size, sha256=digest)
        await self._in_thread(lambda: self._publish(path, target, size, digest))
        return self._published(shelf, name, size, digest)

    def _judge(self, path: Path, name: str) -> None:
        row = self._download
        try:
            check_model(path, name, allow_pickle=row.allow_pickle)
        except PickleRefused:
            if row.root != CACHE:
                raise
            raise refused_to_job(row.title) from None

    def _publish(self, part: Path, target: Path, size: int, sha256: str) -> None:
        try:
            publish(part, target, replace=self._download.replaces)
        except NameTaken:
            # Somebody who shares these folders may have brought the very same file meanwhile.
            if not holds(target, size, sha256):
                raise
        discard(part)

    def _published(self, shelf: Shelf, name: str, size: int, sha256: str) -> PublishedFile:
        row = self._download
        return PublishedFile(
            root=row.root,
            folder=row.folder,
            name=name,
            path=shelf.folder / name,
            size_bytes=size,
            sha256=sha256,
            reference=row.reference,
            trigger_words=self._trigger_words,
        )

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._means.threads, work)
        except OSError as error:
            raise translate(error) from error


def name_of(reference: str, given: str | None, *, allow_pickle: bool) -> str | None:
    """The name that a download will have, as far as it shows before its source is asked.

    Raises:
        InvalidRequest, NotAModel, PickleRefused: a file may not have the given name.
    """
    if given is not None:
        name = str(safe_relative(given))
        check_name(name, allow_pickle=allow_pickle)
        return name
    try:
        name = str(safe_relative(url_name(reference)))
        check_name(name, allow_pickle=True)
    except (InvalidRequest, NotAModel):
        # Its source may know a better one.
        return None
    check_name(name, allow_pickle=allow_pickle)
    return name


def url_name(url: str) -> str:
    """The last part of the path of a URL; empty when that is none."""
    if not url.startswith(("https://", "http://")):
        return ""
    return unquote(urlsplit(url).path).rsplit("/", 1)[-1]
