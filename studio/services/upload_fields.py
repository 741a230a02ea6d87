"""What clients say about the bytes they upload, checked."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from studio.clock import new_id
from studio.errors import Forbidden, HashMismatch, InvalidRequest, Unprocessable
from studio.media import UNKNOWN, is_active, probe_image, sniff
from studio.models import Asset, Identity, Scope
from studio.paths import safe_relative
from studio.remote import MODELS
from studio.services.model_checks import check_name
from studio.store.blobs import StagedBlob, is_hash

MIN_EXPIRES_S: Final = 60
MAX_EXPIRES_S: Final = 604_800
MODEL_EXPIRES_S: Final = 86_400
MAX_TAGS: Final = 32
MAX_TAG_LENGTH: Final = 100
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_DECLARED: Final = re.compile(r"(?:audio|video|image|model|font)/[a-z0-9][a-z0-9.+-]{0,80}")

Shelve = Callable[[str, StagedBlob], Awaitable[None]]
"""Gives the bytes of ``models/<folder>/<name>`` their place among the models."""


@dataclass(frozen=True, slots=True)
class UploadFields:
    """What a client says about the bytes it uploads; ``expires_in`` is in seconds."""

    file_path: str
    declared_type: str | None = None
    expected_hash: str | None = None
    tags: tuple[str, ...] = ()
    expires_in: int | None = None


def check_fields(identity: Identity, fields: UploadFields) -> UploadFields:
    """The fields, normalised.

    Raises:
        Unprocessable: one of them is wrong.
        Forbidden: it is a model and the caller may not add models.
    """
    file_path = check_path(identity, fields.file_path, has_bytes=True)
    expected = fields.expected_hash.lower() if fields.expected_hash else None
    if expected is not None and not is_hash(expected):
        raise wrong("expected_hash", "expected_hash must be blake3: and 64 hex digits.")
    check_retention(fields.tags, fields.expires_in)
    return UploadFields(file_path, fields.declared_type, expected, fields.tags, fields.expires_in)


def check_path(
    identity: Identity, file_path: str, *, field: str = "file_path", has_bytes: bool = False
) -> str:
    """A file path, normalised and harmless.

    Args:
        field: what the caller knows it as.
        has_bytes: whether the bytes come with it, as those of a model must.

    Raises:
        Unprocessable: it is not allowed, or it is a model where none can be.
        Forbidden: it is a model and the caller may not add models.
    """
    try:
        safe = safe_relative(file_path)
    except InvalidRequest as error:
        raise wrong(field, error.message) from error
    if is_model(str(safe)):
        if Scope.MODELS_WRITE not in identity.scopes:
            raise Forbidden("Adding models needs the scope models:write.")
        if not has_bytes or len(safe.parts) < 3:
            raise wrong(field, "A model is uploaded, with its bytes, as models/<folder>/<name>.")
        check_name(safe.name, allow_pickle=False)
    return str(safe)


def is_model(file_path: str) -> bool:
    """Whether a path asks for a place among the models."""
    return file_path.split("/")[0].casefold() == MODELS


def model_place(file_path: str) -> tuple[str, str]:
    """Folder and name of an upload under ``models/``."""
    _, folder, *name = PurePosixPath(file_path).parts
    return folder, str(PurePosixPath(*name))


def check_retention(tags: Sequence[str], expires_in: int | None) -> None:
    """Refuse tags and times out of bounds.

    Raises:
        Unprocessable: they are.
    """
    if len(tags) > MAX_TAGS or any(
        not 0 < len(tag) <= MAX_TAG_LENGTH or not tag.isprintable() for tag in tags
    ):
        raise wrong("tags", f"At most {MAX_TAGS} tags of 1 to {MAX_TAG_LENGTH} characters.")
    if expires_in is not None and not MIN_EXPIRES_S <= expires_in <= MAX_EXPIRES_S:
        raise wrong("expires_in", f"expires_in must be {MIN_EXPIRES_S} to {MAX_EXPIRES_S}.")


def asset_key(key: str | None) -> str | None:
    """An Idempotency-Key as its row has it: jobs have keys too.

    Raises:
        Unprocessable: it is empty, too long or not visible ASCII.
    """
    if key is None:
        return None
    if _KEY.fullmatch(key) is None:
        raise wrong("Idempotency-Key", "An Idempotency-Key has 1 to 255 visible characters.")
    return f"asset:{key}"


def expires_at(now_ms: int, expires_in: int | None) -> int | None:
    """When an upload's time is over, in milliseconds; ``None`` is never."""
    return None if expires_in is None else now_ms + expires_in * 1000


async def as_asset(
    identity: Identity, staged: StagedBlob, fields: UploadFields, now_ms: int, shelve: Shelve
) -> Asset:
    """The asset that an upload's bytes become; its type is found by content.

    Args:
        shelve: gives a model its place, before there is an asset.

    Raises:
        HashMismatch: they are not the bytes that were announced.
        Unprocessable, Forbidden: a field is wrong, the file is empty or the image is too large.
        NotAModel, PickleRefused, NameTaken: a model that cannot be taken.
    """
    fields = check_fields(identity, fields)
    if staged.size_bytes == 0:
        raise wrong("file", "The file is empty.")
    if fields.expected_hash not in (None, staged.hash):
        raise HashMismatch("The bytes received do not have the expected hash.")
    content_type = content_type_of(staged, fields)
    if content_type.startswith("image/"):
        await asyncio.to_thread(probe_image, staged.path)
    expires_in = fields.expires_in
    if is_model(fields.file_path):
        await shelve(fields.file_path, staged)
        # The model stays. Its bytes need not be there twice for longer than a client may ask.
        expires_in = expires_in or MODEL_EXPIRES_S
    return Asset(
        id=new_id(),
        user_id=identity.user_id,
        hash=staged.hash,
        size_bytes=staged.size_bytes,
        content_type=content_type,
        file_path=fields.file_path,
        created_at=now_ms,
        expires_at=expires_at(now_ms, expires_in),
        tags=fields.tags,
    )


def content_type_of(staged: StagedBlob, fields: UploadFields) -> str:
    """By content; a client is believed only about harmless kinds that bytes do not show."""
    found = sniff(staged.head, fields.file_path)
    declared = (fields.declared_type or "").lower().strip()
    if found == UNKNOWN and _DECLARED.fullmatch(declared) and not is_active(declared):
        return declared
    return found


def wrong(field: str, message: str) -> Unprocessable:
    """The refusal of one field."""
    return Unprocessable(message, details={"field": field})
