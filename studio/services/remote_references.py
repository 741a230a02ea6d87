"""What the references that people write and paste name: a file of a hub, a model, a picture."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from studio.errors import InvalidRequest
from studio.paths import safe_relative

_HUB_SITES: Final = frozenset({"huggingface.co", "www.huggingface.co", "hf.co"})
_CIVITAI_SITES: Final = frozenset(
    {"civitai.com", "www.civitai.com", "civitai.red", "www.civitai.red", "civitai.green"}
)
_REPOSITORY: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_REVISION: Final = re.compile(r"[\w.-]+(?:/[\w.-]+)*", re.ASCII)
_CIVITAI: Final = re.compile(r"civitai:(\d{1,10})(?:/(\d{1,10}))?")
_AIR: Final = re.compile(
    r"(?:urn:)?(?:air:)?[\w.-]+:[\w.-]+:civitai:(\d{1,10})(?:@(\d{1,10}))?(?:[:.].*)?", re.ASCII
)
_NUMBER: Final = re.compile(r"\d{1,10}", re.ASCII)
_FILE_PAGES: Final = frozenset({"blob", "resolve", "raw"})
_VARIANT: Final = ("type", "format", "size", "fp")
"""What the address of a download may choose one of a version's files by."""
_SECRETS: Final = frozenset({"token", "api_key", "apikey", "key", "access_token", "secret"})


@dataclass(frozen=True, slots=True)
class HubReference:
    """A file of a repository at Hugging Face."""

    repository: str
    path: str
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class CivitaiReference:
    """A model, one of its versions, one of that version's files, or a picture."""

    model: int | None = None
    version: int | None = None
    file: int | None = None
    variant: tuple[tuple[str, str], ...] = ()
    image: int | None = None


Reference = HubReference | CivitaiReference


def parse_reference(text: str, hubs: Mapping[str, str]) -> Reference | None:
    """What a text names, ``None`` for the address of anything else.

    Args:
        hubs: where the hubs are here, by their tokens' settings.

    Raises:
        InvalidRequest: it is neither a reference nor an address, names no file, or holds a secret.
    """
    text = text.strip()
    if text.startswith("hf:"):
        return _hub_short(text[3:])
    if (short := _CIVITAI.fullmatch(text)) is not None:
        return CivitaiReference(version=int(short[1]), file=_optional(short[2]))
    if not text.startswith(("https://", "http://")):
        return _air(text)
    try:
        parts = urlsplit(text)
        query = {name.lower(): values[-1] for name, values in parse_qs(parts.query).items()}
        host = (parts.hostname or "").rstrip(".").lower()
        origin = (parts.scheme, parts.netloc.lower())
    except ValueError:
        raise InvalidRequest("That is not an address that can be fetched.") from None
    is_hub = host in _HUB_SITES or origin == _origin(hubs["HF_TOKEN"])
    is_civitai = host in _CIVITAI_SITES or origin == _origin(hubs["CIVITAI_API_KEY"])
    if (is_hub or is_civitai) and not _SECRETS.isdisjoint(query):
        raise InvalidRequest(
            "A reference must not hold a token: set it in the settings and leave it out here."
        )
    if is_civitai:
        return _civitai_page([part for part in parts.path.split("/") if part], query)
    return _hub_page([unquote(part) for part in parts.path.split("/") if part]) if is_hub else None


def is_secret_free(url: str) -> bool:
    """Whether no parameter of an address is named as one that holds a secret."""
    try:
        return _SECRETS.isdisjoint(name.lower() for name in parse_qs(urlsplit(url).query))
    except ValueError:
        return False


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def _optional(digits: str | None) -> int | None:
    return None if digits is None else int(digits)


def _hub_short(text: str) -> HubReference:
    place, _, revision = text.partition("@")
    owner, _, rest = place.partition("/")
    name, _, path = rest.partition("/")
    return _hub(f"{owner}/{name}", path, revision or None)


def _hub_page(parts: list[str]) -> HubReference | None:
    """The file of a page or of a download: ``owner/name/blob/revision/path``."""
    if len(parts) < 2 or parts[0] in ("datasets", "spaces", "api"):
        # A dataset's file is fetched as any address is.
        return None
    if len(parts) < 5 or parts[2] not in _FILE_PAGES:
        raise InvalidRequest(
            "That is a page of Hugging Face, not a file there: open its list of files and copy the"
            " address of one."
        )
    if parts[3] == "refs" and len(parts) > 6:
        # refs/pr/1 is one revision.
        return _hub("/".join(parts[:2]), "/".join(parts[6:]), "/".join(parts[3:6]))
    return _hub("/".join(parts[:2]), "/".join(parts[4:]), parts[3])


def _hub(repository: str, path: str, revision: str | None) -> HubReference:
    if not _REPOSITORY.fullmatch(repository) or ".." in repository:
        raise InvalidRequest("A file of Hugging Face is hf:owner/repository/path@revision.")
    if revision is not None and (not _REVISION.fullmatch(revision) or ".." in revision):
        raise InvalidRequest("That is no revision of a repository.")
    return HubReference(repository, str(safe_relative(path)), revision)


def _air(text: str) -> CivitaiReference:
    """A resource by Civitai's own naming: ``urn:air:sdxl:lora:civitai:1234@5678``."""
    found = _AIR.fullmatch(text)
    if found is None:
        raise InvalidRequest(
            "A reference is https://..., hf:owner/repository/path or civitai:version."
        )
    return CivitaiReference(model=int(found[1]), version=_optional(found[2]))


def _civitai_page(parts: list[str], query: Mapping[str, str]) -> CivitaiReference:
    def number(index: int) -> int | None:
        is_there = len(parts) > index and _NUMBER.fullmatch(parts[index])
        return int(parts[index]) if is_there else None

    chosen = query.get("modelversionid", "")
    if parts[:1] == ["models"] and (model := number(1)) is not None:
        return CivitaiReference(
            model=model, version=int(chosen) if _NUMBER.fullmatch(chosen) else None
        )
    if parts[:1] == ["model-versions"] and (version := number(1)) is not None:
        return CivitaiReference(version=version)
    if parts[:1] == ["images"] and (image := number(1)) is not None:
        return CivitaiReference(image=image)
    if parts[:3] == ["api", "download", "models"] and (version := number(3)) is not None:
        file = query.get("fileid", "")
        return CivitaiReference(
            version=version,
            file=int(file) if _NUMBER.fullmatch(file) else None,
            variant=tuple((name, query[name]) for name in _VARIANT if name in query),
        )
    if parts[:3] == ["api", "v1", "model-versions"] and (version := number(3)) is not None:
        return CivitaiReference(version=version)
    raise InvalidRequest("That page of Civitai is neither a model, a version nor a picture.")
