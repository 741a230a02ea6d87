"""The model files that are there: found on disk, read, hashed, judged, moved, deleted."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from threading import Event, get_native_id
from typing import Final, Protocol

from studio.clock import Clock, new_id
from studio.errors import NotFound, StudioError
from studio.services.families import Families
from studio.services.model_facts import ModelFacts, model_facts
from studio.store.model_disk import Seen, Walk, hash_file, look, walk
from studio.store.model_files import ModelFile, ModelFileStore
from studio.store.model_headers import BadHeader, read_header
from studio.store.model_roots import ModelRoots

log = logging.getLogger(__name__)

SCAN_EVERY_S: Final = 3600.0
MAX_NOTES: Final = 4000
MAX_WORDS: Final = 100
_RETRY_S: Final = 60.0
_AT_ONCE: Final = 200
_LEAST_PRIORITY: Final = 19


class Published(Protocol):
    """A file that a download has just brought."""

    @property
    def root(self) -> str: ...
    @property
    def folder(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def sha256(self) -> str | None: ...
    @property
    def reference(self) -> str: ...
    @property
    def trigger_words(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Scan:
    """What a scan changed. ``unreachable`` roots could not be read; what is known of them stays."""

    files: int
    added: int
    changed: int
    gone: int
    unreachable: tuple[str, ...]
    complete: bool


class ModelFiles:
    """Keeps the rows of model files true to what is on disk."""

    def __init__(
        self,
        *,
        store: ModelFileStore,
        roots: ModelRoots,
        families: Families,
        clock: Clock,
    ) -> None:
        self._store = store
        self._roots = roots
        self._families = families
        self._clock = clock
        self._scanning = asyncio.Lock()
        self._stop = Event()
        self._wake = asyncio.Event()
        self._hasher = ThreadPoolExecutor(1, "model hashes", initializer=_step_back)
        self._hashing: str | None = None
        self._wanted: dict[str, None] = {}
        self.unreachable: frozenset[str] = frozenset()
        self.scanned_at: int | None = None

    async def all(self) -> Sequence[ModelFile]:
        return await self._store.all()

    async def get(self, file_id: str) -> ModelFile:
        """Raises ``NotFound``."""
        return await self._store.get(file_id)

    # what is on disk

    async def scan(self) -> Scan:
        """Look at every root: new files are adopted, changed ones read again, gone ones forgotten.

        Raises:
            StorageUnavailable, DiskFull: the result cannot be stored.
        """
        async with self._scanning:
            known = {file.key: file for file in await self._store.all()}
            found = await asyncio.to_thread(walk, self._roots)
            fresh, changed = _differences(known, found)
            now_ms = self._clock.now_ms()
            for start in range(0, len(fresh), _AT_ONCE):
                part = fresh[start : start + _AT_ONCE]
                earlier = [await self._store.at(seen.key) for seen in part if seen.key in known]
                whole = {file.key: file for file in earlier if file is not None}
                await self._store.put(await asyncio.to_thread(self._read, part, whole, now_ms))
            gone = _gone(known, found)
            await self._store.put((), gone)
            self.unreachable, self.scanned_at = found.unreachable, now_ms
        self._wake.set()
        return Scan(
            files=len(found.files),
            added=len(fresh) - changed,
            changed=changed,
            gone=len(gone),
            unreachable=tuple(sorted(found.unreachable)),
            complete=found.complete,
        )

    def _read(
        self, seen: Sequence[Seen], known: Mapping[tuple[str, str, str], ModelFile], now_ms: int
    ) -> list[ModelFile]:
        return [self._file(each, known.get(each.key), now_ms) for each in seen]

    def _file(self, seen: Seen, known: ModelFile | None, now_ms: int) -> ModelFile:
        facts, fault = self._facts(seen)
        own = known or ModelFile(
            id=new_id(),
            root=seen.root,
            place=seen.place,
            folder=seen.folder,
            name=seen.name,
            size_bytes=seen.size_bytes,
            mtime_ns=seen.mtime_ns,
            added_at=now_ms,
        )
        return replace(
            own,
            size_bytes=seen.size_bytes,
            mtime_ns=seen.mtime_ns,
            sha256=None,
            checked_at=None,
            fault=fault,
            kind=facts.kind,
            family=facts.family or own.family,
            belongs_in=facts.belongs_in,
            trigger_words=facts.trigger_words or own.trigger_words,
            facts=facts.details,
        )

    def _facts(self, seen: Seen) -> tuple[ModelFacts, str]:
        try:
            return model_facts(read_header(seen.path), seen.folder, self._families), ""
        except BadHeader as bad:
            return ModelFacts(), bad.fault
        except OSError:
            return ModelFacts(), "unreadable"

    async def adopt(self, published: Published) -> ModelFile:
        """Know a file that was just published, with the hash that was computed on its way.

        Raises:
            NotFound: it is not where it should be.
        """
        root, _ = self._roots.destination(published.folder)
        async with self._scanning:
            seen = await asyncio.to_thread(
                look, self._roots, root, published.folder, published.name
            )
            earlier = await self._store.at(seen.key)
            known = {} if earlier is None else {seen.key: earlier}
            now_ms = self._clock.now_ms()
            [file] = await asyncio.to_thread(self._read, [seen], known, now_ms)
            file = replace(
                file,
                sha256=published.sha256,
                expected_sha256=published.sha256,
                checked_at=now_ms if published.sha256 else None,
                reference=published.reference,
                # Its author's list is better than one that was counted in captions.
                trigger_words=published.trigger_words or file.trigger_words,
            )
            await self._store.put([file])
        return file

    async def follow(self, file: ModelFile, moved: Seen) -> ModelFile:
        """Know a file under its new place; its bytes are the same."""
        known = replace(file, root=moved.root, place=moved.place, folder=moved.folder)
        now_ms = self._clock.now_ms()
        [read] = await asyncio.to_thread(self._read, [moved], {moved.key: known}, now_ms)
        kept = replace(
            read,
            family=file.family,
            trigger_words=file.trigger_words,
            sha256=file.sha256,
            checked_at=file.checked_at,
            fault=file.fault if file.fault == "hash_mismatch" else read.fault,
        )
        await self._store.put([kept])
        return kept

    def changing(self) -> asyncio.Lock:
        """Held by whoever changes files, so that no scan sees half of it."""
        return self._scanning

    # hashes

    async def verify(self, ids: Collection[str] | None = None) -> int:
        """Have files hashed again, soon and in the background; all without ``ids``.

        Returns:
            How many will be read.
        """
        files = await self._store.all()
        found = [file.id for file in files if ids is None or file.id in ids]
        if ids is not None and len(found) < len(set(ids)):
            raise NotFound("There is no such model.")
        self._wanted |= dict.fromkeys(found)
        self._wake.set()
        return len(found)

    @property
    def waiting(self) -> int:
        """How many files were asked to be verified and are not yet."""
        return len(self._wanted) + (self._hashing is not None)

    async def run(self, *, asked_only: bool = False) -> None:
        """Scan now and then, and hash what is not hashed yet; the body of a task.

        Args:
            asked_only: do nothing but hash what somebody asks for.
        """
        next_scan_s = self._clock.monotonic_s()
        while True:
            self._wake.clear()
            wait_s = SCAN_EVERY_S
            try:
                if not asked_only and self._clock.monotonic_s() >= next_scan_s:
                    await self.scan()
                    next_scan_s = self._clock.monotonic_s() + SCAN_EVERY_S
                while await self._hash_next(asked_only=asked_only):
                    pass
            except StudioError as error:
                log.warning("models cannot be looked at now: %s", error.message)
                wait_s = _RETRY_S
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()

    async def _hash_next(self, *, asked_only: bool) -> bool:
        """Hash one file that somebody asks for, else the smallest that was never hashed.

        Returns:
            Whether there was one.
        """
        file = await self._asked()
        if file is None and not asked_only:
            file = await self._store.unhashed(self.unreachable)
        if file is None:
            return False
        self._hashing = file.id
        try:
            await self._hash(file)
        finally:
            self._hashing = None
        return True

    async def _asked(self) -> ModelFile | None:
        while self._wanted:
            file_id = next(iter(self._wanted))
            file = None
            # One that went meanwhile is not waited for.
            with suppress(NotFound):
                file = await self._store.get(file_id)
            # Only now, with nothing awaited until it counts as being hashed: it always waits or is.
            self._wanted.pop(file_id, None)
            if file is not None and file.root not in self.unreachable:
                return file
        return None

    async def _hash(self, file: ModelFile) -> None:
        path = self._roots.path(file.root, file.place, file.name)
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._hasher, hash_file, path, self._stop)
        except OSError:
            await self._store.put([replace(file, fault="unreadable")])
            return
        if found is None:
            return
        # The row is of this very size and time, so other bytes than before are damage, not an edit.
        expected = file.expected_sha256 or file.sha256
        wrong = expected is not None and expected != found
        fault = file.fault if file.fault in ("truncated", "not_a_model") else ""
        kept = file.sha256 if wrong and file.sha256 else found
        await self._store.note_hash(
            file, kept, "hash_mismatch" if wrong else fault, self._clock.now_ms()
        )

    def close(self) -> None:
        """Read no further."""
        self._stop.set()
        self._hasher.shutdown(wait=True)


def _differences(
    known: Mapping[tuple[str, str, str], ModelFile], found: Walk
) -> tuple[list[Seen], int]:
    """Files to be read, and how many of them were known with other bytes."""
    fresh, changed = [], 0
    for seen in found.files:
        file = known.get(seen.key)
        if file is None:
            fresh.append(seen)
        elif (file.size_bytes, file.mtime_ns) != (seen.size_bytes, seen.mtime_ns):
            fresh.append(seen)
            changed += 1
    return fresh, changed


def _gone(known: Mapping[tuple[str, str, str], ModelFile], found: Walk) -> list[str]:
    """Files that are there no more; none after a walk that ended early or of a root away."""
    if not found.complete:
        return []
    present = {seen.key for seen in found.files}
    return [
        file.id
        for key, file in known.items()
        if key not in present and file.root not in found.unreachable
    ]


def _step_back() -> None:
    """Let everything else on this machine come first."""
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, get_native_id(), _LEAST_PRIORITY)
