"""What somebody wants to have, judged before it waits in any queue."""

from __future__ import annotations

import re
from typing import Final

from studio.errors import Unprocessable
from studio.remote import Wish
from studio.services.download_runs import name_of
from studio.store.downloads import Download, DownloadState

MAX_REFERENCE: Final = 4096
MAX_PRIORITY: Final = 100
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_TEXT: Final = re.compile(r"[\x21-\x7e]+")


def new_download(wish: Wish, *, by: str, now_ms: int, download_id: str) -> Download:
    """The row of a wish, without a place in the queue.

    Raises:
        Unprocessable: a field of it makes no sense.
        InvalidRequest, NotAModel, PickleRefused: it may not have that name.
    """
    reference = wish.reference.strip()
    if len(reference) > MAX_REFERENCE or not _TEXT.fullmatch(reference):
        raise _wrong("reference", "an address or a reference without spaces")
    sha256 = wish.sha256.strip().lower() if wish.sha256 is not None else None
    if sha256 is not None and not _SHA256.fullmatch(sha256):
        raise _wrong("sha256", "64 hex digits")
    if wish.size_bytes is not None and wish.size_bytes < 1:
        raise _wrong("size_bytes", "at least 1")
    if not -MAX_PRIORITY <= wish.priority <= MAX_PRIORITY:
        raise _wrong("priority", f"a whole number from {-MAX_PRIORITY} to {MAX_PRIORITY}")
    return Download(
        id=download_id,
        user_id=by,
        reference=reference,
        root=wish.root,
        folder=wish.folder,
        name=name_of(reference, wish.name, allow_pickle=wish.allow_pickle),
        state=DownloadState.QUEUED,
        priority=wish.priority,
        rank=0.0,
        created_at=now_ms,
        expected_sha256=sha256,
        expected_bytes=wish.size_bytes,
        allow_pickle=wish.allow_pickle,
        replaces=wish.replace,
    )


def _wrong(field: str, words: str) -> Unprocessable:
    return Unprocessable(f"{field} must be {words}.", details={"field": field})
